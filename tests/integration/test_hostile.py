"""What nobody should send, and a disk that is full. Each gets its answer, nothing that was acknowledged is lost, and the next
event is served."""
import base64
import json
import os
import resource
import signal
import subprocess

import pytest
from hypothesis import given, strategies as st
from support import look
from support.events import donation, ended, optout, unique, unique_phone
from support.program import BINARY, Publisher, ndjson, run

MIB = 1024 * 1024
CALL = '"callId":"c","campaignId":"winter","contactId":"x","phoneNumber":"+12125550100","eventType":"call_ended"'


@pytest.fixture
def serves_on(shared_server):
    """The next event is served, whatever came before it."""
    yield
    call_id = unique("call")
    shared_server.publish("call-events", ended(call_id, "winter", "+12125550100"))
    assert look.call(shared_server, call_id)["status"] == "completed"


@pytest.mark.parametrize("body, code", [
    ('{"callId": "c"', "json_malformed"), ("", "json_malformed"), ("null", "json_not_object"), ("[1,2]", "json_not_object"),
    ("{'callId': 1}", "json_malformed"), ("{%s} trailing" % CALL, "json_malformed"), ("{%s,}" % CALL, "json_malformed"),
    ("[" * 10000, "json_depth"), ('{"a":' * 10000 + "1" + "}" * 10000, "json_depth"),
    ('{%s,"callId":"d"}' % CALL, "json_duplicate_key"), ('{%s,"x":NaN}' % CALL, "json_malformed"), ('{%s,"x":+1}' % CALL, "json_malformed"),
    ('{%s,"x":0x10}' % CALL, "json_malformed"), ('{%s,"x":"\\u0000"}' % CALL, "json_utf8"), ('{%s,"x":"\\ud800"}' % CALL, "json_utf8"),
    ('{%s,"x":"\\udc00\\ud800"}' % CALL, "json_utf8"), ('{%s,"timestamp":"yesterday"}' % CALL, "timestamp_invalid"),
    ('{%s,"timestamp":"2025-02-30T10:00:00Z"}' % CALL, "timestamp_invalid"), ('{%s,"duration":-1}' % CALL, "field_range"),
    ('{%s,"duration":1e99}' % CALL, "field_range"), ('{%s,"outcome":17}' % CALL, "field_type"),
    ('{"callId":"c","phoneNumber":"0815","eventType":"call_ended"}', "phone_invalid"),
    ('{"callId":"c","phoneNumber":"+1","eventType":"call_ended"}', "phone_invalid"),
    ('{"callId":"c","phoneNumber":"+1234567890123456","eventType":"call_ended"}', "phone_invalid"),
    ('{"callId":"c","phoneNumber":"+١٢٣٤٥٦٧٨٩","eventType":"call_ended"}', "phone_invalid"),
    ('{"callId":"c"}', "field_missing"), ('{"eventType":"call_ended"}', "field_missing"),
    ('{"callId":"a\\u0007b","eventType":"call_ended"}', "field_control_byte"),
    ('{"callId":"%s","eventType":"call_ended"}' % ("c" * 300), "field_too_long"),
], ids=lambda value: value[:40] if isinstance(value, str) else None)
def test_wrong_event_is_taken_and_kept_as_a_dead_letter_with_its_reason(shared_server, serves_on, body, code):
    answer = shared_server.post("/v1/events/call-events", body)
    assert (answer.status, answer.json()["code"]) == (422, code)
    letter = shared_server.get(f"/v1/dlq/{answer.json()['deadLetterId']}").json()
    assert (letter["body"] or "", letter["code"], letter["topic"]) == (body, code, "call-events")


@pytest.mark.parametrize("bytes_", [b'{"callId":"\xff"}', b'{"callId":"\xc0\x80"}', b'{"callId":"\xed\xa0\x80"}', b'\xef\xbb\xbf{"callId":"c"}',
                                    b'{"callId":"a\x00b"}', b"\x00"], ids=repr)
def test_bytes_that_are_no_text_are_kept_as_they_came(shared_server, serves_on, bytes_):
    answer = shared_server.post("/v1/events/call-events", bytes_)
    assert answer.status == 422
    letter = shared_server.get(f"/v1/dlq/{answer.json()['deadLetterId']}").json()
    kept = base64.b64decode(letter["bodyBase64"]) if "bodyBase64" in letter else letter["body"].encode()
    assert kept == bytes_


