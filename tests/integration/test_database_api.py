"""The do-not-call list and the actions behind an HTTP API: another instance's, or somebody else's that has two routes."""
import json
import subprocess
import time

import pytest
from support.events import donation, optout, unique, unique_phone
from support.foreign_api import CUT, CUT_AFTER_STORING, HANG, ForeignApi
from support.peer_redis import PeerRedis
from support.program import Server, run
from support.stores import nothing_waits, redis_cli, until

pytestmark = pytest.mark.own_stores

TOKENS = "service:s3rvice-token-0123456789,admin:adm1n-token-0123456789"
SOON = {"PLEDGELINE_BACKOFF_MOST": 1}


def press(server, topic, event):
    return server.post(f"/v1/events/{topic}", event)


def press_9(server, phone, call_id=None, campaign="w"):
    return press(server, "optout-events", optout(call_id or unique("call"), campaign, phone))


def is_blocked(server, phone):
    return server.post("/v1/blacklist/check", {"phoneNumber": phone}).json()["blocked"]


def counter(server, name, campaign="w"):
    answer = server.get(f"/v1/campaigns/{campaign}/live")
    return answer.json()["counters"][name] if answer.status == 200 else 0


def actions(server):
    return sorted(action["id"] for action in server.get("/v1/actions").json()["actions"])


# ---- another instance ----

@pytest.fixture
def database(make_server):
    return make_server()


@pytest.fixture
def front(make_server, database):
    return make_server(DATABASE_API_URL=f"{database.url}/v1", **SOON)


def test_one_instance_is_the_others_database(front, database):
    phone, other = unique_phone(), unique_phone()
    assert press_9(front, phone, "c1").status == 200
    assert press(front, "donation-events", donation("c2", "w", other)).status == 200
    assert is_blocked(front, phone) and is_blocked(database, phone)
    assert not is_blocked(front, other) and not is_blocked(database, other)
    until(lambda: nothing_waits(front))
    assert actions(front) == actions(database) == ["c1_optout", "c2_donation"]
    entry = database.get(f"/v1/blacklist/{phone}").json()
    assert (entry["source"], entry["actor"], entry["actionId"]) == ("user_optout", "caller", "c1_optout")
    assert entry["metadata"]["callId"] == "c1" and [each["kind"] for each in entry["history"]] == ["block"]
    shown = [json.loads(each.run("blacklist", "show", phone, "--output", "json").out) for each in (front, database)]
    assert shown[0] == shown[1]
    assert database.run("audit", "verify").code == 0


def test_repeats_double_nothing(front, database):
    phone = unique_phone()
    for _ in range(4):
        assert press_9(front, phone, "c1").status == 200
        assert press(front, "donation-events", donation("c2", "w", "+12125550100")).status == 200
        until(lambda: nothing_waits(front))
    assert press_9(front, phone, "c1").json()["duplicate"]
    assert actions(database) == ["c1_optout", "c2_donation"]
    assert counter(front, "optouts") == counter(database, "optouts") == 1
    assert counter(front, "donations") == 1
    assert len(front.json("sms", "list")) == 1
    assert [each["kind"] for each in database.get(f"/v1/blacklist/{phone}").json()["history"]] == ["block"]
    assert front.run("recount").code == 0


def test_late_copy_does_not_undo_a_removal(front, database):
    phone, event = unique_phone(), optout("c1", "w", "", timestamp="2025-01-15T10:00:00Z")
    event["phoneNumber"] = phone
    assert press(front, "optout-events", event).status == 200
    assert front.run("blacklist", "remove", phone, "--actor", "jane", "--reason", "asked").code == 0
    assert not is_blocked(database, phone)
    assert press(front, "optout-events", event).status == 200
    assert not is_blocked(front, phone) and not is_blocked(database, phone)
    assert press_9(front, phone).status == 200
    assert is_blocked(front, phone) and is_blocked(database, phone)


def test_who_opted_out_gets_no_text(front, database):
    phone = unique_phone()
    assert database.post("/v1/blacklist", {"phoneNumber": phone}).status == 201
    assert press(front, "donation-events", donation("c1", "w", phone)).status == 200
    until(lambda: nothing_waits(front))
    assert front.json("sms", "list") == []


