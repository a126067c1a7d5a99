"""The program on Redis, MongoDB and PostgreSQL: the same meaning as on a folder, also while one of them is away."""
import contextlib
import datetime
import json

import bson
import psycopg2
import pymongo
import pytest
from support.events import donation, ended, event, optout, unique, unique_phone
from support.program import ROOT, run
from support.sms_provider_peer import Generic, Plivo, Twilio, Vonage, VonageMessages
from support.stores import Stores, check, is_away, lines, nothing_waits, redis_cli, until

pytestmark = pytest.mark.own_stores
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


# ---- the names of the original system, for others who read the stores ----

def at(time):
    return f"2025-04-30T{time}Z"


@pytest.fixture
def one_of_each(make_server, settings, clock):
    """A whole call with a donation, an opt-out, a call of each other outcome, and one that goes on."""
    server = make_server(**settings, **clock.settings)
    steps = [("call_initiated", "11:30:00", {}), ("call_answered", "11:30:10", {}), ("dtmf_pressed", "11:30:30", {"dtmfInput": "5"}),
             ("dtmf_pressed", "11:30:40", {"dtmfInput": "1"}), ("action_triggered", "11:30:41", {"action": {"type": "donation_sms"}}),
             ("call_ended", "11:31:11", {"outcome": "converted", "metadata": {"agent": "ann"}})]
    publish(server, "call-events", *(event("c1", "w", "+12125550100", eventType=kind, timestamp=at(time), **more) for kind, time, more in steps))
    publish(server, "donation-events", donation("c1", "w", "+12125550100", timestamp=at("11:30:40")))
    publish(server, "optout-events", optout("c2", "w", PHONE, timestamp=at("11:40:00")))
    publish(server, "call-events", *(ended(f"c-{outcome}", "w", PHONE, outcome, timestamp=at("11:50:00"))
                                     for outcome in ("answered", "busy", "failed", "no_answer", "opted_out", "voicemail")))
    publish(server, "call-events", event("c3", "w", "+12125550103", eventType="call_initiated", timestamp=at("11:59:00")))
    return server


@pytest.mark.parametrize("name, value", [
    ("donations", 1), ("optouts", 1), ("total_attempts", 8), ("active_calls", 1), ("answered", 3), ("busy", 1), ("failed", 1), ("no_answer", 1),
    ("converted", 1), ("opted_out", 1), ("voicemail", 1), ("donation_sms", 1)])
def test_redis_cli_sees_the_counter(one_of_each, settings, name, value):
    key = f"campaign:w:{name}"
    assert (redis_cli(settings, "GET", key), redis_cli(settings, "TYPE", key), redis_cli(settings, "TTL", key)) == (str(value), "string", "-1")


def test_redis_cli_sees_the_last_activity(one_of_each, settings):
    last = redis_cli(settings, "GET", "campaign:w:last_activity")
    assert datetime.datetime.fromisoformat(last.replace("Z", "+00:00")) == datetime.datetime(2025, 4, 30, 12, tzinfo=datetime.timezone.utc)


def test_redis_cli_sees_the_blocked_number(one_of_each, settings):
    assert redis_cli(settings, "SMEMBERS", "blacklist:numbers") == PHONE and redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1"
    assert redis_cli(settings, "TTL", "blacklist:numbers") == redis_cli(settings, "TTL", f"blacklist:{PHONE}") == "-1"
    entry = json.loads(redis_cli(settings, "GET", f"blacklist:{PHONE}"))
    assert (entry["phoneNumber"], entry["addedAt"], entry["source"]) == (PHONE, "2025-04-30T12:00:00.000Z", "user_optout") and entry["reason"]
    assert entry["metadata"] == {"callId": "c2", "campaignId": "w", "contactId": "contact-of-c2", "timestamp": at("11:40:00")}


ACTION_FIELDS = {"id", "callId", "campaignId", "contactId", "phoneNumber", "actionType", "donationLink", "smsMessageId", "ttsFallbackTriggered",
                 "timestamp", "status", "failureReason"}


@pytest.mark.parametrize("key, action_type, phone", [("donation_action:c1_donation", "donation_sms_sent", "+12125550100"),
                                                     ("optout_action:c2_optout", "optout_blacklist_added", PHONE)])
