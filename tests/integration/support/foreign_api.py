"""Somebody else's database API: a real HTTP server that takes POST /blacklist and POST /actions, keeps what it stored, and answers
as the test tells it to."""
import collections
import json
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Asked = collections.namedtuple("Asked", "path body authorization")

HANG, CUT, CUT_AFTER_STORING = "hang", "cut", "cut after storing"


class ForeignApi:
    """answers: what comes next, each a status code, (code, headers), HANG, CUT or CUT_AFTER_STORING; then `usual` for ever. has_check: it
    answers POST /blacklist/check, too, and otherwise that with no_check. tls: PEM files of its certificate and key."""

    def __init__(self, has_check=False, usual=201, no_check=404, paths=("/blacklist", "/actions"), tls=None):
        self.stored, self.asked = {path: [] for path in paths}, []
        self.answers, self.usual = collections.deque(), usual
        self.has_check, self.no_check = has_check, no_check
        self.lock, self.released = threading.Lock(), threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/database"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def will(self, *answers):
        self.answers.extend(answers)

    def ids(self, path="/actions", key="id"):
        return [body[key] for body in self.stored[path]]

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def _next(self):
        with self.lock:
            return self.answers.popleft() if self.answers else self.usual

    def _store(self, path, body):
        with self.lock:
            self.stored[path].append(body)

    def _check(self, body):
        blocked = {entry["phoneNumber"] for entry in self.stored["/blacklist"]}
        return {"results": [{"phoneNumber": phone, "blocked": phone in blocked} for phone in body["phoneNumbers"]]}

    def _handler(api):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _answer(self, code, headers=(), body=None):
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(code)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _cut(self):
                """A reset, as of a process that died."""
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

            def do_POST(self):
                path = self.path.removeprefix("/database")
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.asked.append(Asked(path, body, self.headers.get("Authorization")))
                if path == "/blacklist/check":
                    return self._answer(200, body=api._check(body)) if api.has_check else self._answer(api.no_check)
                if path not in api.stored:
                    return self._answer(404)
                code = api._next()
                if code == HANG:
                    api.released.wait()
                    return self._cut()
                code, headers = code if isinstance(code, tuple) else (code, {})
                if code == CUT_AFTER_STORING or isinstance(code, int) and 200 <= code < 300:
                    api._store(path, body)
                if code in (CUT, CUT_AFTER_STORING):
                    return self._cut()
                return self._answer(code, headers)

            def do_GET(self):
                self._answer(404)

            do_DELETE = do_GET

        return Handler