@pytest.fixture
def start_database(tmp_path):
    """A database that a test may kill, and start again on the same folder."""
    started = []

    def start(**settings):
        started.append(Server(tmp_path / "database", **settings).start())
        return started[-1]

    yield start
    for database in started:
        database.stop()


def test_database_killed_in_the_middle_and_started_again_loses_nothing(make_server, start_database):
    database = start_database()
    settings = {"PORT": database.port}
    front = make_server(DATABASE_API_URL=f"{database.url}/v1", **SOON)
    phones = [unique_phone() for _ in range(60)]
    for i, phone in enumerate(phones):
        if i == 20:
            database.kill()
        if i == 40:
            database = start_database(**settings)
        status = press_9(front, phone, f"c{i}").status
        assert status in (200, 503)
        assert press(front, "donation-events", donation(f"d{i}", "w", f"+1212555{i:04d}")).status in (200, 202)
        if 20 <= i < 40:
            assert status == 503 and is_blocked(front, phone) and is_blocked(front, "+12125550199")
    until(lambda: nothing_waits(front))
    assert all(is_blocked(front, phone) and is_blocked(database, phone) for phone in phones)
    assert actions(database) == sorted([f"c{i}_optout" for i in range(60)] + [f"d{i}_donation" for i in range(60)])
    assert counter(front, "optouts") == counter(database, "optouts") == 60
    assert counter(front, "donations") == 60 == len(front.json("sms", "list", "--limit", 1000))
    assert front.run("recount").code == 0
    assert database.run("audit", "verify").code == 0


def test_database_that_is_away_is_named_and_everybody_is_blocked(make_server, start_database):
    database = start_database()
    front = make_server(DATABASE_API_URL=f"{database.url}/v1")
    assert not is_blocked(front, "+12125550100")
    database.kill()
    assert is_blocked(front, "+12125550100")
    ready = front.get("/readyz").json()
    assert ready["status"] == "degraded" and ready["dependencies"]["database_api"]["code"] == "database_api_away"
    assert run(front.data, "blacklist", "check", "+12125550100", **front.settings).code == 3


def test_token_goes_along_and_a_wrong_one_loses_nothing(make_server, tmp_path):
    database = make_server(PLEDGELINE_TOKENS=TOKENS)
    secret = tmp_path / "token"
    secret.write_text("adm1n-token-0123456789\n")
    front = make_server(DATABASE_API_URL=f"{database.url}/v1/", DATABASE_API_TOKEN_FILE=secret)
    wrong = make_server(DATABASE_API_URL=f"{database.url}/v1", DATABASE_API_TOKEN="nobody-knows-this-one", **SOON)
    phone, other = unique_phone(), unique_phone()
    assert press_9(front, phone).status == 200 and is_blocked(front, phone)
    assert front.run("blacklist", "remove", phone, "--actor", "jane", "--reason", "asked").code == 0
    assert press_9(wrong, other).status == 503
    assert wrong.get("/readyz").json()["dependencies"]["database_api"]["code"] == "database_api_login"
    assert wrong.json("dlq", "list") == [] and not nothing_waits(wrong)


def test_token_without_the_role_is_said_to_be_that_of_the_server(make_server):
    database = make_server(PLEDGELINE_TOKENS=TOKENS)
    front = make_server(DATABASE_API_URL=f"{database.url}/v1", DATABASE_API_TOKEN="s3rvice-token-0123456789")
    phone = unique_phone()
    assert press_9(front, phone).status == 200
    done = front.run("blacklist", "remove", phone, "--actor", "jane", "--reason", "asked")
    assert done.code == 1 and "DATABASE_API_TOKEN of the program that asked it (the server, where one has the folder)" in done.err
    assert is_blocked(front, phone)


