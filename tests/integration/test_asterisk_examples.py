"""The files of examples/asterisk give Pledgeline what it needs of an Asterisk, and no more."""
import base64
import pathlib
import re
import urllib.error
import urllib.request

import pytest
from support.ami import Ami
from support.events import unique_phone
from support.stores import until

LOOPBACK = "0100007F"  # as /proc/net/tcp writes 127.0.0.1
TOKEN = "token-of-a-service"
GUARDED = {"PLEDGELINE_TOKENS": f"service:{TOKEN}"}


@pytest.fixture
def user(pbx):
    """As whom Pledgeline logs in."""
    ami = Ami(pbx.ami_port, "pledgeline", "change-me")
    yield ami
    ami.close()


def test_the_user_of_ami_places_lists_and_ends_calls_and_hears_of_them(pbx, user):
    phone = unique_phone()
    answer = user.ask("Originate", "Variable: __PLEDGELINE_CALL_ID=c1", "Variable: __CALLEE=silent", Channel=f"Local/{phone}@callees/n",
                      Context="own-ivr", Exten="s", Priority=1, Async="true", ChannelId="c1")
    assert answer["Response"] == "Success", answer
    user.until("Newstate", Uniqueid="c1", ChannelStateDesc="Up")
    assert {"c1", "c1;2"} <= {channel["Uniqueid"] for channel in user.channels()}
    assert user.ask("Getvar", Channel="c1", Variable="PLEDGELINE_CALL_ID")["Value"] == "c1"
    assert user.ask("Hangup", Channel="c1", Cause=16)["Response"] == "Success"
    assert user.until("Hangup", Uniqueid="c1")["ChanVariable"].startswith("PLEDGELINE_CALL_ID=")


def test_the_user_of_ami_hears_keys(pbx, user):
    call = pbx.originate(unique_phone(), "press", keys="9", context="own-ivr")
    assert user.until("DTMFEnd", Uniqueid=call, Direction="Received")["Digit"] == "9"


@pytest.mark.parametrize("action, fields", [
    ("Command", {"Command": "core stop now"}), ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"}),
    ("DBGet", {"Family": "a", "Key": "b"}), ("UserEvent", {"UserEvent": "x"}), ("Setvar", {"Variable": "SHELL(id)", "Value": "1"}),
    ("Originate", {"Channel": "Local/1@callees", "Application": "System", "Data": "id"}),
])
def test_the_user_of_ami_may_do_nothing_else(user, action, fields):
    answer = user.ask(action, **fields)
    assert answer["Response"] == "Error", answer


def test_ari_asks_for_the_password(pbx):
    url = f"http://127.0.0.1:{pbx.http_port}/ari/channels"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, timeout=10)
    proof = base64.b64encode(b"pledgeline:change-me").decode()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Basic {proof}"}), timeout=10) as answer:
        assert answer.status == 200


def test_nobody_beyond_this_machine_can_reach_it(pbx):
    """What it listens on, by the sockets that the process holds."""
    held = {link for file in pathlib.Path(f"/proc/{pbx.process.pid}/fd").iterdir() for link in re.findall(r"socket:\[(\d+)\]", str(file.readlink()))}
    rows = [line.split() for name in ("tcp", "tcp6", "udp", "udp6") for line in open(f"/proc/net/{name}").readlines()[1:]]
    addresses = {row[1].split(":")[0] for row in rows if row[9] in held}
    assert addresses == {LOOPBACK}


def test_a_call_that_nobody_can_lead_ends_at_once(pbx):
    """Without Pledgeline there is no key 9, and so there is to be no message."""
    call = pbx.originate(unique_phone(), "silent")
    pbx.ami.until("Hangup", Uniqueid=call, patience_s=5)


def test_nobody_is_dialled_while_nobody_can_say_who_is_blocked(pbx):
    call = pbx.originate(unique_phone(), "silent", through="pledgeline-dial")
    assert pbx.ami.until("Hangup", Uniqueid=call)["Cause"] == "21"
    assert not [event for event in pbx.ami.found("Newchannel") if "@callees" in event["Channel"]]


@pytest.mark.parametrize("callee, cause", [("busy", "17"), ("congestion", "34"), ("unallocated", "1"), ("reject", "21")])
def test_the_callee_of_the_tests_does_what_it_is_told(pbx, callee, cause):
    call = pbx.originate(unique_phone(), callee)
    assert pbx.ami.until("Hangup", Uniqueid=call)["Cause"] == cause


def test_call_records_name_call_campaign_contact_and_number(pbx):
    phone = unique_phone()
    call = pbx.originate(phone, "hang-up", waits=0.1, context="own-ivr", contact="jane")
    pbx.ami.until("Hangup", Uniqueid=call)
    [row] = [row for row in until_written(pbx) if row["uniqueid"] == call]
    assert (row["call"], row["campaign"], row["contact"], row["phone"], row["disposition"]) == (call, "winter", "jane", phone, "ANSWERED")


@pytest.mark.parametrize("tokens", [{}, GUARDED], ids=["without tokens", "with tokens"])
def test_key_9_of_an_ivr_of_ones_own_blocks_the_number(pbx, make_server, tokens):
    """Nobody follows the call here: it is what the dialplan publishes that blocks."""
    server, phone = make_server(**tokens), unique_phone()
    call = pbx.originate(phone, "press", keys="9", context="own-ivr", contact="jane", PLEDGELINE_URL=server.url, PLEDGELINE_TOKEN=TOKEN)
    [entry] = until(lambda: server.get("/v1/blacklist", authorization=f"Bearer {TOKEN}").json()["entries"])
    assert (entry["phoneNumber"], entry["metadata"]["callId"], entry["metadata"]["campaignId"]) == (phone, call, "winter")
    pbx.ami.until("Hangup", Uniqueid=call)
    assert "Publish it by hand" not in pbx.log()


@pytest.mark.parametrize("settings", [None, GUARDED], ids=["nobody is there", "refused"])
def test_key_9_of_an_ivr_of_ones_own_that_nobody_takes_is_in_the_log(pbx, make_server, settings):
    url, phone = make_server(**settings).url if settings else f"http://127.0.0.1:{pbx.nobody_port}", unique_phone()
    call = pbx.originate(phone, "press", keys="9", context="own-ivr", PLEDGELINE_URL=url)
    pbx.ami.until("Hangup", Uniqueid=call)
    assert f'"phoneNumber":"{phone}"' in until(lambda: [line for line in pbx.log().splitlines() if "Publish it by hand" in line and phone in line])[0]


def until_written(pbx):
    columns = "call campaign contact phone start answer end duration billsec disposition channel uniqueid linkedid".split()
    return until(lambda: len(rows := pbx.cdrs("cdr-custom/pledgeline.csv", columns)) == 2 and rows)
