"""A long stream of events, and publishers that know only their own answers: what was not acknowledged is sent again."""
import http.client
import random
import threading
import zlib

from support.program import PATIENCE_S, ndjson, request_on

PUBLISHERS = 4
LINES_A_REQUEST = 40


def make_stream(generator, seed, events):
    """(the plan, its shuffled lines, 20 % of them duplicates, cut at a call's edge)"""
    rng = random.Random(seed)
    plan = generator.plan_calls(seed, events // 3)
    for count in range(len(plan), 0, -max(1, events // 400)):
        lines = generator.stream(plan[:count], seed, 20, shuffle=True)
        if len(lines) <= events:
            break
    lines += rng.choices([line for line in lines if line["topic"] == "call-events"], k=events - len(lines))
    return plan[:count], lines


def in_shares(lines):
    """One for each publisher; a call's lines keep their order, as its telephony sends them."""
    shares = [[] for _ in range(PUBLISHERS)]
    for line in lines:
        shares[zlib.crc32(line["message"]["callId"].encode()) % PUBLISHERS].append(line)
    return shares


def run_together(*works):
    """Each in a thread, with a list to put its failure into: a thread's failure belongs to the test."""
    failures = []

    def run(work):
        try:
            work(failures)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def acknowledged_by(port_of, request, again_on, connection):
    """The connection that brought the answer; None when it has to be sent again."""
    try:
        port = port_of()
        if connection is None or connection.port != port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        answer = request_on(connection, "POST", "/v1/events", ndjson(request), content_type="application/x-ndjson")
    except (OSError, TypeError, http.client.HTTPException):
        return None
    if answer.status in again_on:
        return None
    assert answer.status == 200 and answer.json()["rejected"] == 0, answer
    return connection


def publisher_of(lines, port_of, acknowledge, again_on=()):
    """Work for run_together: asks port_of() before each request and tells acknowledge(count) after it."""
    def publish(failures):
        connection = None
        for first in range(0, len(lines), LINES_A_REQUEST):
            request = lines[first:first + LINES_A_REQUEST]
            connection = acknowledged_by(port_of, request, again_on, connection)
            while connection is None and not failures:
                connection = acknowledged_by(port_of, request, again_on, None)
            if failures:
                return
            acknowledge(len(request))
    return publish
