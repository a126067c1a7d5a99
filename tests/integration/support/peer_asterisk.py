"""A real Asterisk for a test: in a folder of its own, on free loopback ports, with the configuration of examples/asterisk as it is (but for
the ports and the trunk) and what tests need besides (tests/peers/asterisk).

    with Asterisk() as pbx:
        call = pbx.originate("+12025550123", "press", keys="9")
        pbx.ami.until("Hangup", Uniqueid=call)

    python3 tests/integration/support/peer_asterisk.py        runs one until Ctrl-C, and says where it listens
"""
import contextlib
import csv
import itertools
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import asterisk_packages  # noqa: E402
from support.ami import Ami  # noqa: E402
from support.asterisk_packages import ROOT, Unavailable  # noqa: E402

EXAMPLES, OURS = ROOT / "examples" / "asterisk", ROOT / "tests" / "peers" / "asterisk"
RENAMED = {EXAMPLES / "extensions.conf": "pledgeline.conf"}  # which the tests' own dialplan includes
PATIENCE_S = 30
RTP_PORTS = 400  # two a call

# What Asterisk reads, or warns about, and needs nothing in.
EMPTY = ("acl agents amd ccss cel cli cli_aliases cli_permissions codecs dnsmgr dsp enum features hep musiconhold pjproject res_parking "
         "sorcery stasis statsd stir_shaken udptl websocket_client").split()
FOLDERS = "etc lib/keys run cache agi-bin log/cdr-csv log/cdr-custom spool/outgoing spool/recording spool/monitor spool/tmp".split()

# https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/ cdr_csv: Master.csv has no header.
CDR_COLUMNS = ("accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags "
               "uniqueid userfield").split()

