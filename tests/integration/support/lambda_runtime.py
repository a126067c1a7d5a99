"""Lambda's Runtime API, as little of it as a measurement needs: it hands out events and says how long each took. It has what AWS's
emulator leaves out: the header of X-Ray."""
import os
import socket
import subprocess
import time

PATIENCE_S = 30


class Runtime:
    """Starts one of the functions; started_s is the time from there until it asks for its first event."""

    def __init__(self, program, environment):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        began = time.perf_counter()
        self.process = subprocess.Popen([program], env={**environment, "AWS_LAMBDA_RUNTIME_API": host, "LOG_LEVEL": "error"})
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(PATIENCE_S)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read_request()
        self.started_s = time.perf_counter() - began

    def _read_request(self):
        """Method, path and body of the next one."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
        while len(body) < length:
            body += self._receive()
        return lines[0].split()[0], lines[0].split()[1], body

    def _receive(self):
        data = self.connection.recv(65536)
        if not data:
            raise RuntimeError("the function has left")
        return data

    def invoke(self, event, trace=""):
        """Seconds until the answer to this event (bytes of JSON) is there; raises when it is an error."""
        deadline = int((time.time() + PATIENCE_S) * 1000)
        head = (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(event)}\r\nLambda-Runtime-Aws-Request-Id: r\r\n"
                f"Lambda-Runtime-Deadline-Ms: {deadline}\r\n{f'Lambda-Runtime-Trace-Id: {trace}' if trace else 'X-None: 0'}\r\n\r\n")
        began = time.perf_counter()
        self.connection.sendall(head.encode() + event)
        method, path, body = self._read_request()
        took = time.perf_counter() - began
        if not path.endswith("/response") or b"itemIdentifier" in body:
            raise RuntimeError(f"{method} {path}: {body[:300]}")
        self.connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        self._read_request()
        return took

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.listener.close()


def stripped_mib(program, folder):
    stripped = os.path.join(folder, "stripped")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    return os.path.getsize(stripped) / 2**20
