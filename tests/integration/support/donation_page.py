"""A donation page that signs what it tells, as Standard Webhooks says; written from the specification, not from the program."""
import base64
import hashlib
import hmac
import itertools
import json
import os

_numbers = itertools.count(1)


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def signature(secret, message_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secret, body, now_ms, message_id=None):
    message_id, timestamp = message_id or f"msg_{next(_numbers)}", str(now_ms // 1000)
    return {"webhook_id": message_id, "webhook_timestamp": timestamp, "webhook_signature": signature(secret, message_id, timestamp, body)}


def gift(donation_id, **fields):
    return {"donationId": donation_id, "amount": "18.00", "currency": "USD", "status": "given", **fields}


def tell(server, secret, now_ms, said, **changed):
    """Posts it; changed headers replace those that are right, None leaves one out."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return server.post("/v1/donations", body, **{**headers(secret, body, now_ms), **changed})
