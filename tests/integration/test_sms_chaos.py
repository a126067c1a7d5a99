"""Many texts through a provider that fails, is slow, breaks off and tells everything twice in the wrong order: no number gets two texts, and what
nobody can say is listed. PLEDGELINE_TEST_SMS says how many."""
import collections
import os
import queue
import random
import threading
import time

from support import sms_provider_peer as peers
from support.events import donation
from support.sms_provider_peer import Plivo, Twilio
from support.stores import until

COUNT = int(os.environ.get("PLEDGELINE_TEST_SMS", "500"))
PATIENCE_S = 60 + COUNT / 5
SETTINGS = {"PLEDGELINE_SMS_RETRY": "1", "PLEDGELINE_BACKOFF_FIRST": "0"}


def phone_of(number):
    return f"+999{number:09d}"


class Chaos:
    """What goes wrong, by seed: the share of requests, and what is said to them."""

    def __init__(self, seed):
        self.random, self.ambiguous = random.Random(seed), set()
        self.lock = threading.Lock()

    def script(self, peer):
        ways = [(0.08, peers.saying(503)), (0.04, peers.saying(429, Retry_After="1")), (0.05, peer.refuse(30003 if peer.name == "twilio" else 503)),
                (0.03, self.noted(peers.saying(500))), (0.05, peers.late(1)), (0.02, self.noted(peers.silent_after_accepting)),
                (0.01, self.noted(peers.silent)), (0.01, self.noted(peers.unreadable))]

        def chosen(text, asked):
            with self.lock:
                at = self.random.random()
            for share, way in ways:
                if at < share:
                    return way
                at -= share
            return None
        return chosen

    def noted(self, way):
        """Of which nobody can say whether it arrived."""
        def answer(text, accept):
            self.ambiguous.add(text.to)
            return way(text, accept)
        return answer


class Postman(threading.Thread):
    """Tells the server what became of each text that was accepted, everything twice and in any order; of some, nothing."""

    def __init__(self, server, chaos):
        super().__init__(daemon=True)
        self.server, self.random, self.delivered = server, random.Random(chaos.random.random()), set()
        self.texts, self.trouble = queue.Queue(), []

    def run(self):
        while (job := self.texts.get()) is not None:
            peer, text = job
            if text.to.endswith("7"):
                continue
            states = ["sent", "delivered", "delivered", "sent"]
            self.random.shuffle(states)
            for state in states:
                while (status := self._tell(peer, text, state)) == 503:
                    time.sleep(0.05)  # as providers do
                if status != 200:
                    self.trouble.append((status, text))
            self.delivered.add(text.to)

    def _tell(self, peer, text, state):
        try:
            return peer.receipt(self.server, text, state).status
        except OSError:
            return 503  # it is starting again


def with_postman(Peer, chaos):
    peer = Peer()
    peer.script = chaos.script(peer)
    accepted = peer.accepted

    def accept(text):
        peer.postman.texts.put((peer, text))
        return accepted(text)
    peer.accepted = accept
    return peer


def states(server):
    """phone -> (state, receipt) of the press's own text and of tries after it"""
    found = {}
    for state in ("pending", "claimed", "sending", "sent", "failed", "cancelled", "unknown"):
        for text in server.json("sms", "list", "--state", state, "--limit", "0"):
            found.setdefault(text["phoneNumber"], []).append((state, text["receipt"]))
    return found


def settled(server):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = states(server)
        waiting = [phone for phone, each in found.items() if any(state in ("pending", "claimed", "sending") for state, _ in each)]
        if len(found) == COUNT and not waiting:
            return found
        assert time.monotonic() < deadline, (len(found), len(waiting), [found[phone] for phone in waiting[:5]])
        time.sleep(0.2)  # between two looks


def publish(server):
    for start in range(0, COUNT, 500):
        server.publish("donation-events", *[donation(f"call-{number}", "winter", phone_of(number)) for number in range(start, min(start + 500, COUNT))])


def numbers_with(found, state):
    return {phone for phone, each in found.items() if state in [one for one, _ in each]}


def judge(found, ledger, postman):
    """What holds whatever happens; returns the numbers by state."""
    accepted = collections.Counter(text.to for text in ledger)
    assert max(accepted.values()) == 1, f"{sum(count > 1 for count in accepted.values())} numbers got two texts"
    assert not postman.trouble, postman.trouble[:3]
    sent, unknown, failed = (numbers_with(found, state) for state in ("sent", "unknown", "failed"))
    assert sent | unknown | failed == {phone_of(number) for number in range(COUNT)}, "a press was forgotten"
    assert sent <= set(accepted), "a text is sent that nobody accepted"
    assert set(accepted) <= sent | unknown, "a text was accepted and is neither sent nor held"
    assert {phone for phone, each in found.items() if ("sent", "delivered") in each} == postman.delivered, "a receipt was lost, or made up"
    return sent, unknown


def posted(peer, server, chaos):
    peer.postman = Postman(server, chaos)
    peer.postman.start()


def settle_with_receipts(server, peer):
    settled(server)
    peer.postman.texts.put(None)
    peer.postman.join(PATIENCE_S)
    return judge(states(server), peer.ledger, peer.postman)


def test_no_number_gets_two_texts_whatever_the_provider_does(make_server):
    chaos = Chaos(1)
    with with_postman(Twilio, chaos) as peer:
        server = make_server(**peer.settings, **SETTINGS)
        posted(peer, server, chaos)
        publish(server)
        _, unknown = settle_with_receipts(server, peer)
        assert unknown == chaos.ambiguous - peer.postman.delivered, "what nobody can say is unknown, and nothing else is"
        assert not peer.wrong


def test_no_number_gets_two_texts_when_the_server_is_killed_again_and_again(make_server):
    chaos = Chaos(2)
    with with_postman(Plivo, chaos) as peer:
        server = make_server(**peer.settings, **SETTINGS, PLEDGELINE_EFFECT_LEASE="2")
        posted(peer, server, chaos)
        publish(server)
        for part in (1, 2, 3):
            until(lambda: len(peer.ledger) >= COUNT * part // 5)
            server.kill()
            server.start()
        _, unknown = settle_with_receipts(server, peer)
        assert chaos.ambiguous - peer.postman.delivered <= unknown, "a text is sent of which nobody could say"
        assert not unknown & peer.postman.delivered, "a receipt came, and the text is held all the same"
