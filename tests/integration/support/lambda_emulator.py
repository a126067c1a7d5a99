"""AWS's own emulator of Lambda with one of our functions in it. The emulator is a part of the Python package aws-sam-cli, fetched once
into the build folder; TEST_LAMBDA_EMULATOR names another one."""
import fcntl
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile

from support import private
from support.peer_mongo import Unavailable, free_port
from support.program import BINARY, PATIENCE_S, ROOT

PACKAGE = "aws-sam-cli==1.170.0"
BUILT = ROOT / "build" / "peers" / "lambda"
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
NAME = f"samcli/local/rapid/aws-lambda-rie-{MACHINE}"
FUNCTIONS = pathlib.Path(BINARY).resolve().parent / "src" / "lambda"


def fetch():
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(BUILT), PACKAGE],
                          capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{PACKAGE} cannot be fetched: {done.stderr[-300:]}")
    for wheel in BUILT.glob("*.whl"):
        with zipfile.ZipFile(wheel) as files:
            files.extract(NAME, BUILT)
        wheel.unlink()
    (BUILT / NAME).chmod(0o755)


def emulator():
    """Its path, made once; processes that start together wait for each other."""
    given = os.environ.get("TEST_LAMBDA_EMULATOR") or shutil.which("aws-lambda-rie")
    if given:
        return given
    BUILT.mkdir(parents=True, exist_ok=True)
    with open(BUILT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (BUILT / NAME).exists():
            fetch()
    return str(BUILT / NAME)


def as_json(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"errorMessage": text, "errorType": "emulator"}


class Function:
    """One of our executables under the emulator. settings are its environment, and there is no other."""

    def __init__(self, name, timeout_s=30, program=None, **settings):
        self.name, self.log, self.secrets = name, [], private.secrets_of(settings)
        self.has_answered, self.program = False, str(program or FUNCTIONS / name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s), **settings}
        for key, value in os.environ.items():
            if key.endswith("SAN_OPTIONS"):
                self.environment[key] = value
        self._start()

    def _start(self):
        self.port, api_port = free_port(), free_port()
        self.process = subprocess.Popen(
            [emulator(), "--runtime-api-address", f"127.0.0.1:{api_port}", "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
             self.program], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))
            private.look(line, self.secrets)

    def invoke(self, event, patience_s=60):
        """What it answers, as JSON; where it died or ran out of time, what the emulator says of that."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations", data=body, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=patience_s) as answer:
                    self.has_answered = True
                    return as_json(answer.read().decode())
            except urllib.error.HTTPError as error:
                said = error.read().decode()
                if said or time.monotonic() > deadline:  # on a busy machine it has failed without a word; of the function it always says something
                    return as_json(said)
            except urllib.error.URLError as error:  # the emulator begins to listen a moment after its start
                if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > deadline:
                    raise
                if self.process.poll() is not None and not self.has_answered:  # somebody else took one of its ports meanwhile
                    self._start()

    def lines(self, message):
        """Our log lines with that message."""
        found = []
        for line in self.log:
            if line.startswith("{") and f'"{message}"' in line:
                found.append(json.loads(line))
        return found

    def pids(self):
        """Of the function's own process, while it runs."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [int(pid) for pid in children]

    def kill(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


# ---- events, as AWS makes them ----

def sns_event(*messages):
    """Without the fields that nobody needs: as the original system's documents have it."""
    return {"Records": [{"Sns": {"Message": message if isinstance(message, str) else json.dumps(message)}} for message in messages]}


def sqs_event(*bodies, fifo=False):
    arn = "arn:aws:sqs:us-east-1:123456789012:queue" + (".fifo" if fifo else "")
    return {"Records": [{"messageId": f"message-{i}", "receiptHandle": "handle", "body": body if isinstance(body, str) else json.dumps(body),
                         "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"}, "messageAttributes": {},
                         "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": "us-east-1"} for i, body in enumerate(bodies)]}


def failures(answer):
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]
