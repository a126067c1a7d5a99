"""The program on Redis, MongoDB and PostgreSQL: the same meaning as on a folder, also while one of them is away."""
import json

import pymongo
import pytest
from support.events import donation, ended, optout
from support.program import ROOT
from support.stores import Stores, check, is_away, lines, nothing_waits, redis_cli, until

PHONE = "+972501234567"
CAMPAIGN = json.loads((ROOT / "examples" / "campaign.expected.json").read_text())


@pytest.fixture(scope="module")
def stores():
    stores = Stores()
    yield stores
    stores.stop()


@pytest.fixture
def settings(stores):
    return stores.settings()


@pytest.fixture
def server(make_server, settings):
    return make_server(**settings)


def publish(server, topic, *events):
    answer = server.post(f"/v1/events/{topic}", "".join(json.dumps(event) + "\n" for event in events), content_type="application/x-ndjson")
    assert answer.status in (200, 202), answer
    return answer


def not_yet(server, event):
    """An opt-out is acknowledged only once the registry has it; it is kept and tried again all the same."""
    answer = server.post("/v1/events/optout-events", event)
    return answer.status == 503 and answer.headers["Retry-After"]


# ---- the same meaning ----

def test_campaign_is_what_the_generator_makes(server):
    assert server.run("publish", ROOT / "examples" / "campaign.ndjson").code == 0
    stats = {each["campaignId"]: each for each in server.json("stats")}
    live = {each["campaignId"]: each["counters"] for each in server.json("live")}
    for name, expected in CAMPAIGN["campaigns"].items():
        assert {key: stats[name][key] for key in expected["stats"]} == expected["stats"]
        assert {key: live[name].get(key, 0) for key in expected["live"]} == expected["live"]
    assert server.run("recount").code == 0
    assert server.run("audit", "verify").code == 0
    assert server.json("dlq", "list") == []


def test_others_see_the_names_of_the_original_system(server, settings, stores):
    publish(server, "donation-events", donation("c1", "w", "+12125550100"))
    publish(server, "optout-events", optout("c2", "w", PHONE))
    publish(server, "call-events", ended("c1", "w", "+12125550100", "converted"))
    assert redis_cli(settings, "GET", "campaign:w:donations") == "1"
    assert redis_cli(settings, "GET", "campaign:w:optouts") == "1"
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1"
    assert json.loads(redis_cli(settings, "GET", f"blacklist:{PHONE}"))["phoneNumber"] == PHONE
    assert redis_cli(settings, "TTL", f"blacklist:{PHONE}") == "-1"
    assert json.loads(redis_cli(settings, "GET", "donation_action:c1_donation"))["status"] == "success"
    assert 0 < int(redis_cli(settings, "TTL", "optout_action:c2_optout")) <= 24 * 3600
    document = pymongo.MongoClient(stores.mongo.uri)[settings["MONGODB_DATABASE"]].call_records.find_one({"callId": "c1"})
    assert document["outcome"] == "converted" and document["campaignId"] == "w"


def test_repeats_change_nothing_more(server, settings):
    for _ in range(5):
        publish(server, "donation-events", donation("c1", "w", "+12125550100"))
        publish(server, "optout-events", optout("c2", "w", PHONE))
        publish(server, "call-events", ended("c1", "w", "+12125550100", "converted"))
    assert len(server.json("sms", "list")) == 1
    assert len(server.json("actions", "list")) == 2
    assert redis_cli(settings, "GET", "campaign:w:donations") == "1"
    assert redis_cli(settings, "GET", "campaign:w:optouts") == "1"
    assert server.run("recount").code == 0


def test_recount_finds_and_mends_what_somebody_did_to_a_counter(server, settings):
    publish(server, "call-events", *(ended(f"c{n}", "w", f"+1212555{n:04d}") for n in range(3)))
    until(lambda: redis_cli(settings, "EXISTS", "pledgeline:whole") == "1")
    redis_cli(settings, "INCRBY", "campaign:w:answered", "7")
    redis_cli(settings, "DECR", "campaign:w:total_attempts")
    drifts = server.run("recount", "--output", "json")
    assert drifts.code == 4
    assert {each["counter"]: (each["live"], each["recounted"]) for each in json.loads(drifts.out)} == {"answered": (10, 3), "total_attempts": (2, 3)}
    assert redis_cli(settings, "GET", "campaign:w:answered") == "10"
    assert server.run("recount", "--fix").code == 4
    assert server.run("recount").code == 0
    assert redis_cli(settings, "GET", "campaign:w:total_attempts") == "3"
    assert {"total_attempts", "active_calls"} & {each["counter"] for each in server.json("recount", "--all")}


