"""What one gateway was given is not asked of another one: after a change of settings, and by servers on one ledger that are set otherwise."""
import threading

import pytest
from support.events import donation, unique_phone
from support.program import PATIENCE_S
from support.sms_provider_peer import Generic, Twilio
from support.stores import Stores, until

LEASE_S = 31
KNOWS_REPEATS = {"PLEDGELINE_SMS_HTTP_REPEAT": 86400}


class Gate:
    """A provider that takes every text, and answers once the gate is open."""

    def __init__(self):
        self.asked, self.opened = [], threading.Event()

    def __call__(self, text, asked):
        self.asked.append(text.to)

        def says(text, accept):
            answer = accept()
            self.opened.wait(PATIENCE_S)
            return answer
        return says


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def stores():
    own = Stores(keeps=False)
    yield own
    own.stop()


@pytest.fixture
def ledger(stores):
    """Settings of stores that servers share."""
    return stores.settings()


def press(server, phone, call="call"):
    server.publish("donation-events", donation(call, "winter", phone))


def in_state(server, state):
    return [text["actionId"] for text in server.json("sms", "list", "--state", state)]


def killed_while_asked(make_server, clock, gate, settings, **stores):
    """A server that was killed when its provider had taken a text and not answered; its lease is over."""
    server, phone = make_server(**settings, **clock.settings, **stores), unique_phone()
    press(server, phone)
    until(lambda: gate.asked)
    server.kill()
    clock.advance(seconds=LEASE_S)
    return server, phone


# ---- sending ----

@pytest.mark.embedded("restart")
def test_text_that_one_provider_may_have_is_not_given_to_another_one(make_server, clock, gate):
    with Twilio(gate) as twilio, Generic() as generic:
        server, _ = killed_while_asked(make_server, clock, gate, twilio.settings)
        after = make_server(server.data, **generic.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(after, "unknown"))
        assert not generic.ledger


@pytest.mark.embedded("restart")
def test_text_that_one_gateway_may_have_is_not_given_to_another_one_of_its_form(make_server, clock, gate):
    with Generic(gate) as one, Generic() as other:
        server, _ = killed_while_asked(make_server, clock, gate, {**one.settings, **KNOWS_REPEATS})
        after = make_server(server.data, **other.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(after, "unknown"))
        assert not other.ledger


@pytest.mark.own_stores
def test_text_that_another_servers_provider_may_have_is_not_sent_again(make_server, ledger, clock, gate):
    with Twilio(gate) as twilio, Generic() as generic:
        killed_while_asked(make_server, clock, gate, twilio.settings, **ledger)
        other = make_server(**ledger, **generic.settings, **KNOWS_REPEATS, **clock.settings)
        until(lambda: in_state(other, "unknown"))
        assert not generic.ledger
