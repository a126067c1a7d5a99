"""Real calls: a real Asterisk calls somebody, plays the prompts of `serve --agi`, and what is pressed becomes what it should, once."""
import hmac
import json
import os

import pytest
from support.events import unique_phone
from support.fault_proxy import FaultProxy
from support.http_peer import HttpPeer
from support.peer_asterisk import Exchange
from support.program import ROOT
from support.prompts import heard, write_menu, write_tone
from support.sip_trunk import SipTrunk, has_raw_sockets
from support.stores import Stores, check, until

pytestmark = pytest.mark.own_stores

AT_ONCE = int(os.environ.get("PLEDGELINE_TEST_CALLS", "300"))


def settings_of(pbx, link="ami", port=None, **prompts):
    """What `serve` needs to lead the calls of this Asterisk and to follow them; port: of what stands between."""
    return {"PLEDGELINE_AGI": pbx.agi_port, "PLEDGELINE_MENU": write_menu(pbx.folder / "sounds", **prompts), **Exchange(link, pbx).settings(port)}


def is_followed(server):
    return b"\npledgeline_asterisk_followed 1\n" in server.get("/metrics").body


@pytest.fixture(params=["ami", "ari"])
def link(request):
    return request.param


@pytest.fixture
def serve_calls(make_server):
    """serve_calls(pbx) starts a server that answers its calls; it follows them once this returns."""
    def serve(pbx, link="ami", message=1.0, **more):
        server = make_server(**{**settings_of(pbx, link, message=message), **more})
        until(lambda: is_followed(server), lambda: server.get("/readyz").body)
        return server
    return serve


def record(server, call_id):
    answer = server.get(f"/v1/cdrs/{call_id}")
    return answer.json() if answer.status == 200 else {}


def ended_record(server, call_id, outcome=None):
    """The call's record, once it is that of a call that is over, and says what became of it."""
    def is_told(found):
        return found.get("endTime") and outcome in (None, found["outcome"])
    return until(lambda: is_told(found := record(server, call_id)) and found, lambda: record(server, call_id))


def texts(server, phone):
    return [text for text in server.json("sms", "list", "--phone", phone)]


def is_blocked(server, phone):
    """The call may be over a moment before: neither waits for the other."""
    return until(lambda: check(server, phone)["blocked"])


def actions(server, call_id):
    return sorted(action["actionType"] for action in server.get(f"/v1/actions?callId={call_id}").json()["actions"])


def has_ended(pbx, call_id, **more):
    return pbx.ami.until("Hangup", Uniqueid=call_id, **more)


# ---- one call ----

def test_press_1_sends_one_text_and_says_so(pbx, serve_calls, link):
    server, phone = serve_calls(pbx, link), unique_phone()
    call = pbx.originate(phone, "press", keys="1")
    has_ended(pbx, call)
    assert ended_record(server, call, "converted")
    assert len(texts(server, phone)) == 1
    assert "donation_sms_sent" in actions(server, call)
    assert "confirmation" in heard(pbx.ami, call)
    assert not check(server, phone)["blocked"]


def test_press_9_blocks_the_number_and_ends_the_call(pbx, serve_calls, link):
    server, phone = serve_calls(pbx, link, message=20), unique_phone()
    call = pbx.originate(phone, "press", keys="9")
    has_ended(pbx, call)
    assert is_blocked(server, phone)
    assert ended_record(server, call, "opted_out")
    assert "optout_blacklist_added" in actions(server, call)
    assert texts(server, phone) == []
    assert "goodbye" not in heard(pbx.ami, call)


def test_who_presses_nothing_hears_it_all_and_is_let_be(pbx, serve_calls):
    server, phone = serve_calls(pbx), unique_phone()
    call = pbx.originate(phone, "silent")
    has_ended(pbx, call)
    assert heard(pbx.ami, call) == ["identity", "opt_out", "message", "goodbye"]
    assert ended_record(server, call, "answered")
    assert (texts(server, phone), actions(server, call), check(server, phone)["blocked"]) == ([], [], False)


def test_9_twice_blocks_once(pbx, serve_calls):
    server, phone = serve_calls(pbx, message=20), unique_phone()
    call = pbx.originate(phone, "press", keys="99")
    has_ended(pbx, call)
    ended_record(server, call)
    assert actions(server, call).count("optout_blacklist_added") == 1
    assert server.run("audit", "verify").code == 0


def test_1_then_9_within_a_tenth_of_a_second_counts_as_both(pbx, serve_calls):
    server, phone = serve_calls(pbx, message=20), unique_phone()
    call = pbx.originate(phone, "press", keys="19")
    has_ended(pbx, call)
    assert is_blocked(server, phone)
    ended_record(server, call)
    assert len(texts(server, phone)) <= 1
    assert actions(server, call).count("optout_blacklist_added") == 1


def test_hang_up_during_the_prompt_is_an_answered_call_without_a_key(pbx, serve_calls):
    server, phone = serve_calls(pbx, message=20), unique_phone()
    call = pbx.originate(phone, "hang-up", waits=1)
    has_ended(pbx, call)
    assert ended_record(server, call, "answered")
    assert (texts(server, phone), actions(server, call), check(server, phone)["blocked"]) == ([], [], False)


