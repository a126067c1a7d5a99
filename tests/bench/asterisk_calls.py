#!/usr/bin/python3
"""How long after key 9 a real call is over, measured by the clock of the Asterisk that makes it.

    tests/bench/asterisk_calls.py PLEDGELINE [--calls N] [--database-down]
"""
import argparse
import contextlib
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
from support.stores import Stores, until  # noqa: E402

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


def numbers_blocked(server):
    return server.run("blacklist", "export", "--output", "json").out.count("+1202555")


@contextlib.contextmanager
def embedded():
    yield {}, contextlib.nullcontext()


@contextlib.contextmanager
def stores_apart():
    """Settings, and a time without PostgreSQL, which has the do-not-call list."""
    stores = Stores(keeps=False)
    try:
        yield stores.settings(), without_database(stores)
    finally:
        stores.stop()


@contextlib.contextmanager
def without_database(stores):
    stores.postgres.crash()
    yield
    stores.postgres.start()


def measure_calls(binary, folder, count=CALLS, place=embedded):
    program.BINARY = str(binary)
    with Asterisk() as pbx, place() as (settings, while_called):
        menu = write_menu(pathlib.Path(folder) / "sounds", message=30)
        server = program.Server(pathlib.Path(folder) / "data", PLEDGELINE_AGI=f"127.0.0.1:{pbx.agi_port}", PLEDGELINE_MENU=menu,
                                **settings).start()
        try:
            with while_called:
                took = call_everybody(pbx, count)
            until(lambda: numbers_blocked(server) >= count, lambda: f"{numbers_blocked(server)} of {count} numbers are blocked")
        finally:
            server.stop()
    return took


PLACES = {"asterisk": embedded, "asterisk_down": stores_apart}


def measure(bench):
    """Rows for tools/bench; without Asterisk there are none, and it says so."""
    for name, place in PLACES.items():
        try:
            took = measure_calls(bench.build / "pledgeline", bench.fresh_folder(name), place=place)
        except (Unavailable, subprocess.SubprocessError) as why:
            print(f"  no calls were made: {why}", file=sys.stderr)
            return
        bench.figures.add(f"{name}.p50_ms", percentile(took, 50))
        bench.figures.add(f"{name}.p99_ms", percentile(took, 99))
        if bench.figures.middle(f"{name}.p99_ms") >= LIMIT_MS:
            sys.exit(f"bench: key 9 to the end of a call took {bench.figures.middle(f'{name}.p99_ms'):.0f} ms, and is to take less than {LIMIT_MS}")


def rows(figures):
    for name, what in {"asterisk": f"key 9 to the end of the call, {CALLS} real calls at once", "asterisk_down": "the same, PostgreSQL killed before them"}.items():
        if f"{name}.p50_ms" in figures:
            yield (what, f"p50 {figures.middle(f'{name}.p50_ms'):.0f} ms, p99 {figures.middle(f'{name}.p99_ms'):.0f} ms", f"under {LIMIT_MS} ms")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("binary", metavar="PLEDGELINE", type=pathlib.Path)
    options.add_argument("--calls", metavar="N", type=int, default=CALLS, help=f"at once; {CALLS}")
    options.add_argument("--database-down", action="store_true", help="with stores apart, and PostgreSQL killed before the calls")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pledgeline-calls-") as folder:
        took = measure_calls(asked.binary.resolve(), folder, asked.calls, stores_apart if asked.database_down else embedded)
    print(f"{len(took)} calls at once, key 9 to the end of the call: p50 {percentile(took, 50):.0f} ms, p99 {percentile(took, 99):.0f} ms, "
          f"longest {max(took):.0f} ms; all {len(took)} numbers are blocked")


if __name__ == "__main__":
    main()
