"""Nobody who reads slowly, much, or not at all may cost the others more than a little: above all not the pre-dial check."""
import contextlib
import http.client
import json
import os
import select
import socket
import time
import urllib.parse

import pytest
from support.events import event
from support.program import PATIENCE_S, Server

# Fewer where a store in a test's own process is slow with many: they must still fill what a connection holds.
CAMPAIGNS = RECORDS = int(os.environ.get("PLEDGELINE_TEST_RECORDS", "20000"))
MESSAGE_BYTES = 128 * 1024
QUICK_S = 5  # generous, for sanitizers on a busy machine; what it guards against took a minute


def campaign_id(number):
    return f"campaign-{number:05d}-" + "x" * 100


def publish_campaigns(server):
    for first in range(0, CAMPAIGNS, 5000):
        server.publish("call-events", *(event(f"of-{i}", campaign_id(i), "+12125550100", eventType="call_initiated",
                                              timestamp=f"2025-04-30T10:{i % 60:02d}:00Z")
                                        for i in range(first, min(first + 5000, CAMPAIGNS))))


@pytest.fixture(scope="module")
def big_server(tmp_path_factory):
    """One call in each of many campaigns, so that their live counters are larger than 4 MiB."""
    server = Server(tmp_path_factory.mktemp("big") / "data").start()
    publish_campaigns(server)
    yield server
    server.stop()


# ---- reports ----

