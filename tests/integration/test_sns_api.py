"""The SNS API as the AWS SDKs use it: what they send is taken, what they parse is answered."""
import concurrent.futures
import json
import re

import pytest
from botocore.exceptions import ClientError
from support import aws, look
from support.events import donation, ended, optout, unique, unique_phone
from support.program import Server, request_on

TOPICS = ("call-events", "donation-events", "optout-events")


@pytest.fixture(scope="module")
def sns(shared_server):
    return aws.sns(shared_server, max_pool_connections=40)


def call_ended(call_id, campaign="campaign"):
    return json.dumps(ended(call_id, campaign, "+12125550100", timestamp="2025-04-30T11:00:00Z"))


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_publish_answers_a_message_id(sns):
    answer = sns.publish(TopicArn=aws.ARN + "call-events", Message=call_ended(unique("call")))
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", answer["MessageId"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RequestId"]


def test_publish_is_stored_when_it_is_answered(sns, shared_server):
    call_id = unique("call")
    sns.publish(TopicArn=aws.ARN + "call-events", Message=call_ended(call_id))
    assert look.call(shared_server, call_id)["status"] == "completed"


def test_subject_attributes_and_structure_are_taken(sns, shared_server):
    call_id = unique("call")
    sns.publish(TopicArn=aws.ARN + "call-events", Subject="a subject", Message=call_ended(call_id),
                MessageAttributes={"campaignId": {"DataType": "String", "StringValue": "campaign"}})
    assert look.call(shared_server, call_id)["outcome"] == "answered"


def test_message_of_another_alphabet_arrives_unharmed(sns, shared_server):
    call_id = unique("call")
    event = ended(call_id, "campaign", "+12125550100", timestamp="2025-04-30T11:00:00Z", metadata={"note": "שלום & <łódź> + 100% 🎗"})
    sns.publish(TopicArn=aws.ARN + "call-events", Message=json.dumps(event, ensure_ascii=False))
    assert look.call(shared_server, call_id)["metadata"]["note"] == "שלום & <łódź> + 100% 🎗"


def test_publish_batch_answers_each_entry(sns, shared_server):
    call_ids = [unique("call") for _ in range(10)]
    entries = [{"Id": f"entry{i}", "Message": call_ended(call_id)} for i, call_id in enumerate(call_ids)]
    answer = sns.publish_batch(TopicArn=aws.ARN + "call-events", PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [entry["Id"] for entry in entries]
    assert len({each["MessageId"] for each in answer["Successful"]}) == 10
    assert not answer.get("Failed")
    stored = look.calls(shared_server)
    assert all(call_id in stored for call_id in call_ids)


def test_topics_are_listed(sns):
    listed = {topic["TopicArn"].rsplit(":", 1)[1] for topic in sns.list_topics()["Topics"]}
    assert listed == {*TOPICS, "sms-gateway", "tts-fallback", "delivery-receipts", "inbound-messages"}


def test_topic_attributes_are_answered(sns):
    attributes = sns.get_topic_attributes(TopicArn=aws.ARN + "optout-events")["Attributes"]
    assert attributes["TopicArn"].endswith(":optout-events")


@pytest.mark.parametrize("arguments, code", [
    ({"TopicArn": aws.ARN + "no-such-topic", "Message": "{}"}, "NotFound"),
    ({"TopicArn": "not-an-arn", "Message": "{}"}, "InvalidParameter"),
    ({"TopicArn": aws.ARN + "call-events", "Message": ""}, "InvalidParameter"),
    ({"TopicArn": aws.ARN + "call-events", "Message": "x" * (256 * 1024 + 1)}, "InvalidParameter"),
    ({"PhoneNumber": "+12125550100", "Message": "a text to a phone"}, "InvalidParameter"),
], ids=["unknown topic", "no arn", "empty message", "message over 256 KiB", "publish to a phone"])
def test_publish_refuses(sns, arguments, code):
    assert error_of(sns.publish, **arguments) == code


@pytest.mark.parametrize("entries, code", [
    ([], "EmptyBatchRequest"),
    ([{"Id": str(i), "Message": "{}"} for i in range(11)], "TooManyEntriesInBatchRequest"),
    ([{"Id": "same", "Message": "{}"}] * 2, "BatchEntryIdsNotDistinct"),
    ([{"Id": "not valid!", "Message": "{}"}], "InvalidBatchEntryId"),
    ([{"Id": str(i), "Message": "x" * 30000} for i in range(10)], "BatchRequestTooLong"),
], ids=["empty", "eleven", "same id", "id", "over 256 KiB"])
def test_publish_batch_refuses(sns, entries, code):
    assert error_of(sns.publish_batch, TopicArn=aws.ARN + "call-events", PublishBatchRequestEntries=entries) == code


@pytest.mark.parametrize("call, arguments", [("get_topic_attributes", {"TopicArn": aws.ARN + "no-such-topic"}),
                                             ("publish_batch", {"TopicArn": aws.ARN + "no-such-topic",
                                                                "PublishBatchRequestEntries": [{"Id": "1", "Message": "{}"}]})])
def test_topic_that_is_not_there_is_not_found(sns, call, arguments):
    assert error_of(getattr(sns, call), **arguments) == "NotFound"


def test_action_that_is_not_there_is_an_error_that_sdks_parse(sns):
    assert error_of(sns.create_topic, Name="another") in ("InvalidAction", "UnknownOperation")


# ---- tokens ----

@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("guarded") / "data", PLEDGELINE_TOKENS="reader:reader-token,service:service-token").start()
    yield server
    server.stop()


