"""Call records that a real Asterisk has written become those of Pledgeline, once, and agree with those of whoever followed the calls."""
import csv
import json
from datetime import datetime
import random
import re

import pytest
from support.events import unique_phone
from support.fault_proxy import FaultProxy
from support.peer_asterisk import Exchange
from support.program import run
from support.stores import is_away, until

pytestmark = pytest.mark.own_stores

CALLEES = ("hang-up", "busy", "reject", "congestion", "unallocated", "no-answer")
MASTER, OURS = "cdr-csv/Master.csv", "cdr-custom/pledgeline.csv"


def call_everybody(pbx, **more):
    """One call of each kind, and the rows of all of them: two a call, for it has two legs."""
    call_ids = {callee: pbx.originate(unique_phone(), callee, context="own-ivr", timeout_s=1, **more) for callee in CALLEES}
    until(lambda: len(pbx.cdrs()) >= 2 * len(CALLEES))
    return call_ids


def records(server_or_data):
    done = run(server_or_data, "cdr", "list", "--limit", 0, "--output", "json")
    assert done.code == 0, done
    return {record["callId"]: record for record in json.loads(done.out)}


def imported(data, pbx, *more, file=MASTER, **settings):
    done = run(data, "cdr", "import", pbx.folder / "log" / file, *more, **settings)
    assert done.code == 0, done
    return done.err


def test_file_of_asterisk_becomes_one_record_a_call(pbx, tmp_path):
    call_ids = call_everybody(pbx)
    said = imported(tmp_path / "data", pbx, "--campaign", "spring")
    assert "12 rows are 6 calls" in said
    told = records(tmp_path / "data")
    outcomes = {callee: told[call_id]["outcome"] for callee, call_id in call_ids.items()}
    assert outcomes == {"hang-up": "answered", "busy": "busy", "congestion": "failed", "no-answer": "no_answer",
                        "reject": "no_answer", "unallocated": "no_answer"}  # Asterisk's own words for the last two
    assert {record["campaignId"] for record in told.values()} == {"spring"}
    assert all(record["phoneNumber"].startswith("+") and record["endTime"] and not record["inferred"] for record in told.values())
    rows = [row for row in pbx.cdrs() if row["uniqueid"].partition(";")[0] == call_ids["hang-up"]]
    times = [datetime.fromisoformat(row[column]) for row in rows for column in ("start", "end")]  # Asterisk's own duration counts fractions
    assert told[call_ids["hang-up"]]["duration"] == (max(times) - min(times)).seconds


def test_import_that_is_repeated_changes_nothing(pbx, tmp_path):
    call_everybody(pbx)
    imported(tmp_path / "data", pbx, "--campaign", "spring")
    before = records(tmp_path / "data")
    assert "13 messages accepted (13 of them duplicates)" in imported(tmp_path / "data", pbx, "--campaign", "spring")
    assert records(tmp_path / "data") == before