def test_who_only_looks_needs_no_folder(database, tmp_path):
    press_9(database, unique_phone(), "c1")
    nowhere = tmp_path / "nowhere"
    seen = run(nowhere, "actions", "list", "--output", "json", DATABASE_API_URL=f"{database.url}/v1")
    assert [action["id"] for action in json.loads(seen.out)] == ["c1_optout"]
    done = run(nowhere, "audit", "verify", DATABASE_API_URL=f"{database.url}/v1")
    assert done.code == 1 and "cannot show its audit log" in done.err and "pledgeline.db" not in done.err


def test_what_somebody_elses_api_cannot_show_is_said_without_a_folder(tmp_path):
    api = ForeignApi()
    try:
        done = run(tmp_path / "nowhere", "actions", "list", DATABASE_API_URL=api.url)
        assert done.code == 1 and api.url in done.err and "at the database itself" in done.err
    finally:
        api.stop()


def test_import_says_that_only_its_entry_in_the_log_is_missing(database, tmp_path):
    done = run(tmp_path / "front", "blacklist", "import", "-", stdin="+12125550100\n", DATABASE_API_URL=f"{database.url}/v1")
    assert is_blocked(database, "+12125550100")
    assert "the numbers are blocked; the database API" in done.err and "import at the database itself to have one" in done.err


def test_registry_in_two_places_is_refused_at_the_start(tmp_path):
    done = run(tmp_path, "serve", DATABASE_URL="postgresql://127.0.0.1/x", DATABASE_API_URL="http://127.0.0.1:1/v1")
    assert done.code != 0 and "DATABASE_URL and DATABASE_API_URL" in done.err


@pytest.mark.parametrize("url", ["host:8080/v1", "ftp://host/v1", "http://user:secret@host/v1", "http://host/v1?x=1"])
def test_url_that_cannot_be_used_is_refused_at_the_start(tmp_path, url):
    done = run(tmp_path, "serve", DATABASE_API_URL=url)
    assert done.code != 0 and "DATABASE_API_URL" in done.err and "secret" not in done.err


# ---- somebody else's ----

@pytest.fixture
def api():
    api = ForeignApi(has_check=True)
    yield api
    api.stop()


@pytest.fixture
def client(make_server, api):
    return make_server(DATABASE_API_URL=api.url, DATABASE_API_TOKEN="their-token", **SOON)


def test_original_shape_is_sent(client, api):
    assert press_9(client, "+972501234567", "c1").status == 200
    [entry], [record] = api.stored["/blacklist"], api.stored["/actions"]
    assert entry["phoneNumber"] == "+972501234567" and entry["source"] == "user_optout" and entry["metadata"]["callId"] == "c1"
    assert {"addedAt", "reason"} <= entry.keys()
    assert (record["id"], record["actionType"], record["status"]) == ("c1_optout", "optout_blacklist_added", "success")
    assert {asked.authorization for asked in api.asked} == {"Bearer their-token"}


def test_failures_that_pass_are_ridden_out_within_the_deadline(client, api):
    api.will(500, 500, 201)
    assert press_9(client, unique_phone(), "c1").status == 200
    assert len(api.stored["/blacklist"]) == 1 == len(api.stored["/actions"])
    assert client.get("/readyz").json()["status"] == "ok"


def test_retry_after_is_obeyed_within_the_deadline(client, api):
    api.will((429, {"Retry-After": "1"}))
    started = time.monotonic()
    assert press_9(client, unique_phone(), "c1").status == 200
    assert time.monotonic() - started >= 1


def test_retry_after_beyond_the_deadline_is_left_to_the_spool(client, api):
    api.will((429, {"Retry-After": "60"}))
    started = time.monotonic()
    assert press_9(client, unique_phone(), "c1").status == 503
    assert time.monotonic() - started < 4
    until(lambda: nothing_waits(client))
    assert api.ids() == ["c1_optout"]


def test_409_is_success(client, api):
    api.will(409, 409)
    assert press_9(client, unique_phone(), "c1").status == 200
    assert counter(client, "optouts") == 1
    assert press_9(client, unique_phone(), "c1").status == 200
    assert counter(client, "optouts") == 1


def test_refusal_is_a_dead_letter_and_holds_nobody_up(client, api):
    api.will(400)
    assert press_9(client, unique_phone(), "c1").status == 422
    [letter] = client.json("dlq", "list")
    assert letter["code"] == "database_api_refused"
    assert press_9(client, unique_phone(), "c2").status == 200
    assert client.get("/readyz").json()["status"] == "ok"


