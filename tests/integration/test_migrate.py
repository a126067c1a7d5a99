"""Moving a data folder into Redis, MongoDB and PostgreSQL, and back: what the verbs print stays the same, nobody who opted out may
be called, and nobody gets a second text."""
import json
import re
import sqlite3
import subprocess
import time

import psycopg2
import pytest
from support.donation_page import gift, new_secret, tell
from support.events import donation, ended, optout
from support.program import BINARY, PATIENCE_S, ROOT, Server, environment, ndjson, run
from support.stores import Stores, redis_cli, until

pytestmark = pytest.mark.own_stores

PHONE = "+972501234567"
REPORTS = {"stats": ("stats",), "live": ("live",), "numbers": ("blacklist", "list", "--limit", 0), "texts": ("sms", "list", "--limit", 0),
           "actions": ("actions", "list", "--limit", 0), "history": ("audit", "show"), "records": ("cdr", "list", "--limit", 0),
           "gifts": ("gifts", "list", "--limit", 0)}


@pytest.fixture(scope="module")
def stores():
    stores = Stores()
    yield stores
    stores.stop()


@pytest.fixture
def settings(stores):
    return stores.settings()


class Place:
    """A data folder, by itself or with stores beside it. The secret of the links is the same everywhere."""

    def __init__(self, data, **settings):
        self.data = data
        self.settings = {"DONATION_LINK_SECRET": "0123456789abcdef0123", **settings}

    def run(self, *arguments, code=0, **more):
        done = run(self.data, *arguments, **{**self.settings, **more})
        assert done.code == code, done
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json").out)

    def publish(self, topic, *events):
        return self.run("publish", "--topic", topic, "-", stdin=ndjson(events))

    def move(self, *arguments):
        """The table of `migrate` or `export`, by kind."""
        return {row["kind"]: row for row in self.json(*arguments)}

    def go_back(self):
        """By itself again, as it was before it moved."""
        (self.data / "moved").unlink(missing_ok=True)

    def reports(self):
        """What the verbs say, without what a store gives each thing itself: places in a chain, and the order of equal times."""
        said = {name: self.json(*arguments) for name, arguments in REPORTS.items()}
        said["history"] = [{**entry, "seq": None, "hash": None, "detail": first_detail(entry)} for entry in said["history"]]
        said["live"] = sorted(said["live"], key=lambda row: row["campaignId"])
        said["records"] = sorted(said["records"], key=lambda row: row["callId"])
        return said


def first_detail(entry):
    """As it was in the chain where the entry was written."""
    detail = entry["detail"]
    while detail and "origin" in detail:
        detail = detail.get("detail")
    return detail


def assert_same(place, other):
    for each in (place, other):
        each.go_back()
    one, two = place.reports(), other.reports()
    for name in REPORTS:
        assert two[name] == one[name], name
    for each in (place, other):
        each.run("audit", "verify")
        each.run("recount")


def moved(table):
    return {kind: row["moved"] for kind, row in table.items()}


NOTHING = dict.fromkeys(("numbers", "ledger", "texts", "history", "actions", "clicks", "gifts", "records"), 0)


@pytest.fixture
def folder(tmp_path):
    return Place(tmp_path / "data")


@pytest.fixture
def beside(folder, settings):
    """The same folder, with its stores."""
    return Place(folder.data, **settings)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A folder in which a campaign ran, and a number was taken off the list by hand."""
    place = Place(tmp_path_factory.mktemp("campaign") / "data")
    place.run("publish", ROOT / "examples" / "campaign.ndjson")
    place.run("blacklist", "import", "-", "--actor", "jane", stdin="".join(f"+9990{number:07d}\n" for number in range(1200)))
    place.run("blacklist", "add", "+12125550198", "+12125550199", "--actor", "jane")
    place.run("blacklist", "remove", "+12125550199", "--actor", "jane", "--reason", "asked to be called")
    give(place)
    return place


def give(place):
    """A link is opened, its gift is given and given back, and another gift is nobody's."""
    secret = new_secret()
    server = Server(place.data, PLEDGELINE_DONATION_PAGE="https://give.example.org/?ref={ref}", PLEDGELINE_DONATIONS_SECRET=secret,
                    **place.settings).start()
    token = re.search(r"ref=([\w-]+)", server.get("/v1/sms").body.decode()).group(1)
    assert server.get(f"/d/{token}", user_agent="WhatsApp/2.23.20.0 A").status == 302
    for said in (gift("d-1", ref=token), gift("d-1", ref=token, status="refunded"), gift("d-2", ref="strange")):
        assert tell(server, secret, int(time.time() * 1000), said).status in (200, 202)
    server.stop()


