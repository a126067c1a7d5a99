"""SNS and SQS for tests: moto's server on a free loopback port, and what tests ask of it."""
import json
import socket
import subprocess
import time

import boto3
from botocore.config import Config

from support.peer_redis import free_port
from support.peers_python import moto_python
from support.program import PATIENCE_S

REGION = "us-east-1"
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}


class MotoPeer:
    def __init__(self, folder, port=None):
        self.folder, self.port, self.process = folder, port or free_port(), None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self):
        """For a program that is to find its AWS here."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": REGION}

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=Config(max_pool_connections=20), **KEYS)

    def start(self):
        with open(self.folder / "moto.log", "ab") as log:
            self.process = subprocess.Popen([moto_python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "moto.log").read_text()
            time.sleep(0.05)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Queue:
    """A queue with its dead letters. What is received from it `receives` times without being deleted goes there."""

    def __init__(self, moto, name, receives=12, visibility_s=30, fifo=False):
        self.sqs, self.fifo, suffix = moto.client("sqs"), fifo, ".fifo" if fifo else ""
        order = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=order)["QueueUrl"]
        policy = json.dumps({"deadLetterTargetArn": self._arn(self.dead_url), "maxReceiveCount": receives})
        self.url = self.sqs.create_queue(QueueName=f"{name}{suffix}", Attributes={
            "VisibilityTimeout": str(visibility_s), "RedrivePolicy": policy, **order})["QueueUrl"]
        self.arn = self._arn(self.url)

    def _arn(self, url):
        return self._attributes(url)["QueueArn"]

    def _attributes(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def subscribe(self, moto, topic, raw=False):
        """To an SNS topic of that name; returns its ARN."""
        sns = moto.client("sns")
        topic_arn = sns.create_topic(Name=topic)["TopicArn"]
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self.arn, Attributes={"RawMessageDelivery": str(raw).lower()})
        return topic_arn

    def send(self, body, **more):
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body), **more)["MessageId"]

    def counts(self):
        """(visible, hidden)"""
        found = self._attributes(self.url)
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    def is_empty(self):
        return self.counts() == (0, 0)

    def dead(self):
        """How many dead letters there are."""
        return int(self._attributes(self.dead_url)["ApproximateNumberOfMessages"])

    def take_dead(self):
        """The bodies of the dead letters, which are gone then."""
        bodies = []
        while True:
            found = self.sqs.receive_message(QueueUrl=self.dead_url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
            if not found:
                return bodies
            for message in found:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.dead_url, ReceiptHandle=message["ReceiptHandle"])