def test_the_newest_of_many_campaigns_is_found_quickly(big_server):
    started = time.monotonic()
    page = big_server.get(f"/v1/cdrs?limit={CAMPAIGNS // 200}").json()
    took_s = time.monotonic() - started
    assert [record["startTime"] for record in page["records"]] == ["2025-04-30T10:59:00.000Z"] * (CAMPAIGNS // 200)
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


@contextlib.contextmanager
def stalled(server, count, path, **headers):
    """Clients that ask and never read. All have been answered as far as the network takes it."""
    socks = [send(server, path, **headers) for _ in range(count)]
    until = time.monotonic() + PATIENCE_S
    while answered(socks) < count:
        select.select([sock for sock in socks if not answered([sock])], [], [], 1)
        assert time.monotonic() < until, f"{answered(socks)} of {count} were answered"
    try:
        yield socks
    finally:
        for sock in socks:
            sock.close()


def memory_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def publish_records(server, count):
    for first in range(0, count, 5000):
        server.publish("call-events", *(event(f"call-{i}", "winter", "+12125550100", eventType="call_initiated", metadata={"note": "z" * 200})
                                        for i in range(first, min(first + 5000, count))))


def test_stalled_exports_leave_the_check_alone_and_take_bounded_memory(make_server):
    server = make_server()
    publish_records(server, RECORDS)
    before_mib = memory_mib(server)
    with stalled(server, 250, "/v1/cdrs", accept="application/x-ndjson"):
        for _ in range(10):
            check(server)
        assert memory_mib(server) - before_mib < 300


def test_an_export_goes_on_where_a_slow_client_left_it(make_server):
    server = make_server()
    publish_records(server, RECORDS)
    with stalled(server, 1, "/v1/cdrs", accept="application/x-ndjson") as [sock]:
        check(server)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        records = [json.loads(line) for line in answer.read().splitlines()]
    assert len({record["callId"] for record in records}) == len(records) == RECORDS


# ---- live counters ----

def listen(server):
    connection = server.connect()
    connection.request("GET", "/v1/stream")
    return connection.getresponse()


def messages(stream):
    """Each as its bytes and its data, as they come."""
    text = b""
    for line in stream:
        text += line
        if line == b"\n":
            data = [part[6:] for part in text.splitlines() if part.startswith(b"data: ")]
            if data:
                yield len(text), json.loads(b"".join(data))
            text = b""


def state(stream):
    """All campaigns, of one message or several."""
    campaigns = {}
    for size, data in stream:
        assert size < MESSAGE_BYTES
        campaigns.update((each["campaignId"], each["counters"]) for each in data["campaigns"])
        if not data.get("more"):
            return campaigns


def wait_for(stream, campaign, attempts):
    until = time.monotonic() + PATIENCE_S
    while state(stream).get(campaign, {}).get("total_attempts") != attempts:
        assert time.monotonic() < until


def test_a_large_state_comes_as_several_messages(big_server):
    assert set(state(messages(listen(big_server)))) >= {campaign_id(i) for i in range(CAMPAIGNS)}


def test_a_slow_listener_gets_the_newest_state(big_server):
    with stalled(big_server, 1, "/v1/stream") as [sock]:
        for number in range(3):
            big_server.publish("call-events", event(f"late-{number}", "late", "+12125550100", eventType="call_initiated"))
            wait_for(messages(listen(big_server)), "late", number + 1)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        wait_for(messages(answer), "late", 3)


def is_served(sock):
    with contextlib.suppress(ConnectionError):
        return sock.recv(12) == b"HTTP/1.1 200"


def test_listeners_that_left_make_room_for_others(make_server):
    server = make_server(PLEDGELINE_MAX_CONNECTIONS_PER_IP=20)
    publish_campaigns(server)
    with stalled(server, 18, "/v1/stream"):
        assert len(state(messages(listen(server)))) == CAMPAIGNS
    until = time.monotonic() + PATIENCE_S
    while True:
        with stalled(server, 18, "/healthz") as socks:
            if all(map(is_served, socks)):
                break
        assert time.monotonic() < until


def test_a_server_stops_while_clients_stall(make_server):
    server = make_server()
    publish_records(server, RECORDS // 2)
    publish_campaigns(server)
    with stalled(server, 20, "/v1/stream"), stalled(server, 20, "/v1/cdrs", accept="text/csv"), stalled(server, 5, "/v1/campaigns"):
        server.stop()


def test_an_export_that_ends_with_the_server_does_not_look_whole(make_server):
    server = make_server()
    publish_records(server, RECORDS)
    with stalled(server, 1, "/v1/cdrs", accept="text/csv") as [sock]:
        server.stop()
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()


# ---- the do-not-call list ----

def block_many(server, count):
    numbers = [f"+1212{i:07d}" for i in range(count)]
    answer = server.post("/v1/blacklist/import?reason=" + "r" * 900, "\n".join(numbers), content_type="text/csv")
    assert answer.json()["added"] == count
    return numbers


def test_the_list_is_exported_in_pages_and_whole(make_server):
    server = make_server()
    numbers = block_many(server, 20_000)
    before_mib = memory_mib(server)
    with stalled(server, 50, "/v1/blacklist/export"):
        check(server)
        assert memory_mib(server) - before_mib < 300
    rows = server.get("/v1/blacklist/export").body.decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["phoneNumber", *numbers]


def test_a_page_of_long_entries_is_shorter_than_its_limit(make_server):
    server = make_server()
    numbers, seen, cursor = block_many(server, 10_000), [], ""
    while cursor is not None:
        answer = server.get(f"/v1/blacklist?limit=10000&cursor={urllib.parse.quote(cursor)}")
        assert len(answer.body) < 9 * 1024 * 1024
        page = answer.json()
        seen, cursor = seen + [entry["phoneNumber"] for entry in page["entries"]], page["nextCursor"]
    assert seen == numbers


@pytest.mark.parametrize("method, path, body, field", [
    ("POST", "/v1/blacklist", {"phoneNumber": "+12125550100", "reason": "r" * 1001}, "reason"),
    ("POST", "/v1/blacklist", {"phoneNumber": "+12125550100", "actor": "a" * 1001}, "actor"),
    ("POST", "/v1/blacklist", {"phoneNumber": "+12125550100", "metadata": {"callId": "c" * 1001}}, "callId"),
    ("POST", "/v1/blacklist/import?reason=" + "r" * 1001, "+12125550100\n", "reason"),
    ("DELETE", "/v1/blacklist/+12125550100", {"actor": "jane", "reason": "r" * 1001}, "reason"),
    ("DELETE", "/v1/blacklist/+12125550100?reason=asked&actor=" + "a" * 1001, None, "actor"),
])
def test_words_about_a_number_are_bounded(shared_server, method, path, body, field):
    answer = shared_server.request(method, path, body)
    assert (answer.status, answer.json()["code"]) == (422, "field_too_long")
    assert answer.json()["detail"] == f"{field} is longer than 1000 bytes"


def test_words_of_1000_bytes_are_kept(shared_server):
    entry = {"phoneNumber": "+12125550177", "reason": "r" * 1000, "actor": "a" * 1000}
    assert shared_server.post("/v1/blacklist", entry).json()["reason"] == entry["reason"]
    assert shared_server.request("DELETE", "/v1/blacklist/+12125550177", {"actor": "a" * 1000, "reason": "r" * 1000}).status == 204
