"""The program under test, as a command and as a server. Nothing here sleeps: a server is ready when it says so."""
import collections
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

from support import apart, private

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("PLEDGELINE_BIN", str(ROOT / "build" / "pledgeline"))
PATIENCE_S = int(os.environ.get("PLEDGELINE_TEST_PATIENCE_S", 60))  # no answer within this is a failure, not slowness
ADDRESS = re.compile(r"http://(127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d+)")

Outcome = collections.namedtuple("Outcome", "code out err")


def environment(data, **settings):
    """Only what a test says, so that nobody's own settings leak in, nor what killed programs left in shared memory. People can be reached at
    any hour of the day, so that a test does not depend on it."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "HOME", "TERM") or name.endswith("SAN_OPTIONS")}
    given = {**kept, "LC_ALL": "C.UTF-8", "MONGOC_DISABLE_SHM": "1", "PLEDGELINE_QUIET_HOURS": "", "PLEDGELINE_DATA": str(data), **apart.settings_of(data), **settings}
    return {name: str(value) for name, value in given.items() if value is not None}


def run(data, *arguments, stdin="", **settings):
    """One command to its end. Output is text, with its line ends as they are."""
    done = subprocess.run([BINARY, *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=PATIENCE_S,
                          env=environment(data, **settings))
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))
    assert "Sanitizer" not in outcome.err and "runtime error:" not in outcome.err, outcome.err
    return outcome


class Response(collections.namedtuple("Response", "status headers body")):
    def json(self):
        return json.loads(self.body)


class Clock:
    """The wall time of the program under test: stands still until the test moves it."""

    def __init__(self, folder, now_ms):
        self.path = pathlib.Path(folder) / "clock"
        self.set(now_ms)

    def set(self, now_ms):
        self.now_ms = now_ms
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(now_ms))
        fresh.rename(self.path)

    def advance(self, **delta):
        import datetime
        self.set(self.now_ms + int(datetime.timedelta(**delta).total_seconds() * 1000))

    @property
    def settings(self):
        return {"PLEDGELINE_TEST_CLOCK_FILE": self.path}


class Server:
    """`pledgeline serve` on a free port. Use start() and stop(), or kill()."""
    arguments = ("serve",)

    def __init__(self, data, preexec=None, **settings):
        self.data, self.settings, self.preexec = pathlib.Path(data), settings, preexec
        self.process = None
        self.log = []

    def start(self):
        self.process = subprocess.Popen([BINARY, *self.arguments], env=environment(self.data, **{"PORT": 0, **self.settings}), text=True,
                                        errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=self.preexec)
        listening = threading.Event()
        self.reader = threading.Thread(target=self._read_log, args=(self.process, listening), daemon=True)
        self.reader.start()
        assert listening.wait(PATIENCE_S) and self.url, "the server did not start:\n" + "".join(self.log)
        return self

    def _read_log(self, process, listening):
        self.url = None
        secrets = private.secrets_of(self.settings)
        for line in process.stderr:
            self.log.append(line)
            private.look(line, secrets)
            found = '"listening"' in line and ADDRESS.search(line)
            if found and not self.url:
                self.url, self.port = found.group(0), int(found.group(2))
                listening.set()
        listening.set()

    def stop(self):
        """As a service manager does. The exit must be clean."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self._end()
        assert code == 0, f"exit {code} after SIGTERM:\n" + "".join(self.log[-40:])

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._end()

    def _end(self):
        self.reader.join(PATIENCE_S)
        self.process.stderr.close()
        self.process = None
        reports = [line for line in self.log if "Sanitizer" in line or "runtime error:" in line]
        assert not reports, "".join(self.log[-80:])

    def run(self, *arguments, **more):
        """A command on the same folder."""
        return run(self.data, *arguments, **{**self.settings, **more})

    def json(self, *arguments, **more):
        done = self.run(*arguments, "--output", "json", **more)
        assert done.code == 0, done
        return json.loads(done.out)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, **headers):
        """One request on a connection of its own. Header names: content_type -> Content-Type."""
        connection = self.connect()
        try:
            return request_on(connection, method, path, body, **headers)
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.request("POST", path, body, **headers)

    def publish(self, topic, *events):
        """Events of one topic in one request; all must be acknowledged."""
        answer = self.post(f"/v1/events/{topic}", ndjson(events), content_type="application/x-ndjson")
        assert 200 <= answer.status < 300, answer
        return answer


class Consumer(Server):
    """`pledgeline consume`, with HTTP to look at it by."""
    arguments = ("consume",)

    def metric(self, name):
        """The sum of a metric, or the one value of it with these labels."""
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def ndjson(events):
    return "".join(json.dumps(event) + "\n" for event in events)


def request_on(connection, method, path, body=None, **headers):
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    named = {name.replace("_", "-").title(): value for name, value in headers.items() if value is not None}
    if body is not None:
        named.setdefault("Content-Type", "application/json")
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    return Response(answer.status, answer.headers, answer.read())


class Publisher:
    """Publishes over one connection that stays open: for many small requests."""

    def __init__(self, server):
        self.server, self.connection = server, server.connect()

    def publish(self, topic, *events):
        answer = request_on(self.connection, "POST", f"/v1/events/{topic}", ndjson(events), content_type="application/x-ndjson")
        assert 200 <= answer.status < 300, answer
        return answer

    def get(self, path):
        return request_on(self.connection, "GET", path)

    def post(self, path, body):
        return request_on(self.connection, "POST", path, body)

    def close(self):
        self.connection.close()
