"""A real Asterisk is asked to place a call for a text that is to be spoken: once, with what the dialplan needs, by AMI and by ARI alike."""
import base64

import pytest
from support.events import unique, unique_phone
from support.peer_asterisk import Exchange
from support.fault_proxy import FaultProxy
from support.program import run
from support.stores import is_away, until

pytestmark = pytest.mark.own_stores

CALLER = '"Winter Appeal" <+12025550100>'
DIAL = "Local/{number}@callee-silent/n"
TEXT = "שלום, thank you. Press 9, and we never call again."


@pytest.fixture(params=["ami", "ari"])
def exchange(request, pbx):
    return Exchange(request.param, pbx)


def speaking(exchange, port=None, **more):
    return {**exchange.settings(port), "PLEDGELINE_DIAL": DIAL, "PLEDGELINE_CALLER_ID": CALLER, "PLEDGELINE_SPEECH_CONTEXT": "held",
            "PLEDGELINE_QUIET_HOURS": "", **more}


@pytest.fixture
def server(make_server, exchange):
    return make_server(**speaking(exchange))


@pytest.fixture
def hop(exchange):
    proxy = FaultProxy(exchange.port)
    yield proxy
    proxy.stop()


def ask_for_speech(server, phone=None, text=TEXT, **more):
    """The action id of the call that is placed."""
    action_id = unique("press")
    request = {"phoneNumber": phone or unique_phone(), "text": text, "campaignId": "winter 2026", "contactId": "c/7", "actionId": action_id, **more}
    server.publish("tts-fallback", request)
    return f"{action_id}_speech"


def spoken_calls(pbx, count=1):
    """The ids of the first legs of so many calls that Pledgeline placed, once they are there."""
    return [event["Uniqueid"] for event in placed(pbx, count)]


def placed(pbx, count=1):
    def found():
        return [event for event in pbx.ami.found("Newchannel") if event["Uniqueid"].startswith("pledgeline-") and event["Channel"].endswith(";1")]

    return until(lambda: len(found()) >= count and found())


def variable(pbx, channel, name):
    return pbx.ami.ask("Getvar", Channel=channel, Variable=name)["Value"]


def record(server, action_id):
    """The record of a call that came to nothing."""
    def found():
        return [each for each in server.get("/v1/actions").json()["actions"] if each["id"] == action_id]

    [found] = until(found)
    return found


def test_call_is_placed_with_what_the_dialplan_needs(server, pbx):
    phone = unique_phone()
    ask_for_speech(server, phone)
    [call] = spoken_calls(pbx)
    assert len(call) == len("pledgeline-") + 32
    pbx.ami.until("Newstate", Uniqueid=call, ChannelStateDesc="Up")
    for leg in (call, f"{call}-2"):
        assert variable(pbx, leg, "PLEDGELINE_CALL_ID") == call
        assert variable(pbx, leg, "PLEDGELINE_REF") == call.removeprefix("pledgeline-")
        assert variable(pbx, leg, "PLEDGELINE_CAMPAIGN_ID") == "winter 2026"
        assert variable(pbx, leg, "PLEDGELINE_CONTACT_ID") == "c/7"
        assert variable(pbx, leg, "PLEDGELINE_PHONE") == phone
    text = variable(pbx, call, "PLEDGELINE_TEXT")
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() == TEXT
    channel = next(each for each in pbx.ami.channels() if each["Uniqueid"] == call)
    assert (channel["Context"], channel["Exten"]) == ("held", "s")
    assert (channel["CallerIDNum"], channel["CallerIDName"]) == ("+12025550100", "Winter Appeal")
    assert channel["Channel"].startswith(f"Local/{phone}@callee-silent")


def test_request_that_comes_twice_is_one_call(server, pbx):
    phone = unique_phone()
    request = {"phoneNumber": phone, "text": TEXT, "actionId": unique("press")}
    server.publish("tts-fallback", request, request)
    server.publish("tts-fallback", request)
    ask_for_speech(server)
    assert len(spoken_calls(pbx, 2)) == 2


def test_nobody_who_is_blocked_is_called(server, pbx):
    phone = unique_phone()
    server.post("/v1/blacklist", {"phoneNumber": phone})
    ask_for_speech(server, phone)
    ask_for_speech(server)
    [event] = placed(pbx)
    assert phone not in event["Channel"]


