"""Recorded calls by FastAGI: what is played, what keys do, and what becomes of calls that end in the middle."""
import concurrent.futures
import json
import socket

import pytest
from support.agi import IDENTITY, MENU, MESSAGE, OPT_OUT, PROMPTS, AgiCall, agi_port, agi_settings, of_person
from support.events import unique, unique_phone
from support.peer_asterisk import free_port
from support.program import PATIENCE_S, run
from support.stores import check, until

HEARD = [IDENTITY, OPT_OUT, MESSAGE]


@pytest.fixture
def server(make_server, tmp_path):
    return make_server(**agi_settings(tmp_path))


@pytest.fixture
def call(server):
    """call(…) is a call of a person, with the variables that a dialer sets."""
    calls = []

    def make(call_id=None, phone=None, script="ivr", arguments=(), **more):
        made = AgiCall(agi_port(server), script, arguments, **{**of_person(call_id or unique("call"), phone or unique_phone()), **more})
        calls.append(made)
        return made.begin()

    yield make
    for made in calls:
        made.close()


def metric(server, name):
    [found] = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(f"{name} ")]
    return int(found.split()[1])


def is_blocked(server, phone):
    return check(server, phone)["blocked"]


def texts_to(server, phone):
    return [text for text in server.get("/v1/sms").json()["messages"] if text["phoneNumber"] == phone]


def record(server, call_id):
    answer = server.get(f"/v1/cdrs/{call_id}")
    return answer.json() if answer.status == 200 else None


def ended_record(server, call_id):
    return until(lambda: (found := record(server, call_id)) and found["status"] == "completed" and found)


# ---- what is played ----

def test_silent_person_hears_who_calls_how_to_opt_out_and_the_message_twice(server, call):
    person = call()
    acts = person.to_the_end()
    assert person.heard == [*HEARD, OPT_OUT, MESSAGE, PROMPTS["goodbye"]]
    assert acts[0] == f'STREAM FILE "{IDENTITY}" "91"'
    assert acts[3] == "WAIT FOR DIGIT 1000"
    assert acts[-1] == "HANGUP"


def test_campaign_has_a_menu_of_its_own(make_server, tmp_path):
    menu = {**MENU, "campaigns": {"w": {"prompts": {"message": "winter/message"}, "keys": {"donate": "5"}, "repeats": 0}}}
    server = make_server(**agi_settings(tmp_path, menu, PLEDGELINE_DONATION_KEY=5))
    with AgiCall(agi_port(server), **of_person("c1", unique_phone())) as person:
        assert person.next_act() == f'STREAM FILE "{IDENTITY}" "95"'
        person.press("5")
        person.to_the_end()
    assert PROMPTS["confirmation"] in person.heard


def test_wrong_key_is_told_and_the_menu_goes_on(call):
    person = call()
    person.until_act("WAIT FOR DIGIT")
    person.press("5")
    assert person.next_act() == f'STREAM FILE "{PROMPTS["invalid"]}" "91"'
    person.reply("200 result=0")
    assert person.next_act() == "WAIT FOR DIGIT 1000"


# ---- key 9 ----

@pytest.mark.parametrize("prompt", range(4))
def test_key_9_at_any_moment_blocks_the_number_and_hangs_up(server, call, prompt):
    phone = unique_phone()
    person = call(phone=phone)
    for _ in range(prompt):
        assert person.next_act()
        person.reply("200 result=0")
    assert person.next_act()
    person.press("9")
    assert person.next_act() == "HANGUP"
    person.reply("200 result=1")
    assert person.next_act() is None
    until(lambda: is_blocked(server, phone))


def test_opt_out_of_a_call_is_recorded_with_all_that_is_known(server, call):
    phone = unique_phone()
    person = call("c-9", phone)
    person.next_act()
    person.press("9")
    person.to_the_end()
    entry = until(lambda: server.get(f"/v1/blacklist/{phone}").status == 200 and server.get(f"/v1/blacklist/{phone}").json())
    assert entry["reason"] == "DTMF opt-out (key 9)"
    found = ended_record(server, "c-9")
    assert (found["outcome"], found["dtmfInputs"], found["campaignId"], found["phoneNumber"]) == ("opted_out", ["9"], "w", phone)
    assert metric(server, 'pledgeline_agi_keys_total{key="opt_out"}') == 1
    assert metric(server, 'pledgeline_optout_seconds_count{stage="agi_hung_up"}') == 1


