"""A Redis of its own for a test: in a given folder, on free loopback ports, plain and with TLS (a throw-away authority).

    python3 tests/integration/support/peer_redis.py COMMAND…     runs the command with TEST_REDIS_URL (and the names of PeerRedis.settings)
"""
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class PeerRedis:
    def __init__(self, folder, port=None, tls_port=None, options=()):
        self.folder = pathlib.Path(folder)
        self.port, self.tls_port = port or free_port(), tls_port or free_port()
        self.options = [str(option) for option in options]
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    @property
    def settings(self):
        return {"TEST_REDIS_URL": self.url, "TEST_REDIS_TLS_URL": f"rediss://localhost:{self.tls_port}",
                "TEST_REDIS_CA": str(self.folder / "ca.pem")}

    def _make_certificates(self):
        """An authority, and a certificate for the name localhost alone."""
        if (self.folder / "server.pem").exists():
            return
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                "-subj", "/CN=throw-away authority", folder=self.folder)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", folder=self.folder)
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-copy_extensions", "copy", "-out", "server.pem", folder=self.folder)

    def start(self):
        self._make_certificates()
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", "",
                 "--appendonly", "no", "--tls-port", str(self.tls_port), "--tls-cert-file", "server.pem", "--tls-key-file", "server.key",
                 "--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no", *self.options], stdout=log, stderr=log,
                cwd=self.folder, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "redis.log").read_text()
            time.sleep(0.02)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(64)[:1] in (b"+", b"-")
        except OSError:
            return False

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def main():
    import os
    with tempfile.TemporaryDirectory(prefix="pledgeline-redis-") as folder, PeerRedis(folder) as peer:
        return subprocess.run(sys.argv[1:], env={**os.environ, **peer.settings}).returncode


if __name__ == "__main__":
    sys.exit(main())
