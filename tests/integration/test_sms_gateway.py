"""Texts through the SMS gateway's topic: on a real SNS and SQS (moto), and against answers that no real topic gives on demand."""
import json
import os
import signal
import threading

import pytest
from support import look
from support.events import CAMPAIGN_NAME, donation, optout
from support.fault_proxy import FaultProxy
from support.lambda_emulator import Function, sns_event
from support.peer_moto import Queue
from support.program import run
from support.sns_peer import SnsPeer, error, results
from support.stores import nothing_waits, redis_cli, until

ARN = "arn:aws:sns:us-east-1:123456789012:"
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
PHONE = "+972501234567"


def settings_of(peer, topic="sms-gateway", **more):
    return {"AWS_ENDPOINT_URL_SNS": peer.url, "SMS_GATEWAY_TOPIC_ARN": ARN + topic, **KEYS, **more}


def press(server, call_id, phone=PHONE):
    return server.post("/v1/events/donation-events", donation(call_id, "winter", phone))


def records(server, kind=None):
    found = server.json("actions", "list", "--limit", "0")
    return [record for record in found if kind is None or record["actionType"] == kind]


def texts(server, state):
    return server.json("sms", "list", "--state", state, "--limit", "0")


def is_recorded(server, kind, count=1):
    return lambda: len(records(server, kind)) == count


# ---- on a real topic ----

@pytest.fixture
def topic_way(moto):
    """Between the program and the topics, which are there all the time."""
    proxy = FaultProxy(moto.port)
    yield proxy
    proxy.stop()


def subscribed(moto, name, fifo=False):
    """A queue behind a topic of that name, and the topic's ARN."""
    if not fifo:
        queue = Queue(moto, f"{name}-queue")
        return queue, queue.subscribe(moto, name)
    queue, sns = Queue(moto, f"{name}-queue", fifo=True), moto.client("sns")
    arn = sns.create_topic(Name=f"{name}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    return queue, arn


def received(queue):
    """All that is there: (what SNS says, attributes of the queue's message)."""
    found = []
    while True:
        more = queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, WaitTimeSeconds=0, AttributeNames=["All"]).get("Messages", [])
        if not more:
            return found
        for message in more:
            found.append((json.loads(message["Body"]), message["Attributes"]))
            queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])


def test_press_that_comes_five_times_is_one_message(make_server, moto):
    queue, arn = subscribed(moto, "once")
    server = make_server(**moto.settings, SMS_GATEWAY_TOPIC_ARN=arn)
    for _ in range(5):
        assert press(server, "c1").status == 200
    [(said, _)] = received(queue)
    body = json.loads(said["Message"])
    [record] = records(server)
    assert said["Subject"] == "Donation SMS Request"
    assert said["MessageAttributes"] == {"actionId": {"Type": "String", "Value": "c1_donation"}, "campaignId": {"Type": "String", "Value": "winter"}}
    assert body == {"phoneNumber": PHONE, "message": body["message"], "campaignId": "winter", "contactId": "contact-of-c1",
                    "templateVariables": {"donationLink": record["donationLink"], "campaignName": CAMPAIGN_NAME},
                    "actionId": "c1_donation", "callId": "c1"}
    assert "{{donationLink}}" in body["message"]
    assert (record["actionType"], record["status"], record["smsMessageId"]) == ("donation_sms_sent", "success", said["MessageId"])
    assert look.live(server, "winter")["donations"] == 1
    assert server.run("recount").code == 0


def test_fifo_topic_gets_the_ids_that_tell_a_repeat(make_server, moto):
    queue, arn = subscribed(moto, "ordered", fifo=True)
    server = make_server(**moto.settings, SMS_GATEWAY_TOPIC_ARN=arn)
    press(server, "c1")
    press(server, "c1")
    [(_, attributes)] = received(queue)
    assert (attributes["MessageDeduplicationId"], attributes["MessageGroupId"]) == ("c1_donation", PHONE)