def test_donation_and_then_opt_out_count_both(server, call):
    phone = unique_phone()
    person = call("c-19", phone)
    person.next_act()
    person.press("1")
    person.next_act()
    person.press("9")
    assert person.next_act() == "HANGUP"
    person.to_the_end()
    until(lambda: is_blocked(server, phone))
    found = ended_record(server, "c-19")
    assert found["dtmfInputs"] == ["1", "9"]
    assert len(texts_to(server, phone)) <= 1


def test_person_who_hangs_up_right_after_key_9_is_blocked(server, call):
    phone = unique_phone()
    person = call(phone=phone)
    person.next_act()
    person.send("200 result=57 endpos=1\nHANGUP\n")
    person.close()
    until(lambda: is_blocked(server, phone))


@pytest.mark.parametrize("given", ["972501234567", "050-123-4567", "tel:+972-50-123-4567"])
def test_number_that_is_not_e164_is_read_for_an_opt_out(make_server, tmp_path, given):
    server = make_server(**agi_settings(tmp_path, PLEDGELINE_COUNTRY_CODE=972))
    with AgiCall(agi_port(server), **of_person("c1", given)) as person:
        person.next_act()
        person.press("9")
        person.to_the_end()
    until(lambda: is_blocked(server, "+972501234567"))


# ---- key 1 ----

def test_donation_is_confirmed_and_its_text_goes_out_once(server, call):
    phone = unique_phone()
    person = call("c-1", phone)
    person.until_act("WAIT FOR DIGIT")
    person.press("1")
    person.to_the_end()
    assert person.heard == [*HEARD, PROMPTS["confirmation"], PROMPTS["goodbye"]]
    [text] = until(lambda: texts_to(server, phone))
    assert "Winter Appeal" in text["message"]
    assert ended_record(server, "c-1")["outcome"] == "converted"


def test_who_donates_before_the_offer_to_opt_out_hears_it_afterwards(call):
    person = call()
    person.next_act()
    person.press("1")
    person.to_the_end()
    assert person.heard == [IDENTITY, PROMPTS["confirmation"], OPT_OUT, PROMPTS["goodbye"]]


def test_donation_without_a_number_gets_an_apology(server, call):
    person = call(PLEDGELINE_PHONE="")
    person.until_act("WAIT FOR DIGIT")
    person.press("1")
    person.to_the_end()
    assert PROMPTS["apology"] in person.heard and PROMPTS["confirmation"] not in person.heard
    [dead] = server.get("/v1/dlq").json()["messages"]
    assert dead["topic"] == "donation-events"


# ---- whose call ----

def test_arguments_of_the_script_win_over_variables(server, call):
    phone = unique_phone()
    call(phone=unique_phone(), arguments=("by-argument", "other", "someone", phone)).to_the_end()
    found = ended_record(server, "by-argument")
    assert (found["campaignId"], found["contactId"], found["phoneNumber"]) == ("other", "someone", phone)


def test_call_without_an_id_goes_by_the_one_that_its_channels_share(server, call):
    call(PLEDGELINE_CALL_ID="", uniqueid="1700000000.8", **{"CHANNEL(linkedid)": "1700000000.7"}).to_the_end()
    assert ended_record(server, "1700000000.7")


def test_person_who_calls_us_is_known_by_the_caller_id(server, call):
    caller = unique_phone()
    person = call(PLEDGELINE_PHONE="", callerid=caller, dnid="18005550100")
    person.next_act()
    person.press("9")
    person.to_the_end()
    until(lambda: is_blocked(server, caller))


def test_opt_out_without_a_number_blocks_every_number_that_the_call_has(server, call):
    ours, other = unique_phone(), unique_phone()
    person = call(PLEDGELINE_PHONE="", callerid=ours, dnid="unknown")
    person.next_act()
    person.press("9")
    person.to_the_end()
    until(lambda: is_blocked(server, ours))
    assert not is_blocked(server, other)


# ---- calls that go wrong ----

def test_person_who_hangs_up_during_a_prompt_ends_the_call(server, call):
    person = call("c-gone")
    person.next_act()
    person.hang_up()
    assert person.to_the_end("511 Command Not Permitted on a dead channel or intercept routine") in ([], ["WAIT FOR DIGIT 1"])
    assert ended_record(server, "c-gone")["outcome"] == "answered"