_numbers = itertools.count(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_ports(count):
    """Ports that differ from each other: all are held until the last is found."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Asterisk:
    """start(), stop() or kill(), and start() again keep ports and folder. With `sip` it has a trunk (support/sip_trunk.py), whose keys
    come as `dtmf_mode` says: rfc4733 or info. `dial` is the trunk of the example's dialplan."""

    def __init__(self, agi_port=None, sip=False, dtmf_mode="info", dial="Local/${NUMBER}@callees/n"):
        self.root = asterisk_packages.tree()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pledgeline-pbx-"))  # short: a socket's path has 108 bytes
        self.ami_port, self.http_port, free_agi_port, self.sip_port, self.trunk_port, self.nobody_port = free_ports(6)
        self.agi_port = agi_port or free_agi_port
        self.sip, self.dtmf_mode, self.dial = sip, dtmf_mode, dial
        self.process = self._ami = None
        self._configure()

    # ---- what a program under test is told ----

    @property
    def ami_url(self):
        return f"ami://pledgeline:change-me@127.0.0.1:{self.ami_port}"

    @property
    def ari_url(self):
        return f"http://pledgeline:change-me@127.0.0.1:{self.http_port}/ari"

    # ---- configuration ----

    def _configure(self):
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True)
        for name in EMPTY:
            (self.folder / "etc" / f"{name}.conf").touch()
        for file in (*EXAMPLES.glob("*.conf"), *OURS.glob("*.conf")):  # what both have is the one's and then the other's
            with open(self.folder / "etc" / RENAMED.get(file, file.name), "a", encoding="utf-8") as out:
                out.write(self.filled(file.read_text()))
        if self.sip:
            with open(self.folder / "etc" / "modules.conf", "a", encoding="utf-8") as modules:
                modules.write((OURS / "modules_sip.conf").read_text())

    def filled(self, text, **more):
        """The examples' well-known ports and the trunk become ours; so do the @NAMES@ of the tests' own files."""
        rtp = 20000 + self.sip_port % 20000 * 2  # below 60,000 and even; two that overlap take the next port by themselves
        names = {"FOLDER": self.folder, "ROOT": self.root, "MODULES": next(self.root.glob("usr/lib/*/asterisk/modules")), "RTP": rtp,
                 "RTP_END": rtp + RTP_PORTS, "SIP": self.sip_port, "TRUNK": self.trunk_port, "DTMF_MODE": self.dtmf_mode, **more}
        text = re.sub(r"@([A-Z]\w*)@", lambda name: str(names[name[1]]), text)
        text = re.sub(r"^(port|bindport) = (5038|8088)$", lambda line: f"{line[1]} = {self.port_instead_of(line[2])}", text, flags=re.M)
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.nobody_port}")  # a test names its server in PLEDGELINE_URL
        return text.replace("127.0.0.1:4573", f"127.0.0.1:{self.agi_port}").replace("PJSIP/${NUMBER}@trunk", self.dial)

    def port_instead_of(self, port):
        return {"5038": self.ami_port, "8088": self.http_port}[port]

    # ---- the process ----

    def command(self, *arguments):
        return [*asterisk_packages.program(self.root, "usr/sbin/asterisk"), "-C", str(self.folder / "etc" / "asterisk.conf"), *arguments]

    def start(self):
        """Returns once it is fully booted."""
        with open(self.folder / "console", "ab") as console:
            self.process = subprocess.Popen(self.command("-f", "-n"), stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        give_up = time.monotonic() + PATIENCE_S
        while not self._is_booted():
            if self.process.poll() is not None or time.monotonic() > give_up:
                said = self.said()
                self.stop()
                raise Unavailable(f"Asterisk did not start: {said}")
            time.sleep(0.02)
        return self

    def _is_booted(self):
        try:
            self._ami = Ami(self.ami_port)
            self._ami.until("FullyBooted")
            return True
        except (OSError, AssertionError):
            return False

    @property
    def ami(self):
        """As somebody who may do everything; a new one after each start."""
        return self._ami

    def said(self):
        return (self.folder / "console").read_text(errors="replace")[-2000:]

    def log(self):
        return (self.folder / "log" / "full").read_text(errors="replace")

    def kill(self):
        """As a crash would: calls are gone, and nobody is told."""
        self.process.kill()
        self._end()

    def pause(self):
        """It stands still: connections stay open, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """For good: the folder goes, too."""
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self):
        self.process.wait()
        self.process = None
        if self._ami:
            self._ami.close()
            self._ami = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ---- calls ----

    def originate(self, phone, callee="silent", keys="", waits=0.5, context="pledgeline-ivr", through="callees", channel=None, call_id=None,
                  campaign="winter", contact=None, timeout_s=30, **variables):
        """Calls somebody and connects whoever answers to the context. `callee` is a behaviour of tests/peers/asterisk/extensions.conf;
        `through` the context that dials, "pledgeline-dial" for the one that asks first; `channel` another channel altogether. Returns
        the call's id at once, which is the id of its first channel, too."""
        number = next(_numbers)
        call_id = call_id or f"call-{os.getpid()}-{number:06}"  # to Asterisk an id is in use, too, when a living one begins with it
        names = {"PLEDGELINE_CALL_ID": call_id, "PLEDGELINE_CAMPAIGN_ID": campaign, "PLEDGELINE_CONTACT_ID": contact or f"contact-{number}",
                 "PLEDGELINE_PHONE": phone, "PLEDGELINE_CAMPAIGN_NAME": "Winter Appeal", "CALLEE": callee, "CALLEE_KEYS": keys,
                 "CALLEE_WAITS": waits, **variables}
        answer = self.ami.ask("Originate", *(f"Variable: __{name}={value}" for name, value in names.items() if value is not None),
                              Channel=channel or f"Local/{phone}@{through}/n", Context=context, Exten="s", Priority=1, Async="true",
                              Timeout=timeout_s * 1000, CallerID='"Winter Appeal" <12025550100>', ChannelId=call_id,
                              OtherChannelId=f"{call_id};2")
        assert answer["Response"] == "Success", answer
        return call_id

    def cdrs(self, file="cdr-csv/Master.csv", columns=CDR_COLUMNS):
        """The rows that Asterisk has written so far, oldest first."""
        path = self.folder / "log" / file
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8") as rows:
            return [dict(zip(columns, row)) for row in csv.reader(rows)]

    def cli(self, command):
        """What the command line of Asterisk answers."""
        return subprocess.run(self.command("-rx", command), capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


class Exchange:
    """One of the two ways in which a program reaches an Asterisk: "ami" or "ari"."""

    def __init__(self, kind, pbx):
        self.kind, self.pbx, self.name = kind, pbx, f"asterisk_{kind}"
        self.port = pbx.ami_port if kind == "ami" else pbx.http_port

    def settings(self, port=None, secret="change-me"):
        """port: of what stands between."""
        url = self.pbx.ami_url if self.kind == "ami" else self.pbx.ari_url
        url = url.replace("change-me", secret).replace(str(self.port), str(port or self.port))
        return {f"PLEDGELINE_{self.kind.upper()}_URL": url}


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Asterisk() as pbx:
        print(f"AMI {pbx.ami_url}\nARI {pbx.ari_url}\nFastAGI is asked at 127.0.0.1:{pbx.agi_port}\n{pbx.folder}\n"
              f"in place of asterisk -rx: {shlex.join(map(str, pbx.command('-rx')))}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            pbx.process.wait()


if __name__ == "__main__":
    main()
