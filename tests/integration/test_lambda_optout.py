"""The opt-out function under AWS's own emulator of Lambda, beside the stores that it is deployed with."""
import json
import os
import signal
import threading
import time

import pytest
from support.events import donation, optout, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.foreign_api import HANG, ForeignApi
from support.lambda_emulator import Function, failures, sns_event, sqs_event
from support.program import run
from support.stores import redis_cli, until

pytestmark = pytest.mark.own_stores

# The event of the original system's documents, word for word.
SAMPLE = {"callId": "call-123", "campaignId": "campaign-456", "contactId": "contact-789", "phoneNumber": "+972501234567", "dtmfInput": "9",
          "timestamp": "2024-01-15T10:30:00Z"}
NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def settings(lambda_stores):
    return lambda_stores.settings()


@pytest.fixture
def api():
    foreign = ForeignApi(has_check=True)
    yield foreign
    foreign.stop()


@pytest.fixture
def worker():
    """Stands for the Asterisk Worker: takes POST /terminate-call."""
    asterisk = ForeignApi(usual=200)
    asterisk.stored["/terminate-call"] = []
    yield asterisk
    asterisk.stop()


@pytest.fixture
def make_function(settings, api, worker):
    started = []

    def make(**more):
        chosen = {"REDIS_URL": settings["REDIS_URL"], "DATABASE_API_URL": api.url, "ASTERISK_WORKER_URL": worker.url, **more}
        function = Function("optout-handler", **{name: value for name, value in chosen.items() if value is not None})
        started.append(function)
        return function

    yield make
    for function in started:
        function.stop()


@pytest.fixture
def function(make_function):
    return make_function()


def press(**more):
    return optout(unique("call"), "campaign-456", unique_phone(), **more)


def is_cached(settings, phone):
    return redis_cli(settings, "SISMEMBER", "blacklist:numbers", phone) == "1"


def hung_up(worker):
    return [asked.body["callId"] for asked in worker.asked if asked.path.endswith("/terminate-call")]


def is_error(answer):
    return "errorType" in answer


# ---- what it does ----

def test_the_sample_event_has_the_documented_effects(function, settings, api, worker):
    assert not is_error(function.invoke(sns_event(SAMPLE)))
    assert is_cached(settings, "+972501234567")
    assert redis_cli(settings, "TTL", "blacklist:numbers") == redis_cli(settings, "TTL", "blacklist:+972501234567") == "-1"
    assert redis_cli(settings, "GET", "campaign:campaign-456:optouts") == "1"
    assert 86000 < int(redis_cli(settings, "TTL", "optout_action:call-123_optout")) <= 86400
    (entry,), (action, *_) = api.stored["/blacklist"], api.stored["/actions"]
    assert (entry["phoneNumber"], entry["source"], entry["metadata"]["callId"]) == ("+972501234567", "user_optout", "call-123")
    assert (action["id"], action["actionType"], action["status"]) == ("call-123_optout", "optout_blacklist_added", "success")
    assert hung_up(worker) == ["call-123"]


def metrics_of(function):
    """Each line that CloudWatch would read off the log."""
    return [json.loads(line) for line in function.log if '"_aws"' in line]


def test_each_invocation_tells_cloudwatch_what_it_did(make_function, settings):
    function = make_function(DATABASE_API_URL=None, DATABASE_URL=settings["DATABASE_URL"])
    event = sns_event(press())
    for _ in range(2):
        assert not is_error(function.invoke(event))
    first, second = until(lambda: metrics_of(function)[1:] and metrics_of(function))
    assert first["service"] == "optout-handler" and first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Pledgeline"
    assert (first["OptOutsProcessed"], first["BlacklistAdditions"], first["CallTerminations"], first["ActionsCreated"]) == (1, 1, 1, 2)
    assert first["OptOutStoredLatency"] >= 0 and first["OptOutHangUpLatency"] >= 0
    assert (second["OptOutsProcessed"], second["DuplicatesDropped"]) == (1, 1)
    assert "BlacklistAdditions" not in second and "OptOutStoredLatency" not in second and "CallTerminations" not in second


