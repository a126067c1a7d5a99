"""The program while one of its stores is slow, cuts, swallows, refuses or forgets to answer: nothing that was acknowledged is lost,
nothing happens twice, and what has nothing to do with that store goes on."""
import threading
import time

import pytest
from support.events import donation, ended, optout, unique, unique_phone
from support.fault_proxy import (NO_MAJORITY, NOT_PRIMARY, NOTHING_FOUND, STEPPED_DOWN, FaultProxy, MongoFaultProxy,
                                 asks_for_a_majority)
from support.program import PATIENCE_S, Server, ndjson, request_on, run
from support.stores import Stores, check, is_away, lines, nothing_waits, redis_cli, until

pytestmark = pytest.mark.own_stores

DEADLINE_S = 5       # of the adapters
SLACK_S = 7          # for a machine that has other things to do
EVENTS_OF_A_TOPIC, EVENTS_OF_A_REQUEST = 24, 3
QUICK = {"PLEDGELINE_BACKOFF_FIRST": 1, "PLEDGELINE_BACKOFF_MOST": 1, "PLEDGELINE_EFFECT_LEASE": 1}

STORES = ("redis", "postgresql", "mongodb")
FAULTS = {
    "resets": lambda proxy: proxy.reset(),
    "breaks_off": lambda proxy: proxy.cut(after=3),
    "refuses": lambda proxy: proxy.refuse(),
    "is_silent": lambda proxy: proxy.swallow(),
}


class World:
    """One server; a proxy between it and each of its stores."""

    def __init__(self, folder):
        self.stores = Stores(keeps=False)
        self.peers = {"redis": self.stores.redis, "postgresql": self.stores.postgres, "mongodb": self.stores.mongo}
        self.proxies = {name: (MongoFaultProxy if name == "mongodb" else FaultProxy)(peer.port) for name, peer in self.peers.items()}
        self.direct = self.stores.settings()
        self.server = Server(folder / "data", **QUICK, **{name: self._by_proxy(value) for name, value in self.direct.items()}).start()

    def _by_proxy(self, setting):
        for name, peer in self.peers.items():
            setting = setting.replace(f":{peer.port}/", f":{self.proxies[name].port}/")
        return setting.replace("?options=", "?sslmode=disable&options=")  # so that a proxy can read along

    def stop(self):
        self.server.stop()
        for proxy in self.proxies.values():
            proxy.stop()
        self.stores.stop()


class Load:
    """Donations, opt-outs and call events of one campaign; each topic over a connection of its own, all at once."""

    def __init__(self, world):
        self.world, self.server, self.campaign = world, world.server, unique("campaign")
        self.slowest_s, self.answers, self.failures = {}, {}, []
        self.events = {
            "donation-events": self._events(donation), "optout-events": self._events(optout), "call-events": self._events(ended)}

    def _events(self, make):
        return [make(unique("call"), self.campaign, unique_phone()) for _ in range(EVENTS_OF_A_TOPIC)]

    def phones(self, topic):
        return sorted(event["phoneNumber"] for event in self.events[topic])

    def _publish(self, topic):
        slowest_s, answers = 0, []
        connection = self.server.connect()
        try:
            for at in range(0, EVENTS_OF_A_TOPIC, EVENTS_OF_A_REQUEST):
                started = time.monotonic()
                answer = request_on(connection, "POST", f"/v1/events/{topic}", ndjson(self.events[topic][at:at + EVENTS_OF_A_REQUEST]),
                                    content_type="application/x-ndjson")
                slowest_s = max(slowest_s, time.monotonic() - started)
                answers.append(answer)
        except BaseException as failure:
            self.failures.append(failure)
        connection.close()
        self.slowest_s[topic], self.answers[topic] = slowest_s, answers

    def publish(self):
        started = time.monotonic()
        threads = [threading.Thread(target=self._publish, args=(topic,)) for topic in self.events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures
        self.took_s = time.monotonic() - started
        return self

    def statuses(self, topic):
        return {answer.status for answer in self.answers[topic]}

    def has_settled(self):
        return nothing_waits(self.server) and self.server.run("recount").code == 0 and self.counters().get("donations") == EVENTS_OF_A_TOPIC

    def counters(self):
        answer = self.server.get(f"/v1/campaigns/{self.campaign}/live")
        return answer.json()["counters"] if answer.status == 200 else {}

    def settle(self):
        """All that there is to be seen once everything has come to rest: each event counts once."""
        until(self.has_settled, lambda: f"{self.counters()} {self.server.get('/v1/dlq?state=waiting').json()} {self.server.log[-20:]}")
        self.see()

    def see(self):
        counters = {name: value for name, value in self.counters().items() if value}
        assert counters == {"donations": EVENTS_OF_A_TOPIC, "optouts": EVENTS_OF_A_TOPIC, "total_attempts": EVENTS_OF_A_TOPIC,
                            "answered": EVENTS_OF_A_TOPIC}
        texts = self.server.get(f"/v1/sms?campaignId={self.campaign}").json()["messages"]
        assert sorted(text["phoneNumber"] for text in texts) == self.phones("donation-events")
        records = self.server.get(f"/v1/cdrs?campaignId={self.campaign}").json()["records"]
        assert sorted(record["phoneNumber"] for record in records) == self.phones("call-events")
        optouts = self.phones("optout-events")
        assert all(check(self.server, phone)["blocked"] for phone in optouts)
        assert set(redis_cli(self.world.direct, "SMISMEMBER", "blacklist:numbers", *optouts).split()) == {"1"}
        assert self.server.get("/v1/dlq").json()["messages"] == []


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("faults"))
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def heal(world):
    """A fault ends with its test, also with one that fails."""
    yield
    for proxy in world.proxies.values():
        proxy.heal()


