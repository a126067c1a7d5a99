"""Recorded calls of a real Asterisk: people who press keys, who hang up, and many at once."""
import pytest
from support.agi import agi_port
from support.events import unique_phone
from support.fault_proxy import FaultProxy
from support.peer_asterisk import Exchange
from support.program import PATIENCE_S
from support.prompts import heard, write_menu
from support.stores import check, until

pytestmark = pytest.mark.own_stores

PROMPTS_BEFORE_A_KEY = ["identity", "opt_out", "message"]


@pytest.fixture
def make_line(make_server, make_pbx, tmp_path):
    """make_line(…) is a server that takes calls, and an Asterisk that gives them to it."""

    def make(menu=None, **settings):
        server = make_server(**{"PLEDGELINE_AGI": 0, "PLEDGELINE_MENU": menu or write_menu(tmp_path / "prompts"), **settings})
        return server, make_pbx(agi_port=agi_port(server))

    return make


@pytest.fixture
def line(make_line):
    return make_line()


def ended_record(server, call_id):
    def look():
        answer = server.get(f"/v1/cdrs/{call_id}")
        return answer.status == 200 and answer.json()["status"] == "completed" and answer.json()
    return until(look)


def is_blocked(server, phone):
    return check(server, phone)["blocked"]


@pytest.mark.parametrize("waits", [0.1, 0.5, 1.2, 2.2])
def test_key_9_at_any_moment_blocks_the_number_and_ends_the_call(line, waits):
    server, pbx = line
    phone = unique_phone()
    call = pbx.originate(phone, "press", keys="9", waits=waits)
    pbx.ami.until("DTMFEnd", Uniqueid=call)
    pbx.ami.until("Hangup", Uniqueid=call, patience_s=2)
    until(lambda: is_blocked(server, phone))
    assert ended_record(server, call)["outcome"] == "opted_out"
    assert heard(pbx.ami, call) == PROMPTS_BEFORE_A_KEY[:len(heard(pbx.ami, call))]


def test_key_1_is_confirmed_and_one_text_goes_out(line):
    server, pbx = line
    phone = unique_phone()
    call = pbx.originate(phone, "press", keys="1", waits=1)
    pbx.ami.until("Hangup", Uniqueid=call)
    assert heard(pbx.ami, call) == [*PROMPTS_BEFORE_A_KEY, "confirmation", "goodbye"]
    [text] = [text for text in server.get("/v1/sms").json()["messages"] if text["phoneNumber"] == phone]
    assert "Winter Appeal" in text["message"]
    found = ended_record(server, call)
    assert (found["outcome"], found["campaignId"], found["phoneNumber"], found["dtmfInputs"]) == ("converted", "winter", phone, ["1"])


def test_keys_1_and_9_both_count_and_9_ends_the_call(line):
    server, pbx = line
    phone = unique_phone()
    call = pbx.originate(phone, "press", keys="1w9", waits=0.4)
    pbx.ami.until("Hangup", Uniqueid=call)
    until(lambda: is_blocked(server, phone))
    assert ended_record(server, call)["dtmfInputs"] == ["1", "9"]


def test_silent_person_hears_the_menu_once_more_and_a_good_bye(make_line, tmp_path):
    server, pbx = make_line(write_menu(tmp_path / "prompts", repeats=1, message=0.3))
    call = pbx.originate(unique_phone(), "silent")
    pbx.ami.until("Hangup", Uniqueid=call)
    assert heard(pbx.ami, call) == [*PROMPTS_BEFORE_A_KEY, "opt_out", "message", "goodbye"]
    assert ended_record(server, call)["outcome"] == "answered"


def test_person_who_hangs_up_in_the_middle_leaves_a_whole_record(line):
    server, pbx = line
    call = pbx.originate(unique_phone(), "hang-up", waits=0.8)
    found = ended_record(server, call)
    assert (found["outcome"], found["dtmfInputs"]) == ("answered", [])
    assert not [entry for entry in server.log if '"error"' in entry]


def test_call_without_an_id_of_a_dialer_goes_by_the_id_that_its_channels_share(line):
    server, pbx = line
    call = pbx.originate(unique_phone(), "press", keys="9", waits=0.4, PLEDGELINE_CALL_ID=None)
    assert ended_record(server, call)["outcome"] == "opted_out"


