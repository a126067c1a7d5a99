"""A store that fails behind another one while texts are with their provider: each text goes out once, is recorded once and counts once."""
import threading

import pytest
from support.events import donation, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.program import PATIENCE_S, Server
from support.sms_provider_peer import Twilio
from support.stores import Stores, is_away, until

pytestmark = pytest.mark.own_stores

QUICK = {"PLEDGELINE_BACKOFF_FIRST": 1, "PLEDGELINE_BACKOFF_MOST": 1}


class Gate:
    """The provider takes every text, and says so once the gate is open."""

    def __init__(self):
        self.asked, self.opened = [], threading.Event()

    def __call__(self, text, asked):
        self.asked.append(text.to)
        return lambda text, accept: self.opened.wait(PATIENCE_S) and accept()


class World:
    """A server that texts by a provider; its Redis and its PostgreSQL are behind proxies."""

    def __init__(self, folder, stores, gate):
        self.redis, self.postgres = FaultProxy(stores.redis.port), FaultProxy(stores.postgres.port)
        self.gate, self.peer, self.campaign, self.phone = gate, Twilio(gate), unique("campaign"), unique_phone()
        settings = stores.settings()
        settings["REDIS_URL"] = settings["REDIS_URL"].replace(f":{stores.redis.port}/", f":{self.redis.port}/")
        settings["DATABASE_URL"] = settings["DATABASE_URL"].replace(f":{stores.postgres.port}/", f":{self.postgres.port}/") + "&sslmode=disable"
        self.server = Server(folder / "data", **QUICK, **settings, **self.peer.settings).start()

    def press(self):
        self.server.publish("donation-events", donation("call", self.campaign, self.phone))
        until(lambda: self.gate.asked)

    def seen(self):
        records = [record["actionType"] for record in self.server.get(f"/v1/actions?campaignId={self.campaign}").json()["actions"]]
        live = self.server.get(f"/v1/campaigns/{self.campaign}/live")
        return records, live.json()["counters"].get("donations", 0) if live.status == 200 else 0, len(self.peer.ledger)

    def settles(self):
        """Recorded and counted, once; and it stays so."""
        until(lambda: self.seen() == (["donation_sms_sent"], 1, 1), self.seen)
        recount = self.server.run("recount")
        assert recount.code == 0, recount

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
