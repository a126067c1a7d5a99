"""What a person writes to us: STOP counts as key 9 does, wherever the message came from; nothing takes a number off the list; and what may
mean an opt-out is never dropped without somebody to read it."""
import json

import pytest
from support.events import donation, optout, unique, unique_phone
from support.sms_provider_peer import Generic, Plivo, Twilio, Vonage
from support.stores import until

METRIC = 'pledgeline_inbound_messages_total{{meaning="{}"}}'


def written(text, phone, **fields):
    return {"messageId": unique("SM"), "provider": "twilio", "phoneNumber": phone, "to": "+12025550100", "text": text, **fields}


def send(server, message):
    return server.post("/v1/events/inbound-messages", json.dumps(message))


def entry(server, phone):
    found = server.get("/v1/blacklist/%2B" + phone[1:])
    return found.json() if found.status == 200 else None


def history(server, phone):
    return [each["kind"] for each in server.json("audit", "show", "--phone", phone)]


def metric(server, meaning):
    name = METRIC.format(meaning)
    [line] = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name)]
    return int(line.rsplit(" ", 1)[1])


def test_stop_puts_the_number_on_the_list_and_says_what_was_written(server):
    phone = unique_phone()
    message = written("Please stop calling me!", phone)
    assert send(server, message).status == 200
    found = entry(server, phone)
    assert (found["source"], found["reason"]) == ("user_optout", 'SMS "Please stop calling me!"')
    assert found["actionId"] == f"inbound:twilio:{message['messageId']}_optout"
    assert metric(server, "stop") == 1


def test_stop_is_recorded_as_an_action(server):
    phone = unique_phone()
    message = written("STOP", phone)
    send(server, message)
    [action] = server.json("actions", "list")
    assert (action["id"], action["actionType"], action["status"]) == (
        f"inbound:twilio:{message['messageId']}_optout", "optout_blacklist_added", "success")


def test_the_same_message_twice_is_one_opt_out(server):
    phone = unique_phone()
    message = written("stop", phone)
    for _ in range(2):
        assert send(server, message).status == 200
    assert history(server, phone) == ["block"]
    assert metric(server, "stop") == 1


def test_a_late_copy_does_not_put_back_what_an_admin_took_off_and_a_new_message_does(server):
    phone = unique_phone()
    message = written("stop", phone, timestamp="2026-01-15T12:00:00Z")
    send(server, message)
    assert server.run("blacklist", "remove", phone, "--actor", "jane", "--reason", "asked by letter").code == 0
    send(server, message)
    assert entry(server, phone) is None
    send(server, written("stop", phone))
    assert entry(server, phone)


@pytest.mark.parametrize("text", ["START", "unstop", "yes please"])
def test_no_word_takes_a_number_off(server, text):
    phone = unique_phone()
    send(server, written("stop", phone))
    assert send(server, written(text, phone)).status in (200, 422)
    assert entry(server, phone)


def test_an_unclear_message_is_kept_and_counted_for_a_person(server):
    phone = unique_phone()
    answer = send(server, written("how does one stop this nonsense?", phone))
    assert answer.status == 422
    [letter] = server.json("dlq", "list")
    assert letter["code"] == "reply_unclear"
    shown = server.json("dlq", "show", letter["id"])
    assert "stop this nonsense" in json.dumps(shown)
    assert entry(server, phone) is None
    assert metric(server, "unclear") == 1


def test_a_malformed_stop_blocks_all_the_same(server):
    phone = unique_phone()
    message = written("STOP", phone)
    del message["messageId"]
    assert send(server, message).status == 422
    assert entry(server, phone)
    [letter] = server.json("dlq", "list")
    assert "blocked all the same: 1 number" in letter["reason"]


def test_who_publishes_at_the_command_line_opts_out_too(server):
    phone = unique_phone()
    done = server.run("publish", "--topic", "inbound-messages", "--message", json.dumps(written("הסר", phone)))
    assert done.code == 0, done.err
    assert entry(server, phone)["reason"] == 'SMS "הסר"'


