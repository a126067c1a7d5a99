"""An HTTP server of a test's own: it keeps what came, as it came, and answers what the test says."""
import socket
import threading

from support.program import PATIENCE_S


class Request:
    def __init__(self, head, body):
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = self.line.split(" ")[:2]
        self.headers = [tuple(line.split(":", 1)) for line in lines]
        self.body = body

    def header(self, name):
        return next((value.strip() for key, value in self.headers if key.lower() == name.lower()), None)


class HttpPeer:
    """answer(request) returns (status, headers, body), or None: the connection ends without a word."""

    def __init__(self, answer=lambda request: (200, {}, b"")):
        self.answer, self.requests, self.connections = answer, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(PATIENCE_S)
        with connection:
            received = b""
            while True:
                request, received = self._read(connection, received)
                if not request:
                    return
                self.requests.append(request)
                said = self.answer(request)
                if said is None:
                    return
                status, headers, body = said
                lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {len(body)}"]
                connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    @staticmethod
    def _read(connection, received):
        try:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return None, b""
                received += more
            head, received = received.split(b"\r\n\r\n", 1)
            length = int(Request(head, b"").header("Content-Length") or 0)
            while len(received) < length:
                more = connection.recv(65536)
                if not more:
                    return None, b""
                received += more
        except OSError:
            return None, b""
        return Request(head, received[:length]), received[length:]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
