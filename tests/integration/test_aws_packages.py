"""What deploys to Lambda, without Docker and without AWS: the packages are whole, start by themselves, and are the same twice."""
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import zipfile

import pytest
from support.dockerfile import Image
from support.lambda_emulator import FUNCTIONS as BUILT
from support.lambda_emulator import Function, Unavailable, emulator
from support.packed import libraries_that_load, pack, run_in
from support.program import BINARY, ROOT, run

pytestmark = pytest.mark.own_stores

FUNCTIONS = ("donation-handler", "optout-handler", "cdr-logger", "sms-gateway", "tts-fallback")
ZIP_BYTES_MAX, UNPACKED_BYTES_MAX = 50 * 2**20, 250 * 2**20  # Lambda's quotas: uploaded directly, and unpacked
NAME = pathlib.Path(BINARY).name


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    done = pack(folder, BINARY)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def task(packed, tmp_path_factory):
    """The zip, unpacked as Lambda does it."""
    return unpack(packed / f"{NAME}.zip", tmp_path_factory.mktemp("task"))


def unpack(package, folder):
    with zipfile.ZipFile(package) as files:
        for entry in files.infolist():
            os.chmod(files.extract(entry, folder), entry.external_attr >> 16)
    return folder


def tree(folder):
    """Every path with its mode and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(path.lstat().st_mode), int(path.lstat().st_mtime), content)
    return found


def test_the_image_runs_with_nothing_but_what_is_in_it(packed):
    done = run_in(packed / NAME, f"/usr/bin/{NAME}", "config", PLEDGELINE_DATA="/tmp/data", MONGOC_DISABLE_SHM="1")
    assert done.returncode == 0 and "PLEDGELINE_DATA" in done.stdout, done


def test_the_image_has_a_user_that_is_not_root(packed):
    name, _, user, group, *_ = (packed / NAME / "etc/passwd").read_text().strip().split(":")
    assert (name, user, group) == ("pledgeline", "10001", "10001")


def test_the_image_trusts_the_authorities_of_the_build_machine(packed):
    authorities = (packed / NAME / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert authorities.count("BEGIN CERTIFICATE") > 50
    assert os.readlink(packed / NAME / "usr/lib/ssl/cert.pem") == "/etc/ssl/certs/ca-certificates.crt"


def test_the_zip_starts_through_its_own_loader(task):
    done = subprocess.run([task / "bootstrap"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LAMBDA_TASK_ROOT": str(task)})
    assert f"Usage: {NAME}" in done.stdout + done.stderr, done


def test_the_zip_needs_no_library_of_the_machine(task):
    strangers = {name: file for name, file in libraries_that_load(task, NAME).items() if not file.startswith(str(task))}
    assert strangers == {}


def test_packages_are_the_same_bytes_twice(packed, tmp_path):
    done = pack(tmp_path, BINARY, umask=0o077)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{NAME}.zip").read_bytes() == (packed / f"{NAME}.zip").read_bytes()
    assert tree(tmp_path / NAME) == tree(packed / NAME)


def test_packages_stay_below_the_quotas_of_lambda(packed):
    with zipfile.ZipFile(packed / f"{NAME}.zip") as package:
        assert sum(entry.file_size for entry in package.infolist()) < UNPACKED_BYTES_MAX
    assert (packed / f"{NAME}.zip").stat().st_size < ZIP_BYTES_MAX
    assert sum(path.stat().st_size for path in (packed / NAME).rglob("*") if path.is_file()) < UNPACKED_BYTES_MAX


def test_more_authorities_are_added_on_request(tmp_path):
    (tmp_path / "rds.pem").write_text("-----BEGIN CERTIFICATE-----\nof the database\n-----END CERTIFICATE-----\n")
    done = pack(tmp_path / "out", "--authorities", tmp_path / "rds.pem", BINARY)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / NAME / "etc/ssl/certs/ca-certificates.crt").read_bytes().endswith((tmp_path / "rds.pem").read_bytes())
    with zipfile.ZipFile(tmp_path / "out" / f"{NAME}.zip") as package:
        assert package.read("ca-certificates.crt").endswith((tmp_path / "rds.pem").read_bytes())


def test_an_executable_whose_libraries_are_not_here_is_refused_by_name(tmp_path):
    other = tmp_path / "other"
    binary = bytearray(pathlib.Path(BINARY).read_bytes())
    machines = {0x3e: (0xb7, "arm64"), 0xb7: (0x3e, "x86_64")}
    binary[18], architecture = machines[binary[18]]
    other.write_bytes(binary)
    done = pack(tmp_path / "out", other)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"for {architecture}, which is in none of" in done.stderr
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("function", ["sms-gateway", "tts-fallback"])
def test_a_function_that_reaches_people_brings_the_zones_of_their_numbers(function, tmp_path):
    done = pack(tmp_path, BUILT / function)
    assert done.returncode == 0, done.stderr
    image, task = tmp_path / function / "usr/share/zoneinfo", unpack(tmp_path / f"{function}.zip", tmp_path / "task") / "zoneinfo"
    for folder in (image, task):
        done = run(tmp_path / "data", "publish", "--topic", "call-events", "--message", "{}", TZDIR=folder, PLEDGELINE_QUIET_HOURS="21:00-08:00",
                   PLEDGELINE_AMI_URL="ami://p:s@127.0.0.1:1", PLEDGELINE_DIAL="PJSIP/{digits}@trunk", PLEDGELINE_CALLER_ID="+12025550100")
        assert "TZDIR" not in done.err, done.err


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_from_its_zip_under_the_emulator_of_lambda(function, tmp_path):
    try:
        emulator()
    except Unavailable as why:
        pytest.skip(f"the zip of {function} was not started: {why}")
    done = pack(tmp_path, BUILT / function)
    assert done.returncode == 0, done.stderr
    running = Function(function, program=unpack(tmp_path / f"{function}.zip", tmp_path / "task") / "bootstrap", LAMBDA_TASK_ROOT=str(tmp_path / "task"))
    try:
        assert running.invoke({"Records": []})["errorType"] == "setting_missing"  # it was told nothing, and says so
    finally:
        running.stop()


@pytest.mark.parametrize("function", FUNCTIONS[1:])
def test_the_dockerfiles_differ_only_in_the_name_of_their_function(function):
    first = (ROOT / "src/lambda" / FUNCTIONS[0] / "Dockerfile").read_text()
    assert (ROOT / "src/lambda" / function / "Dockerfile").read_text() == first.replace(FUNCTIONS[0], function)


@pytest.fixture(scope="module")
def docker_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docker")
    yield folder
    shutil.rmtree(folder)  # some 300 MB


@pytest.mark.parametrize("function", ["optout-handler", "sms-gateway"])  # they differ in the name alone, and in the zones of the gateway's
def test_the_steps_of_the_dockerfile_give_an_image_that_starts(docker_folder, function):
    shutil.rmtree(docker_folder / "last", ignore_errors=True)
    image = Image(ROOT / "src/lambda" / function / "Dockerfile", ROOT, docker_folder).stage
    assert f"{image.user}:" in (image.folder / "etc/passwd").read_text()
    assert stat.S_IMODE(image.place(image.entrypoint[0]).stat().st_mode) == 0o755
    done = run_in(image.folder, *image.entrypoint, **image.environment)  # outside of Lambda it says what it misses
    assert done.returncode not in (126, 127) and "shared libraries" not in done.stderr, done
    assert "AWS_LAMBDA_RUNTIME_API" in done.stdout + done.stderr, done