def test_nobody_is_answered_where_no_provider_is_set(server):
    for text in ("STOP", "HELP"):
        assert send(server, written(text, unique_phone())).status == 200
    assert server.json("sms", "list") == []


# ---- with a provider: people are answered ----

def texts_to(peer, phone):
    assert not peer.wrong, peer.wrong
    return [text.text for text in peer.texts_to(phone)]


@pytest.mark.parametrize("Peer", [Twilio, Vonage, Plivo, Generic], ids=lambda Peer: Peer.__name__)
def test_stop_to_a_provider_blocks_and_is_confirmed_once(make_server, clock, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings, **clock.settings, PLEDGELINE_STOP_REPLY="You get no more from us.")
        phone = unique_phone()
        for id in ("in-1", "in-1", "in-2"):
            assert peer.message(server, phone, "STOP", id=id).status == 200
        assert entry(server, phone)["reason"] == 'SMS "STOP"'
        until(lambda: texts_to(peer, phone))
        assert server.json("sms", "list", "--state", "pending") == []
        assert texts_to(peer, phone) == ["You get no more from us."]


def test_stop_of_a_number_without_its_country_is_answered_to_nobody_and_read_by_somebody(make_server):
    with Generic() as peer:
        server = make_server(**peer.settings, PLEDGELINE_STOP_REPLY="You get no more from us.", PLEDGELINE_COUNTRY_CODE="1")
        assert peer.message(server, "2025550188", "STOP", id="in-1").status == 200
        assert entry(server, "+12025550188")
        assert [letter["code"] for letter in server.json("dlq", "list")] == ["phone_invalid"]
        assert server.json("sms", "list") == [] and peer.ledger == []


@pytest.mark.parametrize("Peer", [Twilio, Generic], ids=lambda Peer: Peer.__name__)
def test_stop_of_who_was_blocked_before_is_not_confirmed_however_often_it_is_delivered(make_server, Peer):
    with Peer() as peer:
        server = make_server(**peer.settings, PLEDGELINE_STOP_REPLY="You get no more from us.")
        blocked, other = unique_phone(), unique_phone()
        server.publish("optout-events", optout(unique("call"), "winter", blocked))
        for id in ("in-1", "in-1"):
            assert peer.message(server, blocked, "STOP", id=id).status == 200
        assert server.json("sms", "list") == []
        assert peer.message(server, other, "STOP", id="in-2").status == 200
        until(lambda: texts_to(peer, other))
        assert texts_to(peer, blocked) == []


def test_help_is_answered_also_to_who_has_opted_out(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings, PLEDGELINE_STOP_REPLY="", PLEDGELINE_HELP_REPLY="We are the Charity, +1 202 555 0100.")
        phone = unique_phone()
        for number, text in enumerate(("STOP", "HELP")):
            assert peer.message(server, phone, text, id=f"in-{number}").status == 200
        until(lambda: texts_to(peer, phone))
        assert texts_to(peer, phone) == ["We are the Charity, +1 202 555 0100."]


def test_who_has_opted_out_by_text_gets_no_donation_link(make_server):
    with Twilio() as peer:
        server = make_server(**peer.settings, PLEDGELINE_STOP_REPLY="")
        phone = unique_phone()
        peer.message(server, phone, "please remove me")
        assert server.publish("donation-events", donation(unique("call"), "winter", phone)).status == 200
        [text] = until(lambda: server.json("sms", "list", "--state", "cancelled"))
        assert (text["phoneNumber"], peer.ledger) == (phone, [])


@pytest.mark.parametrize("text", ["", "why do you not stop?", "thank you"])
def test_provider_hears_that_its_message_is_safe_whatever_it_says(make_server, text):
    with Twilio() as peer:
        server = make_server(**peer.settings)
        phone = unique_phone()
        assert peer.message(server, phone, text).status == 200
        assert entry(server, phone) is None and not peer.ledger
        assert len(server.json("dlq", "list")) == ("stop" in text)
