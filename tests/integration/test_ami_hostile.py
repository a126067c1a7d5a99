"""What answers on AMI's port is not believed to be Asterisk, nor to be well: it costs no opt-out, no memory, and ends no call."""
import socket
import threading

import pytest
from support.events import optout, unique_phone
from support.stores import is_away, until

pytestmark = pytest.mark.own_stores

BANNER, LOGGED_IN = b"Asterisk Call Manager/11.0.0\r\n", b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
LINE = b"Name: " + b"x" * 1000 + b"\r\n"


class Stranger:
    """Says these things, one for each time that it is spoken to, the first to whoever comes; then `endless` for ever."""

    def __init__(self, *sayings, endless=b""):
        self.sayings, self.endless, self.said_bytes, self.heard_of = sayings, endless, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ami://user:secret@127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    @property
    def heard(self):
        """Of all connections, in the order in which it came; one list, since a sum of bytes would lose what two threads add at once."""
        return b"".join(self.heard_of)

    def _speak(self, connection):
        try:
            with connection:
                for number, saying in enumerate(self.sayings):
                    if number:
                        self.heard_of.append(connection.recv(65536))
                    connection.sendall(saying)
                while self.endless:
                    self.said_bytes += connection.send(self.endless)
                connection.recv(65536)
                connection.recv(65536)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


STRANGERS = {
    "another protocol": ((b"SSH-2.0-OpenSSH_9.2\r\n",), b"", "not Asterisk's AMI"),
    "a banner without an end": ((b"Asterisk Call Manager/",), b"9" * 1000, "not Asterisk's AMI"),
    "nothing": ((b"",), b"", "in time"),
    "no answer to the login": ((BANNER,), b"", "in time"),
    "an answer to another action": ((BANNER, LOGGED_IN.replace(b"ActionID: 1", b"ActionID: 7")), b"", "in time"),
    "a message without an end": ((BANNER, LOGGED_IN, b"Response: Success\r\n"), LINE * 50, "without an end"),
    "more events than are taken": ((BANNER, LOGGED_IN, b""), (b"Event: Flood\r\n" + LINE * 3 + b"\r\n") * 50, "more than is taken"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_stranger_costs_no_opt_out_and_ends_no_call(make_server, kind):
    sayings, endless, named = STRANGERS[kind]
    stranger = Stranger(*sayings, endless=endless)
    server = make_server(PLEDGELINE_AMI_URL=stranger.url)
    try:
        assert server.post("/v1/events/optout-events", optout("c1", "w", unique_phone())).status == 200
        until(lambda: is_away(server, "asterisk_ami") and named in server.get("/readyz").json()["dependencies"]["asterisk_ami"]["detail"])
        assert server.get("/v1/actions?actionType=optout_call_terminated").json()["actions"] == []
        assert b"\r\nSecret: secret\r\n" in stranger.heard or len(sayings) < 3
    finally:
        stranger.close()


def test_answer_that_comes_in_pieces_among_events_is_read(make_server):
    event = b"Event: Newchannel\r\nUniqueid: 1\r\nActionID: 2\r\nResponse: Success\r\n\r\n"
    pieces = [event, b"Response: Err", b"or\r\nActionID: 2\r\nMessage: No such chan", b"nel\r\n\r", b"\n"]
    status = b"Response: Success\r\nActionID: 3\r\nEventList: start\r\n\r\nEvent: StatusComplete\r\nActionID: 3\r\n\r\n"
    stranger = Stranger(BANNER, LOGGED_IN, b"".join(pieces), status)
    server = make_server(PLEDGELINE_AMI_URL=stranger.url)
    try:
        server.post("/v1/events/optout-events", optout("c1", "w", unique_phone()))
        until(lambda: server.get("/v1/actions?actionType=optout_call_terminated").json()["actions"])
        assert b"Action: Hangup\r\nChannel: c1\r\nCause: 16\r\n\r\n" in stranger.heard
    finally:
        stranger.close()
