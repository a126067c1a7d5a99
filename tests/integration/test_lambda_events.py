"""What the functions make of AWS's events, and what they answer: with the CDR function under the emulator."""
import json

import pymongo
import pytest
from support.events import ended, unique, unique_phone
from support.lambda_emulator import FUNCTIONS, Function, failures, sns_event, sqs_event
from support.program import run
from support.stores import redis_cli

pytestmark = pytest.mark.own_stores


@pytest.fixture(scope="module")
def settings(lambda_stores):
    return lambda_stores.settings()


def with_stores(settings):
    return {name: settings[name] for name in ("REDIS_URL", "MONGODB_URI", "MONGODB_DATABASE")}


@pytest.fixture(scope="module")
def function(settings):
    logger = Function("cdr-logger", **with_stores(settings))
    yield logger
    logger.stop()


@pytest.fixture
def campaign():
    return unique("campaign")


def attempts(settings, campaign):
    return int(redis_cli(settings, "GET", f"campaign:{campaign}:total_attempts") or 0)


def call(campaign, **more):
    return ended(unique("call"), campaign, unique_phone(), **more)


def notification(message, topic="call-events", **more):
    return {"Type": "Notification", "TopicArn": f"arn:aws:sns:us-east-1:123456789012:{topic}", "MessageId": unique("id"),
            "Message": json.dumps(message), "Timestamp": "2024-01-15T10:35:01.000Z", **more}


def bus_event(message):
    return {"version": "0", "id": unique("id"), "detail-type": "call", "source": "ivr", "account": "123456789012",
            "time": "2024-01-15T10:35:01Z", "region": "us-east-1", "resources": [], "detail": message}


# ---- what it does ----

# The event of the original system's documents, word for word.
SAMPLE = {"callId": "test-call", "campaignId": "test-campaign", "contactId": "test-contact", "phoneNumber": "+972501234567",
          "eventType": "call_ended", "outcome": "answered", "timestamp": "2024-01-15T10:35:00Z"}


def test_the_sample_event_five_times_is_one_record_and_counts_once(function, settings):
    for _ in range(5):
        assert function.invoke(sns_event(SAMPLE)) == {"done": 1}
    with pymongo.MongoClient(settings["MONGODB_URI"]) as mongo:
        (record,) = mongo[settings["MONGODB_DATABASE"]]["call_records"].find({"callId": "test-call"})
    assert (record["campaignId"], record["contactId"], record["phoneNumber"]) == ("test-campaign", "test-contact", "+972501234567")
    assert (record["outcome"], record["status"]) == ("answered", "completed") and record["endTime"].isoformat() == "2024-01-15T10:35:00"
    counters = {name: redis_cli(settings, "GET", f"campaign:test-campaign:{name}") for name in ("total_attempts", "answered", "last_activity")}
    assert counters == {"total_attempts": "1", "answered": "1", "last_activity": "2024-01-15T10:35:00.000Z"}


def test_the_command_line_shows_a_record_of_which_it_knows_the_store_alone(function, settings, tmp_path):
    assert function.invoke(sns_event(SAMPLE)) == {"done": 1}
    shown = run(tmp_path / "none", "cdr", "show", "test-call", **with_stores(settings))
    assert shown.code == 0 and "test-campaign" in shown.out and "not named here" in shown.err


# ---- carriers ----

@pytest.mark.parametrize("event", [
    lambda message: sns_event(message),
    lambda message: {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notification(message, Subject=None)}]},
    lambda message: bus_event(message),
    lambda message: message,
    lambda message: notification(message),
], ids=["as documented", "as SNS sends it", "EventBridge", "the message itself", "a notification"])
def test_one_message_is_one_call_and_no_error(function, settings, campaign, event):
    answer = function.invoke(event(call(campaign)))
    assert answer == {"done": 1}
    assert attempts(settings, campaign) == 1


@pytest.mark.parametrize("body", [
    lambda message: message,
    lambda message: notification(message),
    lambda message: notification(message, topic="prod-telephony"),
    lambda message: bus_event(message),
    lambda message: bus_event(message) | {"detail": message},
], ids=["raw", "SNS in SQS", "a topic by another name", "EventBridge in SQS", "EventBridge, again"])
def test_a_queue_s_message_is_taken_out_of_its_carriers(function, settings, campaign, body):
    assert failures(function.invoke(sqs_event(body(call(campaign))))) == []
    assert attempts(settings, campaign) == 1


# ---- answers ----

def test_a_queue_hears_of_exactly_what_failed(function, settings, campaign):
    good, bad = call(campaign), "{"
    answer = function.invoke(sqs_event(good, bad, call(campaign), {"callId": ""}, call(campaign)))
    assert failures(answer) == ["message-1", "message-3"]
    assert attempts(settings, campaign) == 3


def test_behind_a_failure_a_fifo_queue_gets_everything_back(function, campaign):
    answer = function.invoke(sqs_event(call(campaign), "{", call(campaign), call(campaign), fifo=True))
    assert failures(answer) == ["message-1", "message-2", "message-3"]


def test_the_same_message_twice_in_a_batch_is_one(function, settings, campaign):
    twice = call(campaign)
    assert failures(function.invoke(sqs_event(twice, twice))) == []
    assert attempts(settings, campaign) == 1


def test_a_large_batch_is_done_in_one_invocation(function, settings, campaign):
    assert failures(function.invoke(sqs_event(*[call(campaign) for _ in range(300)]))) == []
    assert attempts(settings, campaign) == 300


@pytest.mark.parametrize("event", [b"{", b"[]", b'"text"', b'{"Records":[{"body":"x"}]}', b'{"Records":7}', b'{"Records":[{"dynamodb":{}}]}'])
def test_an_event_that_is_none_is_an_error_and_the_next_one_works(function, campaign, event):
    assert "errorType" in function.invoke(event)
    assert function.invoke(sns_event(call(campaign))) == {"done": 1}


def test_no_records_are_nothing_to_do(function):
    assert function.invoke({"Records": []}) == {"done": 0}


# ---- stores ----

def test_without_mongodb_a_queue_gets_its_messages_back(settings, campaign):
    function = Function("cdr-logger", timeout_s=10, REDIS_URL=settings["REDIS_URL"], MONGODB_URI="mongodb://127.0.0.1:1/")
    assert failures(function.invoke(sqs_event(call(campaign)))) == ["message-0"]
    function.stop()
    assert attempts(settings, campaign) == 0


@pytest.mark.parametrize("environment", [{"_HANDLER": "cdr-logger"}, {"_HANDLER": "cdr-logger.handler"}])
def test_one_program_is_all_functions(settings, campaign, environment):
    function = Function("cdr-logger", program=FUNCTIONS / "pledgeline-lambda", **with_stores(settings), **environment)
    assert function.invoke(sns_event(call(campaign))) == {"done": 1}
    function.stop()
