"""The call of who opts out is ended through the Asterisk Worker: at once, beside the registry, and at nobody's expense."""
import socket
import threading
import time

import pytest
from support.events import donation, optout, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.foreign_api import CUT, HANG, ForeignApi
from support.program import run
from support.stores import check, lines, nothing_waits, until

pytestmark = pytest.mark.own_stores

PATH = "/terminate-call"
DEADLINE_S = 3  # of a call's end


@pytest.fixture
def worker():
    api = ForeignApi(usual=200, paths=(PATH,))
    yield api
    api.stop()


@pytest.fixture
def server(make_server, worker):
    return make_server(ASTERISK_WORKER_URL=f"{worker.url}/")


def press_9(server, call_id=None, phone=None, campaign="w"):
    return server.post("/v1/events/optout-events", optout(call_id or unique("call"), campaign, phone or unique_phone()))


def ended(server):
    return [action["callId"] for action in server.get("/v1/actions?actionType=optout_call_terminated").json()["actions"]]


def metric(server, name):
    [found] = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(f"{name} ")]
    return int(found.split()[1])


def test_call_is_ended_once_and_recorded(server, worker):
    phone = unique_phone()
    assert press_9(server, "c1", phone).status == 200
    assert until(lambda: ended(server)) == ["c1"]
    assert [(asked.path, asked.body) for asked in worker.asked] == [(PATH, {"callId": "c1"})]
    [record] = server.get("/v1/actions?actionType=optout_call_terminated").json()["actions"]
    assert (record["id"], record["phoneNumber"], record["campaignId"]) == ("c1_optout_call", phone, "w")
    assert (record["status"], record["contactId"]) == ("success", "contact-of-c1")
    assert metric(server, "pledgeline_call_terminations_total") == 1


def test_end_of_the_call_is_no_second_opt_out(server):
    press_9(server, "c1")
    until(lambda: ended(server))
    assert server.get("/v1/campaigns/w/live").json()["counters"]["optouts"] == 1
    assert server.run("recount").code == 0
    assert server.run("audit", "verify").code == 0


def test_other_events_end_no_call(server, worker):
    assert server.post("/v1/events/donation-events", donation("c1", "w", unique_phone())).status == 200
    until(lambda: nothing_waits(server))
    assert worker.asked == []


def test_copy_of_an_opt_out_makes_no_second_record(server, worker):
    phone = unique_phone()
    press_9(server, "c1", phone)
    until(lambda: ended(server))
    worker.usual = 404
    press_9(server, "c1", phone)
    press_9(server, "c2")
    until(lambda: "c2" in ended(server))
    assert ended(server) == ["c1", "c2"]


@pytest.mark.parametrize("code", [404, 410])
def test_call_that_is_over_already_is_ended(server, worker, code):
    worker.will(code)
    assert press_9(server, "c1").status == 200
    assert until(lambda: ended(server)) == ["c1"]


@pytest.mark.parametrize("answer", [500, 503, 429, CUT])
def test_failure_is_repeated_within_the_deadline(server, worker, answer):
    worker.will(answer, answer)
    assert press_9(server, "c1").status == 200
    assert until(lambda: ended(server)) == ["c1"]
    assert len(worker.asked) == 3


def test_worker_that_refuses_is_one_line_in_the_log_and_no_record(server, worker):
    worker.will(400, 401)
    assert press_9(server, "c1").status == press_9(server, "c2").status == 200
    until(lambda: len(worker.asked) == 2)
    press_9(server, "c3")
    assert until(lambda: ended(server)) == ["c3"]
    assert len(lines(server, "dependency refuses", "asterisk_worker")) == 1


def test_worker_is_asked_before_the_registry_answers(make_server, worker):
    database = make_server()
    proxy = FaultProxy(database.port)
    server = make_server(DATABASE_API_URL=f"http://127.0.0.1:{proxy.port}/v1", ASTERISK_WORKER_URL=worker.url)
    answers = []
    proxy.hold_once(b"POST /v1/blacklist ")
    press = threading.Thread(target=lambda: answers.append(press_9(server, "c1").status))
    press.start()
    try:
        assert proxy.held.wait(DEADLINE_S)
        until(lambda: worker.stored[PATH] == [{"callId": "c1"}])
        assert answers == []
    finally:
        proxy.heal()
        press.join()
    assert answers == [200]
    assert until(lambda: ended(server)) == ["c1"]
    server.stop()
    proxy.stop()


def test_worker_that_is_down_delays_no_opt_out(make_server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = make_server(ASTERISK_WORKER_URL=f"http://127.0.0.1:{free.getsockname()[1]}")
        phones = [unique_phone() for _ in range(40)]
        began = time.monotonic()
        assert all(press_9(server, phone=phone).status == 200 for phone in phones)
        assert time.monotonic() - began < DEADLINE_S
        assert all(check(server, phone)["blocked"] for phone in phones)
        until(lambda: lines(server, "dependency is away", "asterisk_worker"))
        assert ended(server) == []
        assert server.get("/readyz").status == 200


def test_call_that_the_worker_sits_on_holds_up_neither_events_nor_other_calls(server, worker):
    worker.will(HANG)
    began = time.monotonic()
    press_9(server, "slow")
    until(lambda: len(worker.asked) == 1)
    for number in range(20):
        assert press_9(server, f"c{number}").status == 200
        assert server.post("/v1/events/donation-events", donation(f"d{number}", "w", unique_phone())).status == 200
    until(lambda: len(ended(server)) == 20)
    assert time.monotonic() - began < DEADLINE_S
    assert "slow" not in ended(server)


def test_calls_that_were_asked_for_are_ended_before_the_program_leaves(make_server, worker):
    server = make_server(ASTERISK_WORKER_URL=worker.url)
    worker.will(500, 500)
    press_9(server, "c1")
    server.stop()
    assert worker.stored[PATH] == [{"callId": "c1"}]


def test_url_that_is_none_is_refused_at_the_start(tmp_path):
    done = run(tmp_path / "data", "serve", ASTERISK_WORKER_URL="worker:3000", PORT=0)
    assert done.code != 0 and "ASTERISK_WORKER_URL" in done.err
