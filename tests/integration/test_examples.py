"""The example campaign and the reference model check each other: what the generator plans is what the model reads off the
generator's events. And what a stream promises, it keeps."""
import collections
import json

import pytest
from support import model
from support.program import ROOT


@pytest.fixture(scope="module")
def lines():
    return [json.loads(line) for line in (ROOT / "examples" / "campaign.ndjson").read_text().splitlines()]


@pytest.fixture(scope="module")
def expected():
    return json.loads((ROOT / "examples" / "campaign.expected.json").read_text())


def records_by_campaign(lines):
    calls = collections.defaultdict(list)
    for line in lines:
        if line["topic"] == "call-events":
            calls[line["message"]["callId"]].append(line["message"])
    campaigns = collections.defaultdict(list)
    for events in calls.values():
        record = model.record(events)
        campaigns[record["campaignId"]].append(record)
    return campaigns


def test_model_reads_off_the_events_what_the_generator_planned(lines, expected):
    campaigns = records_by_campaign(lines)
    assert set(campaigns) == set(expected["campaigns"])
    for name, each in expected["campaigns"].items():
        assert model.stats(campaigns[name]) == pytest.approx(each["stats"], abs=0.005)
        presses = {counter: each["live"][counter] for counter in ("donations", "optouts")}
        assert {**model.counters(campaigns[name]), **presses} == {counter: value for counter, value in each["live"].items() if value}


def test_campaign_is_large_doubled_and_out_of_order(lines):
    unique = {json.dumps(line, sort_keys=True) for line in lines}
    assert len({line["message"]["callId"] for line in lines}) >= 1000
    assert len(lines) / len(unique) == pytest.approx(1.1, abs=0.02)
    times = [line["message"]["timestamp"] for line in lines]
    assert sum(later < earlier for earlier, later in zip(times, times[1:])) > 100


def test_same_arguments_give_the_same_stream_and_another_seed_another_one(generator):
    def stream(seed):
        return generator.stream(generator.plan_calls(seed, 100), seed, 20, shuffle=True)
    assert stream(5) == stream(5) != stream(6)


def test_shuffled_stream_brings_an_opt_out_before_the_donation_of_its_call(generator):
    plan = generator.plan_calls(3, 2000)
    both = {call.call_id for call in plan if call.pressed_one_at and call.pressed_nine_at}
    seen = collections.defaultdict(set)
    assert both
    for line in generator.stream(plan, 3, 20, shuffle=True):
        call_id = line["message"]["callId"]
        if line["topic"] == "donation-events" and call_id in both:
            assert "optout-events" in seen[call_id]
        seen[call_id].add(line["topic"])