@pytest.mark.parametrize("key, code", [("no-token-of-ours", "InvalidClientTokenId"), ("reader-token", "AuthorizationError")])
def test_token_that_may_not_publish_is_an_error_that_sdks_parse(guarded, key, code):
    assert error_of(aws.sns(guarded, key).publish, TopicArn=aws.ARN + "call-events", Message="{}") == code


def test_aws_command_line_says_what_to_do_about_a_wrong_token(guarded):
    publish = ("sns", "publish", "--topic-arn", aws.ARN + "call-events", "--message", call_ended(unique("call")))
    refused = aws.aws(guarded, *publish, key="no-token-of-ours")
    assert refused.returncode != 0
    assert "InvalidClientTokenId" in refused.stderr and "set AWS_ACCESS_KEY_ID to a token" in refused.stderr
    assert "role is reader" in aws.aws(guarded, *publish, key="reader-token").stderr
    assert aws.aws(guarded, *publish, key="service-token").returncode == 0


def test_page_of_another_site_gets_an_error_that_sdks_parse(shared_server):
    answer = shared_server.post("/", "Action=ListTopics", origin="http://evil.example", content_type="application/x-www-form-urlencoded")
    assert answer.status == 403 and answer.headers["Content-Type"] == "text/xml"
    assert b"<Code>AuthorizationError</Code>" in answer.body


def test_message_that_can_never_succeed_is_taken_and_becomes_a_dead_letter(sns, shared_server):
    answer = sns.publish(TopicArn=aws.ARN + "call-events", Message="no JSON, " + unique("body"))
    letters = shared_server.json("dlq", "list")
    assert answer["MessageId"] in [letter["messageId"] for letter in letters]


def test_publisher_retry_with_a_new_message_id_is_the_same_event(sns, shared_server):
    call_id, campaign = unique("call"), unique("campaign")
    for _ in range(3):
        sns.publish(TopicArn=aws.ARN + "donation-events", Message=json.dumps(donation(call_id, campaign, unique_phone())))
    assert len(look.sms(shared_server, "--campaign", campaign)) == 1
    assert look.live(shared_server, campaign) == {"donations": 1}


def test_many_publishers_at_once_lose_and_double_nothing(sns, shared_server):
    campaign = unique("campaign")
    phones = [unique_phone() for _ in range(40)]

    def press_both_keys(phone):
        call_id = "call-of-" + phone
        for topic, event in (("call-events", ended(call_id, campaign, phone, "opted_out", timestamp="2025-04-30T11:00:00Z")),
                             ("optout-events", optout(call_id, campaign, phone)),
                             ("donation-events", donation(call_id, campaign, phone))) * 2:
            sns.publish(TopicArn=aws.ARN + topic, Message=json.dumps(event))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(press_both_keys, phones))
    assert look.live(shared_server, campaign) == {"total_attempts": 40, "answered": 40, "opted_out": 40, "optouts": 40}
    assert look.sms(shared_server, "--campaign", campaign) == []


def test_connection_is_kept_for_the_next_publish(shared_server):
    connection = shared_server.connect()
    body = "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3Acall-events&Message=%7B%22callId%22%3A%22kept%22%2C%22eventType%22%3A%22x%22%7D"
    for _ in range(3):
        answer = request_on(connection, "POST", "/", body, content_type="application/x-www-form-urlencoded")
        assert answer.status == 200 and b"<MessageId>" in answer.body
        assert connection.sock is not None
    connection.close()
