"""Redis, PostgreSQL and MongoDB for tests of the program on stores apart: real servers, started by the test, and stopped in the
middle when it wants."""
import contextlib
import itertools
import os
import pathlib
import subprocess
import tempfile
import time

from support.peer_mongo import MongoPeer
from support.peer_postgres import PostgresPeer
from support.peer_redis import PeerRedis
from support.program import PATIENCE_S

LOOK_EVERY_S = 0.005

_numbers = itertools.count(1)


class Stores:
    """The three servers; without `keeps`, what MongoDB holds goes with its process, and it is faster. settings() is for a program
    that has them for itself; programs that share them share the settings."""

    def __init__(self, keeps=True):
        with contextlib.ExitStack() as started:  # what has started is stopped when another one cannot be had
            folder = pathlib.Path(started.enter_context(tempfile.TemporaryDirectory(prefix="pledgeline-stores-")))
            os.chmod(folder, 0o755)
            for name in ("redis", "postgres", "mongo"):
                (folder / name).mkdir()
            self.postgres = PostgresPeer(folder / "postgres").start()
            started.callback(self.postgres.stop)
            self.mongo = MongoPeer(folder / "mongo", keeps=keeps).start()
            started.callback(self.mongo.stop)
            self.redis = PeerRedis(folder / "redis", options=("--databases", 10000)).start()
            started.callback(self.redis.stop)
            self.started = started.pop_all()

    def settings(self):
        number = next(_numbers)
        return {"REDIS_URL": f"{self.redis.url}/{number}", "MONGODB_URI": self.mongo.uri, "MONGODB_DATABASE": f"test_{number}",
                "DATABASE_URL": f"{self.postgres.url}?options=-csearch_path%3Dtest_{number}", "DONATION_LINK_SECRET": "0123456789abcdef0123"}

    def stop(self):
        self.started.close()


def redis_cli(settings, *arguments):
    """What somebody else's redis-cli prints."""
    return subprocess.run(["redis-cli", "-u", settings["REDIS_URL"], *arguments], capture_output=True, text=True, check=True).stdout.strip()


# ---- what a program on them says ----

def until(what, said=None):
    """Polls until it is true, and returns it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, said() if said else "it did not happen"
        time.sleep(LOOK_EVERY_S)  # what is waited for needs the processor more


def check(server, phone):
    return server.post("/v1/blacklist/check", {"phoneNumber": phone}).json()


def is_away(server, name):
    return server.get("/readyz").json()["dependencies"][name] != "ok"


def nothing_waits(server):
    return server.get("/v1/dlq?state=waiting").json()["messages"] == []


def lines(server, message, store):
    return [line for line in server.log if f'"{message}"' in line and f'"dependency":"{store}"' in line]
