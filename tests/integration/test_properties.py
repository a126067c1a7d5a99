"""The properties that the seeds named and left open, and the one on which all of them stand: whatever the order, duplication
and splitting of a call's events, the record is the same, byte for byte."""
import json

import pytest
from hypothesis import given, strategies as st
from support import look, model
from support.events import CAMPAIGN_NAME, donation, optout, unique, unique_phone
from support.program import Clock, Publisher, Server
from support.strategies import arrivals, call_events, campaigns

NOON_MS = model.ms_of("2025-04-30T12:00:00Z")


@pytest.fixture(scope="module")
def publisher(shared_server):
    publisher = Publisher(shared_server)
    yield publisher
    publisher.close()


def publish_all(publisher, topic, requests):
    for events in requests:
        publisher.publish(topic, *events)


def blocked(publisher, phone):
    return publisher.get("/v1/blacklist/%2B" + phone[1:]).status == 200


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


# ---- the record ----

def renamed(events, call_id):
    return [{**event, "callId": call_id} for event in events]


@given(st.data())
def test_permutation_duplication_and_splitting_give_byte_equal_records(shared_server, publisher, data):
    events = data.draw(call_events())
    twin = unique("call")
    publish_all(publisher, "call-events", [[event] for event in events])
    publish_all(publisher, "call-events", data.draw(arrivals(renamed(events, twin))))
    one = publisher.get("/v1/cdrs/" + events[0]["callId"])
    other = publisher.get("/v1/cdrs/" + twin)
    assert one.status == 200
    assert one.body.replace(events[0]["callId"].encode(), twin.encode()) == other.body