def test_redis_cli_sees_the_action_for_a_day(one_of_each, settings, key, action_type, phone):
    action = json.loads(redis_cli(settings, "GET", key))
    assert set(action) == ACTION_FIELDS
    assert (action["id"], action["actionType"], action["phoneNumber"], action["status"]) == (key.split(":")[1], action_type, phone, "success")
    assert (action["campaignId"], action["ttsFallbackTriggered"], action["failureReason"]) == ("w", False, None)
    assert bool(action["donationLink"]) == bool(action["smsMessageId"]) == (action_type == "donation_sms_sent")
    assert 23 * 3600 < int(redis_cli(settings, "TTL", key)) <= 24 * 3600


def test_all_other_keys_are_pledgelines_own(one_of_each, settings):
    known = ("campaign:w:", "blacklist:", "donation_action:", "optout_action:", "pledgeline:")
    assert [key for key in redis_cli(settings, "KEYS", "*").split() if not key.startswith(known)] == []


@pytest.fixture
def call_records(one_of_each, settings, stores):
    with pymongo.MongoClient(stores.mongo.uri) as client:
        yield client[settings["MONGODB_DATABASE"]].call_records


def test_mongodb_client_sees_each_field_of_a_call_in_its_type(call_records):
    document = call_records.find_one({"callId": "c1"})
    times = {name: datetime.datetime(2025, 4, 30, 11, *of) for name, of in
             {"startTime": (30, 0), "answerTime": (30, 10), "endTime": (31, 11)}.items()}
    expected = {"callId": "c1", "campaignId": "w", "contactId": "contact-of-c1", "phoneNumber": "+12125550100", "status": "completed",
                "outcome": "converted", **times, "duration": 71, "billsec": 61, "dtmfInputs": ["5", "1"], "cost": 0.02, "costMicros": 20000,
                "currency": "USD", "metadata": {"agent": "ann"}, "inferred": False}
    assert {name: document[name] for name in expected} == expected
    assert document["dtmf"] == [{"digit": digit, "at": datetime.datetime(2025, 4, 30, 11, 30, second)} for digit, second in (("5", 30), ("1", 40))]
    assert [action["type"] for action in document["actionsTriggered"]] == ["donation_sms"]
    assert document["createdAt"] == document["updatedAt"] == datetime.datetime(2025, 4, 30, 12)
    assert isinstance(document["costMicros"], bson.Int64) and isinstance(document["cost"], float) and isinstance(document["duration"], int)
    assert document["_id"] == "c1" and document["rev"] > 0 and len(document["eventKeys"]) == 6


def test_mongodb_client_sees_what_is_not_known_yet_as_null(call_records):
    document = call_records.find_one({"callId": "c3"})
    assert (document["status"], document["outcome"], document["answerTime"], document["endTime"]) == ("initiated", None, None, None)


def test_mongodb_client_sees_the_indexes(call_records):
    by_keys = {tuple(index["key"]): index for index in call_records.index_information().values()}
    first = {keys[:2] for keys in by_keys}
    assert by_keys[(("callId", 1),)]["unique"]
    assert (("campaignId", 1), ("startTime", -1)) in first and any(keys[0] == ("startTime", -1) for keys in by_keys)
    assert by_keys[(("createdAt", 1),)]["expireAfterSeconds"] == (365 + 30) * 24 * 3600


# ---- together ----

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


@pytest.mark.parametrize("verb", [("recount",), ("recount", "--fix")])
def test_recount_waits_for_another_one(server, settings, verb):
    publish(server, "call-events", ended("c1", "w", PHONE))
    until(lambda: redis_cli(settings, "EXISTS", "pledgeline:whole") == "1")
    redis_cli(settings, "SET", "pledgeline:recount", "1:history:somebody-else", "PX", "2000")
    assert server.run(*verb).code == 0
    assert redis_cli(settings, "EXISTS", "pledgeline:recount") == "0"


def test_recount_mends_counters_that_are_apart_from_a_folder_in_use(make_server, settings):
    server = make_server(REDIS_URL=settings["REDIS_URL"])
    publish(server, "call-events", ended("c1", "w", PHONE))
    until(lambda: redis_cli(settings, "EXISTS", "pledgeline:whole") == "1")
    for mend in (lambda: server.run("recount", "--fix").code, lambda: server.post("/v1/recount", {}).json()["drifts"] and 4):
        redis_cli(settings, "INCRBY", "campaign:w:answered", "7")
        assert mend() == 4
        assert redis_cli(settings, "GET", "campaign:w:answered") == "1"