@pytest.mark.parametrize("callee, outcome, disposition", [
    ("busy", "busy", "BUSY"), ("no-answer", "no_answer", "NO ANSWER"), ("congestion", "failed", "FAILED"), ("unallocated", "failed", "NO ANSWER")])
def test_call_that_nobody_answers_is_recorded_as_what_it_was(pbx, serve_calls, link, callee, outcome, disposition):
    server, phone = serve_calls(pbx, link), unique_phone()
    call = pbx.originate(phone, callee, timeout_s=2)
    assert ended_record(server, call, outcome)
    [cdr] = until(lambda: [cdr for cdr in pbx.cdrs() if cdr["uniqueid"] == call])
    assert cdr["disposition"] == disposition


# ---- before the call ----

def test_blocked_number_is_not_dialled(pbx, serve_calls):
    server, phone = serve_calls(pbx), unique_phone()
    assert server.post("/v1/blacklist", {"phoneNumber": phone, "reason": "asked"}).status == 201
    call = pbx.originate(phone, "silent", through="pledgeline-dial")
    assert has_ended(pbx, call)["Cause"] == "21"
    assert [event for event in pbx.ami.found("Newchannel") if "@callees" in event["Channel"]] == []
    assert ended_record(server, call, "blacklisted")["phoneNumber"] == phone


def test_number_that_is_clear_is_dialled(pbx, serve_calls):
    server, phone = serve_calls(pbx), unique_phone()
    call = pbx.originate(phone, "silent", through="pledgeline-dial")
    has_ended(pbx, call)
    assert heard(pbx.ami, call)[0] == "identity"


def test_nobody_is_dialled_while_nobody_can_say_who_is_blocked(pbx):
    call = pbx.originate(unique_phone(), "silent", through="pledgeline-dial")
    assert has_ended(pbx, call)["Cause"] == "21"


def test_call_that_nobody_can_lead_ends_at_once(pbx):
    """Without key 9 there is to be no message."""
    call = pbx.originate(unique_phone(), "silent")
    has_ended(pbx, call, patience_s=5)
    assert heard(pbx.ami, call) == []


# ---- over a trunk ----

@pytest.mark.parametrize("dtmf_mode", ["info", "rfc4733"])
def test_keys_come_through_a_sip_trunk(make_pbx, serve_calls, dtmf_mode):
    if dtmf_mode == "rfc4733" and not has_raw_sockets():
        pytest.skip("sipp sends keys as sound only through a raw socket: needs root or CAP_NET_RAW")
    pbx = make_pbx(sip=True, dtmf_mode=dtmf_mode)
    server = serve_calls(pbx, message=5)
    giver, refuser = "+12025550121", "+12025550129"  # who presses what: tests/peers/asterisk/trunk.xml
    with SipTrunk(pbx) as trunk:
        calls = [pbx.originate(phone, channel=trunk.channel(phone)) for phone in (giver, refuser)]
        for call in calls:
            has_ended(pbx, call)
    assert ended_record(server, calls[0], "converted") and ended_record(server, calls[1], "opted_out")
    assert (len(texts(server, giver)), len(texts(server, refuser))) == (1, 0)
    assert is_blocked(server, refuser) and not check(server, giver)["blocked"]


def test_first_call_of_the_manual_needs_no_variables(make_pbx, make_server):
    """docs/asterisk.md: the dialplan, the trial menu and the command line of Asterisk."""
    pbx = make_pbx(sip=True)
    server = make_server(PLEDGELINE_AGI=pbx.agi_port, PLEDGELINE_MENU=ROOT / "examples" / "asterisk" / "trial-menu.json")
    giver, refuser = "+12025550121", "+12025550129"
    with SipTrunk(pbx):
        for phone in (giver, refuser):
            pbx.cli(f"channel originate PJSIP/{phone}@trunk extension {phone}@pledgeline-trial")
        assert is_blocked(server, refuser)
        assert len(until(lambda: texts(server, giver))) == 1


# ---- a text that cannot be read ----

SECRET = "0123456789abcdef"  # of the gateway's receipts


@pytest.fixture
def gateway():
    """Takes every text."""
    peer = HttpPeer(lambda request: (200, {"Content-Type": "application/json"}, json.dumps({"id": json.loads(request.body)["ref"]}).encode()))
    yield peer
    peer.close()


@pytest.fixture
def speaker(tmp_path):
    """A voice that says every text as the same tone."""
    write_tone(tmp_path / "voice.wav", 0.5)
    program = tmp_path / "speak"
    program.write_text(f'#!/bin/sh\ncp {tmp_path}/voice.wav "$1"\n')
    program.chmod(0o755)
    return f"{program} {{file}} {{textfile}}"


def texts_by(gateway):
    return {"PLEDGELINE_SMS_PROVIDERS": "generic", "PLEDGELINE_SMS_HTTP_URL": gateway.url, "PLEDGELINE_SMS_HTTP_SECRET": SECRET,
            "PLEDGELINE_SMS_HTTP_BODY": '{"to":"{to}","text":"{text}","ref":"{ref}"}', "PLEDGELINE_QUIET_HOURS": ""}


