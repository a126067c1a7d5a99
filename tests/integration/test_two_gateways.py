"""What one gateway was given is not asked of another one: after a change of settings, and by servers on one ledger that are set otherwise."""
import pytest
from support.events import donation, event, optout, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.http_peer import HttpPeer
from support.program import PATIENCE_S
from support.sms_provider_peer import Gate, Generic, Twilio
from support.stores import Stores, until

LEASE_S = 31
KNOWS_REPEATS = {"PLEDGELINE_SMS_HTTP_REPEAT": 86400}


@pytest.fixture
def gate():
    gate = Gate(takes=True)
    yield gate
    gate.opened.set()


@pytest.fixture
def stores():
    own = Stores(keeps=False)
    yield own
    own.stop()


@pytest.fixture
def ledger(stores):
    """Settings of stores that servers share."""
    return stores.settings()


@pytest.fixture
def behind_proxy(stores, ledger):
    """The same for one that reaches the database by a proxy, and that."""
    proxy = FaultProxy(stores.postgres.port)
    url = ledger["DATABASE_URL"].replace(f":{stores.postgres.port}/", f":{proxy.port}/") + "&sslmode=disable"
    yield {**ledger, "DATABASE_URL": url}, proxy
    proxy.stop()


def press(server, phone, call="call"):
    server.publish("donation-events", donation(call, "winter", phone))


def in_state(server, state):
    return [text["actionId"] for text in server.json("sms", "list", "--state", state)]


def looked(server):
    """Once a server has closed a call that never ended it has looked at the ledger, too: that comes first."""
    call = unique("open")
    server.publish("call-events", event(call, "winter", unique_phone(), eventType="call_initiated", timestamp="2020-01-16T01:00:00Z"))
    until(lambda: server.get(f"/v1/cdrs/{call}").json()["status"] == "incomplete")


def killed_while_asked(make_server, clock, gate, settings, **stores):
    """A server that was killed when its provider had taken a text and not answered; its lease is over."""
    server, phone = make_server(**settings, **clock.settings, **stores), unique_phone()
    press(server, phone)
    until(lambda: gate.asked)
    server.kill()
    clock.advance(seconds=LEASE_S)
    return server, phone


# ---- sending ----

@pytest.mark.embedded("restart")
def test_text_that_one_provider_may_have_is_not_given_to_another_one(make_server, clock, gate):
    with Twilio(gate) as twilio, Generic() as generic:
        server, _ = killed_while_asked(make_server, clock, gate, twilio.settings)
        after = make_server(server.data, **generic.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(after, "unknown"))
        assert not generic.ledger


@pytest.mark.embedded("restart")
def test_text_that_one_gateway_may_have_is_not_given_to_another_one_of_its_form(make_server, clock, gate):
    with Generic(gate) as one, Generic() as other:
        server, _ = killed_while_asked(make_server, clock, gate, {**one.settings, **KNOWS_REPEATS})
        after = make_server(server.data, **other.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(after, "unknown"))
        assert not other.ledger


@pytest.mark.embedded("restart")
@pytest.mark.parametrize("changed", [{"PLEDGELINE_SMS_HTTP_HEADERS": "X-Key: another-account"}, {"PLEDGELINE_SMS_HTTP_CONTENT_TYPE": "text/json"},
                                     {"PLEDGELINE_SMS_HTTP_BODY": '{"to":"{to}","from":"{from}","text":"{text}","id":"{ref}"}'}], ids=["headers", "type", "body"])
def test_text_that_one_account_may_have_is_not_given_to_another_one(make_server, clock, gate, changed):
    with Generic(gate) as peer:
        server, phone = killed_while_asked(make_server, clock, gate, {**peer.settings, **KNOWS_REPEATS})
        after = make_server(server.data, **{**peer.settings, **KNOWS_REPEATS, **changed}, **clock.settings)
        until(lambda: in_state(after, "unknown"))
        assert len(peer.texts_to(phone)) == 1 and not peer.wrong


@pytest.mark.own_stores
def test_text_that_another_servers_provider_may_have_is_not_sent_again(make_server, ledger, clock, gate):
    with Twilio(gate) as twilio, Generic() as generic:
        killed_while_asked(make_server, clock, gate, twilio.settings, **ledger)
        other = make_server(**ledger, **generic.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(other, "unknown"))
        assert not generic.ledger