def test_process_that_shares_a_part_only_says_so(make_server, settings):
    def warnings(server):
        return [json.loads(line)["part"] for line in server.log if "no other process" in line]
    assert warnings(make_server(**settings)) == []
    assert warnings(make_server(REDIS_URL=settings["REDIS_URL"])) == ["texts, call records"]
    assert warnings(make_server(**{**settings, "REDIS_URL": None})) == ["live counters"]


def test_processes_on_the_same_stores_are_one_service(make_server, settings):
    servers = [make_server(**settings) for _ in range(3)]
    for i, server in enumerate(servers):
        publish(server, "call-events", *(ended(f"c{n}", "w", f"+1212555{n:04d}", eventId=f"{n}-{i}") for n in range(50)))
        publish(server, "donation-events", *(donation(f"c{n}", "w", f"+1212555{n:04d}") for n in range(50)))
    assert len(servers[0].json("sms", "list", "--limit", 1000)) == 50
    assert servers[1].json("stats")[0]["totalAttempts"] == 50
    assert redis_cli(settings, "GET", "campaign:w:donations") == "50"
    assert servers[2].run("recount").code == 0


def test_who_has_no_data_folder_reads_what_is_in_the_stores(server, settings, tmp_path):
    publish(server, "call-events", ended("c1", "w", "+12125550100", "converted"))
    publish(server, "donation-events", donation("c1", "w", "+12125550100"))
    publish(server, "optout-events", optout("c2", "w", PHONE))
    nowhere = tmp_path / "nowhere"
    for command in (["stats"], ["live"], ["cdr", "list"], ["cdr", "show", "c1"], ["cdr", "export"], ["actions", "list"], ["sms", "list"],
                    ["blacklist", "list"], ["blacklist", "export"], ["blacklist", "show", PHONE], ["blacklist", "check", PHONE],
                    ["audit", "show"], ["audit", "verify"], ["recount"]):
        there, here = (run(data, *command, **settings) for data in (server.data, nowhere))
        assert there == here and there.out + there.err, command
    assert run(nowhere, "blacklist", "check", "+12125550199", **settings).code == 0
    assert not nowhere.exists()


def test_who_has_no_data_folder_is_told_where_messages_wait(settings, tmp_path):
    done = run(tmp_path / "nowhere", "dlq", "list", **settings)
    assert done.code == 1 and "nothing was ever recorded in this data folder" in done.err and "no dead letters" not in done.err


# ---- one of them is away ----

def test_optout_while_the_registry_is_away(server, settings, stores):
    publish(server, "optout-events", optout("c0", "w", "+12125550100"))
    until(lambda: redis_cli(settings, "EXISTS", "pledgeline:list_complete") == "1")
    stores.postgres.crash()
    try:
        assert not_yet(server, optout("c1", "w", PHONE))
        assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1"
        assert check(server, PHONE)["blocked"] and check(server, "+12125550100")["blocked"]
        assert check(server, "+12125550199")["unknown"]  # the cache may have missed somebody
        for phone in (PHONE, "+12125550100", "+12125550199"):
            assert (server.run("blacklist", "check", phone).code == 3) == check(server, phone)["blocked"]
        assert is_away(server, "postgresql")
        listed = server.run("blacklist", "list", "--output", "json")
        assert listed.code == 1 and "]" not in listed.out and "PostgreSQL" in listed.err and "no " not in listed.err.split(":")[0]
    finally:
        stores.postgres.start()
    until(lambda: nothing_waits(server))
    assert server.run("blacklist", "check", PHONE).code == 3
    assert server.run("audit", "verify").code == 0
    assert not is_away(server, "postgresql")
    assert len(lines(server, "dependency is away", "postgresql")) == 1 == len(lines(server, "dependency is back", "postgresql"))


