"""The do-not-call list holds every number that somebody meant, and proves it."""
import csv
import io
import json

import pytest
from support import apart
from support.events import donation, event, optout
from support.forger import forge
from support.program import run

ISRAELI = "+972502222222"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def publish(data, topic, message):
    return run(data, "publish", "--topic", topic, "--message", json.dumps(message))


def listed(data):
    return [entry["phoneNumber"] for entry in json.loads(run(data, "blacklist", "export", "--output", "json").out)]


def letters(data):
    return json.loads(run(data, "dlq", "list", "--output", "json").out)


# ---- numbers in national form ----

@pytest.mark.parametrize("line", ["(212) 555-0123", "2125550111", "972502222222"])
def test_import_refuses_a_number_that_does_not_name_its_country(data, line):
    done = run(data, "blacklist", "import", "-", stdin=f"+12125550100\n{line}\n")
    assert done.code == 1
    assert "line 2" in done.err and "PLEDGELINE_COUNTRY_CODE" in done.err
    assert listed(data) == ["+12125550100"]


def test_import_reads_numbers_that_a_spreadsheet_took_for_amounts_and_refuses_those_it_rounded(data):
    done = run(data, "blacklist", "import", "-", stdin="phone\n12025550101.0\n+12025550102.0\n1.2025551E+10\n", PLEDGELINE_COUNTRY_CODE="1")
    assert done.code == 1 and "line 4: a spreadsheet has rounded this number" in done.err
    assert listed(data) == ["+12025550101", "+12025550102"]


@pytest.mark.parametrize("country, line, numbers", [
    ("1", "(212) 555-0123", ["+12125550123"]), ("1", "12125550123", ["+12125550123"]),
    ("972", "972502222222", [ISRAELI]), ("972", "050-222-2222", ["+9720502222222", ISRAELI])])
def test_import_reads_national_numbers_with_the_country_code(data, country, line, numbers):
    done = run(data, "blacklist", "import", "-", stdin=line, PLEDGELINE_COUNTRY_CODE=country)
    assert done.code == 0, done.err
    assert listed(data) == numbers


def test_import_through_a_server_says_why_a_line_was_refused(make_server, data):
    make_server(data=data)
    done = run(data, "blacklist", "import", "-", stdin="2125550111\n")
    assert done.code == 1 and "PLEDGELINE_COUNTRY_CODE" in done.err


def test_country_code_must_be_one(data):
    done = run(data, "blacklist", "list", PLEDGELINE_COUNTRY_CODE="+972")
    assert done.code != 0 and "PLEDGELINE_COUNTRY_CODE" in done.err


# ---- malformed opt-outs ----

def test_malformed_optout_blocks_the_number_of_its_call(data):
    publish(data, "call-events", event("c", "w", ISRAELI, eventType="call_initiated"))
    publish(data, "optout-events", {"phoneNumber": "0502222222", "dtmfInput": "9", "callId": "c"})
    assert run(data, "blacklist", "check", ISRAELI).code == 3
    [letter] = letters(data)
    assert letter["code"] == "phone_invalid" and "blocked all the same: 1 number" in letter["reason"]


def test_malformed_optout_blocks_the_number_with_the_country_code(data):
    run(data, "publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "w", "050-222 2222")),
        PLEDGELINE_COUNTRY_CODE="972")
    assert run(data, "blacklist", "check", ISRAELI).code == 3


def test_dead_letter_says_that_nobody_was_blocked(data):
    publish(data, "optout-events", optout("c", "w", "0502222222"))
    [letter] = letters(data)
    assert letter["code"] == "optout_unreadable" and "nobody was blocked" in letter["reason"]


def test_optout_of_a_number_that_names_no_country_is_for_somebody_to_read(data):
    publish(data, "optout-events", optout("c", "w", "2025550184"))
    [letter] = letters(data)
    assert letter["code"] == "optout_unreadable" and "which may be another's number" in letter["reason"]
    assert listed(data) == ["+2025550184"]


def test_optout_says_which_key_was_pressed(data):
    publish(data, "optout-events", event("c", "w", ISRAELI, dtmfInput="7"))
    assert "DTMF opt-out (key 7)" in run(data, "blacklist", "show", ISRAELI).out


# ---- export and import ----

def test_export_is_plain_for_a_dialler_and_keeps_its_history_when_imported(data, tmp_path):
    publish(data, "optout-events", optout("call-1", "winter", ISRAELI, timestamp="2026-01-15T10:30:00Z"))
    exported = run(data, "blacklist", "export", "--output", "csv").out
    [row] = csv.DictReader(io.StringIO(exported))
    assert row["phoneNumber"] == ISRAELI
    other = tmp_path / "other"
    assert run(other, "blacklist", "import", "-", "--actor", "jane", stdin=exported).code == 0
    [before], [after] = (json.loads(run(folder, "blacklist", "export", "--output", "json").out) for folder in (data, other))
    for key in ("phoneNumber", "addedAt", "source", "reason"):
        assert after[key] == before[key]
    assert after["metadata"]["callId"] == "call-1" and after["metadata"]["campaignId"] == "winter"


def test_import_of_old_entries_is_audited_when_it_happened(data):
    run(data, "blacklist", "import", "-", stdin="phone,addedAt\n+12125550100,2019-05-01T00:00:00Z\n")
    [entry] = json.loads(run(data, "blacklist", "export", "--output", "json").out)
    assert entry["addedAt"].startswith("2019-05-01")
    audit = json.loads(run(data, "audit", "show", "--output", "json").out)
    assert all(not each["at"].startswith("2019") for each in audit)


