#!/usr/bin/python3
"""A believable campaign as a stream of events, and what must come out of it.

    generate.py                       writes campaign.ndjson and campaign.expected.json beside this file
    generate.py --calls 5000 --duplicates 20 --shuffle --out -       a stream for tests and benches

The expectation is added up from the plan of the calls, never from the events, so that it shares nothing with the code
that it checks. All numbers are from ranges kept for fiction. Same arguments, same bytes.
"""
import argparse
import collections
import json
import pathlib
import random
from datetime import datetime, timedelta, timezone

HERE = pathlib.Path(__file__).parent
CAMPAIGNS = (
    ("winter-appeal-2024", "Winter Appeal", datetime(2024, 12, 2, 9, 0, tzinfo=timezone.utc)),
    ("spring-appeal-2025", "Spring Appeal", datetime(2025, 4, 7, 9, 0, tzinfo=timezone.utc)),
)
# outcome, share of first attempts in percent
OUTCOMES = (("converted", 16), ("answered", 30), ("opted_out", 5), ("no_answer", 27), ("busy", 13), ("failed", 9))
REACHED = ("converted", "answered", "opted_out")
COST_MICROS_PER_MINUTE = 10000
TOPICS = ("optout-events", "donation-events", "call-events")  # the order in which a sorted stream holds them

Call = collections.namedtuple(
    "Call", "call_id campaign_id campaign_name contact_id phone outcome started answered ended pressed_one_at pressed_nine_at")


# ---- the plan ----

def phone_of(contact):
    """Numbers that no phone has: +1 NXX 555-01xx, +44 7700 900xxx (Ofcom, drama), +972 55-555-xxxx, and beyond those the
    country code +999, which is nobody's."""
    kind, index = contact % 3, contact // 3
    if kind == 0 and index < 70000:
        return f"+1{212 + index // 100}5550{100 + index % 100}"
    if kind == 1 and index < 1000:
        return f"+447700900{index:03d}"
    if kind == 2 and index < 10000:
        return f"+97255555{index:04d}"
    return f"+999{contact:09d}"


def ms(low, high, rng):
    return timedelta(milliseconds=rng.randrange(low * 1000, high * 1000))


def plan_call(rng, number, campaign, contact, outcome, started):
    campaign_id, campaign_name, _ = campaign
    if outcome == "blacklisted":
        return Call(f"call-{number:07d}", campaign_id, campaign_name, f"contact-{contact:06d}", phone_of(contact), outcome,
                    started, None, started, None, None)
    answered = started + ms(4, 22, rng) if outcome in REACHED else None
    ended = (answered + ms(9, 170, rng)) if answered else started + ms(3, 40, rng)
    one = nine = None
    if outcome == "converted" or (outcome == "opted_out" and rng.random() < 0.25):
        one = answered + (ended - answered) * 0.4  # some press 1 first and then 9: 9 wins
    if outcome == "opted_out":
        nine = answered + (ended - answered) * 0.8
    return Call(f"call-{number:07d}", campaign_id, campaign_name, f"contact-{contact:06d}", phone_of(contact), outcome,
                started, answered, ended, one, nine)


def plan_calls(seed, count):
    """Calls in the order in which they are placed. Who opted out is called no more: a later attempt is stopped before
    dialling and recorded as blacklisted. Who was not reached is called once more."""
    rng = random.Random(seed)
    names, weights = zip(*OUTCOMES)
    calls, opted_out, again = [], [], []
    for campaign_number, campaign in enumerate(CAMPAIGNS):
        at = campaign[2]
        share = count // len(CAMPAIGNS) if campaign_number else count - count // len(CAMPAIGNS)
        for i in range(share):
            at += ms(1, 12, rng)
            if campaign_number and opted_out and rng.random() < 0.02:
                contact, outcome = opted_out.pop(), "blacklisted"
            elif again and rng.random() < 0.12:
                contact, outcome = again.pop(0), rng.choices(names, weights)[0]
            else:
                contact, outcome = len(calls), rng.choices(names, weights)[0]
                if outcome in ("busy", "no_answer"):
                    again.append(contact)
            if outcome == "opted_out":
                opted_out.append(contact)
            calls.append(plan_call(rng, len(calls) + 1, campaign, contact, outcome, at))
        again.clear()
    return calls


# ---- its events ----

def rfc3339(at):
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(call, topic, at, **fields):
    message = {"callId": call.call_id, "campaignId": call.campaign_id, "contactId": call.contact_id,
               "phoneNumber": call.phone, **fields, "timestamp": rfc3339(at)}
    return at, {"topic": topic, "message": message}


def events_of(call):
    """[(when, line)] of one call, each once, in time order."""
    name = {"metadata": {"campaignName": call.campaign_name}}
    if call.outcome == "blacklisted":
        return [line(call, "call-events", call.ended, eventType="call_ended", status="completed", outcome="blacklisted")]
    events = [line(call, "call-events", call.started, eventType="call_initiated", status="initiated", **name)]
    if call.answered:
        events.append(line(call, "call-events", call.answered, eventType="call_answered", status="answered"))
    for digit, at, topic, action in (("1", call.pressed_one_at, "donation-events", "donation_link_requested"),
                                     ("9", call.pressed_nine_at, "optout-events", "opt_out_requested")):
        if at:
            later = at + timedelta(milliseconds=150)
            events += [line(call, "call-events", at, eventType="dtmf_pressed", dtmfInput=digit),
                       line(call, "call-events", later, eventType="action_triggered", action={"type": action}),
                       line(call, topic, later, dtmfInput=digit, **name)]
    events.append(line(call, "call-events", call.ended, eventType="call_ended", status="completed", outcome=call.outcome))
    return events