def test_who_cannot_be_asked_about_anywhere_is_blocked(make_server, settings, stores):
    server = make_server(**{**settings, "REDIS_URL": "", "REDIS_HOST": ""})
    assert not check(server, "+12125550177")["blocked"]
    stores.postgres.crash()
    try:
        assert check(server, "+12125550177")["blocked"]
    finally:
        stores.postgres.start()


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same_process", "after_a_crash"])
def test_who_opts_out_while_the_registry_is_away_gets_no_text_when_it_is_back(make_server, settings, stores, is_restarted):
    alone = {**settings, "REDIS_URL": "", "REDIS_HOST": "", "PLEDGELINE_BACKOFF_MOST": 2}
    server, phones, other = make_server(**alone), [unique_phone() for _ in range(10)], unique_phone()
    stores.postgres.crash()
    try:
        for phone in phones:
            call = unique("call")
            assert server.post("/v1/events/donation-events", donation(call, "w", phone)).status == 202
            assert not_yet(server, optout(call, "w", phone))
        assert server.post("/v1/events/donation-events", donation(unique("call"), "w", other)).status == 202
        if is_restarted:
            server.kill()
            server = make_server(server.data, **alone)
    finally:
        stores.postgres.start()
    until(lambda: not check(server, unique_phone())["blocked"])
    assert all(check(server, phone)["blocked"] for phone in phones)
    until(lambda: nothing_waits(server))
    assert [text["phoneNumber"] for text in server.json("sms", "list") if text["phoneNumber"] in [other, *phones]] == [other]


OPTED_OUT_BY_RECEIPT = {Twilio: ("undelivered", "21610"), Vonage: ("rejected", "9"), VonageMessages: ("rejected", "1240"), Plivo: ("failed", "200"),
                        Generic: ("undelivered", "opted_out")}


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same_process", "after_a_crash"])
@pytest.mark.parametrize("provider", OPTED_OUT_BY_RECEIPT)
def test_whom_a_receipt_opts_out_while_the_registry_is_away_gets_no_text_when_it_is_back(make_server, settings, stores, provider, is_restarted):
    phone = unique_phone()
    with provider() as peer:
        server = make_server(**settings, **peer.settings)
        server.publish("donation-events", donation(unique("call"), "w", phone))
        [text] = until(lambda: peer.texts_to(phone))
        until(lambda: server.json("sms", "list", "--state", "sent"))
        stores.postgres.crash()
        try:
            assert peer.receipt(server, text, *OPTED_OUT_BY_RECEIPT[provider]).status == 503
            if is_restarted:
                server.kill()
                server = make_server(server.data, **server.settings)
        finally:
            stores.postgres.start()
        until(lambda: not check(server, unique_phone())["blocked"])
        assert check(server, phone)["blocked"]
        server.publish("donation-events", donation(unique("call"), "w", phone))
        until(lambda: nothing_waits(server))
        assert server.run("blacklist", "check", phone).code == 3
        assert len(peer.texts_to(phone)) == 1


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


def test_redis_that_is_full_is_named_and_what_it_missed_comes_again(server, settings):
    publish(server, "call-events", ended("c0", "w", "+12125550100"))
    redis_cli(settings, "CONFIG", "SET", "maxmemory", "1")
    try:
        publish(server, "call-events", ended("c1", "w", PHONE))
        assert server.get("/readyz").json()["dependencies"]["redis"]["code"] == "redis_memory"
        assert not is_away(server, "mongodb")
    finally:
        redis_cli(settings, "CONFIG", "SET", "maxmemory", "0")
    until(lambda: nothing_waits(server))
    assert redis_cli(settings, "GET", "campaign:w:total_attempts") == "2"


def refuses(server, name, code):
    ready = server.get("/readyz")
    return ready.status == 200 and ready.json()["status"] == "degraded" and ready.json()["dependencies"][name]["code"] == code


IMPATIENT = {"PLEDGELINE_MAX_ATTEMPTS": 1, "PLEDGELINE_BACKOFF_MOST": 1}


def whole(server, settings):
    """Once the recount of its start is over, which would put right what a test does to a counter."""
    until(lambda: redis_cli(settings, "EXISTS", "pledgeline:whole") == "1")
    return server


def states(server, *events):
    """What becomes of one event of each topic, published alone."""
    return [server.post(f"/v1/events/{topic}-events", event).status for topic, event in zip(("optout", "call", "donation"), events)]


ONE_OF_EACH = (optout("c1", "w", PHONE), ended("c1", "w", PHONE, "opted_out"), donation("c2", "w", "+12125550102"))


@pytest.mark.parametrize("rights, mend", [
    (("resetkeys", "~campaign:*", "~blacklist:*", "~*_action:*"), "allkeys"),
    (("-evalsha",), "allcommands"),
    (("-set", "-incrby"), "allcommands")], ids=["keys", "scripts", "commands"])
