"""Calls, and the ways in which their events can arrive."""
from hypothesis import strategies as st
from support.events import event, unique, unique_phone
from support.model import ms_of, text_of

START_MS = ms_of("2025-04-30T10:00:00Z")
OUTCOMES = ["answered", "busy", "failed", "no_answer", "converted", "opted_out", "blacklisted", "voicemail"]
DIGITS = "0123456789*#"
ACTIONS = ["donation_link_requested", "opt_out_requested", "callback_requested"]


@st.composite
def call_events(draw, campaign=None, least=1):
    """The events of one call, each once, at times of their own. Any of them may be missing."""
    kinds = draw(st.lists(st.sampled_from(["call_initiated", "call_answered", "call_ended", "dtmf_pressed", "action_triggered"]),
                          min_size=least, max_size=8))
    kinds = [kind for i, kind in enumerate(kinds) if kind not in kinds[:i] or kind in ("dtmf_pressed", "action_triggered")]
    offsets = draw(st.lists(st.integers(0, 90 * 60 * 1000), min_size=len(kinds), max_size=len(kinds), unique=True))
    call_id, phone, campaign_id = unique("call"), unique_phone(), campaign or unique("campaign")
    events = []
    for kind, offset in zip(kinds, offsets):
        fields = {"eventType": kind, "timestamp": text_of(START_MS + offset)}
        if kind == "call_initiated" and draw(st.booleans()):
            fields["status"] = draw(st.sampled_from(["initiated", "dialing", "ringing"]))
        if kind == "call_ended" and draw(st.integers(0, 9)):
            fields["outcome"] = draw(st.sampled_from(OUTCOMES))
        if kind == "dtmf_pressed":
            fields["dtmfInput"] = draw(st.sampled_from(DIGITS))
        if kind == "action_triggered":
            fields["action"] = {"type": draw(st.sampled_from(ACTIONS))}
        if draw(st.integers(0, 4)) == 0:
            fields["eventId"] = unique("event")
        if draw(st.integers(0, 2)) == 0:
            fields["metadata"] = draw(st.dictionaries(st.sampled_from("abc"), st.integers(-5, 5) | st.text("xyzé", max_size=3), max_size=2))
        events.append(event(call_id, campaign_id, phone, **fields))
    return events


@st.composite
def arrivals(draw, events):
    """A permutation with duplicates, split over requests."""
    again = draw(st.lists(st.sampled_from(events), max_size=len(events)))
    order = draw(st.permutations(list(events) + again))
    return draw(split(order))


@st.composite
def split(draw, items):
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(items) - 1)), max_size=3)))
    edges = [0, *(cut for cut in cuts if cut < len(items)), len(items)]
    return [items[a:b] for a, b in zip(edges, edges[1:])]


@st.composite
def campaigns(draw):
    """(campaign id, [events of each call])"""
    campaign = unique("campaign")
    return campaign, draw(st.lists(call_events(campaign), min_size=1, max_size=5))
