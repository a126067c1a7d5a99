"""A store that fails behind another one while texts are with their provider: each text goes out once, is recorded once and counts once."""
import time

import pytest
from support import look
from support.events import donation, optout, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.foreign_api import ForeignApi
from support.program import PATIENCE_S, Server
from support.sms_provider_peer import Gate, Twilio
from support.stores import Stores, check, is_away, redis_cli, until

pytestmark = pytest.mark.own_stores

QUICK = {"PLEDGELINE_BACKOFF_FIRST": 1, "PLEDGELINE_BACKOFF_MOST": 1}
GIVEN_UP_S = 8  # the adapter asks for 5 s
LEASE_S, BELIEVED_S = 2, 3


class World:
    """A server that texts by a provider; its Redis and its PostgreSQL are behind proxies."""

    def __init__(self, folder, stores, gate, **more):
        self.redis, self.postgres = FaultProxy(stores.redis.port), FaultProxy(stores.postgres.port)
        self.gate, self.peer, self.campaign, self.phone = gate, Twilio(gate), unique("campaign"), unique_phone()
        settings = stores.settings()
        settings["REDIS_URL"] = settings["REDIS_URL"].replace(f":{stores.redis.port}/", f":{self.redis.port}/")
        settings["DATABASE_URL"] = settings["DATABASE_URL"].replace(f":{stores.postgres.port}/", f":{self.postgres.port}/") + "&sslmode=disable"
        self.server = Server(folder / "data", **QUICK, **settings, **self.peer.settings, **more).start()

    def press(self):
        self.server.publish("donation-events", donation("call", self.campaign, self.phone))
        until(lambda: self.gate.asked)

    def hold_sending(self):
        """The ledger has the text as SENDING, and has not said so."""
        self.postgres.hold_once(b"effect_sending")
        self.server.publish("donation-events", donation("call", self.campaign, self.phone))
        assert self.postgres.held.wait(PATIENCE_S)

    def seen(self):
        records = [record["actionType"] for record in self.server.get(f"/v1/actions?campaignId={self.campaign}").json()["actions"]]
        live = self.server.get(f"/v1/campaigns/{self.campaign}/live")
        return records, live.json()["counters"].get("donations", 0) if live.status == 200 else 0, len(self.peer.ledger)

    def settles(self):
        """Recorded and counted, once; and it stays so."""
        until(lambda: self.seen() == (["donation_sms_sent"], 1, 1), self.seen)
        assert self.server.run("recount").code == 0

    def stop(self):
        self.gate.opened.set()
        self.server.stop()
        self.peer.close()
        self.redis.stop()
        self.postgres.stop()


@pytest.fixture(scope="module")
def stores():
    shared = Stores(keeps=False)
    yield shared
    shared.stop()


@pytest.fixture
def world(stores, tmp_path):
    one = World(tmp_path, stores, Gate())
    yield one
    one.stop()


# ---- a store that is slow ----

def test_texts_leave_while_the_database_answers_slowly(world):
    world.gate.opened.set()
    world.postgres.delay(0.8)  # each exchange; several make a text
    world.press()
    until(lambda: world.peer.texts_to(world.phone))
    world.postgres.heal()
    world.settles()


def test_database_that_is_too_slow_for_its_list_to_be_believed_is_told_of(world):
    world.gate.opened.set()
    world.hold_sending()
    time.sleep(BELIEVED_S + 0.5)
    world.postgres.heal()
    until(lambda: any("texts wait: the do-not-call list" in line for line in world.server.log))
    world.settles()


# ---- a store that does not take what became of some ----

def test_key_of_another_program_holds_up_the_texts_of_its_own_campaign_only(world, stores):
    world.gate.opened.set()
    foreign, phones = unique("campaign"), [unique_phone() for _ in range(4)]  # one for each courier
    redis_cli(stores.settings(), "SET", f"campaign:{foreign}:donations", "abc")
    for phone in phones:
        world.server.publish("donation-events", donation(unique("call"), foreign, phone))
        until(lambda: world.peer.texts_to(phone))
    world.server.publish("donation-events", donation("call", world.campaign, world.phone))
    until(lambda: world.peer.texts_to(world.phone))
    redis_cli(stores.settings(), "DEL", f"campaign:{foreign}:donations")
    until(lambda: world.server.get(f"/v1/campaigns/{foreign}/live").json()["counters"].get("donations") == len(phones))
    assert len(world.peer.ledger) == len(phones) + 1


# ---- the ledger says SENDING, and nobody heard it ----

@pytest.fixture
def short_leases(stores, tmp_path):
    one = World(tmp_path, stores, Gate(), PLEDGELINE_EFFECT_LEASE=LEASE_S)
    yield one
    one.stop()


def test_text_goes_out_when_the_ledger_is_back_that_did_not_say_it_may(short_leases):
    world = short_leases
    world.gate.opened.set()
    world.hold_sending()
    world.postgres.refuse()
    time.sleep(LEASE_S + 1)
    world.postgres.heal()
    until(lambda: not is_away(world.server, "postgresql"))
    world.settles()


# ---- the ledger says SENT, and what belongs to it is missing ----

def test_text_counts_though_redis_was_away_when_its_answer_came(world):
    world.press()
    world.redis.refuse()
    world.gate.opened.set()
    until(lambda: any("could not be written down" in line for line in world.server.log))
    world.redis.heal()
    world.settles()


def test_text_is_recorded_though_the_ledgers_answer_was_lost(world):
    world.press()
    world.postgres.cut_once(b"effect_settle")
    world.gate.opened.set()
    until(lambda: world.postgres.cuts)
    world.postgres.heal()
    world.settles()


@pytest.mark.parametrize("healed_by", ("receipt", "press"))
def test_text_is_recorded_though_its_server_was_killed_behind_the_ledger(world, healed_by):
    world.press()
    world.postgres.hold_once(b"effect_settle")
    world.gate.opened.set()
    assert world.postgres.held.wait(PATIENCE_S)
    world.server.kill()
    world.postgres.heal()
    world.server.start()
    until(lambda: not is_away(world.server, "postgresql"))
    assert world.seen() == ([], 0, 1)
    if healed_by == "receipt":
        assert world.peer.receipt(world.server, world.peer.ledger[0], "sent").status == 200
    else:
        world.press()
    world.settles()


# ---- one that may not go out, in the same bag ----

def states(server):
    return {text["phoneNumber"]: state for state in ("sent", "cancelled", "unknown") for text in look.sms(server, "--state", state)}


def test_blocked_number_costs_nobody_else_a_text_while_the_database_stores_nothing(make_server):
    api, blocked, others = ForeignApi(has_check=True), unique_phone(), [unique_phone() for _ in range(4)]
    with Twilio() as peer:
        server = make_server(DATABASE_API_URL=api.url, PLEDGELINE_EFFECT_LEASE=2, **QUICK, **peer.settings)
        server.publish("optout-events", optout("call", "winter", blocked))
        until(lambda: check(server, blocked)["blocked"])
        api.usual = 503
        server.publish("donation-events", *[donation(unique("call"), "winter", phone) for phone in (blocked, *others)])
        time.sleep(GIVEN_UP_S)
        api.usual = 201
        wanted = {blocked: "cancelled", **dict.fromkeys(others, "sent")}
        until(lambda: states(server) == wanted, lambda: states(server))
        until(lambda: len(set(api.ids())) == 1 + len(wanted), api.ids)
        assert sorted(text.to for text in peer.ledger) == sorted(others)
    api.stop()