def test_redis_that_lacks_rights_is_waited_for(make_server, settings, rights, mend):
    server = whole(make_server(**settings, **IMPATIENT), settings)
    publish(server, "call-events", ended("c0", "w", "+12125550100"))
    redis_cli(settings, "ACL", "SETUSER", "default", *rights)
    try:
        assert states(server, *ONE_OF_EACH) == [202, 202, 202]
        assert refuses(server, "redis", "redis_auth")
        assert check(server, PHONE)["blocked"] and len(server.json("sms", "list")) == 1
        assert server.json("dlq", "list") == []
    finally:
        redis_cli(settings, "ACL", "SETUSER", "default", mend)
    until(lambda: nothing_waits(server))
    assert server.json("dlq", "list") == [] and len(server.json("sms", "list")) == 1
    assert until(lambda: server.run("recount").code == 0)
    assert redis_cli(settings, "GET", "campaign:w:donations") == redis_cli(settings, "GET", "campaign:w:optouts") == "1"


def test_key_of_another_program_holds_up_its_own_campaign_only(make_server, settings):
    server = whole(make_server(**settings, **IMPATIENT), settings)
    redis_cli(settings, "SET", "campaign:w:donations", "abc")
    publish(server, "donation-events", *(donation(f"c{n}", campaign, f"+1212555{n:04d}") for n, campaign in enumerate("swswsw")))
    assert refuses(server, "redis", "redis_wrong_type")
    until(lambda: redis_cli(settings, "GET", "campaign:s:donations") == "3")
    until(lambda: len(server.get("/v1/dlq?state=waiting").json()["messages"]) == 3)
    assert server.json("dlq", "list") == [] and len(server.json("sms", "list")) == 6
    redis_cli(settings, "DEL", "campaign:w:donations")
    until(lambda: nothing_waits(server))
    assert redis_cli(settings, "GET", "campaign:w:donations") == "3" and len(server.json("sms", "list")) == 6


@pytest.mark.parametrize("sqlstate, code", [("42501", "database_denied"), ("53100", "database_full"), ("42P01", "database_foreign")])
def test_postgresql_that_refuses_is_waited_for(make_server, settings, stores, sqlstate, code):
    server = whole(make_server(**settings, **IMPATIENT), settings)
    publish(server, "call-events", ended("c0", "w", "+12125550100"))
    publish(server, "optout-events", optout("c0", "w", "+12125550100"))
    with contextlib.closing(psycopg2.connect(settings["DATABASE_URL"])) as database:
        database.autocommit = True
        database.cursor().execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'made to refuse'"
            f" USING ERRCODE = '{sqlstate}'; END $$; CREATE TRIGGER refuses BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            assert states(server, *ONE_OF_EACH) == [503, 200, 202]
            assert refuses(server, "postgresql", code)
            assert len(server.json("sms", "list")) == 1 and server.json("dlq", "list") == []
        finally:
            database.cursor().execute("DROP TRIGGER refuses ON audit")
    until(lambda: nothing_waits(server))
    assert server.json("dlq", "list") == [] and len(server.json("sms", "list")) == 1
    assert server.run("blacklist", "check", PHONE).code == 3
    assert server.run("audit", "verify").code == 0
    assert until(lambda: redis_cli(settings, "GET", "campaign:w:donations") == "1")


