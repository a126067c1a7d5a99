"""Calls of a real Asterisk become records: by AMI and by ARI alike, whatever happens to the link, to Asterisk and to us."""
import json
import socket

import pytest
from support.events import unique, unique_phone
from support.fault_proxy import FaultProxy
from support.lambda_emulator import Unavailable
from support.peer_asterisk import Exchange
from support.stores import Stores, is_away, lines, until

pytestmark = pytest.mark.own_stores

FEED = "asterisk_events"


@pytest.fixture(params=["ami", "ari"])
def exchange(request, pbx):
    return Exchange(request.param, pbx)


@pytest.fixture
def server(make_server, exchange):
    return following(make_server(**exchange.settings()))


@pytest.fixture
def hop(exchange):
    proxy = FaultProxy(exchange.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def silence():
    """The port of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def following(server):
    """Once it has the link: what Asterisk said before is in no record."""
    until(lambda: metric(server, "pledgeline_asterisk_followed"))
    return server


def metric(server, name):
    found = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name)]
    return sum(int(line.rsplit(" ", 1)[1]) for line in found)


def record(server, call_id):
    answer = server.get(f"/v1/cdrs/{call_id}")
    return answer.json() if answer.status == 200 else None


def ended(server, call_id):
    """The record of a call, once it says that the call is over."""
    def is_over():
        found = record(server, call_id)
        return found if found and found["endTime"] else None

    return until(is_over, lambda: f"{record(server, call_id)}\n{''.join(server.log[-5:])}")


def live(pbx, server, **more):
    """A call that is answered, and whose record says so."""
    call_id = pbx.originate(unique_phone(), context="held", **more)
    until(lambda: (record(server, call_id) or {}).get("answerTime"))
    return call_id


def told_by(found):
    """A record, but for when it was told."""
    return {name: value for name, value in found.items() if name not in ("createdAt", "updatedAt")}


# ---- calls ----

def test_answered_call_is_recorded_with_what_was_pressed(server, pbx):
    phone = unique_phone()
    call_id = pbx.originate(phone, "press", keys="19", context="held", contact="contact-7")
    until(lambda: (record(server, call_id) or {}).get("dtmfInputs") == ["1", "9"])
    pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
    told = ended(server, call_id)
    assert (told["campaignId"], told["contactId"], told["phoneNumber"]) == ("winter", "contact-7", phone)
    assert (told["status"], told["outcome"], told["hangupCause"], told["inferred"]) == ("completed", "answered", 16, False)
    assert told["startTime"] <= told["answerTime"] < told["dtmf"][0]["at"] < told["dtmf"][1]["at"] < told["endTime"]
    assert told["metadata"]["campaignName"] == "Winter Appeal"


@pytest.mark.parametrize("callee, outcome, cause", [
    ("busy", "busy", 17), ("congestion", "failed", 34), ("reject", "failed", 21), ("unallocated", "failed", 1), ("no-answer", "no_answer", 19)])
def test_call_that_nobody_answers_is_recorded_with_its_reason(server, pbx, callee, outcome, cause):
    told = ended(server, pbx.originate(unique_phone(), callee, timeout_s=1))
    assert (told["status"], told["outcome"], told["hangupCause"], told["answerTime"], told["cost"]) == ("completed", outcome, cause, None, 0)


def test_call_that_was_never_dialled_is_recorded_as_failed(server, pbx):
    told = ended(server, pbx.originate(unique_phone(), channel="Local/nobody@nowhere/n"))
    assert (told["outcome"], told["inferred"]) == ("failed", False)


def test_legs_that_a_dialplan_dials_are_one_call(server, pbx):
    """Its first leg dials another, and both report the key."""
    call_id = pbx.originate(unique_phone(), "press", keys="9", context="held", channel="Local/+12025550123@callees")
    until(lambda: (record(server, call_id) or {}).get("dtmfInputs") == ["9"])
    pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
    assert ended(server, call_id)["dtmfInputs"] == ["9"]


def test_call_of_somebody_else_is_not_recorded(server, pbx):
    none = dict.fromkeys(("PLEDGELINE_CALL_ID", "PLEDGELINE_CAMPAIGN_ID", "PLEDGELINE_CONTACT_ID", "PLEDGELINE_PHONE", "PLEDGELINE_CAMPAIGN_NAME"))
    pbx.originate(unique_phone(), "hang-up", context="held", **none)
    until(lambda: metric(server, 'pledgeline_asterisk_calls_total{whose="others"}') == 1)
    assert server.get("/v1/cdrs").json()["records"] == []


def test_campaign_alone_makes_the_channels_id_the_calls(server, pbx):
    call_id = pbx.originate(unique_phone(), "hang-up", context="held", PLEDGELINE_CALL_ID=None)
    assert ended(server, call_id)["campaignId"] == "winter"


def test_hundred_calls_at_once_are_recorded_as_asterisk_does_itself(make_server, pbx, exchange):
    """And although the line takes one message at a time: the others wait."""
    server = following(make_server(**exchange.settings(), PLEDGELINE_QUEUE_CAPACITY=1))
    call_ids = [pbx.originate(unique_phone(), "hang-up", waits=0.2, context="held") for _ in range(100)]
    told = [ended(server, call_id) for call_id in call_ids]
    assert {(each["outcome"], each["hangupCause"], each["inferred"]) for each in told} == {("answered", 16, False)}
    until(lambda: len({row["uniqueid"].partition(";")[0] for row in pbx.cdrs()} & set(call_ids)) == 100)
    assert metric(server, 'pledgeline_asterisk_calls_total{whose="ours"}') == 100


def test_variables_that_asterisk_does_not_show_are_asked_for(make_server, pbx, exchange):
    """Without channelvars in its configuration, and without times of AMI's events."""
    pbx.kill()
    for name in ("manager.conf", "ari.conf"):
        file = pbx.folder / "etc" / name
        file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith(("channelvars", "timestampevents"))))
    pbx.start()
    before = pbx.originate(unique_phone(), context="held", contact="contact-1")
    pbx.ami.until("Newstate", Uniqueid=before, ChannelStateDesc="Up")
    server = following(make_server(**exchange.settings()))
    during = pbx.originate(unique_phone(), "press", keys="1", context="held", contact="contact-2")
    until(lambda: (record(server, during) or {}).get("dtmfInputs") == ["1"])
    for call_id, contact in ((before, "contact-1"), (during, "contact-2")):
        pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
        told = ended(server, call_id)
        assert (told["campaignId"], told["contactId"], told["outcome"], told["inferred"]) == ("winter", contact, "answered", False)


