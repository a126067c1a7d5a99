"""Texts by providers of them, each a server of the test's own that takes nothing but what the provider's pages ask for."""
import base64
import hashlib
import hmac
import itertools
import json
import urllib.parse

import jwt
import pytest
from support import sms_provider_peer as peers
from support.amazon import Amazon, confirmation
from support.events import CAMPAIGN_NAME, donation, unique, unique_phone
from support.program import run
from support.sms_provider_peer import Aws, Generic, Plivo, Twilio, Vonage, VonageMessages
from support.stores import check, is_away, until

BY_NAME = {"ids": lambda Peer: Peer.__name__}


def press(server, phone=None, **fields):
    phone = phone or unique_phone()
    assert server.post("/v1/events/donation-events", donation(unique("call"), "winter", phone, **fields)).status == 200
    return phone


def texts(server, state):
    return server.json("sms", "list", "--state", state, "--limit", "0")


def one(server, state, phone):
    """The text to that number, once it is in that state."""
    def found():
        return [text for text in texts(server, state) if text["phoneNumber"] == phone]
    [text] = until(found, lambda: f"{phone} is not {state}: " + server.run("sms", "list", "--state", "pending", "--output", "json").out)
    return text


def the_text(peer):
    until(lambda: peer.ledger or peer.wrong)
    assert not peer.wrong, peer.wrong
    [text] = peer.ledger
    return text


# ---- one text, and what is said of it ----

