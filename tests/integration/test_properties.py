"""The properties that the original design named and left open, and the one on which all of them stand: whatever the order, duplication
and splitting of a call's events, the record is the same, byte for byte."""
import collections
import json

import pytest
from hypothesis import given, settings, strategies as st
from support import look, model
from support.events import CAMPAIGN_NAME, donation, optout, unique, unique_phone
from support.program import Clock, Publisher, Server
from support.strategies import arrivals, call_events, campaigns

examples = collections.Counter()  # how many each property really had
NOON_MS = model.ms_of("2025-04-30T12:00:00Z")


@pytest.fixture(scope="module")
def publisher(shared_server):
    publisher = Publisher(shared_server)
    yield publisher
    publisher.close()


def publish_all(publisher, topic, requests):
    for events in requests:
        publisher.publish(topic, *events)


def example_of(name):
    examples[name] += 1


def blocked(publisher, phone):
    return publisher.get("/v1/blacklist/%2B" + phone[1:]).status == 200


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


timestamps = st.integers(0, 7199999).map(lambda ms: model.text_of(NOON_MS - ms))
metadata = st.dictionaries(st.sampled_from(["campaignName", "agent", "note"]), st.text(max_size=8).filter(str.isprintable), max_size=3)


# ---- the record ----

def renamed(events, call_id):
    return json.loads(json.dumps(events).replace(events[0]["callId"], call_id))


@given(st.data())
def test_permutation_duplication_and_splitting_give_byte_equal_records(shared_server, publisher, data):
    example_of("permutation")
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
    example_of("contradiction")
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


# ---- the original properties ----

@given(st.data())
def test_property_12_optout_immediate_effect(shared_server, publisher, data):
    """Once the opt-out is acknowledged, the number is blocked, and no text leaves for it any more."""
    example_of("12")
    campaign, numbers = unique("campaign"), [unique_phone() for _ in range(data.draw(st.integers(1, 4)))]
    fields = st.fixed_dictionaries({"dtmfInput": st.sampled_from(["9", 9, None]), "timestamp": timestamps}, optional={"metadata": metadata})
    presses = [{**optout("call-" + phone, campaign, phone), **data.draw(fields)} for phone in numbers]
    assert not any(blocked(publisher, phone) for phone in numbers)
    publish_all(publisher, "optout-events", data.draw(arrivals(presses)))
    assert all(blocked(publisher, phone) for phone in numbers)
    publisher.publish("donation-events", *[donation(unique("call"), campaign, phone) for phone in numbers])
    assert look.live(shared_server, campaign) == {"optouts": len(numbers)}
    assert look.sms(shared_server, "--campaign", campaign) == []


def test_property_14_blacklist_persistence_with_timestamp(tmp_path):
    """The first time of blocking stands for good: later opt-outs, other campaigns and a crash do not change it."""
    clock = Clock(tmp_path, NOON_MS)
    server = Server(tmp_path / "data", **clock.settings).start()
    publisher = Publisher(server)
    known = {}

    @given(wait_ms=st.integers(1, 10 ** 6), later=st.integers(0, 2))
    def entry_keeps_its_time(wait_ms, later):
        example_of("14")
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
    example_of("15")
    campaign = unique("campaign")
    press = data.draw(st.sampled_from([donation, optout]))
    presses = [press(unique("call"), campaign, unique_phone(), timestamp=data.draw(timestamps), metadata=data.draw(metadata))
               for _ in range(data.draw(st.integers(1, 4)))]
    publish_all(publisher, "donation-events" if press is donation else "optout-events", data.draw(arrivals(presses)))
    action, counter, texts = ("donation_sms_sent", "donations", 1) if press is donation else ("optout_blacklist_added", "optouts", 0)
    recorded = shared_server.json("actions", "list", "--campaign", campaign)
    assert sorted((each["callId"], each["actionType"], each["status"]) for each in recorded) == \
        sorted((each["callId"], action, "success") for each in presses)
    assert look.live(shared_server, campaign) == {counter: len(presses)}
    assert len(look.sms(shared_server, "--campaign", campaign)) == len(presses) * texts


@given(st.data())
def test_property_19_sms_on_key_press(shared_server, publisher, data):
    """Each press of 1 is one text to the number that pressed, with a link of its own and nothing left to fill in."""
    example_of("19")
    campaign = unique("campaign")
    presses = {unique("call"): unique_phone() for _ in range(data.draw(st.integers(1, 5)))}
    names = {call_id: data.draw(st.none() | st.text("Aaß '&{}%é–", min_size=1, max_size=12)) for call_id in presses}
    publisher.publish("donation-events", *[donation(call_id, campaign, phone, metadata={"campaignName": names[call_id]} if names[call_id] else {})
                                           for call_id, phone in presses.items()])
    texts = look.sms(shared_server, "--campaign", campaign)
    assert {text["callId"]: text["phoneNumber"] for text in texts} == presses
    assert len(texts) == len(presses)
    for text in texts:
        before, after = text["message"].split("https://donate.example.org?ref=")
        assert (names[text["callId"]] or campaign) in before and text["status"] == "queued"
        assert "{{campaignName}}" not in text["message"] and "{{donationLink}}" not in text["message"]
        assert not any(phone[1:] in text["message"] for phone in presses.values())
    assert len({text["message"].split("?ref=")[1] for text in texts}) == len(presses)


@given(campaigns(), st.data())
def test_property_40_41_live_metrics(shared_server, publisher, campaign_calls, data):
    """After each acknowledged event the counters are what the events so far say; duplicates move nothing."""
    example_of("40_41")
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
    example_of("44")
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
    example_of("45")
    campaign, calls = campaign_calls
    publish_all(publisher, "call-events", data.draw(arrivals([event for events in calls for event in events])))
    expected = model.stats([model.record(events) for events in calls])
    found = look.stats(shared_server, campaign)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.005)
    assert publisher.get(f"/v1/campaigns/{campaign}/stats").json() == found


def test_counters_equal_a_recount_after_all_of_that(shared_server):
    done = shared_server.run("recount", "--output", "json")
    assert (done.code, json.loads(done.out)) == (0, [])


def test_each_property_had_its_examples():
    if "12" not in examples:
        pytest.skip("the properties did not run before this")
    assert min(examples.values()) >= settings.default.max_examples, examples