# ---- what was missed ----

def test_call_that_ends_while_the_link_is_down_is_closed_by_inference(make_server, pbx, exchange, hop):
    server = following(make_server(**exchange.settings(hop.port)))
    lost, kept = live(pbx, server), live(pbx, server)
    hop.refuse()
    until(lambda: is_away(server, FEED))
    pbx.ami.ask("Hangup", Channel=lost, Cause=16)
    pbx.ami.until("Hangup", Uniqueid=f"{lost};2")
    fresh = pbx.originate(unique_phone(), context="held")
    pbx.ami.until("Newstate", Uniqueid=fresh, ChannelStateDesc="Up")
    hop.heal()
    told = ended(server, lost)
    assert (told["status"], told["inferred"], told["hangupCause"] if "hangupCause" in told else None) == ("incomplete", True, None)
    assert until(lambda: (record(server, fresh) or {}).get("answerTime"))
    for call_id in (kept, fresh):
        pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
        assert ended(server, call_id)["inferred"] is False
    assert len(lines(server, "dependency is away", FEED)) == len(lines(server, "dependency is back", FEED)) == 1


def test_link_that_is_silent_is_given_up_and_made_anew(make_server, pbx, exchange, hop):
    server = following(make_server(**exchange.settings(hop.port)))
    hop.swallow()
    until(lambda: is_away(server, FEED))
    hop.reset()
    hop.heal()
    following(server)
    call_id = pbx.originate(unique_phone(), "hang-up", context="held")
    assert ended(server, call_id)["startTime"]


def test_calls_of_an_asterisk_that_crashed_are_closed_and_the_next_ones_recorded(server, pbx):
    lost = live(pbx, server)
    pbx.kill()
    until(lambda: is_away(server, FEED))
    assert record(server, lost)["endTime"] is None
    pbx.start()
    told = ended(server, lost)
    assert told["inferred"] and told["startTime"] <= told["answerTime"] <= told["endTime"]
    following_call = live(pbx, server)
    pbx.ami.ask("Hangup", Channel=following_call, Cause=16)
    assert ended(server, following_call)["outcome"] == "answered"


def test_server_that_starts_in_the_middle_of_a_call_goes_on_with_it(make_server, pbx, exchange):
    before = make_server(**exchange.settings())
    call_id = live(pbx, following(before))
    data = before.data
    before.stop()
    server = following(make_server(data, **exchange.settings()))
    pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
    told = ended(server, call_id)
    assert (told["outcome"], told["inferred"]) == ("answered", False)


def test_asterisk_that_has_never_answered_is_not_called_well(make_server, silence, exchange):
    server = make_server(**exchange.settings(silence))
    assert server.get("/readyz").json()["dependencies"][FEED]["code"] == "not_connected"
    assert server.get("/readyz").json()["status"] == "degraded"


