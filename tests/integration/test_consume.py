"""`pledgeline consume`: SQS queues worked through, on SNS and SQS of moto, the data folder alone or stores apart."""
import json
import signal

import pytest
from support import look
from support.events import donation, ended, optout, unique, unique_phone
from support.fault_proxy import FaultProxy, MongoFaultProxy
from support.peer_moto import MotoPeer, Queue
from support.program import PATIENCE_S, Consumer, run
from support.stores import Stores, nothing_waits, until

QUICK = {"PLEDGELINE_BACKOFF_FIRST": 1, "PLEDGELINE_BACKOFF_MOST": 1, "PLEDGELINE_EFFECT_LEASE": 1}
HELD_S = 3  # visibility of queues whose messages are worked on for longer than that; a store gives up after 5 s


@pytest.fixture
def make_consumer(moto, tmp_path):
    """make_consumer(queue or "topic=URL", …, SETTING=value) starts a consumer; all are stopped at the end and must leave cleanly."""
    started = []

    def make(*queues, **more):
        urls = ",".join(queue if isinstance(queue, str) else queue.url for queue in queues)
        settings = {**moto.settings, **QUICK, "PLEDGELINE_QUEUE_URLS": urls, **more}
        consumer = Consumer(tmp_path / f"data{len(started)}", **settings).start()
        started.append(consumer)
        return consumer

    yield make
    for consumer in started:
        consumer.stop()


def log_of(consumer, *words):
    """Its lines that hold all of these."""
    return [line for line in consumer.log if all(word in line for word in words)]


def is_done(consumer, queue, deleted):
    return lambda: queue.is_empty() and consumer.metric('pledgeline_sqs_messages_total{what="deleted"}') == deleted


def counters(consumer, campaign):
    """Those that are not 0; none while there is no such campaign."""
    found = [each for each in consumer.get("/v1/campaigns").json()["campaigns"] if each["campaignId"] == campaign]
    return {name: value for each in found for name, value in each["counters"].items() if value}


def said(consumer, queue):
    return lambda: f"{queue.counts()} dead {queue.dead()} {consumer.log[-20:]}"


def notification(topic, event):
    """What SNS puts into a queue."""
    return {"Type": "Notification", "MessageId": unique("message"), "TopicArn": f"arn:aws:sns:us-east-1:123456789012:{topic}",
            "Message": event if isinstance(event, str) else json.dumps(event), "Timestamp": "2025-04-30T12:00:00.000Z"}


# ---- what comes ----

@pytest.mark.parametrize("raw", (False, True))
def test_events_of_each_topic_come_by_sns(moto, make_consumer, raw):
    campaign, phone, other, sns = unique("campaign"), unique_phone(), unique_phone(), moto.client("sns")
    events = {"donation-events": donation(unique("call"), campaign, phone), "optout-events": optout(unique("call"), campaign, other),
              "call-events": ended(unique("call"), campaign, phone)}
    queues = {topic: Queue(moto, unique("queue")) for topic in events}
    for topic, event in events.items():
        sns.publish(TopicArn=queues[topic].subscribe(moto, topic, raw), Message=json.dumps(event))
    consumer = make_consumer(*(f"{topic}={queue.url}" if raw else queue for topic, queue in queues.items()))
    until(lambda: all(queue.is_empty() for queue in queues.values()), lambda: consumer.log)
    assert counters(consumer, campaign) == {"donations": 1, "optouts": 1, "total_attempts": 1, "answered": 1}
    assert look.is_blocked(consumer, other) and [text["phoneNumber"] for text in look.sms(consumer)] == [phone]


def test_topic_of_another_name_is_what_the_setting_says(moto, make_consumer):
    queue, phone = Queue(moto, unique("queue")), unique_phone()
    queue.send(notification("prod-optout-events", optout(unique("call"), unique("campaign"), phone)))
    consumer = make_consumer(f"optout-events={queue.url}")
    until(queue.is_empty, said(consumer, queue))
    assert look.is_blocked(consumer, phone)


def test_event_of_eventbridge_is_taken_out_of_its_wrapper(moto, make_consumer):
    queue, phone = Queue(moto, unique("queue")), unique_phone()
    queue.send({"version": "0", "id": unique("event"), "source": "ivr", "detail-type": "optout-events",
                "detail": optout(unique("call"), unique("campaign"), phone)})
    consumer = make_consumer(queue)
    until(queue.is_empty, said(consumer, queue))
    assert look.is_blocked(consumer, phone)


