"""Counters as a projection of call records that are kept in another store: two workers, events of one call that come late,
twice and in any order, and a crash between any two steps.

    take -> load -> save where the revision is still the loaded one -> project where the revision is newer -> acknowledge

Once its time is over somebody deletes the record, while late events may make it anew:

    look -> let go: project "counts for nothing" -> delete where the revision is still the one that was seen

When everything is acknowledged, the record must hold every event that came since, and the counters must be what the record says.
"""
from typing import NamedTuple

from explore import explore

EVENTS = ("initiated", "answered", "ended")
WORKERS = 2


class Rules(NamedTuple):
    """What guards the steps. Without any one of them something is lost or counted twice."""
    save_guard: bool = True       # a record is replaced only where its revision is the loaded one
    projection_guard: bool = True # the counters remember (revision, share) and take only a newer one
    repeat_projects: bool = True  # an event that changed nothing projects all the same
    ack_last: bool = True         # acknowledged behind the projection, not before
    let_go_first: bool = True     # the counters let go of a record before it is deleted
    gone_at_zero: bool = True     # what is gone is remembered at revision 0, so that a record made anew counts
    doubt: bool = True            # after it is gone, only a share that was nothing before counts; others are left to a recount


class Work(NamedTuple):
    step: str = "idle"
    event: str = ""
    rev: int = 0
    facts: frozenset = frozenset()
    before: tuple = ()
    life: int = 0


class State(NamedTuple):
    waiting: frozenset = frozenset(EVENTS) # not acknowledged
    copies: int = 1                        # deliveries of what was acknowledged already
    crashes: int = 2
    rev: int = 0
    facts: frozenset = frozenset()
    projected: tuple = (0, (0, 0))         # revision and share that the counters remember
    is_gone: bool = False                  # and whether that is of a record which was deleted
    counters: tuple = (0, 0)               # attempts, active
    workers: tuple = (Work(),) * WORKERS
    life: int = 0                          # a record is not both deleted and made anew while one batch is at it
    expiries: int = 0
    expirer: Work = Work()
    is_going: bool = False                 # cut off between letting go and deleting: it is looked at again
    needs_recount: bool = False
    grows_old: bool = False


OLD = State(waiting=frozenset(("initiated", "ended")), crashes=1, expiries=1, grows_old=True)


def share(facts):
    return (1 if facts else 0, 1 if facts and "ended" not in facts else 0)


def add(counters, after, before):
    return tuple(c + a - b for c, a, b in zip(counters, after, before))


def project(state, work, rules):
    """The counters after this worker's projection."""
    after = share(work.facts)
    if not rules.projection_guard:
        return state._replace(counters=add(state.counters, after, work.before))
    rev, remembered = state.projected
    if rules.doubt and state.is_gone and any(work.before):
        return state._replace(needs_recount=True)
    if work.rev <= rev:
        return state
    return state._replace(counters=add(state.counters, after, remembered), projected=(work.rev, after), is_gone=False)


def let_go(state, work, rules):
    """The counters without the record that the expirer saw."""
    rev, remembered = state.projected
    if work.rev + 1 <= rev:
        return state
    projected = (0 if rules.gone_at_zero else work.rev + 1, (0, 0))
    return state._replace(counters=add(state.counters, (0, 0), remembered), projected=projected, is_gone=True)


def delete(state, work):
    if state.rev != work.rev:
        return state
    return state._replace(rev=0, facts=frozenset(), life=state.life + 1)


def is_young(state):
    """Whoever made the record is still at it; days lie between that and its deletion."""
    return any(work.step == "project" and not any(work.before) for work in state.workers)