def whole(server, call_id):
    """What a record says, but for times, and for what only who follows can know: the hang-up's cause and when it began to ring."""
    found = ended_record(server, call_id)
    assert found["startTime"] <= found["answerTime"] < found["endTime"] and not found["inferred"]
    assert found["duration"] >= found["billsec"] > 0
    known = ("callId", "campaignId", "contactId", "phoneNumber", "status", "outcome", "dtmfInputs", "inferred")
    return {name: found[name] for name in known}


@pytest.mark.parametrize("kind", ["ami", "ari"])
def test_record_is_the_same_and_complete_whether_asterisk_is_followed_or_refuses_us(make_server, make_pbx, make_line, tmp_path, kind):
    """One Asterisk, and what its call says goes to the one server by AGI; whether that also follows it is up to the secret."""
    server, pbx = make_line()
    told = {}
    settings = {"PLEDGELINE_AGI": pbx.agi_port, "PLEDGELINE_MENU": tmp_path / "prompts" / "menu.json"}
    for secret in ("change-me", "wrong-secret"):
        server.stop()
        server = make_server(**settings, **Exchange(kind, pbx).settings(secret=secret))
        feed = until(lambda: (found := server.get("/readyz").json()["dependencies"]["asterisk_events"]) == "ok" or
                     found["code"] != "not_connected" and found)  # noqa: B023
        assert (feed is True) == (secret == "change-me")
        call = pbx.originate("+12025550177", "press", keys="1", waits=1.2, contact="c-1", call_id=f"{kind}-call")
        pbx.ami.until("Hangup", Uniqueid=call)
        until(lambda: server.get(f"/v1/cdrs/{call}").status == 200)  # noqa: B023
        told[secret] = whole(server, call)
        counters = server.get("/v1/campaigns/winter/live").json()["counters"]
        told[secret]["counters"] = {name: counters.get(name) for name in ("answered", "completed", "converted", "donations")}
    assert told["change-me"] == told["wrong-secret"]
    assert (told["change-me"]["outcome"], told["change-me"]["dtmfInputs"]) == ("converted", ["1"])


def test_call_while_the_first_list_of_channels_is_awaited_is_told_once(make_server, make_pbx, make_line, tmp_path):
    """Who is followed by AMI from the login on is told by AGI no more, though the list takes a while."""
    server, pbx = make_line()
    server.stop()
    hop = FaultProxy(pbx.ami_port)
    try:
        hop.hold_once(b"CoreShowChannels")
        server = make_server(PLEDGELINE_AGI=pbx.agi_port, PLEDGELINE_MENU=tmp_path / "prompts" / "menu.json", **Exchange("ami", pbx).settings(hop.port))
        assert hop.held.wait(PATIENCE_S)
        call = pbx.originate(unique_phone(), "press", keys="9", waits=0.1)
        pbx.ami.until("Hangup", Uniqueid=call)
        hop.heal()
        until(lambda: server.get("/readyz").json()["dependencies"]["asterisk_events"] == "ok")
        found = ended_record(server, call)
        assert (found["outcome"], found["dtmfInputs"]) == ("opted_out", ["9"])
    finally:
        hop.stop()


def test_missing_recording_of_who_calls_ends_the_call_and_is_told(make_line, tmp_path):
    menu = write_menu(tmp_path / "prompts")
    (tmp_path / "prompts" / "identity.wav").unlink()
    server, pbx = make_line(menu)
    call = pbx.originate(unique_phone(), "silent")
    pbx.ami.until("Hangup", Uniqueid=call, patience_s=5)
    until(lambda: any("cannot be played" in entry for entry in server.log))


def test_number_that_opted_out_is_not_dialled_again(line):
    server, pbx = line
    phone = unique_phone()
    call = pbx.originate(phone, "press", keys="9", waits=0.4, through="pledgeline-dial")
    until(lambda: is_blocked(server, phone))
    ended_record(server, call)
    again = pbx.originate(phone, "silent", through="pledgeline-dial")
    assert pbx.ami.until("Hangup", Uniqueid=again)["Cause"] == "21"


def test_forty_people_at_once_are_each_understood(line):
    server, pbx = line
    calls = {pbx.originate(phone := unique_phone(), "press", keys="19"[number % 2], waits=0.5): (phone, number % 2) for number in range(40)}
    for call in calls:
        pbx.ami.until("Hangup", Uniqueid=call, patience_s=PATIENCE_S)
    for phone, opts_out in calls.values():
        until(lambda: is_blocked(server, phone) == bool(opts_out))
    counters = until(lambda: (found := server.get("/v1/campaigns/winter/live").json()["counters"]).get("opted_out") == 20 and found)
    assert (counters["optouts"], counters["donations"], counters["converted"]) == (20, 20, 20)
