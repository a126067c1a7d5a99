"""Servers for the black-box tests, each in a folder of its own."""
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True

from support import apart, peer_asterisk, private  # noqa: E402
from support.lambda_emulator import Unavailable, emulator  # noqa: E402
from support.peer_moto import MotoPeer  # noqa: E402
from support.program import BINARY, ROOT, Clock, Server  # noqa: E402
from support.stores import Stores  # noqa: E402

NOON_MS = 1746014400000  # 2025-04-30T12:00:00Z: a little after everything that the tests and the campaign tell of


def pytest_configure(config):
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"{BINARY} is not there: build first, or set PLEDGELINE_BIN", returncode=3)
    config.addinivalue_line("markers", "embedded(why): about the data folder's own file, which stores apart do not have")
    config.addinivalue_line("markers", "own_stores: starts stores of its own, whatever PLEDGELINE_TEST_STORES says")


def pytest_sessionstart():
    if apart.WANTED:
        apart.start()


def pytest_sessionfinish():
    apart.stop()


def pytest_collection_modifyitems(config, items):
    apart.deselect(config, items)


@pytest.fixture(autouse=True)
def nothing_private_is_logged():
    """Also of what an earlier test's program has said since: somebody must see it."""
    yield
    found = private.take_found()
    assert not found, "a log line says what it must not: " + found[0]


@pytest.fixture
def make_server(tmp_path):
    """make_server(SETTING=value, …) starts a server; all are stopped at the end and must leave cleanly."""
    started = []

    def make(data=None, **more):
        server = Server(data or tmp_path / f"data{len(started)}", **more).start()
        started.append(server)
        return server

    yield make
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def lambda_stores():
    """Redis, PostgreSQL and MongoDB beside AWS's emulator of Lambda; without them the tests are skipped, and say so."""
    try:
        emulator()
        shared = Stores(keeps=False)
    except Unavailable as why:
        pytest.skip(f"the Lambda functions were not run: {why}")
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """SNS and SQS as moto has them."""
    try:
        peer = MotoPeer(tmp_path_factory.mktemp("moto")).start()
    except subprocess.CalledProcessError as why:
        pytest.skip(f"moto cannot be installed here: {why}")
    yield peer
    peer.stop()


@pytest.fixture
def make_pbx():
    """make_pbx(sip=True, …) starts an Asterisk; all are stopped at the end. Where none can be had the test is skipped, and says so."""
    started = []

    def make(**more):
        try:
            pbx = peer_asterisk.Asterisk(**more)
            started.append(pbx)
            return pbx.start()
        except peer_asterisk.Unavailable as why:
            pytest.skip(f"no Asterisk can be had here: {why}")

    yield make
    for pbx in started:
        pbx.stop()


@pytest.fixture
def pbx(make_pbx):
    return make_pbx()


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path, NOON_MS)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for the tests of a file that each use ids of their own. Its clock stands still."""
    folder = tmp_path_factory.mktemp("shared")
    server = Server(folder / "data", **Clock(folder, NOON_MS).settings).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def generator():
    """examples/generate.py"""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "examples" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