def post_receipt(server, ref, **more):
    body = json.dumps({"ref": ref, "provider": "generic", "messageId": ref, "timestamp": "2026-01-15T10:30:00Z", **more}).encode()
    proof = "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return server.post("/v1/sms/receipts/generic", body, x_pledgeline_signature=proof)


def test_text_to_a_landline_is_spoken_once_by_a_call(pbx, serve_calls, link, gateway, speaker):
    server = serve_calls(pbx, link, **texts_by(gateway), PLEDGELINE_DIAL="Local/{number}@callees/n", PLEDGELINE_CALLER_ID="+12025550100",
                         PLEDGELINE_SPEECH_COMMAND=speaker)
    phone = unique_phone()
    pbx.originate(phone, "press", keys="1")
    [text] = until(lambda: gateway.requests)
    answer = post_receipt(server, json.loads(text.body)["ref"], state="undelivered", **{"class": "not_sms_capable", "code": "30006"})
    assert 200 <= answer.status < 300, answer
    [spoken] = until(lambda: [event for event in pbx.ami.found("Newchannel") if event["Uniqueid"].startswith("pledgeline-") and
                              event["Channel"].endswith(";1")])
    has_ended(pbx, spoken["Uniqueid"])
    assert spoken["Channel"].startswith(f"Local/{phone}@")
    said = heard(pbx.ami, spoken["Uniqueid"])
    assert (said[:2], len(said), said[-1]) == (["identity", "opt_out"], 4, "goodbye")  # and the text between
    assert len(gateway.requests) == 1


# ---- what breaks ----

def test_calls_go_on_after_asterisk_was_killed_in_mid_call(pbx, serve_calls, link):
    server = serve_calls(pbx, link, message=20)
    lost = pbx.originate(unique_phone(), "silent")
    pbx.ami.until("AGIExecStart", Uniqueid=lost)
    until(lambda: record(server, lost).get("answerTime"))
    pbx.kill()
    until(lambda: not is_followed(server))
    pbx.start()
    until(lambda: is_followed(server))
    assert ended_record(server, lost)["outcome"] in ("answered", None)  # as AGI saw it end, or by inference: whichever is told of first
    phone = unique_phone()
    call = pbx.originate(phone, "press", keys="9")
    has_ended(pbx, call)
    assert is_blocked(server, phone)
    assert ended_record(server, call, "opted_out")


def test_9_counts_while_the_link_to_asterisk_is_cut(pbx, make_server, link):
    relay = FaultProxy(Exchange(link, pbx).port)
    server = make_server(**settings_of(pbx, link, relay.port, message=20))
    try:
        until(lambda: is_followed(server))
        open_call = pbx.originate(unique_phone(), "silent")
        until(lambda: record(server, open_call).get("answerTime"))
        relay.refuse()
        until(lambda: not is_followed(server))
        phone = unique_phone()
        call = pbx.originate(phone, "press", keys="9")
        has_ended(pbx, call)
        assert is_blocked(server, phone)
        pbx.ami.ask("Hangup", Channel=open_call)
        relay.heal()
        until(lambda: is_followed(server))
        assert ended_record(server, open_call)
        assert "optout_blacklist_added" in actions(server, call)
    finally:
        server.stop()
        relay.stop()


# ---- many ----

def press_9_everywhere(pbx, count):
    """Calls that many at once, all of which press 9, and waits until all are over; returns their numbers."""
    phones = {pbx.originate(phone, "press", keys="9"): phone for phone in (unique_phone() for _ in range(count))}
    over = set()
    for event in pbx.ami.until("Hangup", count=2 * count):  # both halves of each
        over.add(event["Uniqueid"])
    assert over >= set(phones)
    return list(phones.values())


def test_many_at_once_are_all_blocked_and_all_end(pbx, serve_calls):
    server = serve_calls(pbx, message=20)
    phones = press_9_everywhere(pbx, AT_ONCE)
    assert all(is_blocked(server, phone) for phone in phones)
    stats = until(lambda: (found := server.get("/v1/campaigns/winter/stats").json())["optOuts"] == AT_ONCE and found)
    assert stats["totalAttempts"] == AT_ONCE
    assert server.run("recount").code == 0


def test_nobody_who_opted_out_is_lost_while_the_database_is_down(pbx, serve_calls):
    stores = Stores(keeps=False)
    try:
        server = serve_calls(pbx, message=20, **stores.settings())
        stores.postgres.crash()
        phones = press_9_everywhere(pbx, AT_ONCE)  # all have ended
        again = pbx.originate(phones[0], "silent", through="pledgeline-dial")
        assert has_ended(pbx, again)["Cause"] == "21"
        stores.postgres.start()
        assert all(is_blocked(server, phone) for phone in phones)
        again = pbx.originate(phones[-1], "silent", through="pledgeline-dial")
        assert has_ended(pbx, again)["Cause"] == "21"
        assert server.json("sms", "list") == []
        server.stop()
    finally:
        stores.stop()