def test_a_flush_of_redis_heals_by_itself(server, settings):
    publish(server, "call-events", *(ended(f"c{n}", "w", f"+1212555{n:04d}") for n in range(20)))
    publish(server, "optout-events", optout("c1", "w", PHONE))
    redis_cli(settings, "FLUSHDB")
    until(lambda: redis_cli(settings, "GET", "campaign:w:total_attempts") == "20")
    until(lambda: redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1")
    assert server.run("recount").code == 0


# ---- what comes so late that the counters have forgotten it ----

def generation(settings):
    return redis_cli(settings, "GET", "pledgeline:generation")


def wait_it_out(server, clock):
    """The wall clock of the server stands still, so what waits is due only when it is moved."""
    until(lambda: clock.advance(minutes=1) or nothing_waits(server))


def test_what_waited_for_eight_days_is_counted(make_server, settings, stores, clock, tmp_path):
    server = make_server(tmp_path / "data", **settings, **clock.settings)
    counted = until(lambda: generation(settings))
    stores.mongo.pause()
    try:
        publish(server, "call-events", ended("c1", "w", PHONE))
        assert not nothing_waits(server)
        server.stop()
        clock.advance(days=8)
    finally:
        stores.mongo.resume()
    server.start()
    wait_it_out(server, clock)
    assert redis_cli(settings, "GET", "campaign:w:total_attempts") == "1"
    assert generation(settings) == counted
    assert server.run("recount").code == 0


def test_late_event_that_redis_missed_is_recounted_once(make_server, settings, clock):
    server = make_server(**settings, **clock.settings)
    counted = until(lambda: generation(settings))
    publish(server, "call-events", ended("c1", "w", PHONE))
    clock.advance(days=8)
    redis_cli(settings, "DEL", f"pledgeline:{counted}:c1")  # its life is over
    redis_cli(settings, "CONFIG", "SET", "maxmemory", "1")
    try:
        publish(server, "call-events", event("c1", "w", PHONE, eventType="call_answered", timestamp="2024-01-15T10:30:00Z"))
        assert not nothing_waits(server)
    finally:
        redis_cli(settings, "CONFIG", "SET", "maxmemory", "0")
    wait_it_out(server, clock)
    recounted = until(lambda: generation(settings) != counted and generation(settings))
    assert redis_cli(settings, "GET", "campaign:w:total_attempts") == "1"
    publish(server, "call-events", event("c1", "w", PHONE, eventType="call_answered", timestamp="2024-01-15T10:30:00Z"))
    assert redis_cli(settings, "EXISTS", "pledgeline:whole") == "1"
    assert generation(settings) == recounted
    assert server.run("recount").code == 0


def test_number_taken_off_leaves_the_cache(server, settings):
    publish(server, "optout-events", optout("c1", "w", PHONE))
    assert server.run("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked").code == 0
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "0"
    assert server.run("blacklist", "check", PHONE).code == 0


@pytest.mark.parametrize("command", [["stats"], ["cdr", "list"], ["cdr", "export"]], ids=" ".join)
def test_list_that_cannot_be_read_is_not_called_empty(settings, stores, tmp_path, command):
    stores.mongo.pause()
    try:
        done = run(tmp_path / "data", "publish", "--topic", "optout-events", "--message", json.dumps(optout("c1", "w", PHONE)), **settings)
        assert done.code == 0, done
        done = run(tmp_path / "data", *command, **settings)
    finally:
        stores.mongo.resume()
    assert done.code == 1 and "MongoDB" in done.err
    assert "no c" not in done.err


def test_list_that_can_be_read_is_not_given_to_the_cache_from_a_file(server, tmp_path):
    (tmp_path / "list.csv").write_text(f"phoneNumber\n{PHONE}\n")
    done = server.run("blacklist", "sync", tmp_path / "list.csv")
    assert done.code == 1 and "leave FILE out" in done.err
    assert server.run("blacklist", "check", PHONE).code == 0


def test_late_copy_of_an_optout_does_not_block_who_was_taken_off(server, settings):
    pressed = optout("c1", "w", PHONE, timestamp="2026-01-15T10:30:00Z")
    publish(server, "optout-events", pressed)
    assert server.run("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked").code == 0
    publish(server, "optout-events", pressed)
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "0"
    assert server.run("blacklist", "check", PHONE).code == 0
    publish(server, "optout-events", optout("c2", "w", PHONE))
    assert redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "1"


def test_number_that_only_the_cache_knows_yet_is_not_called(server, settings):
    """As while an opt-out waits for a registry that was away."""
    redis_cli(settings, "SADD", "blacklist:numbers", PHONE)
    assert check(server, PHONE)["blocked"] and "on its way" in check(server, PHONE)["reason"]
    assert server.run("blacklist", "check", PHONE).code == 3
    publish(server, "donation-events", donation("c1", "w", PHONE))
    assert server.json("sms", "list") == []


def test_removal_that_the_cache_missed_says_so_and_may_be_repeated(server, settings, stores):
    publish(server, "optout-events", optout("c1", "w", PHONE))
    remove = ("blacklist", "remove", PHONE, "--actor", "jane", "--reason", "asked")
    stores.redis.pause()
    try:
        missed = server.run(*remove)
        assert missed.code == 1 and "repeat" in missed.err
    finally:
        stores.redis.resume()
    until(lambda: server.run(*remove).err and redis_cli(settings, "SISMEMBER", "blacklist:numbers", PHONE) == "0")
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