def test_message_that_comes_twice_is_one_text(moto, make_consumer):
    queue, campaign = Queue(moto, unique("queue")), unique("campaign")
    press = donation(unique("call"), campaign, unique_phone())
    for _ in range(5):
        queue.send(notification("donation-events", press))
    consumer = make_consumer(queue)
    until(is_done(consumer, queue, 5), said(consumer, queue))
    assert len(look.sms(consumer)) == 1 and counters(consumer, campaign) == {"donations": 1}


# ---- what can never be applied ----

POISON = {
    "no_json": "{ this is none",
    "bad_number": notification("donation-events", donation("call-of-poison", "campaign", "+0123")),
    "no_topic": {"callId": "call-of-poison", "phoneNumber": "+99900000001"},
    "strange_topic": notification("nobody-knows", donation("call-of-poison", "campaign", "+99900000001")),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_becomes_a_dead_letter_with_its_reason_in_the_log(moto, make_consumer, kind):
    queue, phone = Queue(moto, unique("queue"), receives=3, visibility_s=600), unique_phone()
    queue.send(POISON[kind])
    queue.send(notification("optout-events", optout(unique("call"), unique("campaign"), phone)))
    consumer = make_consumer(queue)
    until(lambda: queue.is_empty() and queue.dead() == 1, said(consumer, queue))
    assert look.is_blocked(consumer, phone)
    lines = [json.loads(line) for line in log_of(consumer, '"verdict":"reject"')]
    assert [line["attempts"] for line in lines] == [0, 1, 2]
    assert all(line["code"] and line["error"] for line in lines)
    assert not any(word in line for line in consumer.log for word in ("+999", "+0123", "call-of-poison"))


def test_malformed_optout_is_applied_and_becomes_a_dead_letter(moto, make_consumer):
    queue, phone = Queue(moto, unique("queue"), receives=3), unique_phone()
    queue.send(f'{{"TopicArn":"arn:aws:sns:us-east-1:1:optout-events","Message":"{{\\"phoneNumber\\":\\"{phone}\\", cut off')
    consumer = make_consumer(queue)
    until(lambda: queue.dead() == 1, said(consumer, queue))
    assert look.is_blocked(consumer, phone)
    assert [entry["kind"] for entry in consumer.json("audit", "show", "--phone", phone)] == ["block"]
    assert consumer.run("audit", "verify").code == 0


# ---- what waits for something of its own ----

def test_donations_that_wait_for_their_campaign_hold_up_no_optout(moto, make_consumer):
    queue, phone = Queue(moto, unique("queue"), receives=1000), unique_phone()
    for _ in range(60):
        press = donation(unique("call"), "", unique_phone())
        del press["campaignId"]
        queue.send(notification("donation-events", press))
    consumer = make_consumer(queue, PLEDGELINE_BACKOFF_MOST=300)
    until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="given_back"}') >= 60, said(consumer, queue))
    queue.send(notification("optout-events", optout(unique("call"), unique("campaign"), phone)))
    until(lambda: look.is_blocked(consumer, phone), said(consumer, queue))
    assert not log_of(consumer, "dependency is away")


# ---- order ----

def test_one_that_is_rejected_holds_up_nobody_of_its_group(moto, make_consumer):
    queue, campaign = Queue(moto, unique("queue"), receives=2, fifo=True), unique("campaign")
    queue.send(POISON["bad_number"], MessageGroupId="a")
    for group in ("a", "b", "a"):
        queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())), MessageGroupId=group)
    consumer = make_consumer(queue)
    for again in (1, 2):  # moto sees that a group is free again with its next receive, and that one waits for a message
        until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="given_back"}') >= again, said(consumer, queue))
        queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())), MessageGroupId=unique("group"))
    until(lambda: queue.is_empty() and queue.dead() == 1, said(consumer, queue))
    assert counters(consumer, campaign) == {"donations": 5}


# ---- while a store is slow, or away ----

