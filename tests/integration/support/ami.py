"""A client of Asterisk's manager interface for tests: it keeps every event that Asterisk tells of, and a thread reads them."""
import itertools
import socket
import threading
import time

PATIENCE_S = 30


def is_like(message, event, fields):
    return message.get("Event") == event and all(message.get(name) == str(value) for name, value in fields.items())


class Ami:
    """Logged in once made; waits until Asterisk says that it is fully booted. An event is a dict; headers that come several times keep
    the first value. "Timestamp" is Asterisk's own clock, in seconds."""

    def __init__(self, port, user="tester", secret="tester", events="on"):
        self.events, self.answers, self.numbers = [], {}, itertools.count(1)
        self.changed, self.is_open = threading.Condition(), True
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.settimeout(None)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            answer = self.ask("Login", Username=user, Secret=secret, Events=events)
            assert answer["Response"] == "Success", answer
        except BaseException:
            self.close()
            raise

    # ---- what a test asks ----

    def ask(self, action, *more, **fields):
        """The answer to an action. `more` are lines that come several times, such as Variable: a=b."""
        action_id = f"test-{next(self.numbers)}"
        lines = [f"Action: {action}", f"ActionID: {action_id}", *(f"{name}: {value}" for name, value in fields.items()), *more]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with self.changed:
            assert self.changed.wait_for(lambda: action_id in self.answers or not self.is_open, PATIENCE_S), f"no answer to {action}"
            assert action_id in self.answers, f"the connection ended before {action} was answered"
            return self.answers.pop(action_id)

    def channels(self):
        """Those that live now."""
        since = len(self.events)
        answer = self.ask("CoreShowChannels")
        assert answer["Response"] == "Success", answer
        self.until("CoreShowChannelsComplete", since=since, ActionID=answer["ActionID"])
        return [event for event in self.events[since:]
                if event.get("Event") == "CoreShowChannel" and event.get("ActionID") == answer["ActionID"]]

    def found(self, event, since=0, **fields):
        """All events of this name with these values, in the order in which they came."""
        return [each for each in self.events[since:] if is_like(each, event, fields)]

    def until(self, event, since=0, count=1, patience_s=PATIENCE_S, **fields):
        """The first such event, or the list of `count`, waited for. since: how many events came before."""
        found, looked_at = [], since

        def is_enough():
            nonlocal looked_at
            fresh = self.events[looked_at:]
            looked_at += len(fresh)
            found.extend(each for each in fresh if is_like(each, event, fields))
            return len(found) >= count

        with self.changed:
            self.changed.wait_for(lambda: is_enough() or not self.is_open, patience_s)
        assert len(found) >= count, f"{event} {fields} came {len(found)} times, not {count}"
        return found[0] if count == 1 else found

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # Asterisk was first
        self.reader.join(PATIENCE_S)
        self.socket.close()

    # ---- the reader's thread ----

    def _read(self):
        try:
            with self.socket.makefile("r", encoding="utf-8", errors="replace", newline="\r\n") as lines:
                next(lines, None)  # the banner
                message = {}
                for line in lines:
                    name, colon, value = line.rstrip("\r\n").partition(":")
                    if colon:
                        message.setdefault(name, value.lstrip(" "))
                    elif message:
                        self._take(message)
                        message = {}
        except OSError:
            pass
        with self.changed:
            self.is_open = False
            self.changed.notify_all()

    def _take(self, message):
        with self.changed:
            message["came"] = time.monotonic()
            if "Response" in message and "Event" not in message:
                self.answers[message.get("ActionID")] = message
            else:
                self.events.append(message)
            self.changed.notify_all()