@pytest.mark.parametrize("prompt", [0, 1])
def test_call_is_not_gone_on_with_when_a_required_prompt_is_missing(server, call, prompt):
    person = call()
    for _ in range(prompt):
        person.next_act()
        person.reply("200 result=0")
    person.next_act()
    person.reply("200 result=-1 endpos=0")
    assert person.next_act() == "WAIT FOR DIGIT 1"
    person.reply("200 result=0")
    assert person.next_act() == "HANGUP"
    until(lambda: any("cannot be played" in line for line in server.log))


def test_connection_that_is_lost_ends_the_call(server, call):
    person = call("c-lost")
    person.next_act()
    person.close()
    assert ended_record(server, "c-lost")
    until(lambda: metric(server, "pledgeline_agi_calls") == 0)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff\xfe" * 3000, b"agi_network: yes\n" * 300, b"agi_" + b"x" * 9000 + b"\n",
                                     b"agi_network_script: nobody\n\n", b"\n", b"agi_network_script: ivr\n\nhello\n", b"agi_network_script: ivr\n\n200 result=\n999 x\nabc\n"])
def test_what_is_no_agi_is_cut_off_and_disturbs_nobody(server, call, garbage):
    bystander = call()
    assert bystander.next_act()
    with socket.create_connection(("127.0.0.1", agi_port(server)), timeout=PATIENCE_S) as stranger:
        stranger.sendall(garbage)
        stranger.settimeout(PATIENCE_S)
        while receive(stranger):
            pass
    bystander.reply("200 result=0")
    assert bystander.next_act() == f'STREAM FILE "{OPT_OUT}" "91"'


def receive(peer):
    try:
        return peer.recv(65536)
    except ConnectionError:
        return b""


def test_command_that_asterisk_does_not_know_ends_the_call(call):
    person = call()
    person.next_act()
    person.send("520-Invalid command syntax.  Proper usage follows:\n Usage: STREAM FILE <filename>\n520 End of proper usage.\n")
    assert person.next_act() == "HANGUP"


def test_asterisk_that_sends_byte_by_byte_is_waited_for(server):
    with AgiCall(agi_port(server), **of_person("c-slow", unique_phone())) as person:
        person.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        person.next_act()
        for byte in "200 result=0 endpos=99\n":
            person.send(byte)
        assert person.next_act() == f'STREAM FILE "{OPT_OUT}" "91"'


def test_six_hundred_people_press_9_at_once(server):
    phones = [f"+1212{number:07}" for number in range(5000000, 5000600)]
    calls = [AgiCall(agi_port(server), **of_person(f"crowd-{number}", phone)).begin() for number, phone in enumerate(phones)]
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        list(crowd.map(AgiCall.next_act, calls))
        list(crowd.map(lambda one: one.press("9"), calls))
        assert list(crowd.map(AgiCall.next_act, calls)) == ["HANGUP"] * len(calls)
        list(crowd.map(AgiCall.to_the_end, calls))
    for one in calls:
        one.close()
    until(lambda: server.get("/v1/campaigns/w/live").json()["counters"].get("optouts") == len(phones))


# ---- the pre-dial check ----

def checked(call, number):
    one = call(script="check", arguments=(number,) if number else ())
    said = dict(act.removeprefix("SET VARIABLE ").split(" ", 1) for act in one.to_the_end("200 result=1"))
    return {name: value.strip('"') for name, value in said.items()}


def test_check_tells_a_blocked_number_from_a_clear_one(server, call):
    phone = unique_phone()
    assert checked(call, phone) == {"PLEDGELINE_BLOCKED": "0"}
    assert server.post("/v1/blacklist", {"phoneNumber": phone}).status == 201
    assert checked(call, phone) == {"PLEDGELINE_BLOCKED": "1", "PLEDGELINE_BLOCKED_REASON": "on the do-not-call list"}
    assert checked(call, phone.removeprefix("+"))["PLEDGELINE_BLOCKED"] == "1"
    assert metric(server, 'pledgeline_agi_checks_total{result="blocked"}') == 2


def check_to_the_end(call, phone, **variables):
    one = call(script="check", arguments=(phone,), **variables)
    one.to_the_end("200 result=1")
    one.close()