@pytest.fixture
def ran(campaign, folder):
    """A copy of that folder."""
    subprocess.run(["cp", "-r", campaign.data, folder.data], check=True)
    return folder


# ---- there and back ----

def test_everything_is_the_same_on_the_stores(ran, beside):
    table = beside.move("migrate")
    assert all(row["moved"] == row["inSource"] == row["inDestination"] > 0 for row in table.values())
    assert_same(ran, beside)


def test_what_a_provider_said_of_a_text_moves_with_it(ran, beside):
    with sqlite3.connect(ran.data / "pledgeline.db") as database:
        database.execute("UPDATE effect SET kind = 1, ref = 'ab' || rowid, follows = 'before', provider = 'twilio', sms_class = 'temp_unreachable',"
                         " code = '30003', receipt = 2, delivered_ms = 1746014400000, segments = 2, cost_micros = 15000")
    texts = ran.json("sms", "list", "--state", "sent", "--limit", "0")
    assert {(text["kind"], text["receipt"], text["costMicros"]) for text in texts} == {("text", "undelivered", 15000)}
    beside.move("migrate")
    assert beside.json("sms", "list", "--state", "sent", "--limit", "0") == texts


def test_history_of_the_folder_is_proven_by_that_of_the_stores(ran, beside):
    beside.move("migrate")
    destination = beside.json("audit", "verify")
    ran.go_back()
    source = ran.json("audit", "verify")
    [carried] = destination["carried"]
    assert (carried["head"], carried["entries"], carried["first"], carried["last"], carried["gaps"]) == \
        (source["head"], source["entries"], 1, source["entries"], 0)


def test_history_that_was_changed_before_the_move_shows_afterwards(ran, beside):
    with sqlite3.connect(ran.data / "pledgeline.db") as database:
        database.execute("DROP TRIGGER audit_is_never_changed")
        database.execute("UPDATE audit SET actor = 'mallory' WHERE seq = 17")
    beside.move("migrate")
    assert "entry 17 of the chain" in beside.run("audit", "verify", code=1).out


def test_folder_that_goes_on_moves_what_is_new(ran, beside):
    beside.move("migrate")
    ran.go_back()
    ran.publish("optout-events", optout("late", "w", PHONE))
    ran.publish("donation-events", donation("later", "w", "+12125550177"))
    table = beside.move("migrate")
    assert moved(table) == {**NOTHING, "numbers": 1, "ledger": 1, "texts": 1, "history": 2, "actions": 2}
    assert_same(ran, beside)


def test_copy_that_went_on_brings_back_only_what_is_new(ran, beside, settings, tmp_path):
    beside.move("migrate")
    copy = Place(tmp_path / "copy")
    beside.move("export", "--to", copy.data)
    copy.publish("optout-events", optout("late", "w", PHONE))
    table = Place(copy.data, **settings).move("migrate")
    assert moved(table) == {**NOTHING, "numbers": 1, "history": 1, "actions": 1}
    assert_same(copy, beside)


def test_once_more_changes_nothing(ran, beside):
    beside.move("migrate")
    before = beside.reports()
    assert moved(beside.move("migrate")) == NOTHING
    assert beside.reports() == before


def test_export_into_a_new_folder_gives_the_same(ran, beside, tmp_path):
    beside.move("migrate")
    copy = Place(tmp_path / "copy")
    table = beside.move("export", "--to", copy.data)
    assert all(row["moved"] == row["inSource"] == row["inDestination"] > 0 for row in table.values())
    assert_same(beside, copy)
    assert_same(ran, copy)
    assert moved(beside.move("export", "--to", copy.data)) == NOTHING