def test_end_of_the_call_is_recorded_before_it_answers(function, settings, api, worker):
    worker.will(503, 200)
    assert not is_error(function.invoke(sns_event(SAMPLE)))
    assert api.ids() == ["call-123_optout", "call-123_optout_call"]
    assert 86000 < int(redis_cli(settings, "TTL", "optout_action:call-123_optout_call")) <= 86400
    assert redis_cli(settings, "GET", "campaign:campaign-456:optouts") == "1"


def test_call_that_does_not_end_is_waited_for_no_longer_than_three_seconds(function, settings, worker):
    worker.will(HANG)
    event = press()
    began = time.monotonic()
    assert not is_error(function.invoke(sns_event(event)))
    assert time.monotonic() - began < 5
    assert is_cached(settings, event["phoneNumber"])


def test_five_times_the_same_event_is_one_optout(function, settings, api):
    for _ in range(5):
        assert not is_error(function.invoke(sns_event(SAMPLE)))
    assert redis_cli(settings, "GET", "campaign:campaign-456:optouts") == "1"
    assert set(api.ids("/blacklist", "phoneNumber")) == {"+972501234567"}
    assert redis_cli(settings, "SCARD", "blacklist:numbers") == "1"


def test_postgresql_takes_the_place_of_the_database_api(make_function, settings, tmp_path):
    function = make_function(DATABASE_API_URL=None, DATABASE_URL=settings["DATABASE_URL"])
    event = press()
    for _ in range(2):
        assert not is_error(function.invoke(sns_event(event)))
    assert run(tmp_path / "none", "blacklist", "check", event["phoneNumber"], **settings).code == 3
    assert is_cached(settings, event["phoneNumber"])


def test_an_opt_out_that_cannot_be_read_whole_blocks_its_number(function, settings):
    phone = unique_phone()
    answer = function.invoke(sns_event('{"callId": "c", "phoneNumber": "' + phone + '", "dtmfInput": "9", '))
    assert is_error(answer) and is_cached(settings, phone)


def notification(topic, event):
    return {"Type": "Notification", "TopicArn": f"arn:aws:sns:us-east-1:123456789012:{topic}", "MessageId": unique("id"), "Message": json.dumps(event)}


def test_a_donation_that_went_astray_blocks_nobody_and_is_no_opt_out(function, settings, api):
    event = donation(unique("call"), "campaign-456", unique_phone())
    assert failures(function.invoke(sqs_event(notification("donation-events", event)))) == ["message-0"]
    assert is_error(function.invoke({"Records": [{"Sns": notification("donation-events", event)}]}))
    assert not is_cached(settings, event["phoneNumber"]) and not api.stored["/blacklist"]


@pytest.mark.parametrize("more", [{"Message": "pressed nine", "TopicArn": "ivr"}, {"detail-type": "key", "detail": {"digit": "9"}}],
                         ids=["as SNS", "as EventBridge"])
def test_an_opt_out_with_fields_that_are_named_like_a_carrier_s_is_one(function, settings, more):
    event = press()
    assert failures(function.invoke(sqs_event({**event, **more}))) == []
    assert is_cached(settings, event["phoneNumber"])


# ---- when something is away ----

def test_without_the_database_it_fails_but_hangs_up_and_fills_the_cache(make_function, settings, worker):
    function = make_function(DATABASE_API_URL=NOBODY)
    event = press()
    assert is_error(function.invoke(sns_event(event)))
    assert is_cached(settings, event["phoneNumber"])
    assert hung_up(worker) == [event["callId"]]


def test_without_redis_it_succeeds_when_the_database_has_it(make_function, api):
    function = make_function(REDIS_URL="redis://127.0.0.1:1")
    event = press()
    assert not is_error(function.invoke(sns_event(event)))
    assert api.ids("/blacklist", "phoneNumber") == [event["phoneNumber"]]
    assert api.ids("/actions")[0] == f"{event['callId']}_optout"