def test_event_of_an_unknown_type_is_stored(shared_server, serves_on):
    call_id = unique("call")
    shared_server.publish("call-events", {"callId": call_id, "campaignId": "winter", "eventType": "hologram_shown", "extra": [1, {"deep": True}]})
    record = look.call(shared_server, call_id)
    assert record["metadata"]["extra"] == [1, {"deep": True}]


@pytest.mark.parametrize("number", ["9007199254740993", "-0", "1e308", "123456789012345678901234567890", "0.1"])
def test_big_and_odd_numbers_in_metadata_are_stored(shared_server, serves_on, number):
    call_id = unique("call")
    body = '{"callId":"%s","campaignId":"winter","eventType":"call_ended","metadata":{"n":%s}}' % (call_id, number)
    assert shared_server.post("/v1/events/call-events", body).status == 200
    assert look.call(shared_server, call_id)["metadata"]["n"] == pytest.approx(float(number))


@pytest.mark.parametrize("path", ["/v1/events/call-events", "/v1/events", "/", "/v1/blacklist", "/v1/blacklist/import"])
def test_body_of_3_mib_is_413(shared_server, serves_on, path):
    try:
        answer = shared_server.post(path, b"x" * (3 * MIB))
    except (BrokenPipeError, ConnectionResetError):
        pytest.fail("the connection was cut before the answer could be read")
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_body_of_almost_2_mib_is_served(shared_server, serves_on):
    lines = ndjson([ended(unique("call"), "big", "+12125550100", metadata={"x": "y" * 900}) for _ in range(1700)])
    assert 1.5 * MIB < len(lines) < 2 * MIB
    answer = shared_server.post("/v1/events/call-events", lines, content_type="application/x-ndjson")
    assert (answer.status, answer.json()["accepted"]) == (200, 1700)


def test_good_lines_among_bad_ones_are_applied(shared_server, serves_on):
    call_id = unique("call")
    lines = "no json\n" + ndjson([ended(call_id, "winter", "+12125550100")]) + '{"callId":"c"}\n'
    answer = shared_server.post("/v1/events/call-events", lines, content_type="application/x-ndjson").json()
    assert (answer["accepted"], answer["rejected"]) == (1, 2)
    assert [error["line"] for error in answer["errors"]] == [1, 3]
    assert look.call(shared_server, call_id)["outcome"] == "answered"


# ---- an opt-out is never dropped ----

@pytest.mark.parametrize("written", ["{}", " {} ", "tel:{}", "00{:.0}"], ids=["plain", "blanks", "tel:", "double zero"])
@pytest.mark.parametrize("body", ['{"phoneNumber":"%s"}', '{"callId":"c","phoneNumber":"%s","timestamp":"yesterday"}', '{"callId":"c","phoneNumber":"%s"',
                                  'phoneNumber=%s&callId=c', '{"phoneNumber":"%s","phoneNumber":"%s"}'], ids=lambda body: body[:30])
def test_malformed_optout_still_blocks_the_number(shared_server, serves_on, body, written):
    phone = unique_phone()
    spelled = "00" + phone[1:] if written == "00{:.0}" else written.format(phone)
    assert shared_server.post("/v1/events/optout-events", body.replace("%s", spelled)).status in (200, 422)
    assert look.is_blocked(shared_server, phone)


def test_key_nine_on_the_donation_topic_blocks_and_sends_nothing(shared_server, serves_on):
    phone, campaign = unique_phone(), unique("campaign")
    shared_server.post("/v1/events/donation-events", donation(unique("call"), campaign, phone, dtmfInput="9"))
    assert look.is_blocked(shared_server, phone)
    assert look.sms(shared_server, "--campaign", campaign) == []


def test_call_with_endless_events_ends_in_dead_letters_and_stays_readable(shared_server, serves_on):
    call_id = unique("call")
    presses = [ended(call_id, "endless", "+12125550100", eventType="dtmf_pressed", dtmfInput="1", timestamp=f"2025-04-30T10:{i // 60:02d}:{i % 60:02d}Z")
               for i in range(300)]
    answer = shared_server.post("/v1/events/call-events", ndjson(presses), content_type="application/x-ndjson").json()
    assert answer["accepted"] == 256 and answer["rejected"] == 44
    shared_server.publish("call-events", ended(call_id, "endless", "+12125550100", timestamp="2025-04-30T10:30:00Z"))
    record = look.call(shared_server, call_id)
    assert len(record["dtmfInputs"]) == 256 and record["status"] == "completed"


# ---- anything at all ----