def test_lost_answer_is_neither_lost_nor_doubled(make_server):
    api = ForeignApi(has_check=True, usual=409)
    try:
        client = make_server(DATABASE_API_URL=api.url, **SOON)
        api.will(CUT_AFTER_STORING, 409, CUT_AFTER_STORING, 409)
        assert press_9(client, unique_phone(), "c1").status == 200
        assert api.ids() == ["c1_optout"] and counter(client, "optouts") == 1
        assert press_9(client, unique_phone(), "c1").status == 200
        assert counter(client, "optouts") == 1
    finally:
        api.stop()


def test_connection_that_is_cut_is_tried_again(client, api):
    api.will(CUT, CUT)
    assert press_9(client, unique_phone(), "c1").status == 200
    assert len(api.stored["/blacklist"]) == 1


def test_batch_against_a_server_that_hangs_takes_one_deadline(client, api):
    api.will(*[HANG] * 1000)
    started = time.monotonic()
    events = "".join(json.dumps(optout(f"c{i}", "w", unique_phone())) + "\n" for i in range(100))
    answer = client.post("/v1/events/optout-events", events, content_type="application/x-ndjson")
    assert answer.status == 503 and time.monotonic() - started < 12
    api.answers.clear()
    api.released.set()
    until(lambda: nothing_waits(client))
    assert len(set(api.ids())) == 100 and counter(client, "optouts") == 100


@pytest.mark.parametrize("no_check", [404, 405, 501, 400])
def test_without_a_check_texts_wait_and_everybody_is_blocked(make_server, no_check):
    api = ForeignApi(no_check=no_check)
    try:
        client = make_server(DATABASE_API_URL=api.url, **SOON)
        assert press_9(client, "+12125550100").status == 200
        assert is_blocked(client, "+12125550101")
        assert press(client, "donation-events", donation("c1", "w", "+12125550101")).status == 202
        assert client.json("dlq", "list", "--waiting")[0]["code"] == "check_missing"
        assert client.get("/readyz").json()["status"] == "ok"
        api.has_check = True
        until(lambda: nothing_waits(client))
        assert len(client.json("sms", "list")) == 1
    finally:
        api.stop()


# ---- with a cache beside it ----

@pytest.fixture
def redis(tmp_path):
    (tmp_path / "redis").mkdir()
    with PeerRedis(tmp_path / "redis") as redis:
        yield redis


def test_cache_that_knows_all_numbers_answers_where_there_is_no_check(make_server, redis):
    api = ForeignApi()
    try:
        keeper = make_server(REDIS_URL=redis.url, DONATION_LINK_SECRET="0123456789abcdef0123")
        client = make_server(DATABASE_API_URL=api.url, REDIS_URL=redis.url, **SOON)
        phone, other = unique_phone(), unique_phone()
        assert keeper.post("/v1/blacklist", {"phoneNumber": phone}).status == 201
        until(lambda: not is_blocked(client, other))
        assert is_blocked(client, phone)
        for number in (phone, other):
            assert press(client, "donation-events", donation(unique("call"), "w", number)).status in (200, 202)
        until(lambda: nothing_waits(client))
        assert [text["phoneNumber"] for text in client.json("sms", "list")] == [other]
        assert len([line for line in client.log if "could not be given its list" in line]) == 1
    finally:
        api.stop()


def test_cache_that_is_given_the_list_in_a_file_answers_where_there_is_no_check(make_server, redis, tmp_path):
    api, whole, torn = ForeignApi(), tmp_path / "list.csv", tmp_path / "torn.csv"
    phone, other = unique_phone(), unique_phone()
    whole.write_text(f"phoneNumber\n{phone}\n")
    torn.write_text(f"phoneNumber\n{phone}\nnobody knows\n")
    try:
        client = make_server(DATABASE_API_URL=api.url, REDIS_URL=redis.url, **SOON)
        assert press(client, "donation-events", donation(unique("call"), "w", other)).status == 202
        done = client.run("blacklist", "sync", torn)
        assert done.code == 1 and "line 3" in done.err
        assert is_blocked(client, other)
        assert client.run("blacklist", "sync", whole).code == 0
        assert is_blocked(client, phone) and not is_blocked(client, other)
        until(lambda: nothing_waits(client))
        assert [text["phoneNumber"] for text in client.json("sms", "list")] == [other]
        redis_cli({"REDIS_URL": redis.url}, "FLUSHALL")
        assert is_blocked(client, other)
    finally:
        api.stop()


