"""compose.yaml and the Dockerfile, without Docker: what they name is there, and the server takes it."""
import json
import re
import subprocess

import pytest
import yaml
from support.program import BINARY, ROOT, run

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PROGRAM = COMPOSE["services"]["pledgeline"]
STORES = ("REDIS_URL_FILE", "DATABASE_URL_FILE", "MONGODB_URI_FILE")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def secrets(tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "tools" / "make-secrets", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def environment(secrets):
    """The container's, with the secrets where they are here."""
    return {name: value.replace("/run/secrets", str(secrets)) for name, value in PROGRAM["environment"].items()}


def test_every_name_in_the_environment_is_a_setting(data):
    settings = {row["name"] for row in json.loads(run(data, "config", "--output", "json").out)}
    assert {name.removesuffix("_FILE") for name in PROGRAM["environment"]} <= settings


def test_every_secret_that_is_named_is_made(secrets):
    made = {path.name for path in secrets.iterdir()}
    assert made == set(COMPOSE["secrets"])
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= made
        used = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service)))
        assert used == set(service.get("secrets", []))


def test_secrets_are_not_made_over_those_that_are_there(secrets):
    before = (secrets / "redis_url").read_text()
    assert subprocess.run([ROOT / "tools" / "make-secrets", secrets], capture_output=True).returncode != 0
    assert (secrets / "redis_url").read_text() == before


def test_settings_from_the_secrets_are_taken_and_masked(data, secrets, environment):
    shown = run(data, "config", "--output", "json", **environment)
    assert shown.code == 0
    assert not [path.name for path in secrets.iterdir() if path.read_text() in shown.out]


def test_only_loopback_reaches_the_api():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    assert COMPOSE["networks"]["stores"]["internal"]


def test_server_with_these_settings_wants_a_token(make_server, secrets, environment):
    settings = {name: value for name, value in environment.items() if name not in (*STORES, "PORT")}
    server = make_server(**settings)
    tokens = dict(pair.split(":") for pair in (secrets / "pledgeline_tokens").read_text().split(","))
    assert server.get("/readyz").status == 200
    assert server.get("/v1/cdrs").status == 401
    assert server.get("/v1/cdrs", authorization=f"Bearer {tokens['reader']}").status == 200


def test_image_has_every_library_that_the_program_needs():
    listed = (ROOT / "tools" / "packages").read_text().split("[run]")[1].split()
    needed = re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", BINARY], capture_output=True, text=True, check=True).stdout)
    owners = {subprocess.run(["dpkg", "-S", f"*/{library}*"], capture_output=True, text=True).stdout.split(":")[0]: library
              for library in needed if not re.match(r"(libc|libm|ld-linux|libasan|libubsan|libtsan)[-.]", library)}
    assert {owner: library for owner, library in owners.items() if owner not in listed} == {}
