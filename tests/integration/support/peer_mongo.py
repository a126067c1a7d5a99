"""A server that speaks MongoDB's wire protocol: the one of TEST_MONGODB_URI, else mongod where there is one, else a small Java
server kept in memory, whose libraries Maven fetches once into the build folder.

    python3 tests/integration/support/peer_mongo.py COMMAND...    runs the command beside one, with TEST_MONGODB_URI set
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tests" / "peers" / "mongo"
BUILT = ROOT / "build" / "peers" / "mongo"
PATIENCE_S = 60


class Unavailable(Exception):
    """No such server can be had here, and why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def step(what, *command):
    done = subprocess.run([str(each) for each in command], cwd=BUILT, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{what} failed: {(done.stdout + done.stderr)[-500:]}")


def is_older(one, other):
    return one.stat().st_mtime < other.stat().st_mtime


def build_java():
    """The class path of the Java server, made once; processes that start together wait for each other."""
    for tool in ("mvn", "javac", "java"):
        if not shutil.which(tool):
            raise Unavailable(f"there is neither mongod nor {tool}")
    BUILT.mkdir(parents=True, exist_ok=True)
    with open(BUILT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (BUILT / "MongoPeer.class").exists() or is_older(BUILT / "MongoPeer.class", SOURCE / "MongoPeer.java"):
            step("fetching mongo-java-server", "mvn", "-q", "-B", "-f", SOURCE / "pom.xml", "dependency:copy-dependencies",
                 f"-DoutputDirectory={BUILT / 'jars'}")
            step("compiling MongoPeer.java", "javac", "-cp", "jars/*", "-d", BUILT, SOURCE / "MongoPeer.java")
    return f"{BUILT}:{BUILT}/jars/*"


class MongoPeer:
    """start(), stop() and start() again keep the port, and, where it keeps them, the documents."""

    def __init__(self, folder, keeps=False):
        self.folder = pathlib.Path(folder)
        self.keeps = keeps
        self.port = free_port()
        self.process = None

    @property
    def uri(self):
        return f"mongodb://127.0.0.1:{self.port}/"

    def command(self):
        if shutil.which("mongod"):
            return ["mongod", "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1", "--quiet"]
        file = [str(self.folder / "documents")] if self.keeps else []
        return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", build_java(), "MongoPeer", str(self.port), *file]

    def start(self):
        command = self.command()
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_until_it_listens()
        return self

    def wait_until_it_listens(self):
        give_up = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise Unavailable(f"the server did not start: {(self.folder / 'log').read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # until all of its threads stand still

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """In order, so that it writes what it keeps."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def uri_of_a_server():
    """The URI of a server that is there for as long as the context."""
    if os.environ.get("TEST_MONGODB_URI"):
        yield os.environ["TEST_MONGODB_URI"]
        return
    with tempfile.TemporaryDirectory() as folder:
        peer = MongoPeer(folder).start()
        try:
            yield peer.uri
        finally:
            peer.stop()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the server goes with us
    with uri_of_a_server() as uri:
        return subprocess.run(sys.argv[1:], env={**os.environ, "TEST_MONGODB_URI": uri}).returncode


if __name__ == "__main__":
    sys.exit(main())