def test_wrong_secret_is_named_once(make_server, pbx, exchange):
    server = make_server(**exchange.settings(secret="wrong-secret-of-ours"))
    until(lambda: is_away(server, FEED))
    assert "wrong-secret" not in json.dumps(server.get("/readyz").json()) + "".join(server.log)
    place = f"PLEDGELINE_{exchange.kind.upper()}_URL: {exchange.kind.upper()} on 127.0.0.1:{exchange.port} refuses the login of pledgeline"
    dependencies = until(lambda: (found := server.get("/readyz").json()["dependencies"])[FEED]["code"] != "not_connected" and found)
    assert dependencies[FEED]["detail"].startswith(place) and dependencies[exchange.name]["detail"].startswith(place)
    until(lambda: len(lines(server, "dependency is away", FEED)) == 1)


def test_asterisk_that_was_never_reached_is_not_said_to_be_well(make_server, pbx, exchange, hop):
    hop.swallow()
    server = make_server(**exchange.settings(hop.port))
    assert is_away(server, FEED) and is_away(server, exchange.name)
    hop.reset()
    hop.heal()
    following(server)
    until(lambda: not is_away(server, FEED) and not is_away(server, exchange.name))


# ---- several observers ----

def test_both_interfaces_record_a_call_alike(make_server, pbx):
    servers = [following(make_server(**Exchange(kind, pbx).settings())) for kind in ("ami", "ari")]
    call_id = pbx.originate(unique_phone(), "busy")
    by_ami, by_ari = (ended(server, call_id) for server in servers)
    known = ("callId", "campaignId", "contactId", "phoneNumber", "status", "outcome", "duration", "hangupCause", "metadata", "inferred")
    assert [by_ami[name] for name in known] == [by_ari[name] for name in known]


def test_two_servers_that_follow_one_asterisk_record_each_call_once(make_server, pbx, exchange):
    try:
        stores = Stores(keeps=False)
    except Unavailable as why:
        pytest.skip(f"two servers on the same stores were not run: {why}")
    shared = stores.settings()
    try:
        alone = following(make_server(**exchange.settings()))
        two = [following(make_server(**exchange.settings(), **shared)) for _ in range(2)]
        call_ids = [pbx.originate(unique_phone(), "press", keys="1", context="held") for _ in range(10)]
        for call_id in call_ids:
            until(lambda: (record(two[1], call_id) or {}).get("dtmfInputs"))
            pbx.ami.ask("Hangup", Channel=call_id, Cause=16)
        for call_id in call_ids:  # what the two store at the same moment, one of them tries again
            of_two, of_one = (lambda server=server: told_by(ended(server, call_id)) for server in (two[0], alone))
            until(lambda: of_two() == of_one(), lambda: f"{of_two()}\n{of_one()}")
        stats = [server.get("/v1/campaigns/winter/stats").json() for server in (alone, *two)]
        assert stats[0] == stats[1] == stats[2] and stats[0]["totalAttempts"] == 10
    finally:
        for server in two:
            server.stop()
        stores.stop()


# ---- ending a call by its id ----

def test_call_is_ended_by_an_id_that_is_no_channels(server, pbx):
    call_id = unique("dialler")
    channel = pbx.originate(unique_phone(), context="held", PLEDGELINE_CALL_ID=call_id)
    until(lambda: (record(server, call_id) or {}).get("answerTime"))
    assert server.post("/terminate-call", {"callId": call_id}).status == 200
    pbx.ami.until("Hangup", Uniqueid=f"{channel};2")
    assert ended(server, call_id)["outcome"] == "answered"


# ---- calls that should have spoken a text ----

@pytest.mark.parametrize("callee, sms_class, code", [("busy", "temp_unreachable", "17"), ("unallocated", "dead_number", "1")])
def test_spoken_text_that_nobody_took_says_why_in_the_ledger(make_server, pbx, exchange, callee, sms_class, code):
    speech = {"PLEDGELINE_DIAL": "Local/{number}@callee-" + callee + "/n", "PLEDGELINE_CALLER_ID": "+12025550100", "PLEDGELINE_SPEECH_CONTEXT": "held",
              "PLEDGELINE_QUIET_HOURS": ""}
    server = following(make_server(**exchange.settings(), **speech))
    server.publish("tts-fallback", {"phoneNumber": unique_phone(), "text": "hello", "campaignId": "winter", "actionId": unique("press")})

    def undelivered():
        effects = [effect for state in ("sent", "failed", "unknown") for effect in server.json("sms", "list", "--state", state)]
        return [effect for effect in effects if effect.get("receipt") == "undelivered"]

    [effect] = until(undelivered, lambda: f"{server.json('sms', 'list', '--state', 'sent')}\n{''.join(server.log[-5:])}")
    assert (effect["class"], effect["code"]) == (sms_class, code)
