"""A real Asterisk ends calls, by AMI and by ARI alike."""
import re
import time

import pytest
from support.events import optout, unique, unique_phone
from support.fault_proxy import FaultProxy
from support.peer_asterisk import Exchange
from support.stores import check, is_away, lines, until

pytestmark = pytest.mark.own_stores

DEADLINE_S = 3  # of a call's end


@pytest.fixture(params=["ami", "ari"])
def exchange(request, pbx):
    return Exchange(request.param, pbx)


@pytest.fixture
def server(make_server, exchange):
    return make_server(**exchange.settings())


@pytest.fixture
def hop(exchange):
    proxy = FaultProxy(exchange.port)
    yield proxy
    proxy.stop()


class Blinkers(FaultProxy):
    """Nobody gets events through it; whoever ends calls gets what it asks for."""

    def answer_instead(self, pair, request):
        if b"Events: off" in request:
            return request
        return request.replace(b"/events?", b"/nowhere?").replace(b"Secret: change-me", b"Secret: change-it")


@pytest.fixture
def blinkers(exchange):
    proxy = Blinkers(exchange.port)
    yield proxy
    proxy.stop()


def press_9(server, call_id, phone=None):
    return server.post("/v1/events/optout-events", optout(call_id, "w", phone or unique_phone()))


def ended(server):
    return [action["callId"] for action in server.get("/v1/actions?actionType=optout_call_terminated").json()["actions"]]


def live_call(pbx, **more):
    """A call that somebody has answered, and the menu has begun."""
    call_id = pbx.originate(unique_phone(), context="held", **more)
    pbx.ami.until("Newstate", Uniqueid=call_id, ChannelStateDesc="Up")
    return call_id


def channels(pbx):
    """Asterisk lists one twice that is given another name meanwhile."""
    return sorted({channel["Uniqueid"] for channel in pbx.ami.channels()})


# ---- ending calls ----

def test_live_call_is_ended_by_its_id_with_both_legs(server, pbx):
    call_id = live_call(pbx)
    other = live_call(pbx)
    assert press_9(server, call_id).status == 200
    assert pbx.ami.until("Hangup", Uniqueid=call_id)["Cause"] == "16"
    pbx.ami.until("Hangup", Uniqueid=f"{call_id};2")
    assert until(lambda: ended(server)) == [call_id]
    assert channels(pbx) == [other, f"{other};2"]
    until(lambda: server.get("/readyz").json()["status"] == "ok")


def test_call_whose_id_is_no_channels_is_found_by_its_variable(server, pbx):
    call_id, other = unique("dialler-call"), live_call(pbx)
    channel = live_call(pbx, PLEDGELINE_CALL_ID=call_id)
    assert press_9(server, call_id).status == 200
    pbx.ami.until("Hangup", Uniqueid=channel)
    assert until(lambda: ended(server)) == [call_id]
    until(lambda: channels(pbx) == [other, f"{other};2"])


def test_call_that_nobody_follows_is_found_by_its_variable_among_all(blinkers, make_server, pbx, exchange):
    server = make_server(**exchange.settings(blinkers.port))
    call_id, other = unique("dialler-call"), live_call(pbx)
    channel = live_call(pbx, PLEDGELINE_CALL_ID=call_id)
    until(lambda: is_away(server, "asterisk_events"))
    assert press_9(server, call_id).status == 200
    pbx.ami.until("Hangup", Uniqueid=channel)
    assert until(lambda: ended(server)) == [call_id]
    until(lambda: channels(pbx) == [other, f"{other};2"])


def press_9_and_see(server, call_id):
    assert press_9(server, call_id).status == 200
    assert until(lambda: call_id in ended(server))


def terminate_and_see(server, call_id):
    assert terminate(server, call_id).json() == {"callId": call_id, "terminated": True}


@pytest.mark.parametrize("end", [press_9_and_see, terminate_and_see])
@pytest.mark.parametrize("call_id", [None, "dialler-call"])
def test_legs_behind_another_pair_of_local_channels_are_ended_with_the_call(server, pbx, end, call_id):
    other = live_call(pbx)
    channel = live_call(pbx, through="dials-on", **({"PLEDGELINE_CALL_ID": call_id} if call_id else {}))
    until(lambda: len(channels(pbx)) == 6)
    end(server, call_id or channel)
    until(lambda: channels(pbx) == [other, f"{other};2"])