@pytest.mark.parametrize("names, kinds", [
    (["REDIS_URL"], ()), (["MONGODB_URI", "MONGODB_DATABASE"], ["records"]),
    (["DATABASE_URL"], ["numbers", "ledger", "texts", "history", "actions", "clicks", "gifts"])], ids=["Redis", "MongoDB", "PostgreSQL"])
def test_one_store_gets_what_is_kept_in_it(ran, settings, names, kinds):
    beside = Place(ran.data, **{name: settings[name] for name in names})
    table = beside.move("migrate")
    assert [kind for kind, row in table.items() if row["moved"]] == list(kinds)
    assert all(row["moved"] == row["inSource"] == row["inDestination"] for kind, row in table.items() if kind in kinds)
    assert_same(ran, beside)
    if "REDIS_URL" in names:
        assert int(redis_cli(beside.settings, "SCARD", "blacklist:numbers")) == len(ran.json("blacklist", "list", "--limit", 0))


# ---- a folder that was moved ----

def test_folder_that_was_moved_is_refused_without_its_stores(ran, beside, tmp_path):
    beside.move("migrate")
    beside.publish("optout-events", optout("since", "w", PHONE))
    for arguments in (("blacklist", "check", PHONE), ("blacklist", "add", PHONE), ("serve", "--port", "0"), ("audit", "verify")):
        said = ran.run(*arguments, code=3 if "check" in arguments else 1).err
        assert "DATABASE_URL is not set" in said and str(ran.data) in said and said.endswith("go back to what it held then\n"), said
    assert "not set" not in beside.run("blacklist", "check", PHONE, code=3).err
    assert moved(beside.move("migrate")) == NOTHING
    ran.go_back()
    ran.run("blacklist", "check", PHONE)


def test_folder_that_moved_to_one_store_needs_only_that(ran, settings):
    beside = Place(ran.data, DATABASE_URL=settings["DATABASE_URL"])
    beside.move("migrate")
    assert (ran.data / "moved").read_text() == "DATABASE_URL\n"
    assert "REDIS_URL" not in ran.run("stats", code=1).err
    beside.run("stats")


def test_export_without_stores_is_refused(ran, beside, tmp_path):
    assert "DATABASE_URL" in ran.run("export", "--to", tmp_path / "copy", code=2).err
    beside.move("migrate")
    only = {"REDIS_URL": beside.settings["REDIS_URL"]}
    assert "DATABASE_URL is not set" in Place(ran.data, **only).run("export", "--to", tmp_path / "copy", code=1).err
    assert not (tmp_path / "copy").exists()


# ---- what stands beside ----

def test_repeats_after_the_move_change_nothing(ran, beside, make_server):
    beside.move("migrate")
    before = beside.reports()
    server = make_server(data=beside.data, **beside.settings)
    assert server.run("publish", ROOT / "examples" / "campaign.ndjson").code == 0
    after = beside.reports()
    for name in ("stats", "numbers", "texts", "actions", "history", "records"):
        assert after[name] == before[name], name
    assert [row["counters"] for row in after["live"]] == [row["counters"] for row in before["live"]]
    assert server.json("dlq", "list") == []


def test_text_that_was_sent_in_either_is_not_sent_again(folder, beside, settings, make_server, tmp_path):
    folder.publish("donation-events", donation("c1", "w", PHONE))
    other = make_server(data=tmp_path / "other", **settings)
    other.publish("donation-events", donation("c2", "w", PHONE), donation("c1", "w", PHONE))
    there = {text["actionId"]: text["id"] for text in other.json("sms", "list")}
    table = beside.move("migrate")
    assert (table["ledger"]["moved"], table["texts"]["moved"], table["ledger"]["inDestination"]) == (0, 0, 2)
    other.publish("donation-events", donation("c1", "w", PHONE), donation("c2", "w", PHONE))
    assert {text["actionId"]: text["id"] for text in other.json("sms", "list")} == there
    assert beside.json("live")[0]["counters"]["donations"] == 2