def test_without_redis_it_succeeds_also_when_the_database_says_nothing_of_who_is_blocked(make_function, api):
    api.has_check = False
    function = make_function(REDIS_URL="redis://127.0.0.1:1")
    event = press()
    assert not is_error(function.invoke(sns_event(event)))
    assert api.ids("/actions")[0] == f"{event['callId']}_optout"


def test_what_redis_missed_of_one_number_keeps_no_other_from_the_database(make_function, api):
    api.has_check = False
    function = make_function(REDIS_URL="redis://127.0.0.1:1")
    event = press()
    assert not is_error(function.invoke(sns_event(optout(unique("call"), "campaign-456", "+9720501234567"), event)))
    assert set(api.ids("/blacklist", "phoneNumber")) == {"+9720501234567", "+972501234567", event["phoneNumber"]}


def test_a_queue_goes_on_until_redis_has_it_too(make_function, api):
    function = make_function(REDIS_URL="redis://127.0.0.1:1")
    assert failures(function.invoke(sqs_event(press()))) == ["message-0"]
    assert api.stored["/blacklist"]


def test_without_the_asterisk_worker_it_succeeds(make_function, api):
    function = make_function(ASTERISK_WORKER_URL=NOBODY)
    event = press()
    assert not is_error(function.invoke(sns_event(event)))
    assert api.ids("/blacklist", "phoneNumber") == [event["phoneNumber"]]


def test_a_database_that_is_silent_makes_a_failure_before_the_time_is_over(make_function, api, settings):
    api.usual = HANG
    function = make_function(timeout_s=3)
    event = press()
    answer = function.invoke(sqs_event(event))
    assert failures(answer) == ["message-0"]
    assert is_cached(settings, event["phoneNumber"])


# ---- killed, frozen, too late ----

def test_killed_in_the_middle_it_loses_nothing(make_function, api, settings):
    api.will(HANG)
    function = make_function()
    event = press()
    invoking = threading.Thread(target=function.invoke, args=(sns_event(event),))
    invoking.start()
    until(lambda: api.asked)
    function.kill()
    invoking.join()
    until(lambda: not is_error(function.invoke(sns_event(event))))
    assert redis_cli(settings, "GET", "campaign:campaign-456:optouts") == "1"


def test_stopped_in_the_middle_until_its_time_is_over_it_loses_nothing(make_function, api, settings):
    api.will(HANG)
    function = make_function(timeout_s=3)
    event = press()
    invoking = threading.Thread(target=function.invoke, args=(sns_event(event),))
    invoking.start()
    until(lambda: api.asked)
    for pid in function.pids():
        os.kill(pid, signal.SIGSTOP)
    invoking.join()
    until(lambda: not is_error(function.invoke(sns_event(event))))
    assert redis_cli(settings, "GET", "campaign:campaign-456:optouts") == "1"


def test_frozen_for_a_while_it_goes_on_with_fresh_connections(make_function, settings, lambda_stores):
    proxy = FaultProxy(lambda_stores.redis.port)
    number = settings["REDIS_URL"].rsplit("/", 1)[1]
    function = make_function(REDIS_URL=f"redis://127.0.0.1:{proxy.port}/{number}")
    assert not is_error(function.invoke(sns_event(press())))
    (pid,) = function.pids()
    os.kill(pid, signal.SIGSTOP)
    proxy.reset()
    proxy.heal()
    os.kill(pid, signal.SIGCONT)
    event = press()
    assert not is_error(function.invoke(sns_event(event)))
    assert is_cached(settings, event["phoneNumber"])
    proxy.stop()


# ---- what a person sees ----

def test_a_variable_that_is_missing_is_named(make_function):
    function = make_function(DATABASE_API_URL=None)
    answer = function.invoke(sns_event(press()))
    assert "DATABASE_API_URL or DATABASE_URL" in answer["errorMessage"]


def test_logs_say_nothing_of_whose_number_it_was(make_function):
    function = make_function(DATABASE_API_URL=NOBODY)
    event = press()
    function.invoke(sns_event(event, "{"))
    until(lambda: function.lines("message not applied"))
    text = "\n".join(function.log)
    assert event["phoneNumber"] not in text and event["phoneNumber"][1:] not in text