def test_processes_on_the_same_stores_are_one_service(make_server, settings):
    servers = [make_server(**settings) for _ in range(3)]
    for i, server in enumerate(servers):
        publish(server, "call-events", *(ended(f"c{n}", "w", f"+1212555{n:04d}", eventId=f"{n}-{i}") for n in range(50)))
        publish(server, "donation-events", *(donation(f"c{n}", "w", f"+1212555{n:04d}") for n in range(50)))
    assert len(servers[0].json("sms", "list", "--limit", 1000)) == 50
    assert servers[1].json("stats")[0]["totalAttempts"] == 50
    assert redis_cli(settings, "GET", "campaign:w:donations") == "50"
    assert servers[2].run("recount").code == 0


# ---- one of them is away ----

def test_optout_while_the_registry_is_away(server, settings, stores):
    publish(server, "optout-events", optout("c0", "w", "+12125550100"))
    stores.postgres.crash()
    try:
        assert not_yet(server, optout("c1", "w", PHONE))
        assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1"
        assert check(server, PHONE)["blocked"] and check(server, "+12125550100")["blocked"]
        assert is_away(server, "postgresql")
        listed = server.run("blacklist", "list", "--output", "json")
        assert listed.code == 1 and "]" not in listed.out and "PostgreSQL" in listed.err and "no " not in listed.err.split(":")[0]
    finally:
        stores.postgres.start()
    until(lambda: nothing_waits(server))
    assert server.run("blacklist", "check", PHONE).code == 3
    assert server.run("audit", "verify").code == 0
    assert not is_away(server, "postgresql")
    assert len(lines(server, "store is away", "postgresql")) == 1 == len(lines(server, "store is back", "postgresql"))


def test_who_cannot_be_asked_about_anywhere_is_blocked(make_server, settings, stores):
    server = make_server(**{**settings, "REDIS_URL": "", "REDIS_HOST": ""})
    assert not check(server, "+12125550177")["blocked"]
    stores.postgres.crash()
    try:
        assert check(server, "+12125550177")["blocked"]
    finally:
        stores.postgres.start()


def test_everything_else_goes_on_while_redis_is_away(make_server, settings, stores):
    server = make_server(**settings)
    publish(server, "call-events", ended("c0", "w", "+12125550100"))
    stores.redis.stop()
    try:
        publish(server, "optout-events", optout("c1", "w", PHONE))
        publish(server, "call-events", ended("c1", "w", PHONE, "opted_out"))
        publish(server, "donation-events", donation("c2", "w", "+12125550102"))
        assert check(server, PHONE)["blocked"]
        assert server.json("cdr", "show", "c1")["outcome"] == "opted_out"
        assert len(server.json("sms", "list")) == 1
        assert is_away(server, "redis")
    finally:
        stores.redis.start()
    until(lambda: nothing_waits(server))
    until(lambda: redis_cli(settings, "GET", "campaign:w:total_attempts") == "2", lambda: server.run("live").out)
    until(lambda: redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1")
    assert len(server.json("sms", "list")) == 1
    assert until(lambda: server.run("recount").code == 0)
    assert redis_cli(settings, "GET", "campaign:w:donations") == "1"


def test_optouts_and_donations_go_on_while_mongodb_is_away(server, settings, stores):
    publish(server, "call-events", ended("c0", "w", "+12125550100"))
    stores.mongo.pause()
    try:
        publish(server, "call-events", ended("c1", "w", PHONE))
        publish(server, "optout-events", optout("c1", "w", PHONE))
        publish(server, "donation-events", donation("c2", "w", "+12125550102"))
        assert server.run("blacklist", "check", PHONE).code == 3
        assert len(server.json("sms", "list")) == 1
        assert not nothing_waits(server)
    finally:
        stores.mongo.resume()
    until(lambda: nothing_waits(server))
    assert server.json("stats")[0]["totalAttempts"] == 2
    assert until(lambda: server.run("recount").code == 0)


def test_a_flush_of_redis_heals_by_itself(server, settings):
    publish(server, "call-events", *(ended(f"c{n}", "w", f"+1212555{n:04d}") for n in range(20)))
    publish(server, "optout-events", optout("c1", "w", PHONE))
    redis_cli(settings, "FLUSHDB")
    until(lambda: redis_cli(settings, "GET", "campaign:w:total_attempts") == "20")
    until(lambda: redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1")
    assert server.run("recount").code == 0


def test_number_taken_off_leaves_the_cache(server, settings):
    publish(server, "optout-events", optout("c1", "w", PHONE))
    assert server.run("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked").code == 0
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "0"
    assert server.run("blacklist", "check", PHONE).code == 0


def test_store_that_is_away_at_the_start_does_not_keep_the_server_from_starting(make_server, settings, stores):
    stores.postgres.crash()
    try:
        server = make_server(**settings)
        assert not_yet(server, optout("c1", "w", PHONE))
    finally:
        stores.postgres.start()
    until(lambda: nothing_waits(server))
    assert server.run("blacklist", "check", PHONE).code == 3
