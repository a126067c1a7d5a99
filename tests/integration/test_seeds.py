"""The integration tests of the two documents that this program was made from, word for word, through the stock AWS CLI."""
import json

import pytest
from support import aws, look

CALL = '"callId":"test-call","campaignId":"test-campaign","contactId":"test-contact","phoneNumber":"+972501234567"'
DONATION = ("donation-events", '{%s,"dtmfInput":"1"}' % CALL)
OPTOUT = ("optout-events", '{%s,"dtmfInput":"9"}' % CALL)
ENDED = ("call-events", '{%s,"eventType":"call_ended","outcome":"answered","timestamp":"2024-01-15T10:35:00Z"}' % CALL)


def publish(server, topic, message):
    done = aws.aws(server, "sns", "publish", "--topic-arn", aws.ARN + topic, "--message", message)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["MessageId"]


def test_donation_event_sends_a_personal_link(server):
    publish(server, *DONATION)
    [text] = look.sms(server)
    assert text["phoneNumber"] == "+972501234567"
    assert "https://donate.example.org?ref=" in text["message"] and "{{" not in text["message"]
    assert look.live(server, "test-campaign")["donations"] == 1


def test_optout_event_blocks_the_number(server):
    publish(server, *OPTOUT)
    assert server.run("blacklist", "check", "+972501234567").code == 3
    assert look.live(server, "test-campaign")["optouts"] == 1


def test_call_ended_event_makes_the_record(server):
    publish(server, *ENDED)
    record = look.call(server, "test-call")
    assert (record["status"], record["outcome"], record["endTime"]) == ("completed", "answered", "2024-01-15T10:35:00.000Z")
    assert look.live(server, "test-campaign") == {"total_attempts": 1, "answered": 1}


@pytest.mark.parametrize("seed", [DONATION, OPTOUT, ENDED], ids=lambda seed: seed[0])
def test_repeated_five_times_it_changes_nothing_more(server, seed):
    publish(server, *seed)
    once = look.everything(server)
    for _ in range(4):
        publish(server, *seed)
    assert look.everything(server) == once


def test_all_three_work_after_each_other(server):
    for seed in (DONATION, OPTOUT, ENDED):
        publish(server, *seed)
    assert look.live(server, "test-campaign") == {"total_attempts": 1, "answered": 1, "donations": 1, "optouts": 1}


def test_stats_count_outcomes_of_calls_and_live_counts_what_happened(server):
    for seed in (DONATION, OPTOUT, ENDED):
        publish(server, *seed)
    stats = look.stats(server, "test-campaign")
    assert (stats["totalAttempts"], stats["answered"], stats["converted"], stats["optOuts"]) == (1, 1, 0, 0)
    live = look.live(server, "test-campaign")
    assert (live["donations"], live["optouts"]) == (1, 1)


def test_who_opted_out_gets_no_link(server):
    publish(server, *OPTOUT)
    publish(server, *DONATION)
    assert look.sms(server) == []
    assert "donations" not in look.live(server, "test-campaign")
