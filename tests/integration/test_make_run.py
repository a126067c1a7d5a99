"""`make run`, as a newcomer types it."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

import pytest
from support import apart
from support.program import BINARY, PATIENCE_S, ROOT, run

EXPECTED = json.loads((ROOT / "examples" / "campaign.expected.json").read_text())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


MAKE_RUN = ["make", "--no-print-directory", "run"]


def environment(data, port, **more):
    return {**os.environ, "PORT": str(port), "PLEDGELINE_DATA": str(data), "BUILD": os.path.dirname(BINARY), **apart.settings_of(data),
            **more}


def refused(data, port, **more):
    """What `make run` says when it does not get as far as serving."""
    done = subprocess.run(MAKE_RUN, cwd=ROOT, text=True, capture_output=True, timeout=PATIENCE_S, env=environment(data, port, **more))
    assert done.returncode == 2 and "Traceback" not in done.stderr, done
    return done.stdout + done.stderr


class MakeRun:
    """`make run` until it says what to try next; then it serves on."""

    def __init__(self, data, port, command=MAKE_RUN, **more):
        self.port, self.data = port, data
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment(data, port, **more), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        self.said = "".join(lines)

    def interrupt(self):
        """Ctrl-C goes to everybody at the terminal."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest = self.process.communicate(timeout=PATIENCE_S)[0]
        return self.process.returncode, rest

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """What `make run` shows on a fresh folder, and again on the same one."""
    data, seen = tmp_path_factory.mktemp("make-run") / "data", []
    for _ in range(2):
        running = MakeRun(data, free_port())
        campaigns = EXPECTED["campaigns"]
        seen.append({
            "said": running.said,
            "cli stats": {each["campaignId"]: each for each in cli(data, "stats")},
            "cli live": {each["campaignId"]: each["counters"] for each in cli(data, "live")},
            "http stats": {name: running.get(f"/v1/campaigns/{name}/stats") for name in campaigns},
            "http live": {name: running.get(f"/v1/campaigns/{name}/live")["counters"] for name in campaigns},
            "sms": cli(data, "sms", "list", "--limit", "0"),
            "blocked": [entry["phoneNumber"] for entry in cli(data, "blacklist", "export")],
            "end": running.interrupt(),
        })
    return seen


def cli(data, *arguments):
    done = run(data, *arguments, "--output", "json")
    assert done.code == 0, done
    return json.loads(done.out)


def table_rows(said):
    """Rows of the campaign table by campaign: the numbers in each, in order."""
    rows = {}
    for line in said.splitlines():
        name, *cells = line.split() or [""]
        if name in EXPECTED["campaigns"]:
            rows[name] = [int(cell) for cell in cells if re.fullmatch(r"\d+", cell)]
    return rows


@pytest.mark.parametrize("time", [0, 1], ids=["fresh folder", "same folder again"])
class TestMakeRun:
    def test_table_equals_the_generators_own_expectation(self, twice, time):
        expected = {name: [each["stats"][column] for column in ("totalAttempts", "answered", "busy", "failed", "noAnswer", "converted",
                                                                "optOuts")] for name, each in EXPECTED["campaigns"].items()}
        assert {name: row[:7] for name, row in table_rows(twice[time]["said"]).items()} == expected

    def test_stats_agree_on_the_command_line_over_http_and_with_the_expectation(self, twice, time):
        assert twice[time]["cli stats"] == twice[time]["http stats"]
        for name, each in EXPECTED["campaigns"].items():
            found = twice[time]["http stats"][name]
            assert {column: found[column] for column in each["stats"]} == each["stats"]

    def test_live_counters_agree_with_the_records(self, twice, time):
        assert twice[time]["cli live"] == twice[time]["http live"]
        for name, each in EXPECTED["campaigns"].items():
            found = twice[time]["http live"][name]
            assert {counter: value for counter, value in found.items() if value} == {c: v for c, v in each["live"].items() if v}

    def test_each_donation_got_one_text(self, twice, time):
        found = [{key: text[key] for key in ("callId", "campaignId", "phoneNumber")} for text in twice[time]["sms"]]
        assert sorted(map(str, found)) == sorted(map(str, EXPECTED["sms"]))

    def test_opt_outs_are_blocked(self, twice, time):
        assert twice[time]["blocked"] == EXPECTED["blocked"]

    def test_shows_texts_blocked_numbers_and_what_to_try_next(self, twice, time):
        said = twice[time]["said"]
        assert "https://donate.example.org?ref=" in said
        assert any(phone in said for phone in EXPECTED["blocked"])
        for hint in ("curl -s http://127.0.0.1:", "/v1/campaigns/winter-appeal-2024/stats", "aws sns publish", "--endpoint-url",
                     "blacklist check", "live"):
            assert hint in said

    def test_ctrl_c_stops_it_cleanly(self, twice, time):
        code, said = twice[time]["end"]
        assert code in (0, 130, -signal.SIGINT) and "Traceback" not in said