@pytest.mark.parametrize("end", [press_9_and_see, terminate_and_see])
def test_callee_whose_local_channels_asterisk_has_taken_out_is_ended_by_the_id_of_the_call(server, pbx, end):
    other, phone = live_call(pbx), unique_phone()
    call_id = pbx.originate(phone, context="put-through", channel=f"Local/{phone}@dials-on", callee="beep")
    until(lambda: len(channels(pbx)) == 6 and call_id not in channels(pbx))
    end(server, call_id)
    until(lambda: channels(pbx) == [other, f"{other};2"])


def test_id_of_a_call_that_was_over_ends_the_call_that_has_it_now(server, pbx):
    call_id, phone = unique("dialler-call"), unique_phone()
    press = optout(call_id, "w", phone)
    server.publish("optout-events", press, press)
    until(lambda: call_id in ended(server))
    channel = live_call(pbx, PLEDGELINE_CALL_ID=call_id)
    press_9(server, call_id)
    pbx.ami.until("Hangup", Uniqueid=channel)
    until(lambda: channels(pbx) == [])


def test_call_is_ended_for_who_asks_although_the_id_was_that_of_one_that_was_over(server, pbx):
    call_id, phone = unique("dialler-call"), unique_phone()
    press = optout(call_id, "w", phone)
    server.publish("optout-events", press, press)
    until(lambda: call_id in ended(server))
    live_call(pbx, PLEDGELINE_CALL_ID=call_id)
    assert terminate(server, call_id).json() == {"callId": call_id, "terminated": True}
    until(lambda: channels(pbx) == [])


def test_call_that_is_over_already_is_ended(server):
    assert press_9(server, "over-long-ago").status == 200
    assert until(lambda: ended(server)) == ["over-long-ago"]


@pytest.mark.parametrize("call_id", ["/.*/", "../channels", "a\r\nAction: Originate", "c?reason=busy"],
                         ids=["pattern", "path", "action", "query"])
def test_id_that_means_more_than_one_channel_ends_no_other_call(server, pbx, call_id):
    other = live_call(pbx)
    press_9(server, call_id)
    last = live_call(pbx)
    press_9(server, last)
    until(lambda: last in ended(server))
    until(lambda: channels(pbx) == [other, f"{other};2"])


def test_fifty_calls_are_ended_within_the_deadline(server, pbx):
    call_ids = [pbx.originate(unique_phone(), context="held") for _ in range(50)]
    for call_id in call_ids:
        pbx.ami.until("Newstate", Uniqueid=call_id, ChannelStateDesc="Up")
    began = time.monotonic()
    server.publish("optout-events", *(optout(call_id, "w", unique_phone()) for call_id in call_ids))
    until(lambda: len(ended(server)) == 50)
    assert time.monotonic() - began < DEADLINE_S
    until(lambda: channels(pbx) == [])


# ---- an exchange that is unwell ----

def test_asterisk_that_was_killed_delays_no_opt_out_and_is_found_again(server, pbx, exchange):
    press_9(server, "before")
    until(lambda: ended(server))
    pbx.kill()
    phones = [unique_phone() for _ in range(40)]
    began = time.monotonic()
    assert all(press_9(server, unique("dead"), phone).status == 200 for phone in phones)
    assert time.monotonic() - began < DEADLINE_S
    assert all(check(server, phone)["blocked"] for phone in phones)
    until(lambda: lines(server, "dependency is away", exchange.name))
    assert server.get("/readyz").status == 200
    pbx.start()
    call_id = live_call(pbx)

    def is_ended():
        press_9(server, call_id)
        return call_id in ended(server)

    until(is_ended)
    until(lambda: channels(pbx) == [])
    until(lambda: not is_away(server, exchange.name))
    until(lambda: len(lines(server, "dependency is away", exchange.name)) == len(lines(server, "dependency is back", exchange.name)) == 1)