@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_press_is_one_text_and_its_receipt_marks_it_delivered(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        text = the_text(peer)
        assert text.to == phone and CAMPAIGN_NAME in text.text and "{{" not in text.text
        sent = one(server, "sent", phone)
        assert (sent["id"], sent["provider"], sent["ref"], sent["receipt"]) == (text.id, peer.name, text.ref, None)
        answer = peer.receipt(server, text)
        assert (answer.status, answer.said) == (200, peer.thanked)
        sent = one(server, "sent", phone)
        assert sent["receipt"] == "delivered" and sent["deliveredAt"] and sent["failureReason"] is None
        assert len(peer.ledger) == 1


@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_text_in_another_script_goes_out_as_it_is(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_TEMPLATE="תודה {{campaignName}} & \"100%\"={{donationLink}} 🎁")
        press(server)
        text = the_text(peer)
        assert text.text.startswith(f'תודה {CAMPAIGN_NAME} & "100%"=https://') and text.text.endswith(" 🎁")


UNDELIVERED = [
    (Twilio, {"state": "undelivered", "code": "30006"}, "not_sms_capable", "30006"),
    (Vonage, {"state": "failed", "code": "3"}, "dead_number", "3"),
    (VonageMessages, {"state": "rejected", "code": "1210"}, "filtered", "1210"),
    (Plivo, {"state": "undelivered", "code": "30"}, "filtered", "30"),
    (Aws, {"state": "TEXT_INVALID"}, "dead_number", "TEXT_INVALID"),
    (Generic, {"state": "undelivered", "sms_class": "filtered", "code": "E7"}, "filtered", "E7"),
]


@pytest.mark.parametrize("Peer, said, sms_class, code", UNDELIVERED, ids=lambda value: getattr(value, "__name__", None))
def test_receipt_of_failure_is_kept_with_its_class_and_raw_code(make_server, Peer, said, sms_class, code):
    with Peer() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        text = the_text(peer)
        one(server, "sent", phone)
        assert peer.receipt(server, text, **said).status == 200
        kept = one(server, "sent", phone)
        assert (kept["receipt"], kept["class"], kept["code"]) == ("undelivered", sms_class, code)


@pytest.mark.parametrize("by", ["GET", "POST", "JSON"])
def test_vonage_posts_receipts_in_any_of_its_forms(make_server, by):
    with Vonage() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        text = the_text(peer)
        one(server, "sent", phone)
        assert peer.receipt(server, text, by=by).status == 200
        assert one(server, "sent", phone)["receipt"] == "delivered"


def test_plivo_signs_with_version_2_also(make_server):
    with Plivo() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        text = the_text(peer)
        one(server, "sent", phone)
        assert peer.receipt(server, text, version=2).status == 200
        assert one(server, "sent", phone)["receipt"] == "delivered"


def test_receipts_in_any_order_and_doubled_leave_what_is_furthest(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        text = the_text(peer)
        one(server, "sent", phone)
        for state in ("delivered", "sent", "delivered", "queued", "undelivered"):
            assert peer.receipt(server, text, state).status == 200
        assert one(server, "sent", phone)["receipt"] == "delivered"


def test_receipt_of_nothing_that_was_sent_from_here_changes_nothing(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        stranger = peers.Text("+12025550199", "", "", "0" * 32, None)
        assert peer.receipt(server, stranger).status == 200
        assert texts(server, "sent") == []


# ---- what is not believed ----

def assert_refused(answer, status, code):
    assert answer.status == status and json.loads(answer.said)["code"] == code, (answer.status, answer.said)


@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_receipt_with_another_secret_is_forged(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings)
        text = peers.Text("+12025550199", "", "", "0" * 32, None)
        peer.keys = {name: value if name == "VONAGE_PRIVATE_KEY" else value + "x" for name, value in peer.keys.items()}
        assert_refused(peer.receipt(server, text), 403, "forged")
        assert_refused(peer.message(server, "+12025550199", "STOP"), 403, "forged")
        assert check(server, "+12025550199")["blocked"] is False


@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_forged_callbacks_have_one_line_in_the_log_that_names_the_provider_and_no_number(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings)
        peer.keys = {name: value if name == "VONAGE_PRIVATE_KEY" else value + "x" for name, value in peer.keys.items()}
        for number in range(5):
            assert peer.message(server, f"+1202555019{number}", "STOP").status == 403
        server.stop()
        [line] = [json.loads(line) for line in server.log if "is not believed" in line]
        assert (line["level"], line["provider"], line["code"], line["count"]) == ("warn", peer.name, "forged", 1)
        assert any(name in line["error"] for name in (*peer.settings, "PLEDGELINE_SNS_RAW_SECRET")) and "0255501" not in json.dumps(line)


def test_password_that_sns_was_not_asked_for_yet_is_no_forgery_in_the_log(make_server):
    with Aws() as peer:
        server = make_server(**peer.settings)
        assert peer.send(server, "receipts", {"eventType": "TEXT_DELIVERED"}, secret="").status == 401
        server.stop()
        assert not any("is not believed" in line for line in server.log)


def test_token_of_another_body_is_forged(make_server):
    with VonageMessages() as peer:
        server = make_server(**peer.settings)
        body = peers.compact({"message_uuid": "1", "from": "12025550199", "to": "1", "text": "STOP"})
        other = hashlib.sha256(body + b" ").hexdigest()
        token = jwt.encode({"payload_hash": other}, peer.keys["VONAGE_SIGNATURE_SECRET"], algorithm="HS256")
        assert_refused(peer.post(server, "inbound", body, {"Authorization": f"Bearer {token}"}), 403, "forged")
        assert check(server, "+12025550199")["blocked"] is False


def test_signature_for_another_url_is_forged_whatever_the_host_header_says(make_server):
    with Twilio() as peer:
        server = make_server(**{**peer.settings, "PLEDGELINE_PUBLIC_URL": "https://another.example.org/pledge"})
        assert_refused(peer.message(server, "+12025550199", "STOP"), 403, "forged")


def test_without_a_public_url_nothing_is_believed_whose_signature_needs_it(make_server):
    with Twilio() as peer:
        server = make_server(**{**peer.settings, "PLEDGELINE_PUBLIC_URL": ""})
        assert_refused(peer.message(server, "+12025550199", "STOP"), 403, "forged")


def test_provider_that_is_not_set_is_not_there(make_server):
    with Twilio() as peer, Plivo() as stranger:
        server = make_server(**peer.settings)
        assert_refused(stranger.message(server, "+12025550199", "STOP"), 404, "provider_unknown")
    assert_refused(Twilio.message(peer, make_server(), "+12025550199", "STOP"), 404, "sms_off")


def test_aws_is_asked_for_the_password_that_sns_sends_only_then(make_server):
    with Aws() as peer:
        server = make_server(**peer.settings)
        answer = peer.send(server, "receipts", {"eventType": "TEXT_DELIVERED"}, secret="")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="pledgeline"')


def test_subscription_of_aws_topic_is_confirmed_where_its_events_come(make_server, tmp_path):
    amazon = Amazon(tmp_path)
    with Aws() as peer:
        server = make_server(**peer.settings, **amazon.settings("delivery-receipts"), NO_PROXY="127.0.0.1")
        body = json.dumps(amazon.sign(confirmation("delivery-receipts")))
        for message, status in ((body, 200), (body.replace("chosen", "chozen"), 403)):
            answer = peer.post(server, "receipts", message, {"Content-Type": "text/plain", "x-amz-sns-message-type": "SubscriptionConfirmation"})
            assert answer.status == status, answer.said
    amazon.stop()


def test_what_is_signed_and_no_callback_is_malformed(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        assert_refused(peer.send(server, "receipts", {"Hello": "there"}), 400, "callback_malformed")


# ---- settings that lose something ----

LOSING = [(Peer, "PLEDGELINE_PUBLIC_URL") for Peer in (Twilio, Plivo, Vonage, Generic)] + [
    (Vonage, "VONAGE_SIGNATURE_SECRET"), (VonageMessages, "VONAGE_SIGNATURE_SECRET"), (Aws, "PLEDGELINE_SNS_RAW_SECRET"),
    (Generic, "PLEDGELINE_SMS_HTTP_SECRET"), (Generic, "PLEDGELINE_SMS_FROM")]


def warnings(server):
    logged = [json.loads(line) for line in server.log]
    return [(line.get("provider"), line.get("setting")) for line in logged if line["level"] == "warn"]


@pytest.mark.own_stores
@pytest.mark.parametrize("Peer, setting", LOSING, ids=lambda value: getattr(value, "__name__", value))
def test_setting_without_which_something_is_lost_is_named_once_at_the_start(make_server, Peer, setting):
    with Peer() as peer:
        assert warnings(make_server(**{**peer.settings, setting: ""})) == [(peer.name, setting)]
        assert warnings(make_server(**peer.settings)) == []


@pytest.mark.own_stores
@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_provider_that_is_set_up_and_not_named_is_told_at_the_start(make_server, Peer):
    with Peer() as peer:
        [(_, setting)] = warnings(make_server(**{**peer.settings, "PLEDGELINE_SMS_PROVIDERS": ""}))
        assert setting in peer.settings
    assert warnings(make_server()) == []


# ---- what providers refuse ----

def test_number_that_the_provider_knows_to_have_opted_out_is_blocked_here_and_nothing_follows(make_server):
    with Twilio(lambda text, asked: peer.refuse(21610)) as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        failed = one(server, "failed", phone)
        assert (failed["class"], failed["code"]) == ("opted_out", "21610")
        assert check(server, phone)["blocked"] is True
        assert press(server, phone) and not peer.ledger


def test_account_that_has_no_credit_parks_its_texts_and_says_so(make_server):
    broke = [True]
    with Twilio(lambda text, asked: peer.refuse(20003, 401) if broke[0] else None) as peer:
        server = make_server(**peer.settings)
        phones = [press(server) for _ in range(5)]
        until(lambda: is_away(server, "sms_twilio"))
        until(lambda: {text["phoneNumber"] for text in texts(server, "pending")} == set(phones))
        assert not peer.ledger and not texts(server, "failed")


def test_next_provider_is_asked_while_the_first_has_no_credit(make_server):
    with Twilio(lambda text, asked: peer.refuse(20003, 401)) as peer, Plivo() as second:
        server = make_server(**{**peer.settings, **second.settings, "PLEDGELINE_SMS_PROVIDERS": "twilio,plivo"})
        phone = press(server)
        assert one(server, "sent", phone)["provider"] == "plivo"
        assert the_text(second).to == phone


def test_next_provider_is_asked_when_nobody_listens_at_the_first(make_server):
    with Twilio() as peer, Plivo() as second:
        settings = {**peer.settings, **second.settings, "PLEDGELINE_SMS_PROVIDERS": "twilio,plivo", "PLEDGELINE_TWILIO_URL": "http://127.0.0.1:1"}
        server = make_server(**settings)
        phone = press(server)
        assert one(server, "sent", phone)["provider"] == "plivo"


@pytest.mark.parametrize("misbehaves", [peers.silent, peers.silent_after_accepting, peers.unreadable, peers.saying(500), peers.saying(504)],
                         ids=["silent", "silent after accepting", "unreadable", "500", "504"])
def test_text_of_which_nobody_can_say_goes_to_nobody_else_and_is_held(make_server, misbehaves):
    with Twilio(lambda text, asked: misbehaves) as peer, Plivo() as second:
        server = make_server(**{**peer.settings, **second.settings, "PLEDGELINE_SMS_PROVIDERS": "twilio,plivo"})
        phone = press(server)
        assert one(server, "unknown", phone)["provider"] == "twilio"
        assert len(peer.requests) == 1 and not second.requests


def test_receipt_tells_of_a_text_that_was_held(make_server):
    with Twilio(lambda text, asked: peers.silent_after_accepting) as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        one(server, "unknown", phone)
        assert peer.receipt(server, the_text(peer)).status == 200
        sent = one(server, "sent", phone)
        assert (sent["receipt"], sent["id"]) == ("delivered", peer.ledger[0].id)
        assert texts(server, "unknown") == [] and len(peer.requests) == 1


@pytest.mark.parametrize("refuses", [peers.saying(503), peers.saying(429, Retry_After="1")], ids=["503", "429"])
def test_provider_that_takes_nothing_now_is_asked_again(make_server, refuses):
    with Twilio(lambda text, asked: refuses if asked < 2 else None) as peer:
        server = make_server(**peer.settings, PLEDGELINE_BACKOFF_FIRST="0")
        phone = press(server)
        one(server, "sent", phone)
        assert [text.to for text in peer.ledger] == [phone] and len(peer.requests) == 3


def test_code_that_nobody_knows_is_counted_and_logged_as_it_came(make_server):
    with Twilio(lambda text, asked: peer.refuse(77777)) as peer:
        server = make_server(**peer.settings)
        press(server)
        until(lambda: any('"77777"' in line for line in server.log))
        assert "pledgeline_sms_codes_unknown_total 1" in server.get("/metrics").body.decode()


def test_gateway_that_knows_a_repeat_is_asked_again_after_a_lost_answer(make_server):
    with Generic(lambda text, asked: peers.silent if asked == 0 else None) as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_HTTP_REPEAT="600", PLEDGELINE_EFFECT_LEASE="1")
        phone = press(server)
        one(server, "sent", phone)
        assert [text.to for text in peer.ledger] == [phone]
        assert len({request.header("Idempotency-Key") for request in peer.requests}) == 1


# ---- many at once ----

def test_slow_answer_holds_up_no_other_text_of_its_round(make_server):
    with Twilio(lambda text, asked: peers.late(2) if asked == 0 else None) as peer:
        server = make_server(**peer.settings)
        presses = [donation(unique("call"), "winter", unique_phone()) for _ in range(40)]
        server.publish("donation-events", *presses)
        until(lambda: len(peer.ledger) >= 39)
        until(lambda: len(texts(server, "sent")) == 40)
        assert len({text.to for text in peer.ledger}) == 40


def test_texts_that_wait_for_a_connection_longer_than_their_lease_go_out_once(make_server):
    with Twilio(lambda text, asked: peers.late(1.2)) as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_CONNECTIONS="1", PLEDGELINE_EFFECT_LEASE="4", PLEDGELINE_BACKOFF_FIRST="0")
        server.publish("donation-events", *[donation(unique("call"), "winter", unique_phone()) for _ in range(7)])
        until(lambda: len(texts(server, "sent")) + len(texts(server, "unknown")) == 7)
        assert texts(server, "unknown") == [] and len({text.to for text in peer.ledger}) == len(peer.ledger) == 7


# More than is kept of an answer, so it is cut: at some byte of a letter, with any number of bytes before it.
STRANGE_WORDS = {"no UTF-8": b"\xff\xfe bad \x01\x1b[31m", **{f"cut {lead}": json.dumps({"error": "x" * lead + "\u05e9\u20ac" * 200}, ensure_ascii=False).encode()
                                                              for lead in range(4)}}


@pytest.mark.parametrize("body", STRANGE_WORDS.values(), ids=STRANGE_WORDS.keys())
def test_refusal_in_strange_bytes_is_kept_as_text_and_holds_up_nobody(make_server, body):
    strange = unique_phone()
    with Generic(lambda text, asked: peers.saying(400, body) if text.to == strange else None) as peer:
        server = make_server(**peer.settings)
        server.publish("donation-events", *[donation(unique("call"), "winter", phone) for phone in (strange, unique_phone(), unique_phone())])
        reason = one(server, "failed", strange)["failureReason"]
        assert reason.startswith("answered 400: ") and reason.isprintable()
        assert [each["failureReason"] for each in server.get("/v1/actions").json()["actions"] if each["status"] == "failed"] == [reason]
        until(lambda: len(texts(server, "sent")) == 2)


def test_rate_is_kept_and_nothing_is_lost_by_it(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_RATE="5")
        server.publish("donation-events", *[donation(unique("call"), "winter", unique_phone()) for _ in range(12)])
        until(lambda: len(peer.ledger) == 12)
        until(lambda: len(texts(server, "sent")) == 12)


def test_sender_follows_the_prefix_and_the_provider(make_server):
    with Twilio() as peer:
        server = make_server(**{**peer.settings, "PLEDGELINE_SMS_FROM": "+1=+12025550100, +972=Charity, twilio:+44=+442071838750, *=Pledges"})
        phones = {"+12125550123": "+12025550100", "+972501234567": "Charity", "+447700900123": "+442071838750", "+33612345678": "Pledges"}
        for phone in phones:
            press(server, phone)
        until(lambda: len(peer.ledger) == 4)
        assert {text.to: text.sender for text in peer.ledger} == phones


@pytest.mark.parametrize("Peer", [Twilio, Vonage, Plivo, Generic], **BY_NAME)
def test_number_without_a_sender_waits_and_says_so_and_nothing_of_the_provider(make_server, Peer):
    with Peer() as peer:
        server = make_server(**{**peer.settings, "PLEDGELINE_SMS_FROM": f"+999={peer.keys['PLEDGELINE_SMS_FROM']}"})
        nobody = press(server, "+33612345678")
        waiting = until(lambda: [text for text in texts(server, "pending") if text["code"]])
        assert [(text["phoneNumber"], text["code"], text["class"]) for text in waiting] == [(nobody, "no_sender", "account")]
        assert not peer.requests and not is_away(server, f"sms_{peer.name}")
        phone = press(server)
        assert one(server, "sent", phone) and [text.to for text in peer.ledger] == [phone]


def test_price_and_segments_are_kept_with_the_text(make_server, tmp_path):
    (tmp_path / "prices.csv").write_text("prefix,price\n999,0.05\n1,0.0079\n")
    with Twilio() as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_PRICES_FILE=str(tmp_path / "prices.csv"), PLEDGELINE_SMS_TEMPLATE="x" * 161 + "{{donationLink}}", DONATION_LINK_BASE_URL="https://d.example")
        phone = press(server)
        sent = one(server, "sent", phone)
        assert (sent["segments"], sent["costMicros"]) == (2, 100000)


# ---- messages of persons ----

@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_stop_by_text_blocks_the_number_and_is_confirmed_by_one_text(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings)
        for _ in range(2):
            answer = peer.message(server, "+12025550199", "Stop")
            assert (answer.status, answer.said) == (200, peer.thanked)
        assert check(server, "+12025550199")["blocked"] is True
        text = the_text(peer)
        assert text.to == "+12025550199" and "unsubscribed" in text.text
        press(server, "+12025550199")
        assert len(peer.ledger) == 1


def test_message_of_a_short_code_is_answered_and_left_alone(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        assert peer.message(server, "33733", "STOP").status == 200
        assert server.get("/v1/dlq").json()["messages"] == []


@pytest.mark.parametrize("sender", ["AMAZON", "+12", ""])
def test_stop_of_who_has_no_number_is_kept_for_people_and_blocks_nobody(make_server, sender):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        assert peer.message(server, sender, "STOP").status == 200
        assert len(server.get("/v1/dlq").json()["messages"]) == 1
        assert check(server, "+12025550100")["blocked"] is False


@pytest.mark.parametrize("sender", ["+1 202 555 0199", "+1-202-555-0199", "(202) 555-0199", "tel:+12025550199", "whatsapp:+12025550199", "0012025550199"])
@pytest.mark.parametrize("Peer", [Twilio, peers.Generic], **BY_NAME)
def test_stop_from_a_number_in_another_spelling_blocks_it(make_server, Peer, sender):
    with Peer() as peer:
        server = make_server(**peer.settings, PLEDGELINE_COUNTRY_CODE="1")
        assert peer.message(server, sender, "STOP").status == 200
        assert check(server, "+12025550199")["blocked"] is True


MESSAGES = [{"messageId": 17, "phoneNumber": "+12025550199", "text": "STOP"}, {"phoneNumber": "+12025550199", "text": "STOP"},
            {"messageId": "a", "phoneNumber": 12025550199, "text": "STOP"}, {"messageId": "x" * 200, "phoneNumber": "+12025550199", "text": "STOP"},
            {"messageId": "b", "phoneNumber": "+12025550199", "text": "STOP" + " " * 9000}]


@pytest.mark.parametrize("message", MESSAGES, ids=["number for an id", "no id", "number for a phone", "long id", "long text"])
def test_stop_is_done_however_the_provider_writes_its_fields(make_server, message):
    with peers.Generic() as peer:
        server = make_server(**peer.settings)
        answer = peer.send(server, "inbound", message)
        assert answer.status == 200, answer.said
        assert check(server, "+12025550199")["blocked"] is True


@pytest.mark.parametrize("text", ["stop", "Stop 🙏", "STOP\n\nSent from my phone", "STOP\x00", "STOP \udcff"],
                         ids=["plain", "picture", "lines", "zero byte", "no UTF-8"])
def test_stop_is_done_or_looked_at_by_people_whatever_bytes_are_in_it(make_server, text):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        fields = {"MessageSid": "SM-in-1", "From": "+12025550199", "To": "+12025550100", "Body": text}
        signed = f"{peers.PUBLIC}/v1/sms/inbound/twilio".encode() + b"".join((name + fields[name]).encode("utf-8", "surrogateescape") for name in sorted(fields))
        signature = base64.b64encode(hmac.new(peer.keys["TWILIO_AUTH_TOKEN"].encode(), signed, hashlib.sha1).digest()).decode()
        body = urllib.parse.urlencode(fields, errors="surrogateescape").encode()
        answer = peer.post(server, "inbound", body, {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature})
        assert answer.status == 200, answer.said
        assert check(server, "+12025550199")["blocked"] or server.get("/v1/dlq").json()["messages"], "nobody will ever know of it"


HOSTILE = [b"", b"\x00", b"%", b"a=%zz", b"=&=&&", b"[" * 40000, b"{" * 20, b"a=1&" * 300, b"\xff\xfe", b"a" * 70000, b'{"sig":1}', b"sig=00&sig=00", b"null"]


@pytest.mark.parametrize("Peer", peers.ALL, **BY_NAME)
def test_whatever_strangers_post_is_refused_and_changes_nothing(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings)
        for body, kind in itertools.product(HOSTILE, ("receipts", "inbound")):
            for headers in ({}, {"Content-Type": "application/json"}, {"Authorization": "Bearer ..", "X-Plivo-Signature-V2-Nonce": "1"}):
                assert peer.post(server, kind, body, headers, query="ref=%00&bodySHA256=0").status in (400, 401, 403), (body[:20], headers)
            assert peer.post(server, kind, query="a&b=%zz&+=+", method="GET").status in (400, 401, 403)
        assert server.get("/v1/dlq").json()["messages"] == [] and server.get("/healthz").status == 200


# ---- what is listed ----

def as_json(done):
    return json.loads(done.out)


def test_texts_of_a_provider_are_listed_newest_first_wherever_somebody_looks(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        phones = [press(server) for _ in range(3)]
        for phone in phones:
            one(server, "sent", phone)
        newest_first = phones[::-1]
        without_settings = as_json(run(server.data, "sms", "list", "--output", "json"))
        for listed in (server.json("sms", "list"), without_settings, server.get("/v1/sms").json()["messages"]):
            assert [text["phoneNumber"] for text in listed] == newest_first
            assert {(text["status"], text["provider"], text["costMicros"]) for text in listed} == {("sent", "twilio", None)}
            assert all(text["message"] == the_one.text for text, the_one in zip(listed, [peer.texts_to(phone)[0] for phone in newest_first]))
        assert [text["phoneNumber"] for text in server.json("sms", "list", "--limit", "1")] == newest_first[:1]
        assert [text["phoneNumber"] for text in server.json("sms", "list", "--state", "sent", "--limit", "2")] == newest_first[:2]


def test_pages_of_texts_say_each_once(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        phones = [press(server) for _ in range(5)]
        found, cursor = [], ""
        while cursor is not None:
            page = server.get(f"/v1/sms?limit=2{cursor and '&cursor=' + cursor}").json()
            found += [text["phoneNumber"] for text in page["messages"]]
            cursor = page["nextCursor"]
        assert found == phones[::-1]


def test_list_says_why_a_text_waits(make_server):
    with Twilio(lambda text, asked: peers.saying(503)) as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        until(lambda: [text for text in server.json("sms", "list") if text["phoneNumber"] == phone and text["failureReason"]])
        [text] = server.json("sms", "list")
        assert text["status"] == "pending"
        for done in (server.run("sms", "list"), run(server.data, "sms", "list"), run(server.data, "sms", "list", "--output", "csv")):
            assert text["failureReason"] in done.out, done


def test_text_of_outbox_and_ledger_is_listed_once_beside_those_of_a_provider(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        phone = press(server)
        one(server, "sent", phone)
        server.stop()
        other = "+12125550177"
        event = json.dumps(donation("later", "winter", other))
        assert run(server.data, "publish", "--topic", "donation-events", "--message", event, PLEDGELINE_QUIET_HOURS="").code == 0
        listed = as_json(run(server.data, "sms", "list", "--output", "json"))
        assert [(text["phoneNumber"], text["status"]) for text in listed] == [(other, "queued"), (phone, "sent")]


# ---- settings ----

WRONG = [
    ({"PLEDGELINE_SMS_PROVIDERS": "twillio"}, "twillio"),
    ({"PLEDGELINE_SMS_PROVIDERS": "twilio,twilio"}, "each once"),
    ({"TWILIO_AUTH_TOKEN": ""}, "which needs TWILIO_AUTH_TOKEN"),
    ({"PLEDGELINE_SMS_PROVIDERS": "vonage"}, "VONAGE_API_SECRET"),
    ({"PLEDGELINE_SMS_FROM": "12=x"}, "PLEDGELINE_SMS_FROM"),
    ({"PLEDGELINE_SMS_FROM": ""}, "PLEDGELINE_SMS_FROM or TWILIO_MESSAGING_SERVICE_SID"),
    ({"PLEDGELINE_PUBLIC_URL": "texts.example.org"}, "PLEDGELINE_PUBLIC_URL"),
    ({"PLEDGELINE_SMS_CONNECTIONS": "0"}, "PLEDGELINE_SMS_CONNECTIONS"),
    ({"PLEDGELINE_SMS_PRICES_FILE": "/nowhere.csv"}, "PLEDGELINE_SMS_PRICES_FILE"),
    ({"SMS_GATEWAY_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:texts"}, "unset one of them"),
    ({"PLEDGELINE_SMS_PROVIDERS": "generic", "PLEDGELINE_SMS_HTTP_URL": "http://127.0.0.1:1", "PLEDGELINE_SMS_HTTP_BODY": "{}"}, "{to} and {text}"),
]


@pytest.mark.parametrize("settings, words", WRONG, ids=[next(iter(settings)) + str(i) for i, (settings, _) in enumerate(WRONG)])
def test_settings_that_cannot_work_are_refused_by_name(tmp_path, settings, words):
    good = {"PLEDGELINE_SMS_PROVIDERS": "twilio", **Twilio.keys}
    done = run(tmp_path / "data", "serve", PORT=0, **{**good, **settings})
    assert done.code != 0 and words in done.err, done
