"""PublishBatch as a test wants it answered, where a real topic cannot be made to: each message of a request gets its own word."""
import json
import urllib.parse

from support.http_peer import HttpPeer


class Published:
    """A message of a PublishBatch request."""

    def __init__(self, fields, number):
        prefix = f"PublishBatchRequestEntries.member.{number}."
        mine = {name[len(prefix):]: value for name, value in fields.items() if name.startswith(prefix)}
        self.topic, self.number, self.subject = fields["TopicArn"].rsplit(":", 1)[1], number, mine["Subject"]
        self.body = json.loads(mine["Message"])
        self.repeat_id, self.group = mine.get("MessageDeduplicationId"), mine.get("MessageGroupId")


def published(request):
    fields = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
    assert fields["Action"] == "PublishBatch", fields
    numbers = sorted({int(name.split(".")[2]) for name in fields if name.startswith("PublishBatchRequestEntries.member.")})
    return [Published(fields, number) for number in numbers]


def error(code, message="because"):
    return f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


def results(messages, failed=()):
    """200, with (code, SenderFault) for the numbers in `failed`."""
    failed = dict(failed)
    good = "".join(f"<member><Id>{each.number}</Id><MessageId>id-{each.body['actionId']}</MessageId></member>"
                   for each in messages if each.number not in failed)
    bad = "".join(f"<member><Code>{code}</Code><Id>{number}</Id><Message>said of {number}</Message><SenderFault>{str(fault).lower()}</SenderFault></member>"
                  for number, (code, fault) in failed.items())
    return 200, {}, (f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful>{good}</Successful>'
                     f"<Failed>{bad}</Failed></PublishBatchResult></PublishBatchResponse>").encode()


class SnsPeer(HttpPeer):
    """answer(messages) says what HttpPeer's answer says; without it, all are taken."""

    def __init__(self, answer=results):
        super().__init__(lambda request: answer(published(request)))

    def messages(self):
        return [message for request in self.requests for message in published(request)]