def words_of(world, store):
    return [len(lines(world.server, words, store)) for words in ("dependency is away", "dependency is back")]


# ---- a store goes and comes back ----

@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("store", STORES)
def test_nothing_is_lost_or_doubled_while_a_store(world, store, fault):
    before, load = words_of(world, store), Load(world)
    FAULTS[fault](world.proxies[store])
    load.publish()
    assert is_away(world.server, store)
    assert load.statuses("call-events") == load.statuses("donation-events") == {200}
    assert load.statuses("optout-events") == ({503} if store == "postgresql" else {200})
    assert store == "postgresql" or all(check(world.server, phone)["blocked"] for phone in load.phones("optout-events"))
    assert load.took_s < DEADLINE_S + SLACK_S, load.slowest_s  # not a deadline for each request
    world.proxies[store].heal()
    load.settle()
    assert not is_away(world.server, store)
    assert [now - then for now, then in zip(words_of(world, store), before)] == [1, 1], world.server.log[-20:]
    load.publish()  # as senders do who heard nothing
    load.settle()


def test_stores_that_are_slow_are_not_away(world):
    before, load = [words_of(world, store) for store in STORES], Load(world)
    for proxy in world.proxies.values():
        proxy.delay(0.01)
    load.publish()
    assert all(load.statuses(topic) == {200} for topic in load.events)
    load.see()
    assert [words_of(world, store) for store in STORES] == before


def test_number_is_blocked_while_nobody_can_say(world):
    known, clear = unique_phone(), unique_phone()
    world.server.publish("optout-events", optout(unique("call"), unique("campaign"), known))
    world.proxies["postgresql"].refuse()
    assert check(world.server, known)["blocked"]
    world.proxies["redis"].refuse()
    answer = check(world.server, clear)
    assert answer["blocked"] and "nobody can say" in answer["reason"], answer
    assert is_away(world.server, "postgresql") and is_away(world.server, "redis")
    world.proxies["postgresql"].heal()
    world.proxies["redis"].heal()
    until(lambda: not check(world.server, clear)["blocked"])
    assert check(world.server, known)["blocked"]


def test_nothing_is_lost_or_doubled_while_all_are_away(world):
    load = Load(world)
    for proxy in world.proxies.values():
        proxy.refuse()
    load.publish()
    assert load.statuses("call-events") == load.statuses("donation-events") == {200} and load.statuses("optout-events") == {503}
    assert all(check(world.server, phone)["blocked"] for phone in load.phones("optout-events"))
    for proxy in world.proxies.values():
        proxy.heal()
    load.settle()
    load.publish()
    load.settle()