def rows_of(pbx):
    with open(pbx.folder / "log" / MASTER, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


def a_month_later(row):
    later = lambda text: re.sub(r"^(\d{4})-\d\d-\d\d ", lambda day: f"{int(day[1]) + 1}-01-15 ", text)  # noqa: E731
    return [*row[:9], *map(later, row[9:12]), *row[12:16], *(f"later-{cell}" for cell in row[16:17]), *row[17:]]


@pytest.mark.parametrize("columns", [16, 17, 18])
def test_file_whose_channel_names_come_again_leaves_the_earlier_calls_alone(pbx, tmp_path, columns):
    """They are dialled as the examples do it, through two Local pairs: a row of each half that runs a dialplan."""
    for callee in CALLEES:
        pbx.originate(unique_phone(), callee, through="dial-unasked", context="own-ivr", timeout_s=2)
    until(lambda: len({row["channel"] for row in pbx.cdrs()}) == 3 * len(CALLEES))
    rows = [row[:columns] for row in rows_of(pbx)]
    data, random_order = tmp_path / "data", random.Random(columns)
    first = write_rows(tmp_path / "first.csv", random_order.sample(rows, len(rows)))
    second = write_rows(tmp_path / "second.csv", [a_month_later(row) for row in random_order.sample(rows, len(rows))])
    done = run(data, "cdr", "import", first, "--campaign", "spring")
    assert done.code == 0 and f"{len(rows)} rows are {len(CALLEES)} calls" in done.err, done
    before = records(data)
    assert run(data, "cdr", "import", second, "--campaign", "autumn").code == 0
    after = records(data)
    assert {call_id: after[call_id] for call_id in before} == before and len(after) == 2 * len(before)
    assert not any("Local/" in call_id for call_id in after)


def test_mapping_of_the_example_names_the_campaign_itself(pbx, tmp_path):
    """Calls that never came to the dialplan's part of it are known by no name, so they are left out."""
    call_ids = call_everybody(pbx, contact="contact-5")
    said = imported(tmp_path / "data", pbx, file=OURS)
    assert "5 calls name no campaign" in said
    (record,) = records(tmp_path / "data").values()
    assert (record["callId"], record["campaignId"], record["contactId"]) == (call_ids["hang-up"], "winter", "contact-5")


@pytest.mark.parametrize("kind", ["ami", "ari"])
def test_import_leaves_what_was_followed_and_fills_in_what_was_missed(make_server, pbx, kind):
    exchange = Exchange(kind, pbx)
    hop = FaultProxy(exchange.port)
    try:
        server = make_server(**exchange.settings(hop.port))
        until(lambda: b"pledgeline_asterisk_followed 1" in server.get("/metrics").body)
        followed = pbx.originate(unique_phone(), "hang-up", context="held")
        until(lambda: records(server.data).get(followed, {}).get("endTime"))
        lost = pbx.originate(unique_phone(), "silent", context="held")
        until(lambda: records(server.data).get(lost, {}).get("answerTime"))
        hop.refuse()
        until(lambda: is_away(server, "asterisk_events"))
        pbx.ami.ask("Hangup", Channel=lost, Cause=16)
        missed = pbx.originate(unique_phone(), "busy", context="held")
        pbx.ami.until("Hangup", Uniqueid=missed)
        hop.heal()
        until(lambda: records(server.data)[lost]["endTime"])
        before = records(server.data)
        assert before[lost]["inferred"] and missed not in before
        until(lambda: len(pbx.cdrs()) >= 6)
        imported(server.data, pbx, "--campaign", "winter")
        after = records(server.data)
        assert after[followed] == before[followed]
        assert (after[lost]["inferred"], after[lost]["status"], after[lost]["outcome"]) == (False, "completed", "answered")
        assert after[missed]["outcome"] == "busy"
    finally:
        hop.stop()


def test_row_that_cannot_be_read_is_named_and_the_others_are_taken(pbx, tmp_path):
    call_everybody(pbx)
    path = tmp_path / "Master.csv"
    rows = (pbx.folder / "log" / MASTER).read_text().splitlines(keepends=True)
    path.write_text(rows[0].replace(pbx.cdrs()[0]["start"], "2026-13-01 00:00:00") + "".join(rows[1:]))
    done = run(tmp_path / "data", "cdr", "import", path, "--campaign", "spring")
    assert done.code == 1
    assert f"{path} line 1, column 10: the start is no time" in done.err and "1 row could not be read and was left out" in done.err
    assert len(records(tmp_path / "data")) == 6


def test_times_are_read_in_the_zone_that_is_named(tmp_path):
    row = '"spring","1","+12025550123","c","","PJSIP/a-1","","Dial","","2026-07-01 12:00:00",,"2026-07-01 12:00:10",10,0,"BUSY","X","u1",""\n'
    for name, hour in (("UTC", "12"), ("Asia/Jerusalem", "09"), ("America/New_York", "16")):
        data = tmp_path / name.replace("/", "-")
        assert run(data, "cdr", "import", "-", "--zone", name, stdin=row).code == 0
        assert records(data)["u1"]["startTime"].startswith(f"2026-07-01T{hour}:00:00")
    wrong = run(tmp_path / "x", "cdr", "import", "-", "--zone", "Nowhere/Land", stdin=row)
    assert wrong.code == 1 and "Nowhere/Land" in wrong.err


DIALLED = '"spring","1","{number}","c","","PJSIP/a-1","","Dial","","2026-07-01 12:00:00",,"2026-07-01 12:00:10",10,0,"BUSY","X","{number}",""\n'


def test_number_that_names_no_country_is_no_foreign_number(tmp_path):
    rows = "".join(DIALLED.format(number=number) for number in ("2025550184", "+12025550123", "0012025550124", "011972501234567", "100"))
    done = run(tmp_path / "data", "cdr", "import", "-", stdin=rows)
    assert done.code == 1 and "2 rows could not be read and were left out" in done.err, done
    for line in (1, 4):
        assert f"line {line}, column 3: the number does not name its country: write it with + and the country code, or set PLEDGELINE_COUNTRY_CODE" in done.err
    numbers = {call_id: record["phoneNumber"] for call_id, record in records(tmp_path / "data").items()}
    assert numbers == {"+12025550123": "+12025550123", "0012025550124": "+12025550124", "100": None}
    assert run(tmp_path / "data", "cdr", "import", "-", stdin=rows, PLEDGELINE_COUNTRY_CODE="1").code == 0
    numbers = {call_id: record["phoneNumber"] for call_id, record in records(tmp_path / "data").items()}
    assert (numbers["2025550184"], numbers["011972501234567"]) == ("+12025550184", "+972501234567")