@pytest.mark.own_stores
def test_text_that_another_servers_provider_may_have_does_not_go_to_the_outbox(make_server, ledger, clock, gate):
    with Generic(gate) as peer:
        sender, phone = killed_while_asked(make_server, clock, gate, {**peer.settings, **KNOWS_REPEATS}, **ledger)
        beside = make_server(**ledger, **clock.settings)
        press(beside, phone)
        looked(beside)
        assert in_state(beside, "sending")
        gate.opened.set()
        sender.start()
        until(lambda: in_state(beside, "sent"))
        assert {text.to for text in peer.ledger} == {phone}


# ---- sending, and the number opts out before anybody knows ----

@pytest.fixture
def opted_out_while_asked(make_server, clock, gate):
    """A gateway that has the text, the text, and a server that finds it when its number has opted out."""
    with Generic(gate) as peer:
        server, phone = make_server(**peer.settings, **KNOWS_REPEATS, **clock.settings), unique_phone()
        press(server, phone)
        until(lambda: gate.asked)
        server.kill()
        gate.opened.set()
        server.start()
        server.publish("optout-events", optout("later", "winter", phone))
        clock.advance(seconds=LEASE_S)
        until(lambda: in_state(server, "unknown"))
        yield server, peer, *peer.texts_to(phone)


@pytest.mark.embedded("restart")
def test_text_that_a_gateway_may_have_is_not_said_to_be_stopped_by_an_optout(opted_out_while_asked):
    server, peer, _ = opted_out_while_asked
    [text] = server.json("sms", "list", "--state", "unknown")
    assert text["failureReason"] == "it was asked for before, and may have gone out: the number is on the do-not-call list"
    assert text["provider"] == "generic"
    assert in_state(server, "cancelled") == [] and len(peer.ledger) == 1


@pytest.mark.embedded("restart")
def test_receipt_says_what_became_of_a_text_whose_number_opted_out_meanwhile(opted_out_while_asked):
    server, peer, text = opted_out_while_asked
    assert peer.receipt(server, text).status == 200
    until(lambda: in_state(server, "sent"))
    assert [action["actionType"] for action in server.json("actions", "list")] == ["donation_sms_sent", "optout_blacklist_added"]
    assert server.get("/v1/campaigns/winter/live").json()["counters"]["donations"] == 1
    assert server.run("recount").code == 0


# ---- claimed ----

@pytest.mark.own_stores
def test_text_that_a_killed_server_had_claimed_does_not_go_to_the_outbox(make_server, ledger, behind_proxy, clock):
    settings, proxy = behind_proxy
    with Twilio() as peer:
        sender, phone = make_server(**settings, **peer.settings, **clock.settings), unique_phone()
        proxy.hold_once(b"effect_take")
        press(sender, phone)
        assert proxy.held.wait(PATIENCE_S)
        sender.kill()
        proxy.heal()
        clock.advance(seconds=LEASE_S)
        beside = make_server(**ledger, **clock.settings)
        press(beside, phone)
        looked(beside)
        assert not peer.ledger and not in_state(beside, "sent")
        sender.start()
        until(lambda: in_state(beside, "sent"))
        assert len(peer.texts_to(phone)) == 1


@pytest.mark.own_stores
def test_call_that_a_killed_server_had_claimed_is_not_refused_without_telephony(make_server, ledger, behind_proxy, clock):
    settings, proxy = behind_proxy
    with HttpPeer(lambda request: (404, {"Content-Type": "application/json"}, b'{"message":"Channel not found"}')) as ari:
        phones = {"PLEDGELINE_ARI_URL": f"http://tester:secret@127.0.0.1:{ari.port}/ari", "PLEDGELINE_DIAL": "PJSIP/{digits}@trunk",
                  "PLEDGELINE_CALLER_ID": "+12025550100", "PLEDGELINE_SPEECH_CONTEXT": "held"}
        caller = make_server(**settings, **phones, **clock.settings)
        proxy.hold_once(b"effect_take")
        caller.publish("tts-fallback", {"phoneNumber": unique_phone(), "text": "hello", "actionId": "a", "campaignId": "winter"})
        assert proxy.held.wait(PATIENCE_S)
        caller.kill()
        proxy.heal()
        clock.advance(seconds=LEASE_S)
        beside = make_server(**ledger, **clock.settings)
        until(lambda: in_state(beside, "claimed"))
        looked(beside)
        assert in_state(beside, "claimed") and not in_state(beside, "failed")