def test_call_that_is_asked_for_while_asterisk_is_away_is_placed_when_it_is_back(server, pbx, exchange):
    pbx.kill()
    ask_for_speech(server)
    until(lambda: is_away(server, exchange.name))
    pbx.start()
    assert len(spoken_calls(pbx)) == 1


def test_call_whose_answer_is_lost_is_not_placed_twice(hop, make_server, pbx, exchange):
    server = make_server(**speaking(exchange, hop.port))
    hop.cut_once({"ami": b"Originate", "ari": b"POST"}[exchange.kind], after=0)
    ask_for_speech(server)
    [call] = spoken_calls(pbx)
    until(lambda: hop.cuts)
    hop.heal()
    ask_for_speech(server)
    assert len(spoken_calls(pbx, 2)) == 2
    assert call in [each["Uniqueid"] for each in pbx.ami.channels()]


@pytest.mark.parametrize("campaign", ["w,PLEDGELINE_PHONE=+15550001", "${SHELL(id)}", 'w"'], ids=["assignment", "function", "quote"])
def test_id_that_would_mean_something_to_the_dialplan_places_no_call(server, pbx, campaign):
    refused = record(server, ask_for_speech(server, campaignId=campaign))
    assert refused["status"] == "failed" and "dialplan" in refused["failureReason"]
    ask_for_speech(server)
    assert len(spoken_calls(pbx)) == 1


def test_text_that_ami_has_no_room_for_is_refused_and_spoken_by_ari(server, pbx, exchange):
    action_id = ask_for_speech(server, text="long " * 200)
    if exchange.kind == "ari":
        [call] = spoken_calls(pbx)
        pbx.ami.until("Newstate", Uniqueid=call, ChannelStateDesc="Up")
        assert len(variable(pbx, call, "PLEDGELINE_TEXT")) > 1000
    else:
        assert "more than AMI has room for" in record(server, action_id)["failureReason"]


# ---- settings ----

REFUSED = {
    "a number is missing": ({"PLEDGELINE_DIAL": "PJSIP/trunk"}, "PLEDGELINE_DIAL"),
    "a technology is missing": ({"PLEDGELINE_DIAL": "{digits}"}, "PLEDGELINE_DIAL"),
    "braces are unknown": ({"PLEDGELINE_DIAL": "PJSIP/{phone}/{digits}"}, "PLEDGELINE_DIAL"),
    "a line end": ({"PLEDGELINE_DIAL": "PJSIP/{digits}\r\nApplication: System"}, "PLEDGELINE_DIAL"),
    "several channels": ({"PLEDGELINE_DIAL": "PJSIP/{digits}@a&PJSIP/{digits}@b"}, "PLEDGELINE_DIAL"),
    "no identity": ({"PLEDGELINE_CALLER_ID": ""}, "PLEDGELINE_CALLER_ID"),
    "a name without a number": ({"PLEDGELINE_CALLER_ID": "Winter Appeal"}, "PLEDGELINE_CALLER_ID"),
    "no context": ({"PLEDGELINE_SPEECH_CONTEXT": "a b"}, "PLEDGELINE_SPEECH_CONTEXT"),
    "two exchanges": ({"ASTERISK_WORKER_URL": "http://127.0.0.1:3000"}, "ASTERISK_WORKER_URL"),
    "no exchange": ({"PLEDGELINE_AMI_URL": ""}, "PLEDGELINE_DIAL"),
    "two who speak": ({"TTS_FALLBACK_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:tts"}, "TTS_FALLBACK_TOPIC_ARN"),
    "no URL of AMI": ({"PLEDGELINE_AMI_URL": "ami://user:geheim@host/path"}, "PLEDGELINE_AMI_URL"),
    "URL without the path of ARI": ({"PLEDGELINE_ARI_URL": "http://user:geheim@host:8088"}, "/ari"),
    "no URL of ARI": ({"PLEDGELINE_ARI_URL": "http://host:8088/ari?api_key=user:geheim"}, "PLEDGELINE_ARI_URL"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_setting_that_can_never_work_is_refused_at_the_start(tmp_path, case):
    wrong, named = REFUSED[case]
    settings = {"PLEDGELINE_AMI_URL": "ami://user:secret@127.0.0.1", "PLEDGELINE_DIAL": "PJSIP/{digits}@trunk", "PLEDGELINE_CALLER_ID": CALLER, **wrong}
    done = run(tmp_path / "data", "serve", PORT=0, **settings)
    assert done.code != 0 and named in done.err
    assert "geheim" not in done.err