def expire(state, rules):
    """(name, state) after the expirer's next step, and after a crash before it."""
    work = state.expirer
    if work.step == "idle":
        if state.expiries and state.rev and not is_young(state):
            first = "let go" if rules.let_go_first else "delete"
            yield "expirer looks", state._replace(expirer=Work(first, rev=state.rev))
        return
    is_last = work.step == ("delete" if rules.let_go_first else "let go")
    after = let_go(state, work, rules) if work.step == "let go" else delete(state, work)
    if is_last:
        yield f"expirer: {work.step}", after._replace(expirer=Work(), expiries=state.expiries - 1, is_going=False)
    else:
        following = "delete" if rules.let_go_first else "let go"
        yield f"expirer: {work.step}", after._replace(expirer=work._replace(step=following), is_going=rules.let_go_first)
    if state.crashes:
        yield f"expirer crashes before {work.step}", state._replace(crashes=state.crashes - 1, expirer=Work())


def recount(state):
    after = share(state.facts)
    return state._replace(counters=after, projected=(state.rev, after), is_gone=not state.facts, needs_recount=False)


def save(state, work, rules):
    """(state, work) after saving; the work goes back to loading where somebody else was faster."""
    if work.event in work.facts:
        return state, work._replace(step="project" if rules.repeat_projects else "acknowledge", before=share(work.facts))
    if rules.save_guard and (state.life, state.rev) != (work.life, work.rev):
        return state, work._replace(step="load")
    facts = work.facts | {work.event}
    saved = work._replace(step="project", rev=work.rev + 1, before=share(work.facts), facts=facts)
    return state._replace(rev=saved.rev, facts=facts), saved


def step_of(state, work, rules):
    """(state, work) after the worker's next step."""
    if work.step == "load":
        return state, work._replace(step="save", rev=state.rev, facts=state.facts, life=state.life)
    if work.step == "save":
        state, work = save(state, work, rules)
        if not rules.ack_last and work.step == "project":
            state = state._replace(waiting=state.waiting - {work.event})
        return state, work
    if work.step == "project":
        return project(state, work, rules), work._replace(step="acknowledge")
    return state._replace(waiting=state.waiting - {work.event}), Work()


def back(work, rules):
    """A copy that was not acknowledged comes again, too."""
    return frozenset((work.event,)) if rules.ack_last else frozenset()


def with_worker(state, i, work):
    return state._replace(workers=state.workers[:i] + (work,) + state.workers[i + 1:])


def steps(rules):
    def following(state):
        yield from expire(state, rules)
        if state.needs_recount and state.expirer.step != "delete":  # a recount takes longer than from letting go to deleting
            yield "recount", recount(state)
        for i, work in enumerate(state.workers):
            if work.step == "idle":
                for event in EVENTS:
                    # whether two copies are at it at once is for the young: here a copy that is cut off must come again
                    if state.grows_old and any(other.event == event for other in state.workers):
                        continue
                    if event in state.waiting:
                        yield f"worker {i} takes {event}", with_worker(state, i, Work("load", event))
                    elif state.copies and state.waiting:
                        yield f"worker {i} takes a copy of {event}", with_worker(state._replace(copies=state.copies - 1), i, Work("load", event))
                continue
            if work.step == "save" and state.rev == 0 and any(each.step in ("save", "project") and each.life < state.life for each in state.workers):
                continue  # no batch takes that long: see State.life
            after, done = step_of(state, work, rules)
            yield f"worker {i}: {work.step} {work.event}", with_worker(after, i, done)
            if state.crashes:
                yield f"worker {i} crashes before {work.step} {work.event}", with_worker(state._replace(crashes=state.crashes - 1, waiting=state.waiting | back(work, rules)), i, Work())
    return following


def check(state, is_end):
    if state.waiting or any(work.step != "idle" for work in (*state.workers, state.expirer)):
        return None
    if state.is_going or state.needs_recount:
        return None
    if not state.grows_old and state.facts != frozenset(EVENTS):
        return f"the record lost {set(EVENTS) - state.facts}"
    if state.counters != share(state.facts):
        return f"the counters say {state.counters}, the record {share(state.facts)}"
    return None


def explore_all(rules=Rules()):
    return explore(State(), steps(rules), check) + explore(OLD, steps(rules), check)