def test_key_and_outcome_of_a_call_event_are_recorded_and_block_nobody(data):
    publish(data, "call-events", event("c", "w", ISRAELI, eventType="dtmf_pressed", dtmfInput="9"))
    publish(data, "call-events", event("c", "w", ISRAELI, eventType="call_ended", outcome="opted_out"))
    assert run(data, "blacklist", "check", ISRAELI).code == 0
    publish(data, "optout-events", optout("c", "w", ISRAELI))
    assert run(data, "blacklist", "check", ISRAELI).code == 3


# ---- the list against its history ----

def test_audit_verify_finds_a_number_that_was_taken_off_behind_its_back(data):
    publish(data, "optout-events", optout("c", "w", ISRAELI))
    forge(data, "DELETE FROM blocked")
    done = run(data, "audit", "verify")
    assert done.code == 1 and ISRAELI in done.out and "entry 1" in done.out


def test_audit_verify_finds_a_number_that_was_put_on_behind_its_back(data):
    run(data, "blacklist", "add", ISRAELI, "--reason", "letter", "--actor", "jane")
    forge(data, f"UPDATE blocked SET phone = '{ISRAELI[:-1]}9'")
    done = run(data, "audit", "verify")
    assert done.code == 1 and "no entry put it there" in done.out and "entry 1 put it there" in done.out


ONE_MS_LATER = "added_at = added_at + interval '1 millisecond'" if apart.WANTED else "added_ms = added_ms + 1"


@pytest.mark.parametrize("change, named", [(ONE_MS_LATER, "addedAt"), ("actor = 'mallory'", "actor"), ("reason = 'none'", "reason")],
                         ids=["addedAt", "actor", "reason"])
@pytest.mark.parametrize("imported", [False, True], ids=["added", "imported"])
def test_audit_verify_finds_a_number_whose_row_was_changed(data, imported, change, named):
    if imported:
        run(data, "blacklist", "import", "-", stdin=f"phone,addedAt\n{ISRAELI},2019-05-01T00:00:00.250Z\n")
    else:
        run(data, "blacklist", "add", ISRAELI, "--reason", "letter", "--actor", "jane")
    run(data, "blacklist", "add", ISRAELI, "--reason", "again", "--actor", "joe")
    assert run(data, "audit", "verify").code == 0
    forge(data, f"UPDATE blocked SET {change}")
    done = run(data, "audit", "verify")
    assert done.code == 1 and f"{ISRAELI} is on the do-not-call list as entry 1 did not put it there; changed: {named}\n" in done.out


def test_audit_verify_is_content_after_removal_and_return(data):
    for verb in ("add", "remove", "add"):
        assert run(data, "blacklist", verb, ISRAELI, "--reason", "letter", "--actor", "jane").code == 0
    assert run(data, "audit", "verify").code == 0
    run(data, "blacklist", "remove", ISRAELI, "--reason", "letter", "--actor", "jane")
    assert run(data, "audit", "verify").code == 0


# ---- who asks again ----

def test_optout_under_a_used_call_id_after_a_removal_blocks_again(data):
    publish(data, "optout-events", optout("c", "w", ISRAELI, timestamp="2026-01-15T10:30:00Z"))
    run(data, "blacklist", "remove", ISRAELI, "--reason", "asked to be called", "--actor", "jane")
    publish(data, "optout-events", optout("c", "w", ISRAELI, timestamp="2026-01-15T10:30:00Z"))
    assert run(data, "blacklist", "check", ISRAELI).code == 0
    publish(data, "optout-events", optout("c", "w", ISRAELI))
    assert run(data, "blacklist", "check", ISRAELI).code == 3


@pytest.mark.parametrize("fields", [{"topic": "ivr", "message": "pressed 9"}, {"topic": "call-events", "message": {"callId": "x", "eventType": "y"}},
                                    {"TopicArn": "a", "Message": "x"}])
def test_optout_with_fields_of_a_carriers_names_blocks(server, fields):
    body = {**optout("c-" + "-".join(fields), "w", ISRAELI), **fields}
    assert server.request("POST", "/v1/events/optout-events", json.dumps(body), content_type="application/json").status == 200
    assert server.run("blacklist", "check", ISRAELI).code == 3


def test_action_of_somebody_else_counts_and_recount_agrees(server):
    action = {"id": "c1_optout", "callId": "c1", "campaignId": "w", "phoneNumber": ISRAELI, "actionType": "optout_blacklist_added", "status": "success"}
    for _ in range(2):
        assert server.request("POST", "/v1/actions", json.dumps(action), content_type="application/json").status in (200, 201)
    assert server.run("recount").code == 0
    assert server.request("GET", "/v1/campaigns/w/live").json()["counters"]["optouts"] == 1


def test_repeating_a_donation_that_waits_does_not_use_it_up(server):
    body = json.dumps({"callId": "c1", "phoneNumber": ISRAELI, "dtmfInput": "1"})
    for _ in range(20):
        assert server.request("POST", "/v1/events/donation-events", body, content_type="application/json").status == 202
    assert letters(server.data) == []


@pytest.mark.parametrize("blocked, asked", [("+9720501234567", "+972501234567"), ("+972501234567", "+9720501234567"), ("+4402079460000", "+442079460000")])
def test_number_with_and_without_its_trunk_zero_is_one_phone(server, blocked, asked):
    server.publish("optout-events", optout("c-1", "w", blocked))
    assert server.run("blacklist", "check", asked).code != 0
    assert server.post("/v1/blacklist/check", {"phoneNumber": asked}).json()["blocked"] is True
    assert server.get("/v1/blacklist/%2B" + asked[1:]).status == 200
    server.publish("donation-events", donation("c-2", "w", asked))
    assert [text["status"] for text in server.json("sms", "list", "--limit", "0") if text["status"] != "cancelled"] == []
