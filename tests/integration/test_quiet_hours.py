"""Quiet hours need the time zones of the system where somebody can be reached, and nowhere else."""
import csv
import io
import json

import pytest
from support.events import donation, event, unique, unique_phone
from support.program import Clock, run
from support.sms_provider_peer import Twilio
from support.stores import Stores, until

# An Asterisk that nobody needs to answer: what is looked at here comes before the first call.
CALLS_PEOPLE = {"PLEDGELINE_AMI_URL": "ami://pledgeline:secret@127.0.0.1:1", "PLEDGELINE_DIAL": "PJSIP/{digits}@trunk",
                "PLEDGELINE_CALLER_ID": "+12025550100"}


def test_who_reaches_nobody_needs_no_time_zones(make_server):
    assert make_server(TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="21:00-08:00").get("/healthz").status == 200


def test_who_calls_people_does_not_start_without_time_zones(tmp_path):
    done = run(tmp_path / "data", "serve", PORT=0, TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="21:00-08:00", **CALLS_PEOPLE)
    assert done.code != 0
    assert "PLEDGELINE_QUIET_HOURS" in done.err and "TZDIR" in done.err and "/nowhere/" in done.err


def test_quiet_hours_are_those_of_the_law_unless_somebody_says_otherwise(tmp_path):
    shown = json.loads(run(tmp_path / "data", "config", "--output", "json", PLEDGELINE_QUIET_HOURS=None).out)
    [found] = [row for row in shown if row["name"] == "PLEDGELINE_QUIET_HOURS"]
    assert found["value"] == "21:00-08:00"


def test_without_quiet_hours_no_time_zones_are_needed(make_server):
    assert make_server(TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="", **CALLS_PEOPLE).get("/healthz").status == 200


@pytest.mark.parametrize("hours", ["21-8", "25:00-08:00", "21:00-08:00,21:00-09:00", "+972=20:00"])
def test_wrong_quiet_hours_are_refused_also_where_nobody_is_reached(tmp_path, hours):
    done = run(tmp_path / "data", "config", PLEDGELINE_QUIET_HOURS=hours)
    assert done.code != 0 and "PLEDGELINE_QUIET_HOURS" in done.err


@pytest.mark.parametrize("setting", ["PLEDGELINE_STOP_REPLY", "PLEDGELINE_HELP_REPLY"])
def test_an_answer_is_no_template(tmp_path, setting):
    done = run(tmp_path / "data", "config", **{setting: "Bye {{campaignName}}"})
    assert done.code != 0 and setting in done.err


# ---- in New York: 9 p.m. on 15 January 2026 is 02:00 on the 16th in UTC, 8 a.m. is 13:00 ----

LAST_MINUTE_MS, NINE_MS, EIGHT_MS = 1768528799999, 1768528800000, 1768568400000
NEW_YORKER = "+12125550142"


@pytest.fixture
def new_york(tmp_path, make_server):
    """new_york(now_ms) starts a server at that time of night: its clock, the server and who texts go to."""
    with Twilio() as peer:
        def start(now_ms, **more):
            clock = Clock(tmp_path, now_ms)
            server = make_server(**{**peer.settings, **clock.settings, "PLEDGELINE_QUIET_HOURS": "21:00-08:00", **more})
            return clock, server, peer
        yield start


def press(server, call_id="call"):
    """Again, it is the same press."""
    assert server.publish("donation-events", donation(call_id, "winter", NEW_YORKER)).status == 200


def waits(server):
    return [text["failureReason"] for text in server.json("sms", "list", "--state", "pending")] == ["quiet hours where the number is"]


def test_text_goes_out_until_the_last_minute_of_the_day(new_york):
    _, server, peer = new_york(LAST_MINUTE_MS)
    press(server)
    until(lambda: peer.texts_to(NEW_YORKER))


def test_text_of_the_night_goes_out_at_eight_and_not_before(new_york):
    clock, server, peer = new_york(NINE_MS)
    press(server)
    until(lambda: waits(server))
    clock.set(EIGHT_MS - 1)
    assert server.get("/healthz").status == 200 and not peer.ledger
    clock.set(EIGHT_MS)
    until(lambda: peer.texts_to(NEW_YORKER))
    assert len(peer.ledger) == 1
    until(lambda: server.json("sms", "list", "--state", "sent"))
    [text] = server.json("sms", "list")
    assert text["queuedAt"].startswith("2026-01-16T02:00") and text["sentAt"].startswith("2026-01-16T13:00")
    [listed] = csv.DictReader(io.StringIO(server.run("sms", "list", "--output", "csv").out))
    assert listed["sent"][:16].replace("T", " ") == "2026-01-16 13:00"


def test_who_writes_at_night_is_answered_at_night(new_york):
    _, server, peer = new_york(NINE_MS)
    peer.message(server, NEW_YORKER, "STOP")
    until(lambda: peer.texts_to(NEW_YORKER))


@pytest.mark.embedded("others write to stores apart, and may still reach people")
def test_text_that_waits_goes_to_the_outbox_when_there_are_no_providers_any_more(make_server, new_york):
    clock, server, _ = new_york(NINE_MS)
    press(server)
    until(lambda: waits(server))
    server.stop()
    clock.set(EIGHT_MS)
    alone = make_server(server.data, **clock.settings)
    until(lambda: [text["status"] for text in alone.json("sms", "list")] == ["queued"])


# ---- beside a server that reaches nobody ----

@pytest.mark.own_stores
def test_text_that_waits_is_left_to_the_server_that_can_send_it(make_server, new_york):
    """Once the other one has closed a call that never ended it has looked at the ledger, too: that comes first."""
    stores = Stores(keeps=False)
    try:
        settings = stores.settings()
        clock, sender, peer = new_york(NINE_MS, **settings)
        press(sender)
        until(lambda: waits(sender))
        clock.set(EIGHT_MS)
        sender.kill()
        beside = make_server(**settings, **clock.settings)
        press(beside)
        beside.publish("call-events", event("open", "winter", unique_phone(), eventType="call_initiated", timestamp="2026-01-16T01:00:00Z"))
        until(lambda: beside.get("/v1/cdrs/open").json()["status"] == "incomplete")
        sender.start()
        until(lambda: peer.texts_to(NEW_YORKER))
        assert len(peer.texts_to(NEW_YORKER)) == 1
    finally:
        stores.stop()
