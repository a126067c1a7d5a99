"""A PostgreSQL server of the test's own, in a folder of its own.

    python3 tests/integration/support/peer_postgres.py COMMAND...    runs the command with TEST_DATABASE_URL set

The command also gets TEST_DATABASE_STOP and TEST_DATABASE_START: shell commands that crash the server and start it again, and
TEST_DATABASE_CA: the authority that vouches for the server as "database.example".
"""
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 60
OWNER = "postgres"  # when we are root, as whom PostgreSQL refuses to run

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = on
logging_collector = off
max_connections = 100
deadlock_timeout = '200ms'
shared_buffers = '32MB'
ssl = on
"""
CERTIFICATE_NAME = "database.example"


def bin_folder():
    """Where initdb and postgres are, or None: Debian keeps them off the PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else pathlib.Path(on_path).parent if on_path else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresPeer:
    """Use start() and stop(); crash() ends it as a power cut would end the process."""

    def __init__(self, folder):
        self.bin = bin_folder()
        if not self.bin:
            raise FileNotFoundError("PostgreSQL is not installed (Debian: postgresql)")
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.port = free_port()
        self.url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"
        self.as_owner = self._as_owner()
        self._make_cluster()
        self._make_certificates()

    def _as_owner(self):
        """What to put in front of a command."""
        if os.getuid() != 0:
            return []
        owner = pwd.getpwnam(OWNER)
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def _run(self, *command):
        done = subprocess.run([*self.as_owner, *map(str, command)], capture_output=True, text=True, timeout=PATIENCE_S, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")

    def _make_cluster(self):
        self._run(self.bin / "initdb", "-D", self.data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = f"{SETTINGS}port = {self.port}\nunix_socket_directories = '{self.folder}'\n"
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(settings)

    def _openssl(self, *arguments):
        self._run("openssl", *arguments)

    def _make_certificates(self):
        """An authority of one day, and the server's certificate by it."""
        ca, server, names = self.folder / "ca", self.data / "server", self.folder / "names"
        names.write_text(f"subjectAltName=DNS:{CERTIFICATE_NAME}\n")
        names.chmod(0o644)
        new_key = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl(*new_key, "-x509", "-days", 1, "-subj", "/CN=pledgeline tests", "-keyout", f"{ca}.key", "-out", f"{ca}.crt")
        self._openssl(*new_key, "-subj", f"/CN={CERTIFICATE_NAME}", "-keyout", f"{server}.key", "-out", f"{server}.csr")
        self._openssl("x509", "-req", "-in", f"{server}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", 1,
                      "-extfile", names, "-out", f"{server}.crt")

    def _pg_ctl(self, *arguments):
        return [*self.as_owner, str(self.bin / "pg_ctl"), "-D", str(self.data), "-w", "-t", str(PATIENCE_S), *arguments]

    @property
    def start_command(self):
        return self._pg_ctl("-l", str(self.folder / "log"), "start")

    @property
    def crash_command(self):
        return self._pg_ctl("-m", "immediate", "stop")

    @property
    def pid(self):
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, IndexError, ValueError):
            return None

    def start(self):
        subprocess.run(self.start_command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S, cwd="/")
        return self

    def crash(self):
        subprocess.run(self.crash_command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S, cwd="/")

    def stop(self):
        """Fast shutdown, by the process id that the server wrote into its folder."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + PATIENCE_S
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.02)

    @property
    def environment(self):
        quiet = " >/dev/null 2>&1"
        return {"TEST_DATABASE_URL": self.url, "TEST_DATABASE_CA": str(self.folder / "ca.crt"),
                "TEST_DATABASE_STOP": shlex.join(self.crash_command) + quiet,
                "TEST_DATABASE_START": shlex.join(self.start_command) + quiet}


def main():
    with tempfile.TemporaryDirectory(prefix="pledgeline-postgres-") as folder:
        peer = PostgresPeer(folder).start()
        try:
            return subprocess.run(sys.argv[1:], env={**os.environ, **peer.environment}, check=False).returncode
        finally:
            peer.stop()


if __name__ == "__main__":
    sys.exit(main())
