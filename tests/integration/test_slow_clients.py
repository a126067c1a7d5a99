"""Nobody who reads slowly, much, or not at all may cost the others more than a little: above all not the pre-dial check."""
import select
import socket
import time

import pytest
from support.events import event
from support.program import Server

CAMPAIGNS = 20_000
QUICK_S = 5  # generous, for sanitizers on a busy machine; what it guards against took a minute


def campaign_id(number):
    return f"campaign-{number:05d}-" + "x" * 100


@pytest.fixture(scope="module")
def big_server(tmp_path_factory):
    """One call in each of many campaigns, so that their live counters are larger than 4 MiB."""
    server = Server(tmp_path_factory.mktemp("big") / "data").start()
    for first in range(0, CAMPAIGNS, 5000):
        server.publish("call-events", *(event(f"call-{i}", campaign_id(i), "+12125550100", eventType="call_initiated",
                                              timestamp=f"2025-04-30T10:{i % 60:02d}:00Z") for i in range(first, first + 5000)))
    yield server
    server.stop()


# ---- reports ----

def test_the_newest_of_many_campaigns_is_found_quickly(big_server):
    started = time.monotonic()
    page = big_server.get("/v1/cdrs?limit=100").json()
    took_s = time.monotonic() - started
    assert [record["startTime"] for record in page["records"]] == ["2025-04-30T10:59:00.000Z"] * 100
    assert page["nextCursor"] and took_s < QUICK_S


def test_pages_over_many_campaigns_show_each_record_once(big_server):
    seen, cursor = [], ""
    while cursor is not None:
        page = big_server.get(f"/v1/cdrs?limit=7000&cursor={cursor}").json()
        seen += [(record["startTime"], record["callId"]) for record in page["records"]]
        cursor = page["nextCursor"]
    assert len({call for _, call in seen}) == len(seen) == CAMPAIGNS
    assert [start for start, _ in seen] == sorted((start for start, _ in seen), reverse=True)


# ---- the pre-dial check ----

def send(server, path, **headers):
    """A request whose answer nobody reads, on a connection with little room."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.connect(("127.0.0.1", server.port))
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name.title()}: {value}" for name, value in headers.items())]
    sock.sendall("".join(line + "\r\n" for line in [*lines, ""]).encode())
    return sock


def answered(socks):
    readable, _, _ = select.select(socks, [], [], 0)
    return len(readable)


def check(server):
    assert server.post("/v1/blacklist/check", {"phoneNumber": "+12125550100"}).json()["blocked"] is False


def test_the_check_does_not_wait_behind_reports(big_server):
    reports = [send(big_server, "/v1/cdrs?limit=10000") for _ in range(30)]
    check(big_server)
    assert answered(reports) < len(reports) - 5
    for report in reports:
        report.close()