# ---- a store did what it was asked for, and nobody knows ----

ANSWERS = {
    "redis": [b"blacklist:numbers", b"9:donations", b"7:optouts", b"14:total_attempts", b"donation_action:"],
    "postgresql": [b"block_enter", b"action_enter", b"effect_take", b"effect_sending", b"effect_settle", b"sms_enter"],
    "mongodb": [b"update"],
}


@pytest.mark.parametrize("store", STORES)
def test_lost_answers_repeat_safely(world, store):
    load, proxy = Load(world), world.proxies[store]
    cuts = proxy.cuts
    proxy.cut_once(*ANSWERS[store])
    load.publish()
    load.settle()
    assert proxy.cuts == cuts + len(ANSWERS[store])


# ---- Redis forgets ----

def test_failover_of_redis_that_lost_the_last_writes_is_made_good(world):
    """What took over has another history, and neither the last opt-out nor the last donation."""
    load = Load(world)
    load.publish()
    load.settle()
    phone, call_id = load.phones("optout-events")[-1], load.events["donation-events"][-1]["callId"]
    guards = redis_cli(world.direct, "KEYS", f"pledgeline:*{call_id}_donation").split()
    redis_cli(world.direct, "SREM", "blacklist:numbers", phone)
    redis_cli(world.direct, "DECR", f"campaign:{load.campaign}:donations")
    redis_cli(world.direct, "DEL", *guards)
    for primary in ("127.0.0.1 1", "NO ONE"):
        redis_cli(world.direct, "REPLICAOF", *primary.split())
    until(lambda: redis_cli(world.direct, "SISMEMBER", "blacklist:numbers", phone) == "1")
    load.settle()


# ---- somebody else comes in between ----

def test_nine_of_another_process_between_claim_and_sending_beats_one(world, tmp_path):
    campaign, phone, proxy = unique("campaign"), unique_phone(), world.proxies["postgresql"]
    proxy.hold_once(b"effect_take")
    press = threading.Thread(target=world.server.publish, args=("donation-events", donation(unique("call"), campaign, phone)))
    press.start()
    assert proxy.held.wait(PATIENCE_S)
    assert run(tmp_path / "other", "blacklist", "add", phone, **world.direct).code == 0
    proxy.heal()
    press.join()
    until(lambda: nothing_waits(world.server))
    assert world.server.get(f"/v1/sms?campaignId={campaign}").json()["messages"] == []
    [action] = world.server.get(f"/v1/actions?campaignId={campaign}").json()["actions"]
    assert action["status"] == "failed" and "do-not-call" in action["failureReason"]


# ---- MongoDB gives answers of a cluster in trouble ----

def test_bulk_that_a_stepdown_ended_in_its_middle_repeats_safely(world):
    load, proxy = Load(world), world.proxies["mongodb"]
    proxy.add_to_answer("update", STEPPED_DOWN)
    load.publish()
    assert not nothing_waits(world.server)
    proxy.heal()
    load.settle()


def test_records_wait_for_a_new_primary_and_everything_else_goes_on(world):
    load, proxy = Load(world), world.proxies["mongodb"]
    for command in ("update", "find"):
        proxy.answer(command, NOT_PRIMARY)
    load.publish()
    assert load.statuses("optout-events") == load.statuses("call-events") == load.statuses("donation-events") == {200}
    until(lambda: load.counters().get("donations") == EVENTS_OF_A_TOPIC)
    assert load.counters().get("optouts") == EVENTS_OF_A_TOPIC and not load.counters()["total_attempts"]
    proxy.heal()
    load.settle()


def test_record_that_a_majority_has_not_confirmed_is_not_counted_yet(world):
    """The primary has it, and may lose it; so who asks for what a majority has does not see it."""
    load, proxy = Load(world), world.proxies["mongodb"]
    proxy.add_to_answer("update", NO_MAJORITY)
    proxy.answer("find", NOTHING_FOUND, when=asks_for_a_majority)
    load.publish()
    until(lambda: (waiting := world.server.get("/v1/dlq?state=waiting").json()["messages"]) and all(message["attempts"] > 1 for message in waiting))
    assert not load.counters()["total_attempts"] and not nothing_waits(world.server)
    proxy.heal()
    load.settle()
