"""What one sender may send is bounded in what it costs: time, room in a record, letters in a message. What is over the bound is
cut or left out, and the rest still counts."""
import json
import time

import pytest
from support import look
from support.events import donation, ended, event, optout, unique, unique_phone
from support.model import text_of
from support.program import PATIENCE_S, Clock, ndjson

NOON_MS = 1746014400000  # the clock's, in conftest.py


def of(phone):
    return "/v1/blacklist/%2B" + phone[1:]


# ---- time ----

def test_event_of_many_fields_is_no_more_work_than_its_bytes(shared_server):
    """Twice the members may take twice the time, not four times: this one would take half a minute."""
    fields = {f"u{i:x}": 0 for i in range(90000)}
    wide = json.dumps({"callId": unique("call"), "eventType": "odd", "metadata": {f"m{i:x}": 0 for i in range(90000)}, **fields},
                      separators=(",", ":"))
    started = time.monotonic()
    assert shared_server.post("/v1/events/call-events", wide).status == 200
    assert time.monotonic() - started < 10


# ---- room in a record ----

def test_long_metadata_is_left_out_of_the_record_and_the_event_counts(shared_server):
    campaign, call_id, note = unique("campaign"), unique("call"), "z" * 2_000_000
    events = [event(call_id, campaign, unique_phone(), eventType="action_triggered", timestamp=text_of(NOON_MS + i),
                    action={"type": "noted"}, metadata={"n": note, "i": i}) for i in range(12)]
    events += [event(call_id, campaign, unique_phone(), eventType="call_initiated", metadata={"short": True})]
    for each in events + events[:2]:
        assert shared_server.post("/v1/events/call-events", each).status == 200
    answer = shared_server.get(f"/v1/cdrs/{call_id}")
    record = answer.json()
    assert len(answer.body) < 20_000
    assert len(record["actionsTriggered"]) == look.live(shared_server, campaign)["noted"] == 12
    assert set(record["metadata"]) == {"metadataDropped", "short"}
    assert record["metadata"]["metadataDropped"]["bytes"] > len(note)


def test_long_action_keeps_its_type(shared_server):
    campaign, call_id = unique("campaign"), unique("call")
    shared_server.publish("call-events", event(call_id, campaign, unique_phone(), eventType="action_triggered",
                                               timestamp=text_of(NOON_MS), action={"type": "noted", "note": "z" * 20_000}))
    [action] = shared_server.get(f"/v1/cdrs/{call_id}").json()["actionsTriggered"]
    assert action["type"] == action["action"]["type"] == "noted"
    assert action["action"]["dropped"]["bytes"] > 20_000


# ---- letters in a message ----

@pytest.mark.parametrize("name, shown", [
    ("Hope\r\n\u202eURGENT\u2069\t!", "Hope  URGENT !"),
    ("\u05d0" * 100, "\u05d0" * 60),
    ("x" * 500_000, "x" * 120),
    ("\u202e\u2066", None),
    ("", None),
    (17, None),
])
def test_odd_campaign_name_costs_no_donation_and_does_not_shape_the_sms(shared_server, name, shown):
    campaign = unique("campaign")
    shared_server.publish("donation-events", donation(unique("call"), campaign, unique_phone(), metadata={"campaignName": name}))
    [text] = look.sms(shared_server, "--campaign", campaign)
    start, link = text["message"].split("https://")
    assert start == f"Thank you for supporting {shown or campaign}! Your personal donation link: "


def test_campaign_id_in_an_sms_turns_no_text_around(shared_server):
    campaign = unique("campaign")
    shared_server.publish("donation-events", donation(unique("call"), campaign + "\u202e", unique_phone(), metadata={}))
    [text] = look.sms(shared_server, "--campaign", campaign + "\u202e")
    assert f" {campaign}! " in text["message"]


# ---- cells of an import ----