@pytest.fixture(scope="module")
def publisher(shared_server):
    publisher = Publisher(shared_server)
    yield publisher
    publisher.close()


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
                           lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)
FIELDS = ["callId", "campaignId", "contactId", "phoneNumber", "eventType", "dtmfInput", "status", "outcome", "action", "timestamp", "metadata",
          "eventId", "digit", "state", "dialStatus", "duration", "billsec", "hangupCause", "topic", "message", "TopicArn", "Message"]
bodies = st.binary(max_size=200) | st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(
    ["call_ended", "call_initiated", "+12125550100", "2025-04-30T10:00:00Z", "9"]), max_size=8).map(lambda value: json.dumps(value).encode())


@given(topic=st.sampled_from(["call-events", "donation-events", "optout-events"]), body=bodies.filter(bool))
def test_any_body_at_all_gets_a_verdict(publisher, topic, body):
    assert publisher.post(f"/v1/events/{topic}", body).status in (200, 202, 422)


def test_records_are_whole_after_any_body_at_all(shared_server):
    assert shared_server.run("recount").code == 0
    assert shared_server.run("audit", "verify").code == 0
    look.calls(shared_server)


# ---- a full disk ----

class SmallFiles:
    """No file of the server may grow beyond a size: a full disk that needs no mount."""

    def prepare(self, folder):
        self.limit = 256 * 1024
        return folder / "data"

    def fill(self, server):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))

    def free(self, server):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def leave(self):
        pass


class SmallFileSystem:
    """A file system of 2 MiB with a file of ballast."""

    def prepare(self, folder):
        self.mount = folder / "small"
        self.mount.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.mount], capture_output=True, text=True)
        if done.returncode:
            pytest.skip("a file system cannot be mounted here: " + done.stderr.strip())
        return self.mount / "data"

    def fill(self, server):
        free = os.statvfs(self.mount).f_bavail * os.statvfs(self.mount).f_frsize
        (self.mount / "ballast").write_bytes(b"x" * (free - 128 * 1024))

    def free(self, server):
        (self.mount / "ballast").unlink()

    def leave(self):
        subprocess.run(["umount", self.mount], check=True)


@pytest.mark.embedded("records are in the file that cannot grow")
@pytest.mark.parametrize("disk", [SmallFiles(), SmallFileSystem()], ids=["file size limit", "full file system"])
def test_full_disk_stops_acknowledging_loses_nothing_and_recovers_when_space_returns(tmp_path, make_server, disk):
    data = disk.prepare(tmp_path)
    try:
        server = make_server(data=data, preexec=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        disk.fill(server)
        acknowledged, refused = [], None
        for number in range(4000):
            events = [ended(f"call-{number}-{i}", "winter", unique_phone(), metadata={"x": "y" * 500}) for i in range(10)]
            answer = server.post("/v1/events/call-events", ndjson(events), content_type="application/x-ndjson")
            if answer.status != 200:
                refused = answer
                break
            acknowledged += [event["callId"] for event in events]
        assert refused is not None, "the disk never filled up"
        assert refused.status == 503 and refused.headers["Content-Type"] == "application/problem+json"
        assert server.get("/readyz").status == 503
        assert server.get("/healthz").status == 200

        disk.free(server)
        server.publish("optout-events", optout("after", "winter", "+12125550100"))
        assert server.get("/readyz").status == 200
        assert set(acknowledged) <= set(look.calls(server))
        assert look.is_blocked(server, "+12125550100")
        server.stop()
        assert run(data, "audit", "verify").code == 0
        assert set(acknowledged) <= set(look.calls(server))
    finally:
        server.process and server.kill()
        disk.leave()


def test_a_body_of_blank_or_countless_lines_costs_no_memory(make_server):
    server = make_server()
    blank = server.post("/v1/events", b"\n" * (2 * MIB - 1), content_type="application/x-ndjson")
    countless = server.post("/v1/events/call-events", b"1\n" * MIB, content_type="application/x-ndjson")
    assert blank.status == 200
    assert countless.status == 413
    peak = next(line for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmHWM"))
    assert "sanitize" in BINARY or "thread" in BINARY or int(peak.split()[1]) < 128 * 1024


@pytest.mark.parametrize("host", ["127.example.invalid", "0.0.0.0", "127.0.0.1.example.invalid"])
def test_an_address_that_only_looks_like_loopback_needs_tokens(tmp_path, host):
    done = run(tmp_path / "data", "serve", "--listen", host)
    assert done.code == 2 and "PLEDGELINE_TOKENS" in done.err
