"""The donation function under AWS's own emulator of Lambda: texts go to a real SNS topic, of which a queue tells what came."""
import json
import threading

import pytest
from support.events import donation, optout, unique, unique_phone
from support.foreign_api import ForeignApi
from support.http_peer import HttpPeer
from support.lambda_emulator import FUNCTIONS, Function, failures, sns_event, sqs_event
from support.lambda_runtime import Runtime
from support.peer_moto import Queue
from support.stores import redis_cli, until

pytestmark = pytest.mark.own_stores

# The event of the original system's documents, with its key.
SAMPLE = {"callId": "test-call", "campaignId": "test-campaign", "contactId": "test-contact", "phoneNumber": "+972501234567", "dtmfInput": "1"}


@pytest.fixture
def settings(lambda_stores):
    return lambda_stores.settings()


@pytest.fixture
def gateway(moto):
    """A queue behind a topic of its own."""
    queue = Queue(moto, unique("texts"))
    queue.topic_arn = queue.subscribe(moto, unique("sms-gateway"))
    return queue


@pytest.fixture
def make_function(settings, gateway, moto):
    started = []

    def make(**more):
        chosen = {"REDIS_URL": settings["REDIS_URL"], "SMS_GATEWAY_TOPIC_ARN": gateway.topic_arn, **moto.settings, **more}
        function = Function("donation-handler", **{name: value for name, value in chosen.items() if value is not None})
        started.append(function)
        return function

    yield make
    for function in started:
        function.stop()


