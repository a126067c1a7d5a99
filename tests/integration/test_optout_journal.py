"""A key 9 that the line cannot store at once: the call ends all the same, and the opt-out is in a file until the line has it."""
import concurrent.futures
import contextlib
import itertools
import json
import resource
import signal
import sqlite3

import pytest
from support.agi import AgiCall, agi_port, agi_settings, of_person
from support.events import donation, unique_phone
from support.sms_provider_peer import Generic
from support.stores import check, until

pytestmark = [pytest.mark.own_stores, pytest.mark.embedded("it holds up the folder's own file")]


@contextlib.contextmanager
def held_store(server):
    """Nothing can be stored meanwhile: somebody else writes to the file, and does not finish."""
    [file] = server.data.glob("*.db")
    store = sqlite3.connect(file, check_same_thread=False)
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        store.rollback()
        store.close()


@pytest.fixture
def server(make_server, tmp_path):
    return make_server(**agi_settings(tmp_path), preexec=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))


def press_9(server, call_id, phone):
    """Returns once the call is hung up."""
    with AgiCall(agi_port(server), **of_person(call_id, phone)) as person:
        person.next_act()
        person.press("9")
        assert person.next_act() == "HANGUP"
        assert person.to_the_end() == []


def journal_of(server):
    return server.data / "optouts.journal"


def entries(server):
    return journal_of(server).read_bytes().splitlines()


def is_blocked(server, phone):
    return check(server, phone)["blocked"]


def calls_over(server):
    """Those that the server has said are over, with an opt-out."""
    lines = [json.loads(line) for line in list(server.log) if '"call over"' in line]
    return [line["callId"] for line in lines if line["outcome"] == "opted_out"]


def dependency(server, name):
    return server.get("/readyz").json()["dependencies"][name]


def metric(server, name):
    [line] = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(f"{name} ")]
    return int(line.split()[1])


def optouts(server):
    return server.get("/v1/campaigns/w/live").json()["counters"]["optouts"]


def test_opt_out_that_is_stored_at_once_is_not_journaled(server):
    phone = unique_phone()
    press_9(server, "c1", phone)
    until(lambda: calls_over(server) == ["c1"])
    assert is_blocked(server, phone)
    assert entries(server) == []


def test_call_ends_at_once_and_the_journal_keeps_the_opt_out_until_the_store_is_back(server):
    phone = unique_phone()
    with held_store(server):
        press_9(server, "c1", phone)
        [entry] = until(lambda: entries(server))
        assert phone.encode() in entry
        assert server.get("/readyz").status == 200  # the line has not given it up yet
        until(lambda: calls_over(server) == ["c1"])
        assert metric(server, "pledgeline_journal_optouts") == 1
    until(lambda: is_blocked(server, phone))
    until(lambda: entries(server) == [])
    assert optouts(server) == 1
    assert metric(server, "pledgeline_optouts_journaled_total") == 1


def test_number_is_blocked_from_the_press_on_whatever_the_store_does(server):
    phone = unique_phone()
    with held_store(server):
        press_9(server, "c1", phone)
        assert is_blocked(server, phone)
        until(lambda: calls_over(server) == ["c1"])
        assert is_blocked(server, phone)
        server.kill()
        server.start()
        assert is_blocked(server, phone)


def test_nobody_is_texted_while_their_opt_out_is_in_the_journal(make_server, tmp_path):
    phone = unique_phone()
    with Generic() as peer:
        server = make_server(**agi_settings(tmp_path), **peer.settings)
        with held_store(server):
            press_9(server, "c1", phone)
            until(lambda: entries(server))
            until(lambda: any("message not applied" in line for line in list(server.log)))  # the line has given it back
        server.publish("donation-events", donation("c2", "w", phone))
        until(lambda: entries(server) == [])
        until(lambda: server.json("sms", "list", "--phone", phone, "--state", "cancelled"))
        assert peer.ledger == []


def test_journal_outlives_a_kill(server):
    phones = [unique_phone() for _ in range(3)]
    with held_store(server):
        for number, phone in enumerate(phones):
            press_9(server, f"c{number}", phone)
        until(lambda: len(calls_over(server)) == 3)
        server.kill()
    server.start()
    until(lambda: all(is_blocked(server, phone) for phone in phones))
    until(lambda: entries(server) == [])
    assert optouts(server) == 3


