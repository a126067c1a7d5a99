"""kill -9 at random moments, under load: nothing that was acknowledged is lost, and nothing happens twice."""
import json
import os
import random
import threading

import pytest
from support import look
from support.program import Clock, Server, ndjson, run
from support.stream import in_shares, make_stream, publisher_of, run_together

SECRET = "the same link key in both folders"
SEED = int(os.environ.get("PLEDGELINE_TEST_SEED", "7"))
# 20,000 events and ten kills; under sanitizers, which take ten times as long, tools/test asks for less.
EVENTS = int(os.environ.get("PLEDGELINE_TEST_CRASH_EVENTS", "20000"))
KILLS = 10


class Crashing:
    """A server that is killed each time that enough was acknowledged, and started again on the same folder. The thread that
    crosses the mark kills it, while the others are in the middle of their requests."""

    def __init__(self, server, marks):
        self.server, self.marks, self.acknowledged, self.kills = server, marks, 0, 0
        self.lock = threading.Lock()

    def address(self):
        with self.lock:
            return self.server.port

    def acknowledge(self, count):
        with self.lock:
            self.acknowledged += count
            if self.marks and self.acknowledged >= self.marks[0]:
                self.marks.pop(0)
                self.kills += 1
                self.server.kill()
                self.server.start()


@pytest.fixture(scope="module")
def stream(generator):
    return make_stream(generator, SEED, EVENTS)


@pytest.fixture(scope="module")
def outcome(stream, generator, tmp_path_factory):
    """(the server that was killed ten times, a folder with the sorted, unique stream)"""
    folder = tmp_path_factory.mktemp("crash")
    settings = {**Clock(folder, 1746014400000).settings, "DONATION_LINK_SECRET": SECRET, "PLEDGELINE_QUEUE_CAPACITY": "100000"}
    _, lines = stream

    server = Server(folder / "killed", **settings).start()
    rng = random.Random(SEED)
    crashing = Crashing(server, sorted(rng.sample(range(EVENTS // 50, EVENTS - EVENTS // 50), KILLS)))
    run_together(*(publisher_of(share, crashing.address, crashing.acknowledge) for share in in_shares(lines)))
    assert crashing.kills == KILLS

    calm = Server(folder / "calm", **settings)
    done = run(calm.data, "publish", "-", stdin=ndjson(generator.sorted_unique(lines)), **settings)
    assert done.code == 0, done
    yield server, calm
    server.stop()


def test_stream_is_what_the_acceptance_asks_for(stream):
    _, lines = stream
    unique = {json.dumps(line, sort_keys=True) for line in lines}
    assert len(lines) == EVENTS
    assert len(lines) / len(unique) == pytest.approx(1.2, abs=0.03)


def test_records_are_those_of_the_sorted_unique_stream(outcome):
    killed, calm = (server.run("cdr", "export").out for server in outcome)
    assert sorted(killed.splitlines()) == sorted(calm.splitlines())
    assert look.calls(outcome[0]) == look.calls(outcome[1])


def test_blocked_numbers_are_those_of_the_sorted_unique_stream(outcome, generator, stream):
    killed, calm = ([entry["phoneNumber"] for entry in server.json("blacklist", "export")] for server in outcome)
    assert killed == calm == generator.expectation(stream[0])["blocked"]


def test_counters_and_sums_are_those_of_the_sorted_unique_stream(outcome, generator, stream):
    for command in ("live", "stats"):
        killed, calm = (server.json(command) for server in outcome)
        assert killed == calm
    for campaign, expected in generator.expectation(stream[0])["campaigns"].items():
        assert look.live(outcome[0], campaign) == {name: value for name, value in expected["live"].items() if value}


def test_outbox_holds_one_text_for_each_donation(outcome, generator, stream):
    texts = look.sms(outcome[0])
    expected = generator.expectation(stream[0])["sms"]
    assert sorted(text["callId"] for text in texts) == sorted(text["callId"] for text in expected)
    calm = {text["callId"]: (text["phoneNumber"], text["message"]) for text in look.sms(outcome[1])}
    assert {text["callId"]: (text["phoneNumber"], text["message"]) for text in texts} == calm


def test_actions_are_those_of_the_sorted_unique_stream(outcome):
    killed, calm = ({action["id"]: (action["actionType"], action["status"], action["phoneNumber"], action["donationLink"])
                     for action in server.json("actions", "list", "--limit", "0")} for server in outcome)
    assert killed == calm


def test_audit_chain_is_whole_and_holds_each_thing_once(outcome):
    entries = []
    for server in outcome:
        assert server.run("audit", "verify").code == 0
        entries.append(sorted((entry["kind"], entry["subject"], entry["actionId"] or "") for entry in server.json("audit", "show")))
    assert entries[0] == entries[1]


def test_nothing_is_left_over(outcome):
    for server in outcome:
        assert server.json("dlq", "list") == []
        assert server.json("dlq", "list", "--waiting") == []
        assert server.run("recount").code == 0


def test_database_file_is_sound(outcome):
    import sqlite3
    for server in outcome:
        [file] = server.data.glob("*.db")
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
