"""A donation link by SMS, once: two workers, a ledger with leases and fences, a gateway outside of it, a person who may opt out at
any moment, and a crash between any two steps.

    claim -> is the number blocked? -> SENDING -> send -> settle

A person gets one text at most, and none that was claimed after the opt-out was on the list. With an idempotent gateway nothing ends
as UNKNOWN; with another one it may, for people to look at, unless a receipt of the gateway proves it: that may come any time after
the text, before its sender settles it or long after. A text that was sent counts once.
"""
from typing import NamedTuple

from explore import explore

WORKERS = 2
HELD = ("CLAIMED", "SENDING")


class Rules(NamedTuple):
    idempotent: bool = False   # the gateway knows the action id
    claim: bool = True         # only whoever has claimed it goes on
    fence: bool = True         # a claim that was taken over cannot go on
    look_again: bool = True    # the list is asked between claim and SENDING
    hold_unknown: bool = True  # a crash while SENDING is not sent again by a gateway that is not idempotent
    prove_late: bool = True    # what becomes UNKNOWN is proved by a receipt that was there before


class Work(NamedTuple):
    step: str = "idle"
    fence: int = 0
    passed_block: bool = False # the number was on the list when it looked, or should have looked


class State(NamedTuple):
    ledger: str = "PENDING"
    fence: int = 0
    lease: bool = False       # still runs
    is_blocked: bool = False
    texts: int = 0            # that reached the phone
    receipt: bool = False     # the gateway said so
    counted: int = 0          # how often somebody moved it to SENT
    ignored_block: bool = False # one of them past the list
    crashes: int = 2
    expiries: int = 2
    workers: tuple = (Work(),) * WORKERS


def with_worker(state, i, work):
    return state._replace(workers=state.workers[:i] + (work,) + state.workers[i + 1:])


def may_claim(state, rules):
    if not rules.claim:
        return state.ledger in ("PENDING",) + HELD
    if state.ledger == "SENDING" and not state.lease:
        return rules.idempotent or not rules.hold_unknown
    return state.ledger == "PENDING" or (state.ledger == "CLAIMED" and not state.lease)


def is_ours(state, work, rules):
    return not rules.fence or work.fence == state.fence


def send(state, rules):
    texts = max(state.texts, 1) if rules.idempotent else state.texts + 1
    return state._replace(texts=texts)


def settle(state):
    return state._replace(ledger="SENT", lease=False, counted=state.counted + 1)


def receive(state):
    """UNKNOWN is proved; SENDING is its sender's to settle."""
    told = state._replace(receipt=True)
    return settle(told) if state.ledger == "UNKNOWN" else told


def lose(state, rules):
    """Nobody can say whether the gateway has it, unless a receipt came."""
    unknown = state._replace(ledger="UNKNOWN")
    return settle(unknown) if state.receipt and rules.prove_late else unknown


def step_of(state, work, rules):
    """(state, work) after the worker's next step."""
    if work.step == "look":
        if rules.look_again and state.is_blocked:
            return (state._replace(ledger="CANCELLED", lease=False) if is_ours(state, work, rules) else state), Work()
        return state, work._replace(step="mark", passed_block=state.is_blocked)
    if work.step == "mark":
        if not is_ours(state, work, rules) or (rules.claim and state.ledger != "CLAIMED" and rules.fence):
            return state, Work()
        return state._replace(ledger="SENDING", lease=True), work._replace(step="send")
    if work.step == "send":
        sent = send(state, rules)
        return sent._replace(ignored_block=sent.ignored_block or work.passed_block), work._replace(step="settle")
    return (settle(state) if is_ours(state, work, rules) and state.ledger in HELD + ("UNKNOWN",) else state), Work()


def steps(rules):
    def following(state):
        if not state.is_blocked:
            yield "the person opts out", state._replace(is_blocked=True)
        if state.lease and state.expiries:
            yield "the lease is over", state._replace(lease=False, expiries=state.expiries - 1)
        if state.ledger == "SENDING" and not state.lease and not rules.idempotent and rules.hold_unknown:
            yield "held as UNKNOWN", lose(state, rules)
        if state.texts and not state.receipt:
            yield "a receipt comes", receive(state)
        for i, work in enumerate(state.workers):
            if work.step == "idle":
                if may_claim(state, rules):
                    claimed = state._replace(ledger="CLAIMED", fence=state.fence + 1, lease=True)
                    yield f"worker {i} claims", with_worker(claimed, i, Work("look", claimed.fence))
                continue
            after, done = step_of(state, work, rules)
            yield f"worker {i}: {work.step}", with_worker(after, i, done)
            if state.crashes:
                yield f"worker {i} crashes before {work.step}", with_worker(state._replace(crashes=state.crashes - 1), i, Work())
    return following


def check(state, is_end):
    if state.texts > 1:
        return f"{state.texts} texts for one donation"
    if state.ignored_block:
        return "a text to a number that was on the list"
    if state.ledger == "SENT" and not state.texts:
        return "the ledger says SENT, and nobody got a text"
    if state.counted != (state.ledger == "SENT"):
        return f"{state.ledger}, and counted {state.counted} times"
    if state.ledger == "UNKNOWN" and state.receipt:
        return "UNKNOWN, and a receipt says that it was sent"
    if is_end and state.ledger == "PENDING":
        return "nobody sends it"
    return None


def explore_all(rules=Rules()):
    return explore(State(), steps(rules), check)