def test_call_that_goes_on_with_another_number_is_what_became_of_it(server, call):
    """The channel's first number is blocked, the second is not."""
    call_id, blocked = unique("call"), unique_phone()
    assert server.post("/v1/blacklist", {"phoneNumber": blocked}).status == 201
    check_to_the_end(call, blocked, **of_person(call_id, blocked))
    one = call(call_id)
    one.next_act()
    one.press("1")
    one.to_the_end()
    one.close()
    assert ended_record(server, call_id)["outcome"] == "converted"


@pytest.mark.parametrize("number", ["", "abc", "12", '+1212"555', "+" + "9" * 40])
def test_check_of_what_is_no_number_is_blocked(call, number):
    assert checked(call, number)["PLEDGELINE_BLOCKED"] == "1"


@pytest.mark.own_stores
def test_check_that_nobody_can_answer_is_blocked(make_server, tmp_path):
    server = make_server(**agi_settings(tmp_path), DATABASE_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    with AgiCall(agi_port(server), "check", (unique_phone(),)) as one:
        said = one.to_the_end("200 result=1")
    assert said[-1] == 'SET VARIABLE PLEDGELINE_BLOCKED "1"' and "nobody can say" in said[0]


# ---- settings ----

@pytest.mark.parametrize("settings, said", [
    ({"PLEDGELINE_AGI": "somewhere"}, "PLEDGELINE_AGI is"), ({"PLEDGELINE_AGI": "0.0.0.0:0"}, "set PLEDGELINE_AGI_ALLOW"),
    ({"PLEDGELINE_AGI": "0", "PLEDGELINE_AGI_ALLOW": "10.0.0.0/33"}, "no address, and no range"),
    ({"PLEDGELINE_AGI": "0", "PLEDGELINE_MENU": "/nowhere"}, "PLEDGELINE_MENU /nowhere"),
    ({"PLEDGELINE_AGI": "0", "PLEDGELINE_SPEECH_COMMAND": "espeak"}, "with {file} and {textfile}"),
])
def test_settings_that_cannot_work_are_refused_at_the_start(tmp_path, settings, said):
    refused = run(tmp_path / "data", "serve", PORT=0, **settings)
    assert refused.code != 0 and said in refused.err


def test_port_that_is_taken_is_said_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run(tmp_path / "data", "serve", PORT=0, PLEDGELINE_AGI="127.0.0.1:%d" % taken.getsockname()[1])
    assert refused.code != 0 and "cannot listen for FastAGI" in refused.err and "choose another PLEDGELINE_AGI" in refused.err


def test_start_without_a_menu_says_that_calls_will_find_none(make_server):
    server = make_server(PLEDGELINE_AGI="127.0.0.1:0")
    until(lambda: any("PLEDGELINE_MENU is not set" in line for line in list(server.log)))


def test_start_with_a_menu_alone_says_that_no_call_is_taken(make_server, tmp_path):
    (tmp_path / "menu.json").write_text(json.dumps(MENU))
    server = make_server(PLEDGELINE_MENU=tmp_path / "menu.json")
    until(lambda: any("PLEDGELINE_AGI is not set" in line for line in list(server.log)))


def test_campaign_that_the_menu_does_not_list_is_called_by_its_id_in_the_text(make_server, tmp_path):
    menu = {"default": {**MENU["default"], "name": "Charity"}, "campaigns": {"winter": {"name": "Winter Appeal"}}}
    server, phone = make_server(**agi_settings(tmp_path, menu)), unique_phone()
    with AgiCall(agi_port(server), **{**of_person("c1", phone), "PLEDGELINE_CAMPAIGN_ID": "spring", "PLEDGELINE_CAMPAIGN_NAME": ""}) as person:
        person.next_act()
        person.press("1")
        person.to_the_end()
    [text] = until(lambda: texts_to(server, phone))
    assert "spring" in text["message"] and "Charity" not in text["message"]


def test_menu_that_breaks_the_rules_is_refused_with_its_place(tmp_path):
    text = json.dumps({"default": {"prompts": PROMPTS, "pause_ms": 2500}}, indent=1)
    refused = run(tmp_path / "data", "serve", PORT=0, **agi_settings(tmp_path, text))
    assert refused.code != 0 and "line 12, column 3" in refused.err and "within two seconds" in refused.err


def test_agi_beyond_this_machine_takes_named_addresses_alone(make_server, tmp_path):
    server = make_server(**agi_settings(tmp_path, PLEDGELINE_AGI_ALLOW="192.0.2.0/24, 2001:db8::1"))
    assert agi_port(server)