class World:
    """The stores, and proxies before those of call records and of texts."""

    def __init__(self):
        self.stores = Stores(keeps=False)
        self.records, self.texts = MongoFaultProxy(self.stores.mongo.port), FaultProxy(self.stores.postgres.port)

    def settings(self):
        settings = self.stores.settings()
        settings["MONGODB_URI"] = settings["MONGODB_URI"].replace(f":{self.stores.mongo.port}", f":{self.records.port}")
        settings["DATABASE_URL"] = settings["DATABASE_URL"].replace(f":{self.stores.postgres.port}/", f":{self.texts.port}/").replace(
            "?options=", "?sslmode=disable&options=")
        return settings

    def stop(self):
        self.records.stop()
        self.texts.stop()
        self.stores.stop()


@pytest.fixture(scope="module")
def world():
    world = World()
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def heal(request):
    """A fault ends with its test, also with one that fails."""
    yield
    if "world" in request.fixturenames:
        world = request.getfixturevalue("world")
        world.records.heal()
        world.texts.heal()


@pytest.mark.own_stores
def test_message_stays_hidden_while_a_store_is_slow(moto, make_consumer, world):
    queue, campaign = Queue(moto, unique("queue"), visibility_s=HELD_S), unique("campaign")
    consumer = make_consumer(queue, **{**world.settings(), "PLEDGELINE_EFFECT_LEASE": 30})
    world.texts.hold_once(b"effect_take")
    queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())))
    assert world.texts.held.wait(PATIENCE_S)
    until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="extended"}') >= 2, said(consumer, queue))
    assert queue.counts() == (0, 1)
    world.texts.heal()
    until(is_done(consumer, queue, 1), said(consumer, queue))
    assert consumer.metric('pledgeline_sqs_messages_total{what="received"}') == 1
    assert counters(consumer, campaign) == {"donations": 1}


@pytest.mark.own_stores
def test_what_a_store_missed_comes_again_and_nothing_else(moto, make_consumer, world):
    queue, campaign = Queue(moto, unique("queue")), unique("campaign")
    consumer = make_consumer(queue, **world.settings())
    until(lambda: log_of(consumer, "the counters were recounted"), said(consumer, queue))
    world.records.refuse()
    queue.send(notification("call-events", ended(unique("call"), campaign, unique_phone())))
    queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())))
    until(lambda: counters(consumer, campaign) == {"donations": 1} and sum(queue.counts()) == 1, said(consumer, queue))
    assert consumer.get("/readyz").json()["status"] == "degraded"
    world.records.heal()
    until(is_done(consumer, queue, 2), said(consumer, queue))
    assert counters(consumer, campaign) == {"donations": 1, "total_attempts": 1, "answered": 1}
    assert len(look.sms(consumer)) == 1 and nothing_waits(consumer)


@pytest.mark.own_stores
def test_optout_waits_in_its_queue_for_the_registry(moto, make_consumer, world):
    queue, phone = Queue(moto, unique("queue"), receives=1000), unique_phone()
    consumer = make_consumer(queue, **world.settings())
    world.texts.refuse()
    queue.send(notification("optout-events", optout(unique("call"), unique("campaign"), phone)))
    until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="given_back"}') >= 2, said(consumer, queue))
    assert sum(queue.counts()) == 1
    world.texts.heal()
    until(is_done(consumer, queue, 1), said(consumer, queue))
    assert look.is_blocked(consumer, phone)


@pytest.mark.own_stores
def test_what_stands_behind_one_that_comes_again_comes_behind_it(moto, make_consumer, world):
    queue, campaign = Queue(moto, unique("queue"), receives=1000, fifo=True), unique("campaign")
    world.records.refuse()
    queue.send(notification("call-events", ended(unique("call"), campaign, unique_phone())), MessageGroupId="a")
    queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())), MessageGroupId="a")
    queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())), MessageGroupId="b")
    consumer = make_consumer(queue, **world.settings())
    until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="given_back"}') >= 2, said(consumer, queue))
    until(lambda: sum(queue.counts()) == 2, said(consumer, queue))
    world.records.heal()
    until(is_done(consumer, queue, 3), said(consumer, queue))
    assert counters(consumer, campaign) == {"donations": 2, "total_attempts": 1, "answered": 1}
    assert len(look.sms(consumer)) == 2


# ---- leaving ----