@pytest.mark.parametrize("reason, kept", [
    (b"a\xff\x00b", "a\ufffd b"),
    (b"by\r\nletter", "by  letter"),
    (b"x" * 5000, "x" * 1000),
    ("\u20ac".encode() * 400, "\u20ac" * 333),
])
def test_odd_cells_block_their_number_and_are_kept_as_text(shared_server, reason, kept):
    phone = unique_phone()
    csv = b"phone,reason\n" + phone.encode() + b',"' + reason + b'"\n'
    answer = shared_server.post("/v1/blacklist/import", csv, content_type="text/csv")
    assert (answer.status, answer.json()["added"]) == (200, 1)
    assert shared_server.get(of(phone)).json()["reason"] == kept
    assert shared_server.run("audit", "verify").code == 0


def test_odd_bytes_around_a_number_leave_nobody_unblocked(shared_server):
    phones = [unique_phone() for _ in range(3)]
    rows = [b"\xff" + phones[0].encode(), phones[1][:6].encode() + b"\x00" + phones[1][6:].encode(), b"\xe2\x80\xaa" + phones[2].encode()]
    assert shared_server.post("/v1/blacklist/import", b"\n".join(rows), content_type="text/csv").json()["rejected"] == 0
    assert all(look.is_blocked(shared_server, phone) for phone in phones)


# ---- events of a call ----

def until(look_up, wanted):
    """Asks until the answer is the wanted one: each question waits for the worker, so nothing sleeps here."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := look_up()) != wanted:
        assert time.monotonic() < deadline, found
    return found


def test_calls_full_of_events_are_closed_like_any_other(make_server, clock):
    server, campaign = make_server(**clock.settings), unique("campaign")
    calls = [unique("full") for _ in range(3)]
    for call_id in calls:
        server.post("/v1/events/call-events", ndjson(event(call_id, campaign, unique_phone(), eventType="call_initiated", eventId=str(i),
                                                           timestamp=text_of(NOON_MS)) for i in range(300)), content_type="application/x-ndjson")
    server.publish("call-events", event(unique("call"), campaign, unique_phone(), eventType="call_initiated", timestamp=text_of(NOON_MS)))
    refused = len(server.json("dlq", "list", "--limit", "0"))
    clock.advance(hours=5)
    until(lambda: look.live(server, campaign).get("active_calls", 0), 0)
    assert {record["status"] for record in look.calls(server, "--campaign", campaign).values()} == {"incomplete"}
    assert len(server.json("dlq", "list", "--limit", "0")) == refused
    server.publish("call-events", ended(calls[0], campaign, unique_phone(), timestamp=text_of(NOON_MS + 1000)))
    assert look.call(server, calls[0])["status"] == "completed"
    assert server.run("recount").code == 0


# ---- a clock that is wrong for a while ----

def test_records_outlive_a_clock_that_is_set_400_days_ahead(make_server, clock):
    campaign, server = unique("campaign"), make_server(**clock.settings)
    server.publish("call-events", ended(unique("call"), campaign, unique_phone(), timestamp=text_of(NOON_MS)))
    server.stop()
    clock.advance(days=400)
    again = make_server(server.data, **clock.settings)
    again.publish("call-events", ended(unique("call"), campaign, unique_phone(), timestamp=text_of(clock.now_ms)))
    assert len(look.calls(again, "--campaign", campaign)) == 2
    assert look.live(again, campaign)["total_attempts"] == 2


def test_donation_that_waits_since_the_clock_was_ahead_is_tried_within_the_longest_wait(make_server, clock):
    server, campaign, call_id = make_server(**clock.settings), unique("campaign"), unique("call")
    clock.advance(days=400)
    server.publish("donation-events", {"callId": call_id, "phoneNumber": unique_phone()})
    clock.set(NOON_MS)
    server.publish("call-events", event(call_id, campaign, unique_phone(), eventType="call_initiated", timestamp=text_of(NOON_MS)))

    def due():
        [waiting] = server.get("/v1/dlq?state=waiting").json()["messages"]
        return waiting["dueAt"]

    until(due, text_of(NOON_MS + 15 * 60 * 1000))
    clock.advance(minutes=15)
    until(lambda: len(look.sms(server, "--campaign", campaign)), 1)