def test_number_blocked_in_either_is_blocked(folder, beside, settings, make_server, tmp_path):
    other = make_server(data=tmp_path / "other", **settings)
    here, there, both = "+12125550101", "+12125550102", "+12125550103"
    folder.publish("optout-events", optout("c1", "w", here), optout("c3", "w", both))
    other.publish("optout-events", optout("c2", "w", there), optout("c3", "w", both))
    beside.move("migrate")
    assert all(other.post("/v1/blacklist/check", {"phoneNumber": phone}).json()["blocked"] for phone in (here, there, both))
    beside.run("audit", "verify")


def test_removal_in_the_folder_does_not_undo_an_optout_at_the_destination(folder, beside, settings, make_server, tmp_path):
    folder.publish("optout-events", optout("c1", "w", PHONE))
    folder.run("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked to be called")
    other = make_server(data=tmp_path / "other", **settings)
    other.publish("optout-events", optout("c2", "w", PHONE))
    beside.move("migrate")
    beside.run("blacklist", "check", PHONE, code=3)
    beside.run("audit", "verify")
    assert moved(beside.move("migrate")) == NOTHING


def test_number_taken_off_after_the_move_stays_off(folder, beside):
    old = optout("c1", "w", PHONE, timestamp="2025-04-30T10:00:00Z")
    folder.publish("optout-events", old, optout("c2", "w", "+12125550100"))
    beside.move("migrate")
    beside.run("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked to be called")
    assert moved(beside.move("migrate")) == NOTHING
    beside.run("blacklist", "check", PHONE)
    beside.publish("optout-events", old)  # once more, late
    assert [row["phoneNumber"] for row in beside.json("blacklist", "list")] == ["+12125550100"]
    beside.run("audit", "verify")


def test_records_of_the_same_call_are_merged(folder, beside, settings, make_server, tmp_path):
    times = [f"2025-04-30T10:0{minute}:00Z" for minute in range(4)]
    events = [{**ended("c1", "w", PHONE), "eventType": "call_initiated", "outcome": None, "timestamp": times[0]},
              {**ended("c1", "w", PHONE), "eventType": "call_answered", "outcome": None, "timestamp": times[1]},
              {**ended("c1", "w", PHONE), "eventType": "dtmf_pressed", "dtmfInput": "5", "outcome": None, "timestamp": times[2]},
              ended("c1", "w", PHONE, "converted", timestamp=times[3])]
    folder.publish("call-events", events[0], events[3])
    other = make_server(data=tmp_path / "other", **settings)
    other.publish("call-events", events[1], events[2])
    whole = Place(tmp_path / "whole")
    whole.publish("call-events", *events)
    beside.move("migrate")
    without = {"createdAt": None, "updatedAt": None}
    assert [{**row, **without} for row in beside.json("cdr", "list")] == [{**row, **without} for row in whole.json("cdr", "list")]
    assert beside.json("live")[0]["counters"] == whole.json("live")[0]["counters"]
    beside.run("recount")


def test_folder_in_use_is_refused(folder, beside, make_server):
    make_server(data=folder.data)
    done = beside.run("migrate", code=1)
    assert "pledgeline serve" in done.err and "stop it" in done.err


def test_without_stores_or_folder_it_says_what_is_missing(folder, beside, tmp_path):
    assert "REDIS_URL" in folder.run("migrate", code=2).err
    assert "pledgeline.db" in beside.run("migrate", code=1).err
    assert not (folder.data / "pledgeline.db").exists()
    assert "--to" in beside.run("export", code=2).err


def test_list_that_another_service_keeps_is_not_moved(ran, settings):
    beside = Place(ran.data, REDIS_URL=settings["REDIS_URL"], DATABASE_API_URL="http://127.0.0.1:9/v1")
    assert "DATABASE_API_URL" in beside.run("migrate", code=1).err


# ---- killed in the middle ----

class Locks:
    """Holds tables or rows of PostgreSQL, and sees who waits for them."""

    def __init__(self, settings):
        self.url, self.held = settings["DATABASE_URL"], []
        self.watcher = psycopg2.connect(self.url)
        self.watcher.autocommit = True

    def take(self, statement):
        self.held.append(psycopg2.connect(self.url))
        self.held[-1].cursor().execute(statement)

    def wait_for_somebody(self, process):
        deadline = time.monotonic() + PATIENCE_S
        while not self._somebody_waits():
            assert process.poll() is None and time.monotonic() < deadline, "it went by"

    def _somebody_waits(self):
        cursor = self.watcher.cursor()
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]

    def release(self):
        self.held.pop(0).close()

    def close(self):
        for connection in (*self.held, self.watcher):
            connection.close()


