"""An opt-out that is acknowledged while texts and calls are already on their way out: what has not left yet does not leave any more."""
import json
import threading
import time
import urllib.parse
import uuid

import pytest
from support import sms_provider_peer as peers
from support.events import donation, optout, unique, unique_phone
from support.http_peer import HttpPeer
from support.sms_provider_peer import Gate, Twilio
from support.stores import Stores, until


class Ari(HttpPeer):
    """An Asterisk that takes every call, slowly."""

    def __init__(self, seconds):
        self.seconds, self.placed = seconds, []
        super().__init__(self._answer)

    def _answer(self, request):
        if request.method != "POST":
            return 404, {"Content-Type": "application/json"}, b'{"message":"Channel not found"}'
        self.placed.append("+" + json.loads(request.body)["endpoint"].removeprefix("PJSIP/").removesuffix("@trunk"))
        time.sleep(self.seconds)
        return 200, {}, b"{}"

    @property
    def settings(self):
        return {"PLEDGELINE_ARI_URL": f"http://tester:secret@127.0.0.1:{self.port}/ari", "PLEDGELINE_DIAL": "PJSIP/{digits}@trunk",
                "PLEDGELINE_CALLER_ID": "+12025550100", "PLEDGELINE_SPEECH_CONTEXT": "held", "PLEDGELINE_QUIET_HOURS": ""}


def held(server, state):
    return [effect["phoneNumber"] for effect in server.json("sms", "list", "--state", state, "--limit", "0")]


def all_cancelled(server, phones):
    until(lambda: set(phones) <= set(held(server, "cancelled")), lambda: {state: held(server, state) for state in ("pending", "sent", "failed")})


def opt_out(server, phones):
    for phone in phones:
        server.publish("optout-events", optout(unique("call"), "winter", phone))


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.mark.parametrize("spelled", [str, lambda phone: phone.replace("+44", "+440", 1)], ids=["alike", "trunk_zero"])
def test_text_that_waits_for_a_connection_is_cancelled_by_an_optout(make_server, gate, spelled):
    with Twilio(gate) as peer:
        server = make_server(**peer.settings, PLEDGELINE_SMS_CONNECTIONS="1")
        phones = [spelled(f"+4420794{number}") for number in range(60010, 60016)]
        server.publish("donation-events", *[donation(unique("call"), "winter", phone) for phone in phones])
        [asked] = until(lambda: gate.asked[:])
        waiting = [phone for phone in phones if phone != asked]
        opt_out(server, [phone.replace("+440", "+44") for phone in waiting])
        gate.opened.set()
        all_cancelled(server, waiting)
        until(lambda: held(server, "sent") == [asked])
        assert gate.asked == [asked]


def test_next_provider_is_not_asked_for_who_opted_out_at_the_first(make_server, gate):
    phone = unique_phone()

    def away(text, asked):
        gate.asked.append(text.to)
        return lambda text, accept: gate.opened.wait(20) and peers.saying(503)(text, accept)

    with Twilio(away) as first, peers.Plivo() as second:
        server = make_server(**{**second.settings, **first.settings, "PLEDGELINE_SMS_PROVIDERS": "twilio,plivo"})
        server.publish("donation-events", donation(unique("call"), "winter", phone))
        until(lambda: gate.asked)
        opt_out(server, [phone])
        gate.opened.set()
        all_cancelled(server, [phone])
        assert second.ledger == []


def test_call_that_waits_for_another_one_is_cancelled_by_an_optout(make_server):
    with Ari(0.8) as ari, Twilio() as peer:
        server = make_server(**{**peer.settings, **ari.settings})
        phones = [unique_phone() for _ in range(4)]
        server.publish("tts-fallback", *[{"phoneNumber": phone, "text": "hello", "actionId": unique("a"), "campaignId": "w"} for phone in phones])
        [placed] = until(lambda: ari.placed[:])
        waiting = [phone for phone in phones if phone != placed]
        opt_out(server, waiting)
        all_cancelled(server, waiting)
        assert ari.placed == [placed]


class Sns(HttpPeer):
    """A topic that answers the first request once somebody has opened it; asked: the numbers of each."""

    def __init__(self):
        self.asked, self.opened = [], threading.Event()
        super().__init__(self._answer)

    def _answer(self, request):
        fields = dict(urllib.parse.parse_qsl(request.body.decode()))
        bodies = {name.split(".")[2]: json.loads(body) for name, body in fields.items() if name.endswith(".Message")}
        self.asked.append([body["phoneNumber"] for body in bodies.values()])
        if len(self.asked) == 1:
            self.opened.wait(20)
        taken = "".join(f"<member><Id>{id}</Id><MessageId>{uuid.uuid4()}</MessageId></member>" for id in bodies)
        return 200, {}, (f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful>{taken}</Successful>'
                         "<Failed/></PublishBatchResult></PublishBatchResponse>").encode()

    @property
    def settings(self):
        return {"TTS_FALLBACK_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:speak", "AWS_ENDPOINT_URL_SNS": self.url, "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret", "PLEDGELINE_QUIET_HOURS": ""}


def test_call_that_waits_for_another_request_to_its_topic_is_cancelled_by_an_optout(make_server):
    with Sns() as sns, Twilio() as peer:
        server = make_server(**{**peer.settings, **sns.settings})
        phones = [unique_phone() for _ in range(24)]
        server.publish("tts-fallback", *[{"phoneNumber": phone, "text": "hello", "actionId": unique("a"), "campaignId": "w"} for phone in phones])
        [asked] = until(lambda: sns.asked[:])
        waiting = [phone for phone in phones if phone not in asked]
        opt_out(server, waiting)
        sns.opened.set()
        all_cancelled(server, waiting)
        assert sns.asked == [asked]


def test_call_that_got_no_turn_while_it_was_ours_is_placed_later(make_server):
    with Ari(0.6) as ari, Twilio() as peer:
        server = make_server(**{**peer.settings, **ari.settings, "PLEDGELINE_EFFECT_LEASE": "2", "PLEDGELINE_BACKOFF_FIRST": "0"})
        phones = [unique_phone() for _ in range(6)]
        server.publish("tts-fallback", *[{"phoneNumber": phone, "text": "hello", "actionId": unique("a"), "campaignId": "w"} for phone in phones])
        until(lambda: sorted(held(server, "sent") + held(server, "unknown")) == sorted(phones))
        assert held(server, "unknown") == [] and sorted(ari.placed) == sorted(phones)


@pytest.mark.own_stores
def test_optout_that_another_process_took_is_known_a_few_seconds_later(make_server, gate):
    stores = Stores(keeps=False)
    try:
        settings = stores.settings()
        with Twilio(lambda text, asked: gate.asked.append(text.to) or peers.late(4)) as peer:
            server, other = make_server(**settings, **peer.settings, PLEDGELINE_SMS_CONNECTIONS="1"), make_server(**settings)
            phones = [unique_phone() for _ in range(4)]
            server.publish("donation-events", *[donation(unique("call"), "winter", phone) for phone in phones])
            [asked] = until(lambda: gate.asked[:])
            waiting = [phone for phone in phones if phone != asked]
            opt_out(other, waiting)
            all_cancelled(server, waiting)
            assert gate.asked == [asked]
    finally:
        stores.stop()
