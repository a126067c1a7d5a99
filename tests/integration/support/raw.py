"""Bytes on a socket, for what no HTTP client would send."""
import socket
import time

from support.program import PATIENCE_S


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def exchange(server, data):
    """Sends the bytes, closes the sending half, and returns all that comes back until the server closes."""
    with connect(server) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return read_to_end(sock)
        except TimeoutError:
            raise
        except OSError:  # reset, or gone before we had said all (ENOTCONN)
            return b""


def read_to_end(sock):
    received = b""
    while True:
        try:
            more = sock.recv(65536)
        except ConnectionError:
            return received
        if not more:
            return received
        received += more


def statuses(answer):
    """The status codes of the responses in these bytes."""
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def drip(server, head, byte, every_s):
    """Sends head, then a byte now and then, until the server cuts the connection. Returns after how many seconds."""
    started = time.monotonic()
    with connect(server) as sock:
        sock.sendall(head)
        sock.settimeout(every_s)  # the pace: waiting for an answer that must not come
        while time.monotonic() - started < PATIENCE_S:
            try:
                sock.sendall(byte)
                if not sock.recv(65536):
                    return time.monotonic() - started
            except TimeoutError:
                continue
            except ConnectionError:
                return time.monotonic() - started
    raise AssertionError("the server never cut the connection")