def texts(gateway):
    """What the topic was given since the last look."""
    found = []
    while True:
        more = gateway.sqs.receive_message(QueueUrl=gateway.url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
        if not more:
            return found
        for message in more:
            notification = json.loads(message["Body"])
            found.append((notification, json.loads(notification["Message"])))
            gateway.sqs.delete_message(QueueUrl=gateway.url, ReceiptHandle=message["ReceiptHandle"])


def donations(settings, campaign):
    return int(redis_cli(settings, "GET", f"campaign:{campaign}:donations") or 0)


def action(settings, call_id):
    return json.loads(redis_cli(settings, "GET", f"donation_action:{call_id}_donation") or "null")


def press(campaign, phone=None):
    return donation(unique("call"), campaign, phone or unique_phone())


def is_error(answer):
    return "errorType" in answer


def invoke_often(function, event):
    for _ in range(5):
        function.invoke(sns_event(event))


# ---- with REDIS_HOST alone ----

def test_the_sample_event_has_the_documented_effects(make_function, settings, gateway):
    assert not is_error(make_function().invoke(sns_event(SAMPLE)))
    ((notification, text),) = texts(gateway)
    assert notification["Subject"] == "Donation SMS Request"
    assert (text["phoneNumber"], text["campaignId"], text["contactId"]) == ("+972501234567", "test-campaign", "test-contact")
    assert text["templateVariables"]["donationLink"].startswith("https://") and text["actionId"] == "test-call_donation"
    assert donations(settings, "test-campaign") == 1
    assert action(settings, "test-call")["actionType"] == "donation_sms_sent"
    assert 86000 < int(redis_cli(settings, "TTL", "donation_action:test-call_donation")) <= 86400


def test_five_times_the_same_event_is_one_text(make_function, settings, gateway):
    function = make_function()
    for _ in range(5):
        assert not is_error(function.invoke(sns_event(SAMPLE)))
    assert len(texts(gateway)) == donations(settings, "test-campaign") == 1


def test_two_functions_with_the_same_event_send_one_text(make_function, settings, gateway):
    event = press("w")
    threads = [threading.Thread(target=invoke_often, args=(make_function(), event)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts(gateway)) == donations(settings, "w") == 1


def test_links_of_all_functions_are_signed_with_one_key(make_function, settings):
    keys = set()
    for _ in range(2):
        assert not is_error(make_function().invoke(sns_event(press("w"))))
        keys.add(redis_cli(settings, "GET", "pledgeline:link_key"))
    assert len(keys) == 1 and len(keys.pop()) == 64


def test_who_is_on_the_list_gets_no_text(make_function, settings, gateway):
    event = press("w")
    redis_cli(settings, "SADD", "blacklist:numbers", event["phoneNumber"])
    assert not is_error(make_function().invoke(sns_event(event)))
    assert texts(gateway) == [] and donations(settings, "w") == 0


def test_an_opt_out_that_went_astray_blocks_its_number_and_sends_nothing(make_function, settings, gateway):
    event = press("w")
    del event["dtmfInput"]
    body = {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:optout-events", "MessageId": "1", "Message": json.dumps(event)}
    assert failures(make_function().invoke(sqs_event(body))) == ["message-0"]
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", event["phoneNumber"]) == "1"
    assert texts(gateway) == []


def test_an_example_link_is_warned_of(make_function):
    function = make_function()
    until(lambda: function.lines("donation links lead to an example: set DONATION_LINK_BASE_URL") or function.invoke(sns_event(press("w"))) is None)


def test_without_redis_nothing_is_sent_and_the_queue_gets_it_back(make_function, gateway):
    function = make_function(REDIS_URL="redis://127.0.0.1:1")
    assert failures(function.invoke(sqs_event(press("w")))) == ["message-0"]
    assert texts(gateway) == []


def test_without_the_topic_the_message_comes_again_and_is_sent_once(make_function, settings, gateway):
    event = press("w")
    away = make_function(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert failures(away.invoke(sqs_event(event))) == ["message-0"]
    function = make_function()
    until(lambda: failures(function.invoke(sqs_event(event))) == [])
    assert len(texts(gateway)) == donations(settings, "w") == 1


def test_the_trace_of_the_invocation_goes_along_with_the_text(settings, gateway, moto):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    runtime = Runtime(FUNCTIONS / "donation-handler", {"REDIS_URL": settings["REDIS_URL"], "SMS_GATEWAY_TOPIC_ARN": gateway.topic_arn, **moto.settings})
    runtime.invoke(json.dumps(sns_event(press("w"))).encode(), trace)
    runtime.stop()
    ((notification, _),) = texts(gateway)
    assert notification["MessageAttributes"]["traceparent"]["Value"] == "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"


def test_killed_while_the_topic_is_asked_a_standard_topic_gets_no_second_text(make_function, settings, gateway):
    """Nobody knows whether it was sent: it is held, for a person to look at."""
    event, answers = press("w"), threading.Event()

    def state():
        return redis_cli(settings, "HGET", f"pledgeline:effect:{event['callId']}_donation", "state")

    with HttpPeer(lambda request: answers.wait() and None) as silent:
        function = make_function(AWS_ENDPOINT_URL=silent.url, PLEDGELINE_EFFECT_LEASE="1")
        invoking = threading.Thread(target=function.invoke, args=(sns_event(event),))
        invoking.start()
        until(lambda: silent.requests)
        assert state() == "sending"
        function.kill()
        invoking.join()
        answers.set()
    after = make_function(PLEDGELINE_EFFECT_LEASE="1")
    until(lambda: not is_error(after.invoke(sns_event(event))))
    assert state() == "unknown"
    assert texts(gateway) == [] and donations(settings, "w") == 0


# ---- with a database ----

def test_a_database_api_is_told_and_asked(make_function, gateway):
    api = ForeignApi(has_check=True)
    function = make_function(DATABASE_API_URL=api.url)
    event, blocked = press("w"), press("w")
    api.stored["/blacklist"].append({"phoneNumber": blocked["phoneNumber"]})
    for _ in range(2):
        assert not is_error(function.invoke(sns_event(event)))
        assert not is_error(function.invoke(sns_event(blocked)))
    api.stop()
    assert [text["phoneNumber"] for _, text in texts(gateway)] == [event["phoneNumber"]]
    assert f"{event['callId']}_donation" in api.ids()


def test_postgresql_is_ledger_and_list(make_function, settings, gateway):
    function = make_function(DATABASE_URL=settings["DATABASE_URL"])
    event = press("w")
    for _ in range(3):
        assert not is_error(function.invoke(sns_event(event)))
    assert len(texts(gateway)) == donations(settings, "w") == 1


def test_nine_beats_one_also_between_two_functions(make_function, settings, gateway):
    phone = unique_phone()
    database = {"DATABASE_URL": settings["DATABASE_URL"]}
    optouts = Function("optout-handler", REDIS_URL=settings["REDIS_URL"], ASTERISK_WORKER_URL="http://127.0.0.1:1", **database)
    assert not is_error(optouts.invoke(sns_event(optout(unique("call"), "w", phone))))
    optouts.stop()
    assert not is_error(make_function(**database).invoke(sns_event(press("w", phone))))
    assert texts(gateway) == []
