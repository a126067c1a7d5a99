"""Moving a data folder into Redis, MongoDB and PostgreSQL, and back: what the verbs print stays the same, nobody who opted out may
be called, and nobody gets a second text."""
import json
import subprocess
import time

import psycopg2
import pytest
from support.events import donation, ended, optout
from support.program import BINARY, PATIENCE_S, ROOT, environment, ndjson, run
from support.stores import Stores

PHONE = "+972501234567"
REPORTS = {"stats": ("stats",), "live": ("live",), "numbers": ("blacklist", "list", "--limit", 0), "texts": ("sms", "list", "--limit", 0),
           "actions": ("actions", "list", "--limit", 0), "history": ("audit", "show"), "records": ("cdr", "list", "--limit", 0)}


@pytest.fixture(scope="module")
def stores():
    stores = Stores()
    yield stores
    stores.stop()


@pytest.fixture
def settings(stores):
    return stores.settings()


class Place:
    """A data folder, by itself or with stores beside it. The secret of the links is the same everywhere."""

    def __init__(self, data, **settings):
        self.data = data
        self.settings = {"DONATION_LINK_SECRET": "0123456789abcdef0123", **settings}

    def run(self, *arguments, code=0, **more):
        done = run(self.data, *arguments, **{**self.settings, **more})
        assert done.code == code, done
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json").out)

    def publish(self, topic, *events):
        return self.run("publish", "--topic", topic, "-", stdin=ndjson(events))

    def move(self, *arguments):
        """The table of `migrate` or `export`, by kind."""
        return {row["kind"]: row for row in self.json(*arguments)}

    def reports(self):
        """What the verbs say, without what a store gives each thing itself: places in a chain, and the order of equal times."""
        said = {name: self.json(*arguments) for name, arguments in REPORTS.items()}
        said["history"] = [{**entry, "seq": None, "hash": None, "detail": first_detail(entry)} for entry in said["history"]]
        said["live"] = sorted(said["live"], key=lambda row: row["campaignId"])
        said["records"] = sorted(said["records"], key=lambda row: row["callId"])
        return said


def first_detail(entry):
    """As it was in the chain where the entry was written."""
    detail = entry["detail"]
    while detail and "origin" in detail:
        detail = detail.get("detail")
    return detail


def assert_same(place, other):
    one, two = place.reports(), other.reports()
    for name in REPORTS:
        assert two[name] == one[name], name
    for each in (place, other):
        each.run("audit", "verify")
        each.run("recount")


def moved(table):
    return {kind: row["moved"] for kind, row in table.items()}


NOTHING = dict.fromkeys(("numbers", "ledger", "texts", "history", "actions", "records"), 0)


@pytest.fixture
def folder(tmp_path):
    return Place(tmp_path / "data")


@pytest.fixture
def beside(folder, settings):
    """The same folder, with its stores."""
    return Place(folder.data, **settings)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A folder in which a campaign ran, and a number was taken off the list by hand."""
    place = Place(tmp_path_factory.mktemp("campaign") / "data")
    place.run("publish", ROOT / "examples" / "campaign.ndjson")
    place.run("blacklist", "add", "+12125550198", "+12125550199", "--actor", "jane")
    place.run("blacklist", "remove", "+12125550199", "--actor", "jane", "--reason", "asked to be called")
    return place


@pytest.fixture
def ran(campaign, folder):
    """A copy of that folder."""
    subprocess.run(["cp", "-r", campaign.data, folder.data], check=True)
    return folder


# ---- there and back ----

def test_everything_is_the_same_on_the_stores(ran, beside):
    table = beside.move("migrate")
    assert all(row["moved"] == row["inSource"] == row["inDestination"] > 0 for row in table.values())
    assert_same(ran, beside)


def test_once_more_changes_nothing(ran, beside):
    beside.move("migrate")
    before = beside.reports()
    assert moved(beside.move("migrate")) == NOTHING
    assert beside.reports() == before


def test_export_into_a_new_folder_gives_the_same(ran, beside, tmp_path):
    beside.move("migrate")
    copy = Place(tmp_path / "copy")
    table = beside.move("export", "--to", copy.data)
    assert all(row["moved"] == row["inSource"] == row["inDestination"] > 0 for row in table.values())
    assert_same(beside, copy)
    assert_same(ran, copy)
    assert moved(beside.move("export", "--to", copy.data)) == NOTHING
