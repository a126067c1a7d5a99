#!/usr/bin/python3
"""How long after key 9 a real call is over, measured by the clock of the Asterisk that makes it.

    tests/bench/asterisk_calls.py PLEDGELINE [CALLS]
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from support import program  # noqa: E402
from support.ami import Ami  # noqa: E402
from support.peer_asterisk import Asterisk, Unavailable  # noqa: E402
from support.prompts import write_menu  # noqa: E402

CALLS = 300  # at once
LIMIT_MS = 500
PATIENCE_S = 120


def percentile(values, part):
    return statistics.quantiles(values, n=100)[part - 1]


def call_everybody(pbx, count):
    """That many calls at once, each of which presses 9 during the message; the milliseconds from each key to the end of its call."""
    ami = Ami(pbx.ami_port, events="call,dtmf")
    try:
        calls = {pbx.originate(f"+1202555{i:04}", "press", keys="9", waits=3, campaign="bench") for i in range(count)}
        over = {event["Uniqueid"]: event for event in ami.until("Hangup", count=2 * count, patience_s=PATIENCE_S)}  # both halves
        pressed = {event["Uniqueid"]: event for event in ami.found("DTMFEnd", Digit="9", Direction="Received")}
        assert calls <= set(pressed), f"{len(calls - set(pressed))} calls ended before their key"
        return [1000 * (float(over[call]["Timestamp"]) - float(pressed[call]["Timestamp"])) for call in calls]
    finally:
        ami.close()


def measure_calls(binary, folder, count=CALLS):
    program.BINARY = str(binary)
    with Asterisk() as pbx:
        menu = write_menu(pathlib.Path(folder) / "sounds", message=30)
        server = program.Server(pathlib.Path(folder) / "data", PLEDGELINE_AGI=f"127.0.0.1:{pbx.agi_port}", PLEDGELINE_MENU=menu).start()
        try:
            took = call_everybody(pbx, count)
            blocked = server.run("blacklist", "export", "--output", "json").out.count("+1202555")
        finally:
            server.stop()
    assert blocked >= count, f"{blocked} of {count} numbers are blocked"
    return took


def measure(bench):
    """Rows for tools/bench; without Asterisk there are none, and it says so."""
    try:
        took = measure_calls(bench.build / "pledgeline", bench.fresh_folder("asterisk"))
    except (Unavailable, subprocess.SubprocessError) as why:
        print(f"  no calls were made: {why}", file=sys.stderr)
        return
    bench.figures.add("asterisk.p50_ms", percentile(took, 50))
    bench.figures.add("asterisk.p99_ms", percentile(took, 99))
    if bench.figures.middle("asterisk.p99_ms") >= LIMIT_MS:
        sys.exit(f"bench: key 9 to the end of a call took {bench.figures.middle('asterisk.p99_ms'):.0f} ms, and is to take less than {LIMIT_MS}")


def rows(figures):
    if "asterisk.p50_ms" in figures:
        yield (f"key 9 to the end of the call, {CALLS} real calls at once", f"p50 {figures.middle('asterisk.p50_ms'):.0f} ms, "
               f"p99 {figures.middle('asterisk.p99_ms'):.0f} ms", f"under {LIMIT_MS} ms")


def main():
    with tempfile.TemporaryDirectory(prefix="pledgeline-calls-") as folder:
        took = measure_calls(pathlib.Path(sys.argv[1]).resolve(), folder, *map(int, sys.argv[2:]))
    print(f"{len(took)} calls at once, key 9 to the end of the call: p50 {percentile(took, 50):.0f} ms, p99 {percentile(took, 99):.0f} ms, "
          f"longest {max(took):.0f} ms")


if __name__ == "__main__":
    main()