@pytest.fixture
def locks(beside, settings):
    beside.run("blacklist", "check", PHONE)  # makes the tables
    locks = Locks(settings)
    yield locks
    locks.close()


def start(place, *arguments):
    return subprocess.Popen([BINARY, *map(str, arguments or ["migrate"])], env=environment(place.data, **place.settings), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def kill(process):
    process.kill()
    assert process.wait(PATIENCE_S) == -9


@pytest.mark.parametrize("lock", [
    "LOCK TABLE blocked IN EXCLUSIVE MODE", "LOCK TABLE effect IN EXCLUSIVE MODE", "LOCK TABLE sms IN EXCLUSIVE MODE",
    "LOCK TABLE audit IN EXCLUSIVE MODE", "LOCK TABLE action IN EXCLUSIVE MODE",
    "INSERT INTO blocked VALUES ('+99900000700', now(), '', '', '', '', '', '', '', '')",
    "INSERT INTO audit VALUES (800, now(), '', '', '', '', '', '', sha256(''))"],
    ids=["list", "ledger", "outbox", "history", "actions", "inside the list", "inside the history"])
def test_killed_in_the_middle_it_goes_on(ran, beside, locks, lock):
    locks.take(lock)
    process = start(beside)
    locks.wait_for_somebody(process)
    kill(process)
    locks.release()
    if "blocked" not in lock:  # the list was first
        assert beside.json("blacklist", "list", "--limit", 0) == ran.json("blacklist", "list", "--limit", 0)
    beside.move("migrate")
    assert_same(ran, beside)


def test_killed_while_it_recounts_it_goes_on(ran, beside, locks):
    locks.take("LOCK TABLE action IN EXCLUSIVE MODE")
    process = start(beside)
    locks.wait_for_somebody(process)
    locks.take("LOCK TABLE effect IN ACCESS EXCLUSIVE MODE")
    locks.release()
    until(lambda: redis_cli(beside.settings, "EXISTS", "pledgeline:recount") == "1")
    kill(process)
    locks.release()
    redis_cli(beside.settings, "PEXPIRE", "pledgeline:recount", "1000")  # in place of half a minute
    assert moved(beside.move("migrate")) == NOTHING
    assert_same(ran, beside)


def test_store_that_is_away_for_a_while_holds_it_up_only(ran, beside, stores, locks):
    locks.take("LOCK TABLE action IN EXCLUSIVE MODE")
    process = start(beside)
    locks.wait_for_somebody(process)
    stores.postgres.crash()
    stores.postgres.start()
    assert process.wait(PATIENCE_S) == 0
    assert_same(ran, beside)


def test_export_while_servers_run_goes_on_where_it_was_killed(ran, beside, locks, make_server, tmp_path):
    beside.move("migrate")
    server = make_server(data=beside.data, **beside.settings)
    copy = Place(tmp_path / "copy")
    locks.take("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
    process = start(beside, "export", "--to", copy.data)
    locks.wait_for_somebody(process)
    kill(process)
    locks.release()
    beside.move("export", "--to", copy.data)
    server.stop()
    assert_same(beside, copy)


def test_export_into_the_data_folder_itself_is_refused(ran, beside):
    assert "itself" in beside.run("export", "--to", beside.data, code=2).err


# ---- what it says ----

def test_without_a_terminal_it_says_lines(ran, beside):
    said = beside.run("migrate").err.splitlines()
    assert "pledgeline: numbers: 1259 of 1259" in said
    assert said[-1].startswith("pledgeline: verified")


def test_messages_that_wait_stay_in_the_folder(folder, beside):
    folder.run("publish", "--topic", "donation-events", "--message", "{}", code=1)
    assert "keeps 0 messages that wait for their next try and 1 dead letters" in beside.run("migrate").err
    assert len(beside.json("dlq", "list")) == 1