def test_connection_that_broke_unseen_is_made_anew_for_the_next_call(hop, make_server, pbx, exchange):
    server = make_server(**exchange.settings(hop.port))
    press_9(server, "before")
    until(lambda: ended(server))
    hop.reset()
    hop.heal()
    call_id = live_call(pbx)
    press_9(server, call_id)
    until(lambda: call_id in ended(server))
    assert lines(server, "dependency is away", exchange.name) == []


def test_link_that_is_silent_delays_no_opt_out(hop, make_server, pbx, exchange):
    server = make_server(**exchange.settings(hop.port))
    press_9(server, "before")
    until(lambda: ended(server))
    hop.swallow()
    began = time.monotonic()
    assert all(press_9(server, unique("silent")).status == 200 for _ in range(20))
    assert time.monotonic() - began < DEADLINE_S
    until(lambda: is_away(server, exchange.name))
    assert ended(server) == ["before"]


def test_asterisk_that_stands_still_for_a_moment_ends_the_call_when_it_goes_on(server, pbx):
    press_9(server, "before")
    until(lambda: ended(server))
    call_id = live_call(pbx)
    pbx.pause()
    assert press_9(server, call_id).status == 200
    pbx.resume()
    until(lambda: call_id in ended(server))
    until(lambda: channels(pbx) == [])


def test_wrong_secret_is_named_and_ends_nothing(make_server, pbx, exchange):
    server = make_server(**exchange.settings(secret="wrong-secret-of-ours"))
    call_id = live_call(pbx)
    assert press_9(server, call_id).status == 200
    until(lambda: is_away(server, exchange.name))
    why = until(lambda: re.search(r"Authentication|refuses the login", server.get("/readyz").body.decode()) and server.get("/readyz").body.decode())
    assert "wrong-secret" not in why
    assert "wrong-secret" not in "".join(server.log)
    assert call_id in channels(pbx) and ended(server) == []


def test_path_that_is_not_aris_is_named_and_ends_nothing(make_server, pbx):
    server = make_server(PLEDGELINE_ARI_URL=pbx.ari_url.replace("/ari", "/air/ari"))
    assert press_9(server, "over-long-ago").status == 200
    until(lambda: "404" in str(server.get("/readyz").json()["dependencies"]["asterisk_ari"]))
    until(lambda: lines(server, "dependency refuses", "asterisk_ari"))  # who was asked to end it, and not only who follows
    assert ended(server) == []


# ---- for somebody else ----

def terminate(server, call_id):
    return server.post("/terminate-call", {"callId": call_id})


def test_call_is_ended_for_who_asks(server, pbx):
    call_id = live_call(pbx)
    assert terminate(server, call_id).json() == {"callId": call_id, "terminated": True}
    until(lambda: channels(pbx) == [])
    assert terminate(server, unique("never-was")).status == 404
    assert terminate(server, "").status == terminate(server, "x" * 257).status == 422
    assert server.get("/v1/actions").json()["actions"] == []


def test_who_asks_while_the_exchange_is_away_is_told_to_come_again(server, pbx):
    pbx.kill()
    answer = terminate(server, "c1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


def test_without_telephony_nobody_can_end_a_call(make_server):
    assert terminate(make_server(), "c1").json()["code"] == "telephony_missing"


def test_another_pledgeline_ends_calls_through_this_one_with_its_token(make_server, pbx, exchange):
    call_id = live_call(pbx)
    tokens = "service:a-token-of-a-service,reader:a-token-of-a-reader"
    server = make_server(PLEDGELINE_TOKENS=tokens, **exchange.settings())
    url = f"http://127.0.0.1:{server.port}"
    reader = make_server(ASTERISK_WORKER_URL=url, ASTERISK_WORKER_TOKEN="a-token-of-a-reader")
    press_9(reader, call_id)
    until(lambda: is_away(reader, "asterisk_worker"))
    other = make_server(ASTERISK_WORKER_URL=url, ASTERISK_WORKER_TOKEN="a-token-of-a-service")
    press_9(other, call_id)
    assert until(lambda: ended(other)) == [call_id]
    until(lambda: channels(pbx) == [])
    assert ended(reader) == []