def test_number_of_a_file_with_its_trunk_zero_is_blocked_as_it_is_dialled(make_server, redis, tmp_path):
    api, listed = ForeignApi(), tmp_path / "list.csv"
    listed.write_text("phoneNumber\n+9720501234567\n")
    try:
        client = make_server(DATABASE_API_URL=api.url, REDIS_URL=redis.url)
        assert client.run("blacklist", "sync", listed).code == 4
        assert redis_cli({"REDIS_URL": redis.url}, "SISMEMBER", "blacklist:numbers", "+972501234567") == "1"
        assert is_blocked(client, "+972501234567") and is_blocked(client, "+9720501234567") and not is_blocked(client, "+972509999999")
    finally:
        api.stop()


def test_optout_that_the_only_one_who_is_asked_has_not_heard_of_is_not_acknowledged(make_server, redis, tmp_path):
    api, listed = ForeignApi(), tmp_path / "list.csv"
    phone = unique_phone()
    listed.write_text(f"phoneNumber\n{unique_phone()}\n")
    try:
        client = make_server(DATABASE_API_URL=api.url, REDIS_URL=redis.url, **SOON)
        assert client.run("blacklist", "sync", listed).code == 4
        assert not is_blocked(client, phone)
        redis.pause()
        assert press_9(client, phone).status == 503
        redis.resume()
        until(lambda: nothing_waits(client))
        assert is_blocked(client, phone)
    finally:
        redis.resume()
        api.stop()


def test_action_whose_share_was_missed_counts_when_it_comes_again(make_server, redis):
    server = make_server(REDIS_URL=redis.url)
    action = {"id": "c1_optout", "actionType": "optout_blacklist_added", "status": "success", "phoneNumber": "+12125550100", "campaignId": "w"}
    until(lambda: any("the counters were recounted" in line for line in server.log))
    redis_cli({"REDIS_URL": redis.url}, "CONFIG", "SET", "maxmemory", "1")
    assert server.post("/v1/actions", action).status == 503
    redis_cli({"REDIS_URL": redis.url}, "CONFIG", "SET", "maxmemory", "0")
    until(lambda: server.post("/v1/actions", action).status == 200)
    assert counter(server, "optouts") == 1
    assert server.post("/v1/actions", action).json()["result"] == "known"
    assert counter(server, "optouts") == 1


def test_what_it_cannot_do_says_where_to_do_it(client):
    assert press_9(client, "+12125550100").status == 200
    for answer in (client.request("DELETE", "/v1/blacklist/+12125550100", {"actor": "jane", "reason": "asked"}), client.get("/v1/blacklist")):
        assert answer.status in (422, 503) and "at the database itself" in answer.json()["detail"]
    done = client.run("audit", "verify")
    assert done.code != 0 and "at the database itself" in done.err


# ---- over TLS ----

@pytest.fixture
def certificate(tmp_path):
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=api",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def secure_api(certificate):
    api = ForeignApi(tls=certificate)
    yield api
    api.stop()


def test_authorities_of_ssl_cert_file_are_trusted(make_server, secure_api, certificate):
    server = make_server(DATABASE_API_URL=secure_api.url, SSL_CERT_FILE=certificate[0], **SOON)
    assert press_9(server, unique_phone()).status == 200
    assert len(secure_api.stored["/blacklist"]) == 1


def test_an_authority_that_is_not_trusted_gets_no_opt_out(make_server, secure_api):
    server = make_server(DATABASE_API_URL=secure_api.url, **SOON)
    assert press_9(server, unique_phone()).status == 503
    assert secure_api.stored["/blacklist"] == []