def test_journal_is_worked_through_when_calls_are_not_taken_any_more(server, tmp_path):
    phone = unique_phone()
    with held_store(server):
        press_9(server, "c1", phone)
        until(lambda: entries(server))
        server.kill()
    server.settings = {name: value for name, value in server.settings.items() if name != "PLEDGELINE_AGI"}
    server.start()
    until(lambda: is_blocked(server, phone))
    until(lambda: entries(server) == [])


def journaled_and_killed(server, phone):
    with held_store(server):
        press_9(server, "c1", phone)
        until(lambda: entries(server))
        server.kill()
    return journal_of(server).read_bytes()


@pytest.mark.parametrize("bytes_left", [1, 16, 17, 30, -1])
def test_line_that_was_never_finished_is_cut_off(server, bytes_left):
    phone = unique_phone()
    whole = journaled_and_killed(server, phone)
    journal_of(server).write_bytes(whole + whole.replace(phone.encode(), b"+12125550199")[:bytes_left])
    server.start()
    until(lambda: is_blocked(server, phone))
    until(lambda: entries(server) == [])
    assert any("was never finished" in line for line in server.log)
    assert optouts(server) == 1


def test_damaged_line_still_blocks_its_number(server):
    phone = unique_phone()
    whole = journaled_and_killed(server, phone)
    journal_of(server).write_bytes(b"x" + whole[1:])
    server.start()
    until(lambda: is_blocked(server, phone))
    until(lambda: entries(server) == [])
    assert any("is damaged" in line for line in server.log)
    assert len(server.get("/v1/dlq").json()["messages"]) == 1


def test_full_disk_is_said_and_the_opt_out_kept_until_there_is_room(server):
    phone, limits = unique_phone(), resource.RLIM_INFINITY
    with held_store(server):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, limits))
        press_9(server, "c1", phone)
        why = until(lambda: (found := dependency(server, "optout_journal")) != "ok" and found)
        assert "cannot write the opt-out journal" in why["detail"]
        assert server.get("/readyz").status == 503
        until(lambda: any('"error"' in line and "in memory alone" in line for line in list(server.log)))
        assert calls_over(server) == []
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limits, limits))
        until(lambda: calls_over(server) == ["c1"])
        assert len(entries(server)) == 1
    until(lambda: is_blocked(server, phone))
    until(lambda: server.get("/readyz").status == 200)


def test_full_lane_sends_the_opt_out_to_the_journal(make_server, tmp_path):
    server = make_server(**agi_settings(tmp_path, PLEDGELINE_QUEUE_CAPACITY=1))
    phones = [unique_phone() for _ in range(8)]
    with held_store(server):
        for number, phone in enumerate(phones):
            press_9(server, f"c{number}", phone)
        until(lambda: len(calls_over(server)) == len(phones))
        assert len(entries(server)) == len(phones)
    until(lambda: all(is_blocked(server, phone) for phone in phones))
    until(lambda: entries(server) == [])
    assert optouts(server) == len(phones)


def try_to_press_9(server, call_id, phone):
    """The server may be killed at any moment of it."""
    with contextlib.suppress(OSError, AssertionError):
        press_9(server, call_id, phone)


@pytest.mark.parametrize("is_held", [False, True], ids=["store answers", "store is held"])
def test_kill_at_any_moment_loses_no_call_that_was_said_to_be_over(server, is_held):
    """It comes once so many calls are said to be over, while others are in the middle of it."""
    promised, numbers = {}, itertools.count()
    for over_before_the_kill in (1, 2, 3, 5, 8):
        people = {f"c{next(numbers)}": unique_phone() for _ in range(10)}
        with held_store(server) if is_held else contextlib.nullcontext(), concurrent.futures.ThreadPoolExecutor(len(people)) as crowd:
            for call_id, phone in people.items():
                crowd.submit(try_to_press_9, server, call_id, phone)
            until(lambda: len(calls_over(server)) >= over_before_the_kill)
            server.kill()
        promised |= {call_id: people[call_id] for call_id in calls_over(server)}
        server.log.clear()
        server.start()
    until(lambda: entries(server) == [])
    assert len(promised) >= 19
    assert [call_id for call_id, phone in promised.items() if not is_blocked(server, phone)] == []
    assert server.run("recount").code == 0
    assert server.run("audit", "verify").code == 0
