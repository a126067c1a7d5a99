"""The command line, as people and scripts use it: data on stdout, the rest on stderr, and exit codes that can be relied on."""
import csv
import io
import json
import os
import pwd
import re
import socket
import subprocess

import pytest
from support.events import donation, ended, optout
from support.forger import add_to_counter
from support.program import BINARY, ROOT, Clock, Server, ndjson, run

PHONE = "+12125550105"
VERBS = ["serve", "publish", "blacklist", "cdr", "stats", "live", "recount", "dlq", "sms", "actions", "audit", "migrate", "export", "config", "routes", "completion", "man", "help"]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def folder(data):
    """A data folder with one call of each key, and a dead letter."""
    lines = [
        {"topic": "call-events", "message": ended("call-1", "winter", "+12125550101", "converted", timestamp="2025-04-30T10:05:00Z")},
        {"topic": "donation-events", "message": donation("call-1", "winter", "+12125550101")},
        {"topic": "call-events", "message": ended("call-2", "winter", PHONE, "opted_out", timestamp="2025-04-30T10:06:00Z")},
        {"topic": "optout-events", "message": optout("call-2", "winter", PHONE)},
        {"topic": "call-events", "message": ended("call-3", "spring", "+12125550103", "busy", timestamp="2025-04-30T10:07:00Z")},
        {"topic": "call-events", "message": {"callId": "call-4", "phoneNumber": "0815", "eventType": "call_ended"}},
    ]
    done = run(data, "publish", "-", stdin=ndjson(lines))
    assert "1" in done.err + done.out  # one was rejected
    return data


def output(data, *arguments):
    done = run(data, *arguments)
    assert done.code == 0, done
    return done.out


def as_json(data, *arguments):
    return json.loads(output(data, *arguments, "--output", "json"))


def as_csv(data, *arguments):
    text = output(data, *arguments, "--output", "csv")
    assert "\r\n" in text
    return list(csv.DictReader(io.StringIO(text)))


# ---- publish ----