def test_port_that_is_taken_is_said_clearly(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"{port} is taken" in refused(tmp_path, port)


def test_folder_that_is_busy_is_said_clearly(server):
    said = refused(server.data, free_port())
    assert str(server.process.pid) in said or server.url in said


@pytest.mark.parametrize("port", ["abc", "-1", "99999"])
def test_port_that_is_none_is_said_in_one_line(tmp_path, port):
    [line] = [line for line in refused(tmp_path, port).splitlines() if not re.match(r"make(\[\d+\])?: |Setting up |Building ", line)]
    assert "PORT" in line and port in line


def test_folder_may_be_named_for_short(tmp_path):
    running = MakeRun(tmp_path / "long", free_port(), DATA=str(tmp_path / "short"))
    running.interrupt()
    assert (tmp_path / "short").is_dir() and not (tmp_path / "long").exists()


def test_campaign_is_played_with_a_token_of_the_server(tmp_path):
    running = MakeRun(tmp_path / "data", free_port(), PLEDGELINE_TOKENS="reader:reader-token,admin:admin-token")
    running.interrupt()
    assert "The do-not-call list: the first 10" in running.said
    assert "Bearer $PLEDGELINE_TOKEN" in running.said and "admin-token" not in running.said


def test_tokens_that_cannot_publish_are_said_before_it_serves(tmp_path):
    assert "PLEDGELINE_TOKEN=TOKEN make run" in refused(tmp_path / "data", free_port(), PLEDGELINE_TOKENS="reader:reader-token")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGHUP], ids=lambda signal_: signal_.name)
def test_server_ends_with_the_one_who_started_it(tmp_path, signal_):
    running = MakeRun(tmp_path / "data", free_port(), [ROOT / "tools" / "run"])
    running.process.send_signal(signal_)
    said = running.process.communicate(timeout=PATIENCE_S)[0]
    assert running.process.returncode == 0 and "Traceback" not in said
    with socket.socket() as probe:  # nobody listens any more, and the folder is free
        assert probe.connect_ex(("127.0.0.1", running.port)) != 0
    assert run(tmp_path / "data", "blacklist", "add", "+12125550100", "--actor", "jane").code == 0


# ---- before it serves ----

def said_by(command, **more):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=PATIENCE_S, env={**os.environ, **more})
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def test_build_without_a_terminal_says_what_is_waited_for_where_there_is_something_to_do(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "build", tmp_path / "tools")
    (tmp_path / "meson.build").write_text("project('small', 'c')\nexecutable('small', 'small.c')\n")
    (tmp_path / "small.c").write_text("int main(void) { return 0; }\n")
    first, again = [said_by([tmp_path / "tools" / "build", "out"]) for _ in range(2)]
    assert re.fullmatch(r"Setting up out\nBuilding out: 2 steps.*\n", first)
    assert again == ""


@pytest.mark.parametrize("state, said", [("not-installed", "Installing Debian packages that are missing, which can take minutes: "), ("installed", "")])
def test_packages_are_named_before_they_are_installed(tmp_path, state, said):
    for name, does in (("dpkg-query", f"printf {state}"), ("apt-get", ":"), ("sudo", ":")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    told = said_by([ROOT / "tools" / "install-packages", "build"], PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.startswith(said) if said else told == ""