@pytest.mark.own_stores
def test_sigterm_finishes_what_runs_and_gives_back_the_rest(moto, make_consumer, world):
    """moto goes on with the receive that is cancelled: what comes back it makes a dead letter, and hides nothing of it."""
    queue, campaign = Queue(moto, unique("queue"), receives=1, visibility_s=600), unique("campaign")
    consumer = make_consumer(queue, **{**world.settings(), "PLEDGELINE_EFFECT_LEASE": 30})
    world.texts.hold_once(b"effect_take")
    queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())))
    assert world.texts.held.wait(PATIENCE_S)
    for _ in range(20):
        queue.send(notification("donation-events", donation(unique("call"), campaign, unique_phone())))
    until(lambda: consumer.metric('pledgeline_sqs_messages_total{what="received"}') == 21, said(consumer, queue))
    consumer.process.send_signal(signal.SIGTERM)
    until(lambda: log_of(consumer, '"stopping"'))
    world.texts.heal()
    assert consumer.process.wait(PATIENCE_S) == 0
    until(lambda: queue.counts()[1] == 0 and queue.counts()[0] + queue.dead() == 20, lambda: (queue.counts(), queue.dead()))
    assert len(look.sms(consumer)) == 1


@pytest.mark.own_stores
def test_second_sigterm_does_not_wait(moto, make_consumer, world):
    queue = Queue(moto, unique("queue"), visibility_s=600)
    consumer = make_consumer(queue, **world.settings())
    world.texts.hold_once(b"effect_take")
    queue.send(notification("donation-events", donation(unique("call"), unique("campaign"), unique_phone())))
    assert world.texts.held.wait(PATIENCE_S)
    consumer.process.send_signal(signal.SIGTERM)
    until(lambda: log_of(consumer, '"stopping"'))
    until(lambda: consumer.process.send_signal(signal.SIGTERM) or consumer.process.poll() is not None)
    assert consumer.process.returncode == -signal.SIGTERM
    consumer.kill()  # it left as asked: nothing is left to be stopped


# ---- around it ----

def test_queue_that_does_not_answer_shows_in_readyz_and_is_found_again(tmp_path, make_consumer):
    peer = MotoPeer(tmp_path).start()
    queue = Queue(peer, "queue")
    consumer = make_consumer(queue, **peer.settings)
    assert consumer.get("/readyz").json()["status"] == "ok"
    peer.stop()
    until(lambda: consumer.get("/readyz").json()["dependencies"]["queue"] != "ok", lambda: consumer.log)
    peer.start()
    queue, phone = Queue(peer, "queue"), unique_phone()
    queue.send(notification("optout-events", optout(unique("call"), unique("campaign"), phone)))
    until(queue.is_empty, said(consumer, queue))
    assert consumer.get("/readyz").json()["status"] == "ok"
    consumer.stop()
    peer.stop()


def test_worker_takes_no_events_by_http(moto, make_consumer):
    consumer = make_consumer(Queue(moto, unique("queue")))
    assert consumer.get("/healthz").status == 200
    assert consumer.post("/v1/events/optout-events", optout(unique("call"), unique("campaign"), unique_phone())).status == 404


@pytest.mark.parametrize("url", ("https://sqs.us-east-1.amazonaws.com.evil.example/1/q", "https://evil.example/1/q", "http://10.0.0.1/1/q",
                                 "http://sqs.us-east-1.amazonaws.com/1/q", "https://sqs.us-east-1.amazonaws.com:444/1/q",
                                 "https://any@sqs.us-east-1.amazonaws.com/1/q", "sqs.us-east-1.amazonaws.com/1/q",
                                 "https://sqs.us-east-1.amazonaws.com/", "no-such-topic=https://sqs.us-east-1.amazonaws.com/1/q", ""))
def test_url_that_is_no_queue_of_aws_is_refused(tmp_path, url):
    done = run(tmp_path, "consume", "--queue-url", url)
    assert done.code == 2 and "queue" in done.err or "topic" in done.err, done


def test_queue_that_is_not_there_is_said(moto, tmp_path):
    url = f"{moto.url}/123456789012/{unique('missing')}"
    done = run(tmp_path, "consume", "--queue-url", url, **moto.settings)
    assert done.code == 1 and url in done.err and "exist" in done.err.lower(), done


def test_queue_that_is_given_twice_is_refused(tmp_path):
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/optout-events"
    done = run(tmp_path, "consume", "--queue-url", f"{url},optout-events={url}")
    assert done.code == 2 and "twice" in done.err and "/optout-events" in done.err, done
