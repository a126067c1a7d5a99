"""The functions of the SMS gateway and of the calls that speak a text, under AWS's own emulator of Lambda."""
import json

import pytest
from support import sms_provider_peer as peers
from support.events import unique, unique_phone
from support.lambda_emulator import Function, failures, sns_event, sqs_event
from support.peer_moto import Queue
from support.program import Clock
from support.sms_provider_peer import Twilio
from support.stores import redis_cli, until

pytestmark = pytest.mark.own_stores

# What the original system's donation handler publishes.
SAMPLE = {"message": "Thank you for supporting {{campaignName}}! {{donationLink}}", "campaignId": "winter", "contactId": "contact-789",
          "templateVariables": {"donationLink": "https://donate.example.org?ref=dzpjOnA%3D", "campaignName": "Winter Appeal"}}


def request(phone=None, **fields):
    return {"phoneNumber": phone or unique_phone(), **SAMPLE, **fields}


@pytest.fixture
def settings(lambda_stores):
    return lambda_stores.settings()


@pytest.fixture
def make_function(settings):
    started = []

    def make(name, **more):
        function = Function(name, REDIS_URL=settings["REDIS_URL"], **more)
        started.append(function)
        return function

    yield make
    for function in started:
        function.stop()


def test_request_that_comes_five_times_is_one_text(make_function):
    with Twilio() as peer:
        gateway = make_function("sms-gateway", **peer.settings)
        event = request(actionId=f"{unique('call')}_donation")
        for _ in range(5):
            assert "errorMessage" not in (gateway.invoke(sns_event(event)) or {})
        [text] = peer.ledger
        assert text.to == event["phoneNumber"]
        assert text.text == "Thank you for supporting Winter Appeal! https://donate.example.org?ref=dzpjOnA%3D"


def test_request_without_an_action_is_known_by_what_it_says(make_function):
    with Twilio() as peer:
        gateway = make_function("sms-gateway", **peer.settings)
        event = request()
        for _ in range(3):
            gateway.invoke(sns_event(event))
        assert len(peer.ledger) == 1


def test_blocked_number_gets_no_text(make_function, settings):
    with Twilio() as peer:
        gateway, event = make_function("sms-gateway", **peer.settings), request(actionId="a")
        redis_cli(settings, "SADD", "blacklist:numbers", event["phoneNumber"])
        assert "errorMessage" not in (gateway.invoke(sns_event(event)) or {})
        assert peer.ledger == []


def test_provider_that_is_away_keeps_the_message_in_its_queue(make_function):
    refusing = [True]
    with Twilio(lambda text, asked: peers.saying(503) if refusing[0] else None) as peer:
        gateway = make_function("sms-gateway", **peer.settings, PLEDGELINE_BACKOFF_FIRST="0")
        event = request(actionId="a")
        assert failures(gateway.invoke(sqs_event(event))) == ["message-0"]
        refusing[0] = False
        until(lambda: failures(gateway.invoke(sqs_event(event))) == [])
        assert len(peer.ledger) == 1


NINE_MS, EIGHT_MS = 1768528800000, 1768568400000  # in New York, of the night to 16 January 2026


def test_request_of_the_night_comes_again_until_quiet_hours_end(make_function, tmp_path):
    clock = Clock(tmp_path, NINE_MS)
    with Twilio() as peer:
        gateway = make_function("sms-gateway", **{**peer.settings, **clock.settings, "PLEDGELINE_QUIET_HOURS": "21:00-08:00"})
        event = request("+12125550142", actionId="a")
        for now_ms in (NINE_MS, NINE_MS + 180000, EIGHT_MS - 1):
            clock.set(now_ms)
            assert failures(gateway.invoke(sqs_event(event))) == ["message-0"]
        assert peer.ledger == []
        clock.set(EIGHT_MS)
        for _ in range(2):
            assert failures(gateway.invoke(sqs_event(event))) == []
        assert len(peer.ledger) == 1


def test_landline_is_asked_to_be_called_by_the_topic_and_once(make_function, moto):
    queue = Queue(moto, unique("spoken"))
    topic = queue.subscribe(moto, unique("tts-fallback"))
    with Twilio() as peer:
        peer.script = lambda text, asked: peer.refuse(21614)
        gateway = make_function("sms-gateway", **peer.settings, **moto.settings, TTS_FALLBACK_TOPIC_ARN=topic)
        event = request(actionId="a")
        for _ in range(3):
            assert failures(gateway.invoke(sqs_event(event))) == []
    [message] = queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)["Messages"]
    said = json.loads(json.loads(message["Body"])["Message"])
    assert (said["phoneNumber"], said["campaignId"]) == (event["phoneNumber"], "winter")
    assert said["text"].startswith("Thank you for supporting Winter Appeal!")


@pytest.mark.parametrize("missing", ["PLEDGELINE_SMS_PROVIDERS", "TWILIO_AUTH_TOKEN"])
def test_function_says_which_setting_it_misses(make_function, missing):
    with Twilio() as peer:
        told = {name: value for name, value in peer.settings.items() if name != missing}
        answer = make_function("sms-gateway", **told).invoke(sns_event(request()))
        assert missing in str(answer)
