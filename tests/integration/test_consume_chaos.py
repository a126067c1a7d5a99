"""Three consumers of the same queues on the same Redis, MongoDB and PostgreSQL, killed at random while they work: events that came by
SNS and SQS end as the sorted, unique stream does, and poison ends among the dead letters."""
import collections
import json
import os
import random
import time

import pytest
from support import look
from support.peer_moto import MotoPeer, Queue
from support.program import Consumer, ndjson, run
from support.stores import Stores
from support.stream import make_stream

SEED = int(os.environ.get("PLEDGELINE_TEST_SEED", "7"))
EVENTS = int(os.environ.get("PLEDGELINE_TEST_QUEUE_EVENTS", "600"))  # what was asked for is 10000; it takes some minutes
PROCESSES, KILLS, POISON = 3, max(9, EVENTS // 500), 12
HIDDEN_S, SETTLED_S = 3, 600
LINES_AT_ONCE = 60  # of all topics, in requests of ten
TOPICS = ("optout-events", "donation-events", "call-events")
QUICK = {"PLEDGELINE_BACKOFF_FIRST": 1, "PLEDGELINE_BACKOFF_MOST": 2, "PLEDGELINE_EFFECT_LEASE": 2}

pytestmark = pytest.mark.own_stores


def poison(i):
    return (f"{{ no JSON {i}", json.dumps({"callId": f"poison-{i}", "phoneNumber": "+0", "n": i}), json.dumps([i]))[i % 3]


def requests_of(lines, rng):
    """(topic, messages): what is published at once, poison in between."""
    messages = [(line["topic"], json.dumps(line["message"])) for line in lines]
    for i in range(POISON):
        messages.insert(rng.randrange(len(messages) + 1), (TOPICS[i % len(TOPICS)], poison(i)))
    for first in range(0, len(messages), LINES_AT_ONCE):
        by_topic = collections.defaultdict(list)
        for topic, message in messages[first:first + LINES_AT_ONCE]:
            by_topic[topic].append(message)
        for topic, some in by_topic.items():
            yield from ((topic, some[i:i + 10]) for i in range(0, len(some), 10))


def publish(moto, queues, requests, after_each):
    sns, topics = moto.client("sns"), {topic: queue.subscribe(moto, topic) for topic, queue in queues.items()}
    for topic, messages in requests:
        entries = [{"Id": str(n), "Message": message} for n, message in enumerate(messages)]
        assert not sns.publish_batch(TopicArn=topics[topic], PublishBatchRequestEntries=entries)["Failed"]
        after_each()


def killer(consumers, requests, rng):
    """Kills one at random each time that a share of the requests was published."""
    published, at = 0, sorted(rng.sample(range(1, len(requests) + 1), KILLS))

    def after_each():
        nonlocal published
        published += 1
        if published in at:
            victim = rng.choice(consumers)
            victim.kill()
            victim.start()
    return after_each


def has_settled(consumers, queues, expected):
    return (all(queue.is_empty() for queue in queues.values()) and len(look.sms(consumers[0])) == len(expected["sms"])
            and consumers[0].run("recount").code == 0)


@pytest.fixture(scope="module")
def stream(generator):
    return make_stream(generator, SEED, EVENTS)


@pytest.fixture(scope="module")
def outcome(stream, generator, tmp_path_factory):
    """A consumer when all has settled, the queues, what must have come out, and a folder."""
    folder, stores, rng = tmp_path_factory.mktemp("queues"), Stores(), random.Random(SEED)
    plan, lines = stream
    expected = generator.expectation(plan)
    with MotoPeer(folder) as moto:
        queues = {topic: Queue(moto, topic, visibility_s=HIDDEN_S) for topic in TOPICS}
        settings = {**stores.settings(), **QUICK, **moto.settings, "PLEDGELINE_QUEUE_URLS": ",".join(queue.url for queue in queues.values())}
        started = time.monotonic()
        consumers = [Consumer(folder / f"data{i}", **settings).start() for i in range(PROCESSES)]
        requests = list(requests_of(lines, rng))
        publish(moto, queues, requests, killer(consumers, requests, rng))
        while not has_settled(consumers, queues, expected) and time.monotonic() < started + SETTLED_S:
            time.sleep(0.2)
        print(f"{len(lines)} events and {KILLS} kills in {time.monotonic() - started:.1f} s")
        for i, consumer in enumerate(consumers):
            (folder / f"consumer{i}.log").write_text("".join(consumer.log))
        yield consumers[0], queues, expected, folder
        for consumer in consumers:
            consumer.stop()
    stores.stop()


def test_queues_are_empty_and_poison_is_in_the_dead_letters(outcome):
    queues = outcome[1]
    assert {topic: queue.counts() for topic, queue in queues.items()} == {topic: (0, 0) for topic in TOPICS}
    dead = [json.loads(body)["Message"] for queue in queues.values() for body in queue.take_dead()]
    assert sorted(dead) == sorted(poison(i) for i in range(POISON))


def test_each_record_is_the_fold_of_its_events(outcome, stream, generator):
    """As an embedded program makes them of the sorted, unique stream; times of receipt aside."""
    calm = outcome[3] / "calm"
    assert run(calm, "publish", "-", stdin=ndjson(generator.sorted_unique(stream[1]))).code == 0

    def records(done):
        assert done.code == 0, done
        found = [json.loads(line) for line in done.out.splitlines()]
        return {each["callId"]: {key: value for key, value in each.items() if key not in ("createdAt", "updatedAt")} for each in found}
    assert records(outcome[0].run("cdr", "export", "--output", "json")) == records(run(calm, "cdr", "export", "--output", "json"))


def test_counters_and_sums_are_right(outcome):
    consumer, _, expected, _ = outcome
    done = consumer.run("recount")
    assert done.code == 0, done
    for campaign, of_campaign in expected["campaigns"].items():
        assert look.live(consumer, campaign) == {name: value for name, value in of_campaign["live"].items() if value}
        stats = look.stats(consumer, campaign)
        assert {key: stats[key] for key in of_campaign["stats"]} == of_campaign["stats"]


def test_every_optout_is_on_the_list(outcome):
    consumer, _, expected, _ = outcome
    assert [entry["phoneNumber"] for entry in consumer.json("blacklist", "export")] == expected["blocked"]
    assert consumer.run("audit", "verify").code == 0


def test_one_text_for_each_donation(outcome):
    texts = [text["callId"] for text in look.sms(outcome[0])]
    assert sorted(texts) == sorted(text["callId"] for text in outcome[2]["sms"])
