"""A call record by the book: what docs/events.md says must come out of a set of events. It knows nothing of how
the program gets there."""
from datetime import datetime, timezone

ANSWERS = {"answered", "converted", "opted_out"}
NO_ANSWERS = {"busy", "failed", "no_answer", "blacklisted"}
RANKS = {"initiated": 1, "dialing": 2, "ringing": 3, "answered": 4}
STATUSES = {1: "initiated", 2: "dialing", 3: "ringing", 4: "answered", 5: "completed"}
MICROS_PER_MINUTE = 10000


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def text_of(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identity(event):
    kind = event["eventType"]
    if "eventId" in event:
        return ("id", event["eventId"])
    if kind in ("call_initiated", "call_answered", "call_ended"):
        return (kind,)
    return (kind, event["timestamp"], event.get("dtmfInput") or event.get("action", {}).get("type") or event.get("status"))


def record(events):
    """The record of one call, without the times of receipt and metadata. Of two events with one identity the earlier stands, but for one with the
    time of an imported record, of which only the second is known."""
    def standing(event):
        at_ms = ms_of(event["timestamp"])
        return at_ms + 2000 * (at_ms % 1000 == 999), at_ms

    facts = {}
    for event in sorted(events, key=standing):
        facts.setdefault(identity(event), event)
    facts = sorted(facts.values(), key=lambda each: ms_of(each["timestamp"]))

    def times(kind):
        return [ms_of(fact["timestamp"]) for fact in facts if fact["eventType"] == kind]

    first = ms_of(facts[0]["timestamp"])
    start = min(times("call_initiated"), default=first)
    answer = min(times("call_answered"), default=None)
    end = max(times("call_ended"), default=None)

    outcome = next((fact["outcome"] for fact in reversed(facts) if fact["eventType"] == "call_ended" and "outcome" in fact), None)
    beside = [fact["outcome"] for fact in facts if fact["eventType"] != "call_ended" and "outcome" in fact]
    outcome = outcome or next((each for each in reversed(beside) if each != "blacklisted"), None)
    was_answered = answer is not None or any(fact.get("status") == "answered" for fact in facts)
    if outcome in (None, "failed") and "blacklisted" in beside and not was_answered:
        outcome = "blacklisted"
    if end is not None and outcome is None and answer is not None:
        outcome = "answered"
    answered = answer is not None or outcome in ANSWERS or any(fact.get("status") == "answered" for fact in facts)

    rank = max([5] * bool(end) + [4] * bool(answer) + [RANKS.get(fact.get("status"), 1) for fact in facts])
    start_is_real = bool(times("call_initiated")) or (end is not None and first < end)
    duration = max(0, end - start) // 1000 if start_is_real and end is not None else None
    if answer is not None and end is not None:
        billsec = max(0, end - answer) // 1000
    elif not answered and outcome in NO_ANSWERS:
        billsec = 0
    else:
        billsec = duration
    presses = [fact for fact in facts if fact["eventType"] == "dtmf_pressed"]
    return {
        "callId": facts[0]["callId"], "campaignId": facts[0]["campaignId"], "contactId": facts[0]["contactId"],
        "phoneNumber": facts[0]["phoneNumber"], "status": STATUSES[rank], "outcome": outcome, "startTime": text_of(start),
        "answerTime": answer and text_of(answer), "endTime": end and text_of(end), "duration": duration, "billsec": billsec,
        "dtmfInputs": [press["dtmfInput"] for press in presses],
        "dtmf": [{"digit": press["dtmfInput"], "at": text_of(ms_of(press["timestamp"]))} for press in presses],
        "actionTypes": [fact["action"]["type"] for fact in facts if fact["eventType"] == "action_triggered"],
        "costMicros": ((billsec or 0) + 59) // 60 * MICROS_PER_MINUTE, "answered": answered, "open": end is None,
    }


def stats(records):
    """The sums of a campaign."""
    def of(outcome):
        return sum(each["outcome"] == outcome for each in records)

    def percent(part, whole):
        return round(part * 100 / whole, 2) if whole else 0

    answered = sum(each["answered"] for each in records)
    return {
        "totalAttempts": len(records), "answered": answered, "busy": of("busy"), "failed": of("failed"),
        "noAnswer": of("no_answer"), "converted": of("converted"), "optOuts": of("opted_out"),
        "answerRate": percent(answered, len(records)), "conversionRate": percent(of("converted"), answered),
        "optOutRate": percent(of("opted_out"), len(records)), "totalDuration": sum(each["duration"] or 0 for each in records),
        "totalCostMicros": sum(each["costMicros"] for each in records),
    }


def counters(records):
    """The live counters that call events move; those that are 0 are left out."""
    found = {"total_attempts": len(records), "active_calls": sum(each["open"] for each in records),
             "answered": sum(each["answered"] for each in records)}
    for each in records:
        for name in each["actionTypes"] + ([each["outcome"]] if each["outcome"] not in (None, "answered") else []):
            found[name] = found.get(name, 0) + 1
    return {name: value for name, value in found.items() if value}
