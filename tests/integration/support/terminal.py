"""A command at a terminal of so many columns, as a person sees it."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from support.program import BINARY, PATIENCE_S, environment


def read_all(descriptor):
    seen = b""
    while True:
        try:
            more = os.read(descriptor, 65536)
        except OSError:  # EIO: nobody writes any more
            return seen
        if not more:
            return seen
        seen += more


def run_at_terminal(data, columns, *arguments, **settings):
    """The lines on the screen, before the terminal breaks those that are too long."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=there, stderr=subprocess.PIPE,
                          env=environment(data, NO_COLOR="1", **settings)) as process:
        os.close(there)
        seen = read_all(here)
        os.close(here)
        assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    return seen.decode().replace("\r\n", "\n").splitlines()
