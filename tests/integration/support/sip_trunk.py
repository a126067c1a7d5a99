"""The far end of an Asterisk's SIP trunk: sipp, as the telephone company that answers. Keys come as RFC 4733 events in the sound, for which
sipp needs a raw socket, or as SIP INFO, for which it needs nothing."""
import contextlib
import pathlib
import socket
import subprocess
import time

from support import asterisk_packages
from support.peer_asterisk import OURS, free_port

PATIENCE_S = 30


def has_raw_sockets():
    """Root, or CAP_NET_RAW: without it sipp answers and silently sends no key."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP):
            return True
    except PermissionError:
        return False


class SipTrunk:
    """Of a started Asterisk with `sip`. channel("+12025550121") calls it; tests/peers/asterisk/trunk.xml says who does what."""

    def __init__(self, pbx):
        self.pbx, self.folder = pbx, pathlib.Path(pbx.folder) / "trunk"
        self.folder.mkdir(exist_ok=True)
        press = (OURS / f"press_{pbx.dtmf_mode}.xml").read_text()
        keys = {f"PRESS_{key}": pbx.filled(press, KEY=key) for key in "19"}
        (self.folder / "trunk.xml").write_text(pbx.filled((OURS / "trunk.xml").read_text(), **keys))
        self.process = None

    def channel(self, phone):
        return f"PJSIP/{phone}@trunk"

    def start(self):
        command = [*asterisk_packages.program(self.pbx.root, "usr/bin/sipp"), "-sf", "trunk.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1",
                   "-ci", "127.0.0.1", "-cp", free_port(), "-p", self.pbx.trunk_port, "-mp", 10000 + self.pbx.trunk_port % 10000 * 2,
                   "-trace_err", "-error_file", "errors", "-nostdin"]
        with open(self.folder / "screen", "ab") as screen:
            self.process = subprocess.Popen([str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=screen,
                                            stderr=screen, env={"TERM": "xterm", "PATH": "/usr/bin:/bin"})
        give_up = time.monotonic() + PATIENCE_S
        while not self._listens():
            assert self.process.poll() is None and time.monotonic() < give_up, (self.folder / "screen").read_text(errors="replace")
            time.sleep(0.02)
        return self

    def _listens(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", self.pbx.trunk_port))
            return False
        return True

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