def test_publish_one_message_into_a_folder(data):
    assert run(data, "publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "winter", PHONE))).code == 0
    assert run(data, "blacklist", "check", PHONE).code == 3


def test_publish_takes_a_topic_arn(data):
    arn = "arn:aws:sns:us-east-1:123456789012:optout-events"
    assert run(data, "publish", "--topic-arn", arn, "--message", json.dumps(optout("c", "winter", PHONE))).code == 0
    assert run(data, "blacklist", "check", PHONE).code == 3


def test_publish_lines_of_files_and_of_stdin(data, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_text(ndjson([{"topic": "call-events", "message": ended("call-1", "winter", PHONE)}]))
    assert run(data, "publish", file).code == 0
    assert run(data, "publish", "-", "--topic", "call-events", stdin=ndjson([ended("call-2", "winter", PHONE)])).code == 0
    assert {record["callId"] for record in as_json(data, "cdr", "list")} == {"call-1", "call-2"}


def test_publish_to_a_server(server):
    event = json.dumps(optout("c", "winter", PHONE))
    assert run("/nonexistent", "publish", "--server", server.url, "--topic", "optout-events", "--message", event).code == 0
    assert server.run("blacklist", "check", PHONE).code == 3


def test_publish_goes_through_the_server_that_holds_the_folder(server):
    assert server.run("publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "winter", PHONE))).code == 0
    assert server.run("blacklist", "check", PHONE).code == 3


def test_publish_into_a_folder_says_what_waits_for_a_later_try(data):
    event = donation("c", "winter", PHONE)
    del event["campaignId"]
    done = run(data, "publish", "--topic", "donation-events", "--message", json.dumps(event))
    assert done.code == 0 and "1 of them could not be done yet" in done.err and "pledgeline serve" in done.err
    assert len(as_json(data, "dlq", "list", "--waiting")) == 1


def test_publish_into_a_folder_says_nothing_of_waiting_when_all_is_done(data):
    assert "wait" not in run(data, "publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "winter", PHONE))).err


@pytest.mark.parametrize("url", ["banana", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", ""])
def test_publish_to_what_is_no_url_is_wrong_usage(data, url):
    done = run(data, "publish", "--server", url, "--topic", "optout-events", "--message", "{}")
    assert done.code == 2 and "--server" in done.err and "http://" in done.err


def test_publish_says_once_that_it_goes_on_trying(data):
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
    done = run(data, "publish", "--server", "http://127.0.0.1:%d" % nobody.getsockname()[1], "--deadline", "1",
               "--topic", "optout-events", "--message", "{}")
    assert done.code == 1
    assert done.err.count("does not answer") == 2  # once at the first try, once when it gives up
    assert done.err.count("trying again for up to") == 1


TOKENS = {"PLEDGELINE_TOKENS": "reader:token-of-a-reader,service:token-of-a-service"}


@pytest.mark.parametrize("token, said", [("", "a token is needed"), ("wrong-token", "this server does not know the token"),
                                         ("token-of-a-reader", "token's role is")],
                         ids=["none", "wrong", "role too low"])
@pytest.mark.parametrize("command", [["publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "winter", PHONE))],
                                     ["blacklist", "add", PHONE]], ids=["publish", "blacklist add"])
def test_refused_token_is_said_in_words_with_what_to_do(make_server, command, token, said):
    server = make_server(**TOKENS)
    done = server.run(*command, PLEDGELINE_TOKEN=token)
    assert done.code == 1
    assert said in done.err and "--token" in done.err and "PLEDGELINE_TOKEN" in done.err and "{" not in done.err


def test_every_place_that_names_the_topics_names_all_of_them(data, server):
    listed = server.post("/", "Action=ListTopics", content_type="application/x-www-form-urlencoded").body.decode()
    topics = re.findall(":000000000000:([a-z-]+)<", listed)
    said = ", ".join(topics[:-1]) + " and " + topics[-1]
    assert len(topics) == 7
    assert f"there are {said}\n" in run(data, "publish", "--topic", "foo", "--message", "{}").err
    assert said in output(data, "help", "publish")
    assert said in server.post("/v1/events/foo", "{}").json()["detail"]
    assert said in server.post("/", "Action=Publish&TopicArn=arn:aws:sns:us-east-1:000000000000:foo&Message={}",
                               content_type="application/x-www-form-urlencoded").body.decode()
    assert f"topics {said}\n" in run(data, "serve", PLEDGELINE_SNS_TOPICS="arn:aws:sns:us-east-1:123456789012:" + "x" * 80).err
    assert f"there are {said}\n" in run(data, "consume", "--queue-url", "x" * 80 + "=https://sqs.us-east-1.amazonaws.com/123456789012/q").err


def test_publish_of_a_message_that_can_never_succeed_says_so(data):
    done = run(data, "publish", "--topic", "call-events", "--message", '{"callId": "c"}')
    assert done.code == 1
    assert "eventType" in done.err
    assert len(as_json(data, "dlq", "list")) == 1


@pytest.mark.parametrize("arguments, said, code", [([], "publish what?", 2), (["/no/such/file"], "/no/such/file", 1),
                                                   (["--topic", "no-such-topic", "--message", "{}"], "no-such-topic", 2),
                                                   (["--message", "{}"], "does not say its topic", 1)],
                         ids=["nothing", "no file", "unknown topic", "no topic"])
def test_publish_says_what_it_needs(data, arguments, said, code):
    done = run(data, "publish", *arguments)
    assert (done.code, said in done.err) == (code, True), done


# ---- looking ----

def test_state_of_texts_that_does_not_exist_is_wrong_usage(data):
    done = run(data, "sms", "list", "--state", "gone")
    assert done.code == 2 and "pending" in done.err, done


def test_stats_as_table_json_and_csv(folder):
    table = output(folder, "stats")
    assert "winter" in table and "spring" in table
    by_id = {each["campaignId"]: each for each in as_json(folder, "stats")}
    assert by_id["winter"]["totalAttempts"] == 2 and by_id["spring"]["busy"] == 1
    assert [row["calls"] for row in as_csv(folder, "stats")] == ["1", "2"]


def test_stats_of_one_campaign(folder):
    [only] = as_json(folder, "stats", "winter")
    assert (only["campaignId"], only["converted"], only["optOuts"]) == ("winter", 1, 1)


@pytest.mark.parametrize("verb", ["stats", "live"])
@pytest.mark.parametrize("word, said", [("wintr", "did you mean winter?"), ("no-such-campaign", "pledgeline VERB lists them")])
def test_campaign_that_is_not_known_is_said_and_fails(folder, verb, word, said):
    done = run(folder, verb, word)
    assert (done.code, done.out) == (1, "")
    assert word in done.err and said.replace("VERB", verb) in done.err


def test_stats_of_a_known_campaign_without_calls_is_no_failure(data):
    run(data, "publish", "--topic", "optout-events", "--message", json.dumps(optout("c", "winter", PHONE)))
    done = run(data, "stats", "winter")
    assert (done.code, "winter has no calls yet" in done.err) == (0, True), done


def test_live_shows_every_counter_of_the_seeds(folder):
    [live] = as_json(folder, "live", "spring")
    assert {"donations", "optouts", "total_attempts", "active_calls", "answered", "busy"} <= set(live["counters"])


def test_cdr_show(folder):
    assert "call-1" in output(folder, "cdr", "show", "call-1")


def test_cdr_show_of_an_unknown_call_fails(folder):
    done = run(folder, "cdr", "show", "no-such-call")
    assert done.code == 1 and "no-such-call" in done.err


@pytest.mark.parametrize("filters, expected", [
    ([], ["call-3", "call-2", "call-1"]), (["--campaign", "winter"], ["call-2", "call-1"]), (["--outcome", "busy"], ["call-3"]),
    (["--since", "2025-04-30T10:06:00Z"], ["call-3", "call-2"]), (["--until", "2025-04-30T10:06:00Z"], ["call-1"]),
    (["--since", "2025-05-01"], []), (["--limit", "1"], ["call-3"])], ids=lambda value: " ".join(map(str, value)) or "all")
def test_cdr_list_filters_newest_first(folder, filters, expected):
    assert [record["callId"] for record in as_json(folder, "cdr", "list", *filters)] == expected


def test_cdr_export_is_csv(folder):
    rows = list(csv.DictReader(io.StringIO(output(folder, "cdr", "export"))))
    assert {row["callId"] for row in rows} == {"call-1", "call-2", "call-3"}
    assert list(rows[0])[:4] == ["callId", "campaignId", "contactId", "phoneNumber"]


def test_cdr_export_as_json_is_a_record_a_line(folder):
    lines = output(folder, "cdr", "export", "--output", "json").splitlines()
    assert {json.loads(line)["callId"] for line in lines} == {"call-1", "call-2", "call-3"}


@pytest.mark.parametrize("verb", ["cdr", "blacklist"])
def test_export_as_a_table_is_refused(folder, verb):
    done = run(folder, verb, "export", "--output", "table")
    assert (done.code, done.out) == (2, "") and "json or csv" in done.err


def test_sms_list(folder):
    [text] = as_json(folder, "sms", "list")
    assert (text["phoneNumber"], text["status"]) == ("+12125550101", "queued")
    assert as_json(folder, "sms", "list", "--phone", PHONE) == []


def test_sms_list_does_not_hide_that_there_are_cancelled_ones(folder):
    assert run(folder, "sms", "list", "--phone", PHONE).err == "pledgeline: no texts\n"
    run(folder, "publish", "--topic", "donation-events", "--message", json.dumps(donation("call-5", "winter", PHONE)))
    listed = run(folder, "sms", "list", "--phone", PHONE)
    assert listed.code == 0 and "no texts but cancelled ones; --state cancelled" in listed.err
    assert [text["callId"] for text in as_json(folder, "sms", "list", "--phone", PHONE, "--state", "cancelled")] == ["call-5"]


def test_texts_of_a_state_are_shown_as_the_ledger_has_them(folder):
    [text] = as_json(folder, "sms", "list", "--state", "sent")
    assert (text["actionId"], text["kind"], text["status"]) == ("call-1_donation", "donation", "sent")
    assert (text["provider"], text["class"], text["receipt"], text["deliveredAt"], text["segments"]) == (None, None, None, None, 0)
    assert {"kind", "provider", "receipt", "class"} <= set(as_csv(folder, "sms", "list", "--state", "sent")[0])


def test_actions_list(folder):
    assert {action["actionType"] for action in as_json(folder, "actions", "list")} == {"donation_sms_sent", "optout_blacklist_added"}


@pytest.mark.parametrize("phone", ["972501234567", "050-123-4567", "+972 50 123 4567", ""])
@pytest.mark.parametrize("list_of", [("sms", "list"), ("actions", "list"), ("audit", "show")], ids=" ".join)
def test_number_of_a_filter_in_another_form_is_refused_as_it_would_find_nothing(folder, list_of, phone):
    refused = run(folder, *list_of, "--phone", phone)
    assert refused.code == 2 and "--phone must be + and 8 to 15 digits" in refused.err and refused.out == ""


def test_actions_list_shows_the_newest_first_and_no_more_than_asked_for(data, tmp_path):
    clock = Clock(tmp_path, 1746014400000)
    for call in ("call-b", "call-c", "call-a"):
        clock.advance(minutes=1)
        run(data, "publish", "--topic", "optout-events", "--message", json.dumps(optout(call, "winter", PHONE)), **clock.settings)
    assert [action["callId"] for action in as_json(data, "actions", "list", "--limit", "2")] == ["call-a", "call-c"]
    assert [action["callId"] for action in as_json(data, "actions", "list")] == ["call-a", "call-c", "call-b"]


def test_actions_of_one_moment_are_shown_up_to_the_limit(data, tmp_path):
    events = [optout(f"call-{number}", "winter", f"+1212555010{number}") for number in range(5)]
    run(data, "publish", "-", "--topic", "optout-events", stdin=ndjson(events), **Clock(tmp_path, 1746014400000).settings)
    assert [len(as_json(data, "actions", "list", "--limit", limit)) for limit in (0, 1, 4, 5, 6)] == [5, 1, 4, 5, 5]


@pytest.mark.parametrize("verb", ["cdr", "sms", "actions", "blacklist", "dlq"])
def test_list_says_that_it_stops_where_there_is_more(data, verb):
    lines = [line for number in range(3) for line in (
        {"topic": "call-events", "message": ended(f"call-{number}", "winter", f"+1212555010{number}", "converted")},
        {"topic": "donation-events", "message": donation(f"call-{number}", "winter", f"+1212555010{number}")},
        {"topic": "optout-events", "message": optout(f"call-{number}", "winter", f"+1212555019{number}")},
        {"topic": "call-events", "message": {"callId": f"call-{number}", "phoneNumber": "0815", "eventType": "call_ended"}})]
    run(data, "publish", "-", stdin=ndjson(lines))
    everything = run(data, verb, "list", "--limit", "0")
    count = len(as_json(data, verb, "list", "--limit", "0"))
    cut = run(data, verb, "list", "--limit", count - 1)
    assert count > 2 and cut.err == f"pledgeline: only the first {count - 1}; --limit 0 shows all\n"
    assert len(cut.out.splitlines()) == len(everything.out.splitlines()) - 1
    assert everything.err == run(data, verb, "list", "--limit", count).err == ""
    for form, rows in (("json", len(as_json(data, verb, "list", "--limit", "2"))), ("csv", len(as_csv(data, verb, "list", "--limit", "2")))):
        assert rows == 2 and run(data, verb, "list", "--limit", "2", "--output", form).err == ""


def test_looking_works_beside_a_running_server(server):
    server.publish("call-events", ended("call-1", "winter", PHONE))
    assert [record["callId"] for record in server.json("cdr", "list")] == ["call-1"]


# ---- the do-not-call list ----

@pytest.mark.parametrize("phones, code", [(["+12125550199"], 0), ([PHONE], 3), (["+12125550199", PHONE], 3)],
                         ids=["clear", "blocked", "one of two blocked"])
def test_blacklist_check_says_it_by_its_exit_code(folder, phones, code):
    done = run(folder, "blacklist", "check", *phones)
    assert done.code == code
    assert all(phone in done.out for phone in phones)


@pytest.mark.embedded("the list is in the file that is damaged")
def test_blacklist_check_without_a_readable_list_is_not_clear(folder):
    [file] = folder.glob("*.db")
    file.write_bytes(b"this is no database" * 1000)
    assert run(folder, "blacklist", "check", "+12125550199").code not in (0,)


def test_blacklist_check_of_what_is_no_number_is_not_clear(folder):
    assert run(folder, "blacklist", "check", "0815").code in (1, 2, 3)


@pytest.mark.parametrize("held", [False, True], ids=["folder", "through its server"])
def test_blacklist_add_show_remove(data, make_server, held):
    if held:
        make_server(data=data)
    assert run(data, "blacklist", "add", PHONE, "--reason", "asked by letter", "--actor", "jane").code == 0
    shown = run(data, "blacklist", "show", PHONE)
    assert shown.code == 3 and "asked by letter" in shown.out and "jane" in shown.out
    assert run(data, "blacklist", "remove", PHONE, "--actor", "joe", "--reason", "asked to be called").code == 0
    assert run(data, "blacklist", "check", PHONE).code == 0
    assert run(data, "audit", "verify").code == 0


@pytest.mark.parametrize("held", [False, True], ids=["folder", "through its server"])
def test_number_that_was_blocked_before_keeps_what_was_entered_first_and_that_is_said(data, make_server, held):
    if held:
        make_server(data=data)
    first = run(data, "blacklist", "add", PHONE, "--reason", "asked by letter")
    assert first.code == 0 and f"{PHONE} is blocked" in first.err
    again = run(data, "blacklist", "add", PHONE, "--reason", "asked by phone")
    assert again.code == 0 and f"{PHONE} was blocked before, and what was entered first stands" in again.err
    assert "asked by letter" in run(data, "blacklist", "show", PHONE).out


@pytest.mark.embedded("the list is in the folder")
@pytest.mark.parametrize("command", [["add", PHONE], ["import", "-"]], ids=" ".join)
def test_number_that_is_blocked_in_a_new_folder_names_it(data, command):
    done = run(data, "blacklist", *command, stdin=PHONE)
    assert done.code == 0 and f", in {data}, which is new: was another folder meant?\n" in done.err and done.out == ""
    again = run(data, "blacklist", *command, stdin=PHONE)
    assert again.code == 0 and "folder" not in again.err


def test_blacklist_show_tells_all_on_stdout(folder):
    shown = run(folder, "blacklist", "show", PHONE)
    assert shown.code == 3 and shown.err == ""
    assert all(word in shown.out for word in (PHONE, "blocked", "user_optout", "caller", "call-2", "winter", "DTMF opt-out", "call-2_optout"))


def test_blacklist_show_as_json_is_the_entry_with_its_history(folder):
    shown = json.loads(run(folder, "blacklist", "show", PHONE, "--output", "json").out)
    assert (shown["phoneNumber"], shown["blocked"]) == (PHONE, True)
    assert (shown["metadata"]["callId"], shown["metadata"]["campaignId"]) == ("call-2", "winter")
    assert [entry["kind"] for entry in shown["history"]] == ["block"]


def test_blacklist_show_of_a_clear_number_says_so_on_stdout(folder):
    shown = run(folder, "blacklist", "show", "+12125550199")
    assert shown.code == 0 and "clear" in shown.out
    assert as_json(folder, "blacklist", "show", "+12125550199") == {"phoneNumber": "+12125550199", "blocked": False, "history": []}


def test_actor_is_who_runs_the_command_when_nobody_is_logged_in(data):
    names = {pwd.getpwuid(os.geteuid()).pw_name, subprocess.run(["logname"], capture_output=True, text=True).stdout.strip()}
    assert run(data, "blacklist", "add", PHONE).code == 0  # without USER
    [entry] = as_json(data, "audit", "show")
    assert entry["actor"] in names - {""}


@pytest.mark.parametrize("held", [False, True], ids=["folder", "through its server"])
@pytest.mark.parametrize("text", [
    "+12125550100\n+12125550101\n", "phoneNumber,reason\n+12125550100,letter\n+12125550101,\n",
    "name,reason,phone\r\n\"Doe, J.\",\"said \"\"no\"\"\",+12125550100\r\nX,,+12125550101\r\n", "\ufeffphone\n+1 (212) 555-0100\n001 212 555 0101\n"],
    ids=["one a line", "header", "any column order", "other spellings"])
def test_blacklist_import(data, make_server, tmp_path, text, held):
    if held:
        make_server(data=data)
    file = tmp_path / "dnc.csv"
    file.write_text(text)
    assert run(data, "blacklist", "import", file, "--actor", "jane").code == 0
    assert [entry["phoneNumber"] for entry in as_json(data, "blacklist", "export")] == ["+12125550100", "+12125550101"]


def test_blacklist_import_counts_unreadable_lines_and_takes_the_rest(data):
    done = run(data, "blacklist", "import", "-", stdin="+12125550100\nnot a number\n")
    assert "1" in done.err and "line 2" in done.err + done.out
    assert len(as_json(data, "blacklist", "export")) == 1


def test_blacklist_export_can_be_imported_again(folder, tmp_path):
    other = tmp_path / "other"
    assert run(other, "blacklist", "import", "-", stdin=output(folder, "blacklist", "export")).code == 0
    assert run(other, "blacklist", "check", PHONE).code == 3


def test_blacklist_add_of_what_is_no_number_fails(data):
    assert run(data, "blacklist", "add", "0815").code != 0


def test_call_without_a_record_yet_is_told_apart_from_one_that_nobody_knows(data):
    run(data, "publish", "--topic", "donation-events", "--message", json.dumps(donation("call-1", "winter", PHONE)))
    shown, as_record = run(data, "cdr", "show", "call-1"), run(data, "cdr", "show", "call-1", "--output", "json")
    assert shown.code == 0 and "no record of the call" in shown.err and "\ntext " in shown.out
    assert as_record.code == 1 and "no record of the call" in as_record.err and as_record.out == ""
    assert 'there is no call "call-2"' in run(data, "cdr", "show", "call-2", "--output", "json").err


# ---- dead letters ----

def test_audit_show_of_a_number_without_entries_does_not_call_the_log_empty(folder):
    shown = run(folder, "audit", "show", "--phone", "+12125550199")
    assert shown.code == 0 and shown.err == "pledgeline: the audit log has nothing about +12125550199\n"


def test_dlq_list_show_drop(folder):
    [letter] = as_json(folder, "dlq", "list")
    assert letter["code"] == "phone_invalid"
    assert "0815" in output(folder, "dlq", "show", letter["id"])
    assert run(folder, "dlq", "drop", letter["id"]).code == 0
    assert as_json(folder, "dlq", "list") == []


def test_dlq_list_of_a_topic_finds_what_was_sent_to_others_and_refuses_one_that_is_nowhere(folder):
    run(folder, "publish", "-", stdin=ndjson([{"topic": "orders", "message": {"id": 1}}]))
    assert len(as_json(folder, "dlq", "list", "--topic", "orders")) == 1
    assert as_json(folder, "dlq", "list", "--topic", "donation-events") == []
    refused = run(folder, "dlq", "list", "--topic", "nosuch")
    assert refused.code == 2 and '"nosuch"' in refused.err and "donation-events" in refused.err and refused.out == ""


@pytest.mark.parametrize("held", [False, True], ids=["folder", "through its server"])
def test_dlq_redrive_tries_again_and_gives_up_again(folder, make_server, held):
    if held:
        make_server(data=folder)
    assert run(folder, "dlq", "redrive", "--all").code == 0
    left = as_json(folder, "dlq", "list") + as_json(folder, "dlq", "list", "--waiting")
    assert len(left) == 1


@pytest.mark.parametrize("held", [False, True], ids=["folder", "through its server"])
@pytest.mark.parametrize("verb", ["redrive", "drop"])
def test_dead_letter_that_is_not_there_is_named(folder, make_server, held, verb):
    if held:
        make_server(data=folder)
    [letter] = as_json(folder, "dlq", "list")
    done = run(folder, "dlq", verb, "999")
    assert done.code == 1 and "there is no dead letter 999" in done.err
    both = run(folder, "dlq", verb, letter["id"], "999")
    assert both.code == 1 and "1 dead letter" in both.err and "no others" in both.err


def test_dlq_drop_of_nothing_in_particular_is_refused(folder):
    assert run(folder, "dlq", "drop").code == 2
    assert len(as_json(folder, "dlq", "list")) == 1


# ---- recount ----

def test_recount_finds_no_drift(folder):
    assert run(folder, "recount").code == 0


def test_recount_finds_and_heals_drift(folder):
    add_to_counter(folder, "winter", "answered", 5)
    done = run(folder, "recount")
    assert done.code == 4 and "answered" in done.out
    run(folder, "recount", "--fix")
    assert run(folder, "recount").code == 0
    assert as_json(folder, "live", "winter")[0]["counters"]["answered"] == 2


# ---- usage ----

@pytest.mark.parametrize("arguments, suggestion", [
    (["stat"], "stats"), (["blaklist", "check", PHONE], "blacklist"), (["cdr", "export", "--campain", "x"], "--campaign"),
    (["blacklist", "chek", PHONE], "check"), (["sms"], "list")], ids=" ".join)
def test_slip_of_the_pen_gets_a_suggestion(data, arguments, suggestion):
    done = run(data, *arguments)
    assert done.code == 2 and suggestion in done.err and done.out == ""


@pytest.mark.parametrize("arguments, said", [
    (["stats", "--limt", "3"], "stats has no option --limt; pledgeline help stats lists those it has"),
    (["stats", "--outptu=json"], "stats has no option --outptu; did you mean --output?"),
    (["cdr", "list", "--limt=3"], "cdr list has no option --limt; did you mean --limit?"),
    (["help", "sms", "show"], 'sms has no "show"; it has: list'),
    (["help", "smss"], 'there is no verb "smss"; did you mean sms? (pledgeline --help lists them)')], ids=lambda value: value if isinstance(value, str) else "")
def test_unknown_option_is_said_in_one_clean_sentence(data, arguments, said):
    assert run(data, *arguments).err == f"pledgeline: {said}\n"


def test_unknown_setting_of_a_file_gets_a_suggestion(data, tmp_path):
    file = tmp_path / "pledgeline.conf"
    file.write_text("PLEDGELINE_CURENCY = EUR\n")
    done = run(data, "stats", PLEDGELINE_CONFIG=file)
    assert done.code == 2 and "did you mean PLEDGELINE_CURRENCY?" in done.err


@pytest.mark.parametrize("arguments", [
    ["cdr", "show"], ["cdr", "show", "a", "b"], ["stats", "--output", "xml"], ["cdr", "list", "--limit", "many"],
    ["cdr", "list", "--since", "yesterday"], ["cdr", "list", "--limit"], ["serve", "--port", "http"], []], ids=lambda value: " ".join(value) or "nothing")
def test_wrong_usage_is_exit_2(data, arguments):
    done = run(data, *arguments)
    assert done.code == 2 and done.err and done.out == ""


def test_help_names_every_verb(data):
    said = output(data, "--help")
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(data, verb):
    assert verb in output(data, "help", verb)


def test_help_of_an_action_names_its_options(data):
    assert all(option in output(data, "blacklist", "remove", "--help") for option in ("--actor", "--reason"))


def test_help_states_the_default_of_every_limit(data):
    page = output(data, "man")
    limits = [line for before, line in zip(page.splitlines(), page.splitlines()[1:]) if "limit" in before and before.startswith(".B")]
    assert len(limits) == 7 and all("default" in line for line in limits)


def test_help_of_a_verb_ends_with_few_settings_and_where_the_others_are_explained(data):
    said = output(data, "help", "stats")
    assert "--data" in said and "--token" in said and "pledgeline help config" in said
    assert "--backoff-first" not in said and len(said.splitlines()) < 24


@pytest.mark.parametrize("verb", ["serve", "config"])
def test_help_explains_every_setting_where_settings_are_the_matter(data, verb):
    said = output(data, "help", verb)
    assert "PLEDGELINE_BACKOFF_FIRST, default 1. Longest wait before the second try" in said


@pytest.mark.parametrize("page", [["help", "config"], ["man"], ["config", "--markdown"], ["config", "--sample"]], ids=" ".join)
def test_default_that_ends_in_a_full_stop_gets_no_second_one(data, page):
    assert re.findall(r".*\w\.\. .*|.*\w\.\.$", output(data, *page), re.MULTILINE) == []


def test_version(data):
    assert output(data, "--version").startswith("pledgeline ")


def test_bash_completion_is_bash_and_knows_the_verbs(data):
    script = output(data, "completion")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    complete = f'{script}\nCOMP_WORDS=(pledgeline blacklist ""); COMP_CWORD=2; $(complete -p pledgeline | sed "s/.*-F \\([^ ]*\\) .*/\\1/"); echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", complete], text=True, capture_output=True, check=True)
    assert {"add", "remove", "check", "import", "export"} <= set(done.stdout.split())


def test_man_page_renders_without_a_warning(data):
    page = output(data, "man")
    done = subprocess.run(["man", "-l", "--warnings", "-"], input=page, text=True, capture_output=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
    assert done.returncode == 0 and done.stderr == ""
    assert all(verb in done.stdout for verb in VERBS)


# ---- settings ----

def test_config_masks_secrets_and_says_where_values_come_from(data):
    done = run(data, "config", "--port", "9090", PLEDGELINE_TOKENS="admin:very-secret-token", PLEDGELINE_CURRENCY="EUR")
    assert done.code == 0 and "very-secret" not in done.out
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert "9090" in lines["PORT"] and "flag" in lines["PORT"]
    assert "EUR" in lines["PLEDGELINE_CURRENCY"] and "environment" in lines["PLEDGELINE_CURRENCY"]
    assert "default" in lines["LOG_LEVEL"]


def test_settings_win_in_order_flag_environment_file(data, tmp_path):
    file = tmp_path / "pledgeline.conf"
    file.write_text("PORT = 1\nPLEDGELINE_CURRENCY = CHF\nLOG_LEVEL = warn\n")
    done = run(data, "config", "--port", "3", PLEDGELINE_CONFIG=file, PORT="2", PLEDGELINE_CURRENCY="EUR")
    values = {line.split()[0]: line.split()[1] for line in done.out.splitlines() if len(line.split()) > 1}
    assert (values["PORT"], values["PLEDGELINE_CURRENCY"], values["LOG_LEVEL"]) == ("3", "EUR", "warn")


def test_secret_may_come_from_a_file(data, tmp_path):
    file = tmp_path / "token"
    file.write_text("admin:token-in-a-file\n")
    done = run(data, "config", PLEDGELINE_TOKENS_FILE=file)
    assert done.code == 0 and "token-in-a-file" not in done.out


@pytest.mark.parametrize("settings", [{"PORT": "http"}, {"LOG_LEVEL": "loud"}, {"PLEDGELINE_TOKENS_FILE": "/no/such/file"}],
                         ids=lambda settings: next(iter(settings)))
def test_wrong_setting_is_named(data, settings):
    done = run(data, "config", **settings)
    assert done.code == 2 and next(iter(settings)).removesuffix("_FILE") in done.err


@pytest.mark.parametrize("name, value", [("PLEDGELINE_CURRENCY", "euro"), ("DONATION_LINK_SECRET", "short"), ("CALL_TIMEOUT", "0"),
                                         ("PLEDGELINE_RATES_FILE", "/no/such/file"), ("PLEDGELINE_SMS_TEMPLATE", "{{nonsense}}"),
                                         ("PLEDGELINE_SMS_TEMPLATE", "Hello"), ("PLEDGELINE_DONATION_KEY", "9")])
def test_config_shows_the_settings_and_says_which_one_nothing_can_work_with(data, name, value):
    done = run(data, "config", **{name: value})
    assert done.code == 2 and name in done.err
    assert name in done.out and "LOG_LEVEL" in done.out
    assert done.err == run(data, "stats", **{name: value}).err


def warned_of_names(server):
    lines = [json.loads(line) for line in server.log]
    return {line["name"]: line.get("didYouMean") for line in lines if "no setting" in line["message"] and line["level"] == "warn"}


def test_name_in_the_environment_that_is_no_setting_is_warned_of(make_server):
    server = make_server(PLEDGELINE_SMS_PROVIDER="twilio", PLEDGELINE_PORT="8081", PLEDGELINE_NOTHING_OF_THE_KIND="x")
    assert warned_of_names(server) == {"PLEDGELINE_SMS_PROVIDER": "PLEDGELINE_SMS_PROVIDERS", "PLEDGELINE_PORT": "PORT",
                                       "PLEDGELINE_NOTHING_OF_THE_KIND": None}


def test_names_that_others_put_into_the_environment_are_not_warned_of(make_server, tmp_path):
    (tmp_path / "tokens").write_text("admin:token-of-an-admin")
    server = make_server(PLEDGELINE_TOKENS_FILE=tmp_path / "tokens", PLEDGELINE_BIN="build/pledgeline", PLEDGELINE_TEST_STORES="",
                         PLEDGELINE_PORT="tcp://10.0.0.1:8080", PLEDGELINE_PORT_8080_TCP_ADDR="10.0.0.1", PLEDGELINE_SERVICE_HOST="10.0.0.1")
    assert warned_of_names(server) == {}


def test_consumer_warns_of_such_a_name_before_it_refuses_to_start(data):
    refused = run(data, "consume", PLEDGELINE_QUEUE_URL="https://sqs.us-east-1.amazonaws.com/123456789012/optout-events")
    assert refused.code == 2 and '"didYouMean":"PLEDGELINE_QUEUE_URLS"' in refused.err


def test_line_of_a_settings_file_that_is_too_long_is_named(data, tmp_path):
    file = tmp_path / "long.conf"
    file.write_text("# " + "a remark of any length " * 40 + "\nPORT = 8081\nPLEDGELINE_SMS_TEMPLATE = " + "Thank you! " * 40 + "\n")
    done = run(data, "config", PLEDGELINE_CONFIG=file)
    assert done.code == 2 and "line 3" in done.err and "too long" in done.err


@pytest.mark.parametrize("line, shown", [('PLEDGELINE_STOP_REPLY = ""', None), ("PLEDGELINE_TOKENS = 'admin:very-secret-token'", None),
                                         ('PLEDGELINE_TOKENS_FILE = "/run/secrets/tokens"', None), ('PLEDGELINE_STOP_REPLY = The "list" has you', 'The "list"'),
                                         ("PLEDGELINE_STOP_REPLY = '", "'")])
def test_value_of_a_settings_file_that_stands_in_quotes_is_refused(data, tmp_path, line, shown):
    file = tmp_path / "quoted.conf"
    file.write_text(line + "\n")
    done = run(data, "config", PLEDGELINE_CONFIG=file)
    if shown:
        assert done.code == 0 and shown in done.out
    else:
        assert done.code == 2 and line.split()[0] in done.err and "quotes" in done.err and "very-secret" not in done.err


def test_sample_file_is_a_settings_file(data, tmp_path):
    file = tmp_path / "sample.conf"
    file.write_text(output(data, "config", "--sample"))
    assert run(data, "config", PLEDGELINE_CONFIG=file).code == 0


def test_configuration_page_is_the_committed_one(data):
    page = ROOT / "docs" / "configuration.md"
    assert page.read_text() == output(data, "config", "--markdown")


def test_sample_file_is_the_committed_one(data):
    sample = ROOT / "examples" / "pledgeline.conf"
    assert sample.read_text() == output(data, "config", "--sample")


def test_times_and_rates_say_their_unit(data):
    page = output(data, "config", "--markdown")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for name in ("CALL_TIMEOUT", "PLEDGELINE_EFFECT_LEASE", "PLEDGELINE_BACKOFF_FIRST", "PLEDGELINE_BACKOFF_MOST"):
        assert "in seconds" in rows[name]
    assert "days" in rows["CDR_RETENTION_DAYS"] and "minute" in rows["PLEDGELINE_RATES_FILE"]


@pytest.mark.parametrize("table", ["prefix,rate\n1,0.02\n1212,0.03\n", "+1,0.02\n# New York\n+1212,0.03\n", "1, 0.02\r\n\r\n\"1212\",\"0.03\"\r\n"],
                         ids=["header", "plus and comment", "spreadsheet"])
def test_rates_by_prefix_make_the_cost(data, tmp_path, table):
    rates = tmp_path / "rates.csv"
    rates.write_text(table)
    call = [ended("call-1", "winter", PHONE, eventType=kind, timestamp=at) for kind, at in
            (("call_initiated", "2025-04-30T10:00:00Z"), ("call_answered", "2025-04-30T10:00:10Z"), ("call_ended", "2025-04-30T10:01:11Z"))]
    run(data, "publish", "--topic", "call-events", "-", stdin=ndjson(call), PLEDGELINE_RATES_FILE=rates)
    done = run(data, "cdr", "list", "--output", "json", PLEDGELINE_RATES_FILE=rates)
    assert json.loads(done.out)[0]["costMicros"] == 60000


def test_rates_that_cannot_be_read_are_named_with_their_setting_and_file(data, tmp_path):
    rates = tmp_path / "rates.csv"
    rates.write_text("prefix,rate\n1212,cheap\n")
    done = run(data, "stats", PLEDGELINE_RATES_FILE=rates)
    assert done.code == 1 and f"PLEDGELINE_RATES_FILE {rates}: line 2 is not prefix,rate" in done.err


# ---- one process a folder ----

def test_second_server_on_a_folder_is_refused_and_told_who_holds_it(server):
    done = server.run("serve", PORT=0)
    assert done.code == 1
    assert str(server.process.pid) in done.err or server.url in done.err


def test_folder_is_free_again_after_a_crash(make_server):
    server = make_server()
    server.kill()
    server.start()
    assert server.get("/readyz").status == 200


def test_killed_server_leaves_nothing_in_shared_memory(data):
    server = Server(data, MONGOC_DISABLE_SHM=None).start()
    pid = server.process.pid
    server.kill()
    assert not os.path.exists(f"/dev/shm/mongoc-{pid}")


def test_data_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(tmp_path / "file" / "data", "publish", "--topic", "call-events", "--message", json.dumps(ended("c", "w", PHONE)))
    assert done.code == 1 and "data" in done.err


@pytest.mark.parametrize("command", [["stats"], ["sms", "list"], ["blacklist", "add", PHONE]], ids=" ".join)
def test_data_folder_that_is_a_file_is_said(tmp_path, command):
    file = tmp_path / "file"
    file.write_text("")
    done = run(file, *command)
    assert done.code == 1 and f"{file} is not a folder" in done.err


def test_call_that_never_ends_is_closed_as_inferred_and_a_late_end_wins(tmp_path, make_server):
    clock = Clock(tmp_path, 1746014400000)
    start = ended("call-1", "winter", PHONE, eventType="call_initiated", timestamp="2025-04-30T11:59:00Z")
    del start["outcome"]
    server = make_server(data=tmp_path / "data", **clock.settings)
    server.publish("call-events", start)
    server.stop()
    clock.advance(hours=5)
    server.start()
    server.publish("call-events", ended("call-2", "winter", PHONE))  # the worker looked around when it started, before this
    [record] = [each for each in server.json("cdr", "list") if each["callId"] == "call-1"]
    assert (record["status"], record["inferred"]) == ("incomplete", True)
    server.publish("call-events", ended("call-1", "winter", PHONE, "answered", timestamp="2025-04-30T12:01:00Z"))
    [record] = [each for each in server.json("cdr", "list") if each["callId"] == "call-1"]
    assert (record["status"], record["outcome"], record["inferred"]) == ("completed", "answered", False)


def test_closed_output_is_not_a_crash(folder):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"'{BINARY}' cdr export --data '{folder}' | true; exit 0"], capture_output=True, text=True)
    assert "Sanitizer" not in done.stderr
