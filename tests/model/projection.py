"""Counters as a projection of call records that are kept in another store: two workers, events of one call that come late,
twice and in any order, and a crash between any two steps.

    take -> load -> save where the revision is still the loaded one -> project where the revision is newer -> acknowledge

When everything is acknowledged, the record must hold every event, and the counters must be what the record says.
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


class Work(NamedTuple):
    step: str = "idle"
    event: str = ""
    rev: int = 0
    facts: frozenset = frozenset()
    before: tuple = ()


class State(NamedTuple):
    waiting: frozenset = frozenset(EVENTS) # not acknowledged
    copies: int = 1                        # deliveries of what was acknowledged already
    crashes: int = 2
    rev: int = 0
    facts: frozenset = frozenset()
    projected: tuple = (0, (0, 0))         # revision and share that the counters remember
    counters: tuple = (0, 0)               # attempts, active
    workers: tuple = (Work(),) * WORKERS


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
    if work.rev <= rev:
        return state
    return state._replace(counters=add(state.counters, after, remembered), projected=(work.rev, after))


def save(state, work, rules):
    """(state, work) after saving; the work goes back to loading where somebody else was faster."""
    if work.event in work.facts:
        return state, work._replace(step="project" if rules.repeat_projects else "acknowledge", before=share(work.facts))
    if rules.save_guard and state.rev != work.rev:
        return state, work._replace(step="load")
    facts = work.facts | {work.event}
    saved = work._replace(step="project", rev=work.rev + 1, before=share(work.facts), facts=facts)
    return state._replace(rev=saved.rev, facts=facts), saved


def step_of(state, work, rules):
    """(state, work) after the worker's next step."""
    if work.step == "load":
        return state, work._replace(step="save", rev=state.rev, facts=state.facts)
    if work.step == "save":
        state, work = save(state, work, rules)
        if not rules.ack_last and work.step == "project":
            state = state._replace(waiting=state.waiting - {work.event})
        return state, work
    if work.step == "project":
        return project(state, work, rules), work._replace(step="acknowledge")
    return state._replace(waiting=state.waiting - {work.event}), Work()


def with_worker(state, i, work):
    return state._replace(workers=state.workers[:i] + (work,) + state.workers[i + 1:])


def steps(rules):
    def following(state):
        for i, work in enumerate(state.workers):
            if work.step == "idle":
                for event in EVENTS:
                    if event in state.waiting:
                        yield f"worker {i} takes {event}", with_worker(state, i, Work("load", event))
                    elif state.copies and state.waiting:
                        yield f"worker {i} takes a copy of {event}", with_worker(state._replace(copies=state.copies - 1), i, Work("load", event))
                continue
            after, done = step_of(state, work, rules)
            yield f"worker {i}: {work.step} {work.event}", with_worker(after, i, done)
            if state.crashes:
                yield f"worker {i} crashes before {work.step} {work.event}", with_worker(state._replace(crashes=state.crashes - 1), i, Work())
    return following


def check(state, is_end):
    if state.waiting or any(work.step != "idle" for work in state.workers):
        return None
    if state.facts != frozenset(EVENTS):
        return f"the record lost {set(EVENTS) - state.facts}"
    if state.counters != share(state.facts):
        return f"the counters say {state.counters}, the record {share(state.facts)}"
    return None


def explore_all(rules=Rules()):
    return explore(State(), steps(rules), check)