# ---- the stream ----

def opt_outs_first(lines):
    """Of a call with both keys, the opt-out comes before the donation. The other way round, the SMS may have left before
    anybody knew, and what comes out would rightly depend on who was faster."""
    first = {}
    for index, item in enumerate(lines):
        key = (item["message"]["callId"], item["topic"])
        first.setdefault(key, index)
    for (call_id, topic), index in list(first.items()):
        other = first.get((call_id, "donation-events"))
        if topic == "optout-events" and other is not None and other < index:
            lines[index], lines[other] = lines[other], lines[index]
    return lines


def stream(calls, seed, duplicates_percent, shuffle):
    """Lines as an at-least-once, unordered transport delivers them."""
    rng = random.Random(seed + 1)
    ordered = [item for _, item in sorted((e for call in calls for e in events_of(call)), key=lambda e: e[0])]
    placed = []
    for index, item in enumerate(ordered):
        late = rng.randrange(1, 200) if rng.random() < 0.10 else 0
        placed.append((index + late, item))
        if rng.random() < duplicates_percent / 100:
            placed.append((index + late + rng.randrange(1, 300), item))
    if shuffle:
        rng.shuffle(placed)
    else:
        placed.sort(key=lambda entry: entry[0])
    return opt_outs_first([item for _, item in placed])


def sorted_unique(lines):
    """The same events once each, in an order of no surprise: opt-outs, donations, call events, each by time."""
    unique = {json.dumps(item, sort_keys=True): item for item in lines}
    return sorted(unique.values(), key=lambda item: (TOPICS.index(item["topic"]), item["message"]["timestamp"],
                                                     item["message"]["callId"], item["message"].get("eventType", "")))


# ---- what must come out ----

def whole_seconds(duration):
    return int(duration / timedelta(seconds=1))


def as_written(at):
    return at.replace(microsecond=at.microsecond // 1000 * 1000)  # events carry milliseconds


def percent(part, whole):
    return round(100 * part / whole, 2) if whole else 0.0


def expected_stats(calls):
    of = collections.Counter(call.outcome for call in calls)
    answered = sum(call.answered is not None for call in calls)
    duration = sum(whole_seconds(as_written(call.ended) - as_written(call.started)) for call in calls
                   if call.outcome != "blacklisted")
    billed = (whole_seconds(as_written(call.ended) - as_written(call.answered)) for call in calls if call.answered)
    cost = sum((seconds + 59) // 60 * COST_MICROS_PER_MINUTE for seconds in billed)
    return {"totalAttempts": len(calls), "answered": answered, "busy": of["busy"], "failed": of["failed"],
            "noAnswer": of["no_answer"], "converted": of["converted"], "optOuts": of["opted_out"],
            "answerRate": percent(answered, len(calls)), "conversionRate": percent(of["converted"], answered),
            "optOutRate": percent(of["opted_out"], len(calls)), "totalDuration": duration, "totalCostMicros": cost}


def expected_live(calls):
    of = collections.Counter(call.outcome for call in calls)
    return {"total_attempts": len(calls), "active_calls": 0, "answered": sum(call.answered is not None for call in calls),
            "busy": of["busy"], "failed": of["failed"], "no_answer": of["no_answer"], "converted": of["converted"],
            "opted_out": of["opted_out"], "blacklisted": of["blacklisted"],
            "donations": sum(gets_sms(call) for call in calls), "optouts": sum(bool(call.pressed_nine_at) for call in calls),
            "donation_link_requested": sum(bool(call.pressed_one_at) for call in calls),
            "opt_out_requested": sum(bool(call.pressed_nine_at) for call in calls)}


def gets_sms(call):
    return bool(call.pressed_one_at and not call.pressed_nine_at)


def expectation(calls):
    by_campaign = collections.defaultdict(list)
    for call in calls:
        by_campaign[call.campaign_id].append(call)
    return {
        "campaigns": {campaign: {"stats": expected_stats(of), "live": expected_live(of)}
                      for campaign, of in sorted(by_campaign.items())},
        "sms": [{"callId": call.call_id, "campaignId": call.campaign_id, "phoneNumber": call.phone}
                for call in calls if gets_sms(call)],
        "blocked": sorted({call.phone for call in calls if call.pressed_nine_at}),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duplicates", type=int, default=10, metavar="PERCENT")
    parser.add_argument("--shuffle", action="store_true", help="in no order at all, instead of a few late ones")
    parser.add_argument("--out", default=str(HERE / "campaign.ndjson"), metavar="FILE", help="- is standard output")
    parser.add_argument("--expected", metavar="FILE", help="where the expectation goes")
    arguments = parser.parse_args()

    calls = plan_calls(arguments.seed, arguments.calls)
    lines = stream(calls, arguments.seed, arguments.duplicates, arguments.shuffle)
    text = "".join(json.dumps(item, separators=(",", ":")) + "\n" for item in lines)
    if arguments.out == "-":
        print(text, end="")
    else:
        pathlib.Path(arguments.out).write_text(text)
    expected = arguments.expected or (HERE / "campaign.expected.json" if arguments.out == parser.get_default("out") else None)
    if expected:
        pathlib.Path(expected).write_text(json.dumps(expectation(calls), indent=1) + "\n")


if __name__ == "__main__":
    main()