@given(st.data())
def test_contradicting_events_resolve_the_same_in_every_order(shared_server, publisher, data):
    """Two events of one identity say different things: no order of arrival may decide between them."""
    call_id, campaign, phone, event_id = unique("call"), unique("campaign"), unique_phone(), unique("event")
    same = {"callId": call_id, "campaignId": campaign, "phoneNumber": phone, "contactId": "c", "eventId": event_id}
    times = st.sampled_from(["2025-04-30T10:00:00Z", "2025-04-30T10:00:01Z", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
    claims = data.draw(st.lists(st.fixed_dictionaries({
        "eventType": st.sampled_from(["call_ended", "dtmf_pressed", "call_answered"]), "timestamp": times,
        "outcome": st.sampled_from(["busy", "answered"]), "dtmfInput": st.sampled_from("19")}), min_size=2, max_size=4))
    events = [{**same, **claim} for claim in claims]
    twin = unique("call")
    publish_all(publisher, "call-events", [[event] for event in events])
    publish_all(publisher, "call-events", data.draw(arrivals(renamed(events, twin))))
    one, other = (publisher.get("/v1/cdrs/" + each).body for each in (call_id, twin))
    assert one.replace(call_id.encode(), twin.encode()) == other


# ---- the seeds' properties ----

@given(phones=st.integers(1, 4), again=st.booleans(), digit=st.sampled_from(["9", None]))
def test_property_12_optout_immediate_effect(shared_server, publisher, phones, again, digit):
    """Once the opt-out is acknowledged, the number is blocked, and no text leaves for it any more."""
    campaign, numbers = unique("campaign"), [unique_phone() for _ in range(phones)]
    assert not any(blocked(publisher, phone) for phone in numbers)
    publisher.publish("optout-events", *[{**optout("call-" + phone, campaign, phone), "dtmfInput": digit} for phone in numbers] * (1 + again))
    assert all(blocked(publisher, phone) for phone in numbers)
    publisher.publish("donation-events", *[donation(unique("call"), campaign, phone) for phone in numbers])
    assert look.live(shared_server, campaign) == {"optouts": phones}
    assert look.sms(shared_server, "--campaign", campaign) == []


def test_property_14_blacklist_persistence_with_timestamp(tmp_path):
    """The first time of blocking stands for good: later opt-outs, other campaigns and a crash do not change it."""
    clock = Clock(tmp_path, NOON_MS)
    server = Server(tmp_path / "data", **clock.settings).start()
    publisher = Publisher(server)
    known = {}

    @given(wait_ms=st.integers(1, 10 ** 6), later=st.integers(0, 2))
    def entry_keeps_its_time(wait_ms, later):
        phone, campaign, call_id = unique_phone(), unique("campaign"), unique("call")
        clock.set(clock.now_ms + wait_ms)
        added_at = model.text_of(clock.now_ms)
        publisher.publish("optout-events", optout(call_id, campaign, phone, timestamp="2025-04-30T11:59:00Z"))
        for _ in range(later):
            clock.set(clock.now_ms + wait_ms)
            publisher.publish("optout-events", optout(unique("call"), campaign, phone))
        entry = publisher.get("/v1/blacklist/%2B" + phone[1:]).json()
        assert (entry["phoneNumber"], entry["addedAt"], entry["source"]) == (phone, added_at, "user_optout")
        assert entry["reason"]
        assert entry["metadata"] == {"callId": call_id, "campaignId": campaign, "contactId": f"contact-of-{call_id}",
                                     "timestamp": "2025-04-30T11:59:00Z"}
        known[phone] = entry

    entry_keeps_its_time()
    publisher.close()
    server.kill()
    server.start()
    for phone, entry in known.items():
        assert server.get("/v1/blacklist/%2B" + phone[1:]).json() == entry
    server.stop()


@given(st.data())
def test_property_15_action_executed_exactly_once(shared_server, publisher, data):
    """However often a press is delivered, in one request or in several: one action, one text, one count."""
    campaign, phone, call_id = unique("campaign"), unique_phone(), unique("call")
    press = data.draw(st.sampled_from([donation, optout]))
    deliveries = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    topic = "donation-events" if press is donation else "optout-events"
    for copies in deliveries:
        publisher.publish(topic, *[press(call_id, campaign, phone)] * copies)
    [action] = shared_server.json("actions", "list", "--call", call_id)
    expected = ("donation_sms_sent", "donations", 1) if press is donation else ("optout_blacklist_added", "optouts", 0)
    assert (action["actionType"], action["status"]) == (expected[0], "success")
    assert look.live(shared_server, campaign) == {expected[1]: 1}
    assert len(look.sms(shared_server, "--campaign", campaign)) == expected[2]


@given(calls=st.integers(1, 5), named=st.booleans())
def test_property_19_sms_on_key_press(shared_server, publisher, calls, named):
    """Each press of 1 is one text to the number that pressed, with a link of its own and nothing left to fill in."""
    campaign = unique("campaign")
    presses = {unique("call"): unique_phone() for _ in range(calls)}
    publisher.publish("donation-events", *[donation(call_id, campaign, phone, **({} if named else {"metadata": {}}))
                                           for call_id, phone in presses.items()])
    texts = look.sms(shared_server, "--campaign", campaign)
    assert {text["callId"]: text["phoneNumber"] for text in texts} == presses
    assert len(texts) == calls
    name = CAMPAIGN_NAME if named else campaign
    links = set()
    for text in texts:
        assert name in text["message"] and "{{" not in text["message"] and text["status"] == "queued"
        links.add(text["message"].split("https://donate.example.org?ref=")[1].split()[0])
        assert not any(phone[1:] in text["message"] for phone in presses.values())
    assert len(links) == calls


@given(campaigns(), st.data())
def test_property_40_41_live_metrics(shared_server, publisher, campaign_calls, data):
    """After each acknowledged event the counters are what the events so far say; duplicates move nothing."""
    campaign, calls = campaign_calls
    every = data.draw(st.permutations([event for events in calls for event in events]))
    seen = []
    for event in every:
        publisher.publish("call-events", *[event] * data.draw(st.integers(1, 2)))
        seen.append(event)
        by_call = {}
        for each in seen:
            by_call.setdefault(each["callId"], []).append(each)
        answer = publisher.get(f"/v1/campaigns/{campaign}/live").json()
        found = {name: value for name, value in answer["counters"].items() if value}
        assert found == model.counters([model.record(events) for events in by_call.values()])
        assert answer["lastActivity"] == max(each["timestamp"] for each in seen)


@given(campaigns(), st.data())
def test_property_44_report_completeness(shared_server, publisher, campaign_calls, data):
    """Every call is in the report, with its outcome, all of its times, keys and actions."""
    campaign, calls = campaign_calls
    publish_all(publisher, "call-events", data.draw(arrivals([event for events in calls for event in events])))
    found = look.calls(shared_server, "--campaign", campaign)
    assert set(found) == {events[0]["callId"] for events in calls}
    for events in calls:
        expected = model.record(events)
        record = found[expected["callId"]]
        record["actionTypes"] = [action["type"] for action in record["actionsTriggered"]]
        assert {name: record[name] for name in expected if name in record} == without(expected, "answered", "open")


@given(campaigns(), st.data())
def test_property_45_metric_accuracy(shared_server, publisher, campaign_calls, data):
    """Sums and rates are those of the records; HTTP and the command line say the same."""
    campaign, calls = campaign_calls
    publish_all(publisher, "call-events", data.draw(arrivals([event for events in calls for event in events])))
    expected = model.stats([model.record(events) for events in calls])
    found = look.stats(shared_server, campaign)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.005)
    assert publisher.get(f"/v1/campaigns/{campaign}/stats").json() == found


def test_counters_equal_a_recount_after_all_of_that(shared_server):
    done = shared_server.run("recount", "--output", "json")
    assert (done.code, json.loads(done.out)) == (0, [])
