"""Asks the pure part of the program, a line a question (pure.c)."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("PLEDGELINE_BIN", ROOT / "build" / "pledgeline")).resolve().parent


class Pure:
    def __init__(self):
        self.process = subprocess.Popen([BUILT / "tests" / "model" / "pure"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().split()

    def numbers(self, *words):
        return tuple(map(int, self.ask(*words)))

    def close(self):
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0


def hex_of(text):
    return text.encode().hex()