def test_call_id_that_is_no_fifo_id_is_told_by_its_digest(make_server, moto):
    queue, arn = subscribed(moto, "digest", fifo=True)
    server = make_server(**moto.settings, SMS_GATEWAY_TOPIC_ARN=arn)
    for number, call_id in enumerate(("שיחה 1", "x" * 200)):
        press(server, call_id, f"+97250123456{number}")
    found = {json.loads(said["Message"])["callId"]: attributes["MessageDeduplicationId"] for said, attributes in received(queue)}
    assert set(found) == {"שיחה 1", "x" * 200} and all(len(each) == 64 for each in found.values())


def test_many_texts_at_once_all_arrive_once(make_server, moto):
    queue, arn = subscribed(moto, "many")
    server = make_server(**moto.settings, SMS_GATEWAY_TOPIC_ARN=arn)
    presses = [donation(f"c{number}", "winter", f"+9725{number:08d}") for number in range(33)]
    server.publish("donation-events", *presses)
    until(is_recorded(server, "donation_sms_sent", 33))
    arrived = sorted(json.loads(said["Message"])["callId"] for said, _ in received(queue))
    assert arrived == sorted(event["callId"] for event in presses)
    assert look.live(server, "winter")["donations"] == 33


def test_topic_that_is_away_is_waited_for(make_server, moto, topic_way):
    queue, arn = subscribed(moto, "late")
    topic_way.refuse()
    server = make_server(**{**moto.settings, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{topic_way.port}"}, SMS_GATEWAY_TOPIC_ARN=arn, PLEDGELINE_BACKOFF_MOST=1,
                         PLEDGELINE_MAX_ATTEMPTS=2)
    for number in range(3):
        assert press(server, f"c{number}").status in (200, 202)
    until(lambda: len(texts(server, "pending")) == 3)
    assert server.get("/readyz").json()["dependencies"]["sms_gateway"] != "ok"
    topic_way.heal()
    until(is_recorded(server, "donation_sms_sent", 3))
    until(lambda: nothing_waits(server))
    assert sorted(json.loads(said["Message"])["callId"] for said, _ in received(queue)) == ["c0", "c1", "c2"]
    assert records(server, "donation_sms_failed") == []


# ---- answers that a topic gives now and then ----

def test_text_that_is_refused_is_recorded_as_failed(make_server):
    with SnsPeer(lambda messages: (400, {}, error("InvalidParameter", "Invalid parameter: Message"))) as peer:
        server = make_server(**settings_of(peer))
        press(server, "c1")
        press(server, "c1")
        [record] = records(server)
        assert (record["actionType"], record["status"], record["ttsFallbackTriggered"]) == ("donation_sms_failed", "failed", False)
        assert "InvalidParameter" in record["failureReason"] and PHONE not in record["failureReason"]
        assert server.run("live", "winter").code == 1  # nothing is counted
    assert len(peer.requests) == 1


def test_each_text_of_a_request_has_its_own_answer(make_server):
    def answer(messages):
        bad = [(each.number, ("InvalidParameter", True)) for each in messages if each.body["callId"] == "c2"]
        return results(messages, bad)

    with SnsPeer(answer) as peer:
        server = make_server(**settings_of(peer))
        server.publish("donation-events", *(donation(f"c{number}", "winter", PHONE) for number in range(5)))
        until(is_recorded(server, None, 5))
        assert [record["callId"] for record in records(server, "donation_sms_failed")] == ["c2"]
        assert {record["smsMessageId"] for record in records(server, "donation_sms_sent")} == {f"id-c{n}_donation" for n in (0, 1, 3, 4)}


def test_text_that_spoils_a_request_spoils_no_other(make_server):
    def answer(messages):
        spoilt = any(each.body["callId"] == "c2" for each in messages)
        return (400, {}, error("InvalidParameter")) if spoilt else results(messages)

    with SnsPeer(answer) as peer:
        server = make_server(**settings_of(peer))
        server.publish("donation-events", *(donation(f"c{number}", "winter", PHONE) for number in range(5)))
        until(is_recorded(server, None, 5))
        assert [record["callId"] for record in records(server, "donation_sms_failed")] == ["c2"]


@pytest.mark.parametrize("first", [(403, {}, error("AuthorizationError")), (404, {}, error("NotFound")), (400, {}, error("KMSDisabled")),
                                   (400, {}, error("Throttling"))], ids=["no right", "no topic", "no key", "throttled"])
def test_what_is_no_fault_of_a_text_is_waited_for(make_server, first):
    left = [first] * 3
    with SnsPeer(lambda messages: left.pop() if left else results(messages)) as peer:
        server = make_server(**settings_of(peer, PLEDGELINE_MAX_ATTEMPTS=2, PLEDGELINE_BACKOFF_MOST=1))
        press(server, "c1")
        until(is_recorded(server, "donation_sms_sent"))
        assert len(records(server)) == 1
    assert len(peer.requests) == 4


def test_settings_without_keys_are_waited_for_and_said(make_server):
    with SnsPeer() as peer:
        server = make_server(**{**settings_of(peer), "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "HOME": "/nonexistent",
                                "AWS_EC2_METADATA_DISABLED": "true"})
        press(server, "c1")
        [text] = until(lambda: texts(server, "pending"))
        assert "AWS_ACCESS_KEY_ID" in text["failureReason"] and not peer.requests
        assert server.get("/readyz").json()["dependencies"]["sms_gateway"]["code"] == "aws_credentials"


# ---- answers that never came ----

@pytest.mark.parametrize("earlier", [0, 1], ids=["new_connection", "kept_connection"])
def test_text_whose_answer_is_lost_is_unknown_and_never_sent_again(make_server, earlier):
    with SnsPeer(lambda messages: results(messages) if messages[0].body["callId"] == "before" else None) as peer:
        server = make_server(**settings_of(peer))
        if earlier:
            press(server, "before")
        press(server, "c1")
        [text] = until(lambda: texts(server, "unknown"))
        press(server, "c1")
        assert (text["actionId"], text["status"]) == ("c1_donation", "unknown") and "the connection broke before an answer" in text["failureReason"]
        assert texts(server, "unknown") == [text]
        assert [message.body["callId"] for message in peer.messages()] == ["before"] * earlier + ["c1"]
        assert 'pledgeline_sms_total{result="unknown"} 1' in server.get("/metrics").body.decode()
        assert "c1" in server.run("sms", "list", "--state", "unknown").out


def test_fifo_topic_whose_answer_is_lost_is_asked_again_as_the_same(make_server):
    left = [None, (500, {}, b"")]
    with SnsPeer(lambda messages: left.pop(0) if left else results(messages)) as peer:
        server = make_server(**settings_of(peer, "sms-gateway.fifo"))
        press(server, "c1")
        until(is_recorded(server, "donation_sms_sent"))
    assert [message.repeat_id for message in peer.messages()] == ["c1_donation"] * 3


@pytest.mark.parametrize("minutes, is_sent", [(2, True), (4, False)], ids=["while SNS knows it", "when SNS may have forgotten"])
def test_text_of_a_process_that_was_killed_is_sent_again_only_while_the_topic_knows_it(make_server, clock, minutes, is_sent):
    with SnsPeer(lambda messages: server.process.kill() if len(peer.requests) == 1 else results(messages)) as peer:
        server = make_server(**settings_of(peer, "sms-gateway.fifo"), **clock.settings)
        with pytest.raises(OSError):
            press(server, "c1")
        server.kill()
        clock.advance(minutes=minutes)
        server.start()
        found = until(lambda: texts(server, "sent" if is_sent else "unknown"))
        assert [text["actionId"] for text in found] == ["c1_donation"]
    assert [message.repeat_id for message in peer.messages()] == ["c1_donation"] * (2 if is_sent else 1)


def test_text_of_a_process_that_was_killed_is_unknown_on_a_topic_that_knows_no_repeat(make_server, clock):
    with SnsPeer(lambda messages: server.process.kill()) as peer:
        server = make_server(**settings_of(peer), **clock.settings)
        with pytest.raises(OSError):
            press(server, "c1")
        server.kill()
        clock.advance(seconds=31)
        server.start()
        until(lambda: texts(server, "unknown"))
    assert len(peer.requests) == 1


# ---- processes that were frozen ----

@pytest.mark.parametrize("topic", ["sms-gateway", "sms-gateway.fifo"])
def test_text_of_a_process_that_was_frozen_between_two_tries_is_taken_anew_and_goes_out_once(make_server, clock, topic):
    def freezes(messages):
        if len(peer.requests) > 1:
            return results(messages)
        os.kill(server.process.pid, signal.SIGSTOP)
        clock.advance(seconds=23)  # three quarters of the lease, when somebody else may soon have the text
        os.kill(server.process.pid, signal.SIGCONT)
        return 400, {}, error("Throttling")

    with SnsPeer(freezes) as peer:
        server = make_server(**settings_of(peer, topic), **clock.settings)
        assert press(server, "c1").status in (200, 202)
        assert len(peer.requests) == 1 and records(server) == []
        clock.advance(minutes=5)
        until(lambda: texts(server, "sent"))
    assert len(peer.requests) == 2  # the first was throttled, so nobody has it by that


@pytest.mark.own_stores
@pytest.mark.parametrize("topic", ["sms-gateway", "sms-gateway.fifo"])
def test_text_of_a_process_that_was_frozen_before_its_request_does_not_go_out_by_it(lambda_stores, clock, topic):
    settings = lambda_stores.settings()
    port = int(settings["REDIS_URL"].split(":")[-1].split("/")[0])
    proxy = FaultProxy(port)
    with SnsPeer() as peer:
        gateway = {name: str(value) for name, value in {**settings_of(peer, topic), **clock.settings}.items()}
        function = Function("donation-handler", REDIS_URL=settings["REDIS_URL"].replace(f":{port}", f":{proxy.port}"), **gateway)
        try:
            assert "errorType" not in function.invoke(sns_event(donation("warm", "frozen", PHONE)))
            proxy.hold_once(b"\r\nsending\r\n")
            answers = []
            asking = threading.Thread(target=lambda: answers.append(function.invoke(sns_event(donation("c1", "frozen", PHONE)))))
            asking.start()
            assert proxy.held.wait(5)
            [pid] = function.pids()
            os.kill(pid, signal.SIGSTOP)
            proxy.heal()
            clock.advance(seconds=23)
            os.kill(pid, signal.SIGCONT)
            asking.join()
        finally:
            function.stop()
            proxy.stop()
    assert "errorType" in answers[0] and redis_cli(settings, "HGET", "pledgeline:effect:c1_donation", "state") == "pending"
    assert [message.body["callId"] for message in peer.messages()] == ["warm"]


# ---- speech ----

def refuses_texts(messages):
    return results(messages) if messages[0].topic == "tts" else (400, {}, error("InvalidParameter", "no such number"))


def test_text_that_is_refused_is_asked_for_as_speech(make_server):
    with SnsPeer(refuses_texts) as peer:
        server = make_server(**settings_of(peer, TTS_FALLBACK_TOPIC_ARN=ARN + "tts"))
        press(server, "c1")
        press(server, "c1")
        [record] = records(server)
        assert (record["actionType"], record["status"], record["ttsFallbackTriggered"]) == ("donation_tts_fallback", "failed", True)
        assert "no such number" in record["failureReason"] and record["smsMessageId"] == "id-c1_donation"
        [_, spoken] = peer.messages()
        assert spoken.body == {"phoneNumber": PHONE, "text": spoken.body["text"], "campaignId": "winter", "contactId": "contact-of-c1",
                               "smsFailureReason": record["failureReason"], "timestamp": spoken.body["timestamp"], "actionId": "c1_donation"}
        assert record["donationLink"] in spoken.body["text"] and CAMPAIGN_NAME in spoken.body["text"] and "{{" not in spoken.body["text"]
        assert server.run("live", "winter").code == 1  # nothing is counted


def test_speech_that_is_not_taken_is_tried_again_with_its_text(make_server):
    left = [(400, {}, error("Throttling"))] * 100
    with SnsPeer(lambda messages: left.pop() if messages[0].topic == "tts" and len(left) > 90 else refuses_texts(messages)) as peer:
        server = make_server(**settings_of(peer, TTS_FALLBACK_TOPIC_ARN=ARN + "tts", PLEDGELINE_BACKOFF_MOST=1))
        press(server, "c1")
        until(is_recorded(server, "donation_tts_fallback"))
        assert len(records(server)) == 1


@pytest.mark.parametrize("topic, times", [("tts", 1), ("tts.fifo", 2)], ids=["would be spoken twice", "knows the repeat"])
def test_speech_whose_process_was_killed_is_asked_for_again_only_where_that_is_one_call(make_server, clock, topic, times):
    def answer(messages):
        if messages[0].topic == "sms-gateway.fifo":
            return 400, {}, error("InvalidParameter", "no such number")
        spoken.append(messages[0].repeat_id)
        return server.process.kill() if len(spoken) == 1 else results(messages)

    spoken = []
    with SnsPeer(answer) as peer:
        server = make_server(**settings_of(peer, "sms-gateway.fifo", TTS_FALLBACK_TOPIC_ARN=ARN + topic), **clock.settings)
        with pytest.raises(OSError):
            press(server, "c1")
        server.kill()
        clock.advance(seconds=31)
        server.start()
        until(lambda: texts(server, "unknown" if times == 1 else "failed"))
    assert len(spoken) == times and len(set(spoken)) == 1


def test_who_opted_out_is_neither_texted_nor_called(make_server):
    with SnsPeer(refuses_texts) as peer:
        server = make_server(**settings_of(peer, TTS_FALLBACK_TOPIC_ARN=ARN + "tts"))
        server.publish("optout-events", optout("c0", "winter", PHONE))
        press(server, "c1")
    assert not peer.requests


# ---- settings ----

@pytest.mark.parametrize("arn", ["sms-gateway", "arn:aws:sqs:us-east-1:123456789012:x", ARN + "x:subscription", "arn:aws:sns::123456789012:x",
                                 "arn:aws:sns:us-east-1:1:x", "arn:aws:sns:us-east-1:12345678901x:x", "arn:other:sns:us-east-1:123456789012:x",
                                 "arn:aws:sns:us east:123456789012:x", ARN + "a b", ARN + "a.b", ARN + "x ", ARN + ".fifo", ARN + "x" * 257])
@pytest.mark.parametrize("variable", ["SMS_GATEWAY_TOPIC_ARN", "TTS_FALLBACK_TOPIC_ARN"])
def test_arn_that_is_none_of_a_topic_is_refused(tmp_path, variable, arn):
    done = run(tmp_path / "data", "live", **{"SMS_GATEWAY_TOPIC_ARN": ARN + "sms-gateway", variable: arn})
    assert done.code != 0 and f"{variable} is" in done.err and "the ARN of an SNS topic" in done.err


@pytest.mark.parametrize("topic", ["call-events", "donation-events", "optout-events", "donation-events.fifo"])
def test_topic_of_events_is_refused_as_gateway(tmp_path, topic):
    done = run(tmp_path / "data", "live", SMS_GATEWAY_TOPIC_ARN=ARN + topic)
    assert done.code != 0 and "a text would come back as one" in done.err


def test_topic_that_speaks_needs_no_gateway_of_texts(tmp_path):
    done = run(tmp_path / "data", "live", TTS_FALLBACK_TOPIC_ARN=ARN + "tts")
    assert "TTS_FALLBACK_TOPIC_ARN" not in done.err
