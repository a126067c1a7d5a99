"""Providers of texts, each a real HTTP server that takes a request only when every byte of it is what the provider's pages ask for. It keeps a
ledger of what it accepted, answers by script, and posts receipts and messages with the provider's own signature.

script(text, asked) is asked of each text, with how many requests came before; it returns None (accepted) or a function of the text and of
what acceptance would say, which returns HttpPeer's answer (None: the connection ends without a word)."""
import base64
import datetime
import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.parse
import uuid

import jwt
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.http_peer import HttpPeer
from support.program import PATIENCE_S, request_on

PUBLIC = "https://texts.example.org/pledge"  # a proxy that takes /pledge off
NO_REPLY = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>\n"


class Text:
    """What a request asked for."""

    def __init__(self, to, sender, text, ref, request):
        self.to, self.sender, self.text, self.ref, self.request, self.id = to, sender, text, ref, request, None

    def __repr__(self):
        return f"{self.id}: {self.sender} -> {self.to} ({self.ref})"


def basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def form(fields):
    """As application/x-www-form-urlencoded, with blanks as %20."""
    return urllib.parse.urlencode(fields, quote_via=lambda text, safe, *rest: urllib.parse.quote(text, safe="-._~")).encode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def is_gsm(text):
    basic_set = ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
                 "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€")
    return all(character in basic_set for character in text)


class SmsPeer(HttpPeer):
    """One provider. Requests that are not exactly right go to `wrong` and are answered 400."""
    name, keys, thanked = None, {}, "{}\n"

    def __init__(self, script=lambda text, asked: None):
        self.script, self.ledger, self.wrong, self.asked = script, [], [], itertools.count()
        self.lock, self.ids = threading.Lock(), itertools.count(1)
        super().__init__(self._answer)

    @property
    def settings(self):
        """Of a server that texts by this provider."""
        return {"PLEDGELINE_SMS_PROVIDERS": self.name, "PLEDGELINE_PUBLIC_URL": PUBLIC, "PLEDGELINE_QUIET_HOURS": "", **self.keys,
                self.url_setting: self.url}

    def _answer(self, request):
        try:
            text = self.read(request)
        except (AssertionError, ValueError, KeyError, IndexError) as why:
            self.wrong.append((why, request))
            return 400, {}, b"{}"
        says = self.script(text, next(self.asked))
        return says(text, lambda: self.accept(text)) if says else self.accept(text)

    def accept(self, text):
        with self.lock:
            text.id = self.new_id(next(self.ids))
            self.ledger.append(text)
        return self.accepted(text)

    def texts_to(self, phone):
        return [text for text in self.ledger if text.to == phone]

    def expect(self, request, method, target, content_type, authorization, body):
        """Everything that is sent, and nothing else."""
        assert (request.method, request.target) == (method, target), request.line
        assert request.body == body, (request.body, body)
        wanted = {"host": self.url.split("//")[1], "accept": "*/*", "content-type": content_type, "content-length": str(len(body)),
                  **({"authorization": authorization} if authorization else {})}
        found = {name.lower(): value.strip() for name, value in request.headers}
        assert found == wanted, (found, wanted)

    def post(self, server, kind, body=b"", headers=None, query="", method="POST"):
        """To /v1/sms/{kind}/{name}, as the proxy passes it on."""
        connection = server.connect()
        try:
            path = f"/v1/sms/{kind}/{self.name}" + (f"?{query}" if query else "")
            connection.request(method, path, body, {"Host": "texts.example.org", **(headers or {})})
            answer = connection.getresponse()
            answer.said = answer.read().decode()
            return answer
        finally:
            connection.close()


# ---- misbehaviour ----

def saying(status, body=b"{}", **headers):
    return lambda text, accept: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def silent(text, accept):
    return None


def silent_after_accepting(text, accept):
    accept()
    return None


def unreadable(text, accept):
    accept()
    return 200, {}, b"<html>Welcome"


class Gate:
    """A script: it answers once somebody has opened it, also when it `takes` a text at once. asked: the numbers so far."""

    def __init__(self, takes=False):
        self.takes, self.asked, self.opened = takes, [], threading.Event()

    def __call__(self, text, asked):
        self.asked.append(text.to)
        return self._says

    def _says(self, text, accept):
        answer = accept() if self.takes else None
        self.opened.wait(PATIENCE_S)
        return answer or accept()


def late(seconds):
    def answer(text, accept):
        time.sleep(seconds)
        return accept()
    return answer


# ---- the providers ----

class Twilio(SmsPeer):
    name, url_setting = "twilio", "PLEDGELINE_TWILIO_URL"
    thanked = NO_REPLY
    keys = {"TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001", "TWILIO_AUTH_TOKEN": "twilio-auth-token-1", "PLEDGELINE_SMS_FROM": "+12025550100"}

    def read(self, request):
        fields = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        callback = urllib.parse.urlsplit(fields["StatusCallback"])
        ref = urllib.parse.parse_qs(callback.query)["ref"][0]
        wanted = {"To": fields["To"], "From": fields["From"], "Body": fields["Body"], "StatusCallback": f"{PUBLIC}/v1/sms/receipts/twilio?ref={ref}"}
        sid = self.keys["TWILIO_ACCOUNT_SID"]
        self.expect(request, "POST", f"/2010-04-01/Accounts/{sid}/Messages.json", "application/x-www-form-urlencoded",
                    basic(sid, self.keys["TWILIO_AUTH_TOKEN"]), form(wanted))
        return Text(fields["To"], fields["From"], fields["Body"], ref, request)

    def new_id(self, number):
        return f"SM{number:032d}"

    def accepted(self, text):
        return 201, {"Content-Type": "application/json"}, compact({"sid": text.id, "status": "queued", "error_code": None})

    def refuse(self, code, status=400):
        return saying(status, compact({"code": code, "message": "no", "status": status}))

    def signature(self, url, fields):
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        return base64.b64encode(hmac.new(self.keys["TWILIO_AUTH_TOKEN"].encode(), signed.encode(), hashlib.sha1).digest()).decode()

    def send(self, server, kind, fields, query=""):
        url = f"{PUBLIC}/v1/sms/{kind}/twilio" + (f"?{query}" if query else "")
        return self.post(server, kind, form(fields), {"Content-Type": "application/x-www-form-urlencoded",
                                                      "X-Twilio-Signature": self.signature(url, fields)}, query)

    def receipt(self, server, text, state="delivered", code=None):
        fields = {"MessageSid": text.id or "SM", "MessageStatus": state, "To": text.to, **({"ErrorCode": code} if code else {})}
        return self.send(server, "receipts", fields, f"ref={text.ref}")

    def message(self, server, phone, text, id="SM-in-1"):
        return self.send(server, "inbound", {"MessageSid": id, "From": phone, "To": "+12025550100", "Body": text})


class Vonage(SmsPeer):
    """The SMS API."""
    name, url_setting = "vonage", "PLEDGELINE_VONAGE_URL"
    keys = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "vonage-secret-1", "VONAGE_SIGNATURE_SECRET": "vonage-signature-secret-1",
            "PLEDGELINE_SMS_FROM": "Charity"}

    def read(self, request):
        fields = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        wanted = {"api_key": self.keys["VONAGE_API_KEY"], "api_secret": self.keys["VONAGE_API_SECRET"], "to": fields["to"], "from": fields["from"],
                  "text": fields["text"], "type": "text" if is_gsm(fields["text"]) else "unicode", "client-ref": fields["client-ref"],
                  "status-report-req": "1", "callback": f"{PUBLIC}/v1/sms/receipts/vonage"}
        assert not fields["to"].startswith("+")
        self.expect(request, "POST", "/sms/json", "application/x-www-form-urlencoded", None, form(wanted))
        return Text("+" + fields["to"], fields["from"], fields["text"], fields["client-ref"], request)

    def new_id(self, number):
        return f"0A{number:014X}"

    def accepted(self, text):
        return 200, {}, compact({"message-count": "1", "messages": [{"to": text.to[1:], "message-id": text.id, "status": "0", "network": "12345"}]})

    def refuse(self, status, words="no"):
        return saying(200, compact({"message-count": "1", "messages": [{"status": str(status), "error-text": words}]}))

    def signed(self, fields):
        text = "".join(f"&{name}={str(fields[name]).replace('&', '_').replace('=', '_')}" for name in sorted(fields))
        return {**fields, "sig": hmac.new(self.keys["VONAGE_SIGNATURE_SECRET"].encode(), text.encode(), hashlib.sha256).hexdigest().upper()}

    def receipt(self, server, text, state="delivered", code="0", by="GET"):
        fields = self.signed({"msisdn": text.to[1:], "to": "Charity", "messageId": text.id or "0A", "status": state, "err-code": code, "price": "0.1",
                              "client-ref": text.ref, "message-timestamp": "2025-04-30 12:00:00", "timestamp": "1746014400", "nonce": "n-1"})
        if by == "GET":
            return self.post(server, "receipts", query=urllib.parse.urlencode(fields), method="GET")
        if by == "JSON":
            return self.post(server, "receipts", json.dumps(fields), {"Content-Type": "application/json"})
        return self.post(server, "receipts", urllib.parse.urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})

    def message(self, server, phone, text, id="0B-in-1"):
        fields = self.signed({"msisdn": phone[1:], "to": "12025550100", "messageId": id, "text": text, "type": "text", "keyword": text.split()[0].upper(),
                              "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), "timestamp": "1746014400", "nonce": "n-2"})
        return self.post(server, "inbound", query=urllib.parse.urlencode(fields), method="GET")


class VonageMessages(SmsPeer):
    """The Messages API."""
    name, url_setting = "vonage", "PLEDGELINE_VONAGE_URL"
    key = rsa.generate_private_key(65537, 2048)
    keys = {"VONAGE_APPLICATION_ID": "78d335fa-323d-0114-9c3d-d6f0d48968cf", "VONAGE_SIGNATURE_SECRET": "vonage-signature-secret-1",
            "PLEDGELINE_SMS_FROM": "Charity",
            "VONAGE_PRIVATE_KEY": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()}

    def read(self, request):
        body = json.loads(request.body)
        wanted = {"message_type": "text", "channel": "sms", "to": body["to"], "from": body["from"], "text": body["text"], "client_ref": body["client_ref"],
                  "webhook_url": f"{PUBLIC}/v1/sms/receipts/vonage?ref={body['client_ref']}", "webhook_version": "v1"}
        scheme, token = request.header("Authorization").split(" ")
        assert scheme == "Bearer"
        claims = jwt.decode(token, self.key.public_key(), algorithms=["RS256"])
        assert set(claims) == {"application_id", "iat", "exp", "jti"} and claims["application_id"] == self.keys["VONAGE_APPLICATION_ID"], claims
        self.expect(request, "POST", "/v1/messages", "application/json", f"Bearer {token}", compact(wanted))
        return Text("+" + body["to"], body["from"], body["text"], body["client_ref"], request)

    def new_id(self, number):
        return str(uuid.UUID(int=number))

    def accepted(self, text):
        return 202, {}, compact({"message_uuid": text.id})

    def refuse(self, code, status=422):
        return saying(status, compact({"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": "no", "detail": "no"}))

    def send(self, server, kind, message, secret=None):
        body = compact(message)
        token = jwt.encode({"iss": "Vonage", "iat": int(time.time()), "api_key": "abcd1234", "payload_hash": hashlib.sha256(body).hexdigest()},
                           secret or self.keys["VONAGE_SIGNATURE_SECRET"], algorithm="HS256")
        return self.post(server, kind, body, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})

    def receipt(self, server, text, state="delivered", code=None):
        error = {"error": {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": code, "detail": "no"}} if code else {}
        return self.send(server, "receipts", {"message_uuid": text.id or str(uuid.UUID(int=0)), "to": text.to[1:], "from": "Charity", "status": state,
                                              "timestamp": "2025-04-30T12:00:00.000Z", "client_ref": text.ref, "channel": "sms", **error})

    def message(self, server, phone, text, id="aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"):
        return self.send(server, "inbound", {"channel": "sms", "message_uuid": id, "to": "12025550100", "from": phone[1:], "text": text,
                                             "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "message_type": "text"})


class Plivo(SmsPeer):
    name, url_setting = "plivo", "PLEDGELINE_PLIVO_URL"
    keys = {"PLIVO_AUTH_ID": "MAXXXXXXXXXXXXXXXXXX", "PLIVO_AUTH_TOKEN": "plivo-auth-token-1", "PLEDGELINE_SMS_FROM": "+12025550100"}

    def read(self, request):
        body = json.loads(request.body)
        ref = urllib.parse.parse_qs(urllib.parse.urlsplit(body["url"]).query)["ref"][0]
        wanted = {"src": body["src"], "dst": body["dst"], "text": body["text"], "url": f"{PUBLIC}/v1/sms/receipts/plivo?ref={ref}", "method": "POST"}
        self.expect(request, "POST", f"/v1/Account/{self.keys['PLIVO_AUTH_ID']}/Message/", "application/json",
                    basic(self.keys["PLIVO_AUTH_ID"], self.keys["PLIVO_AUTH_TOKEN"]), compact(wanted))
        return Text(body["dst"], body["src"], body["text"], ref, request)

    def new_id(self, number):
        return str(uuid.UUID(int=number))

    def accepted(self, text):
        return 202, {}, compact({"message": "message(s) queued", "message_uuid": [text.id], "api_id": "1"})

    def refuse(self, status):
        return saying(status, compact({"api_id": "1", "error": "no"}))

    def send(self, server, kind, fields, query="", version=3):
        url, nonce = f"{PUBLIC}/v1/sms/{kind}/plivo", "05429567804466091622"
        if version == 3:
            url += "?" + (query + "." if query else "") + "".join(name + fields[name] for name in sorted(fields)) + "."
        signature = base64.b64encode(hmac.new(self.keys["PLIVO_AUTH_TOKEN"].encode(), (url + nonce).encode(), hashlib.sha256).digest()).decode()
        old = base64.b64encode(b"of another token that is in use, too").decode()
        return self.post(server, kind, form(fields), {"Content-Type": "application/x-www-form-urlencoded", f"X-Plivo-Signature-V{version}-Nonce": nonce,
                                                      f"X-Plivo-Signature-V{version}": f"{old},{signature}" if version == 3 else signature}, query)

    def receipt(self, server, text, state="delivered", code=None, version=3):
        fields = {"MessageUUID": text.id or "0", "Status": state, "To": text.to[1:], "From": "12025550100", **({"ErrorCode": code} if code else {})}
        return self.send(server, "receipts", fields, f"ref={text.ref}", version)

    def message(self, server, phone, text, id="11111111-2222-4333-8444-555555555555"):
        return self.send(server, "inbound", {"MessageUUID": id, "From": phone[1:], "To": "12025550100", "Text": text, "Type": "sms"})


class Aws(SmsPeer):
    name, url_setting = "aws", "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_REGION": "eu-west-1",
            "PLEDGELINE_SMS_FROM": "+12025550100", "PLEDGELINE_SMS_AWS_CONFIGURATION_SET": "pledges", "PLEDGELINE_SNS_RAW_SECRET": "raw-secret-of-sns-1"}

    def read(self, request):
        body = json.loads(request.body)
        wanted = {"DestinationPhoneNumber": body["DestinationPhoneNumber"], "OriginationIdentity": body["OriginationIdentity"],
                  "MessageBody": body["MessageBody"], "MessageType": "PROMOTIONAL", "ConfigurationSetName": "pledges",
                  "Context": {"ref": body["Context"]["ref"]}}
        assert (request.method, request.target, request.body) == ("POST", "/", compact(wanted)), request.body
        assert request.header("X-Amz-Target") == "PinpointSMSVoiceV2.SendTextMessage"
        assert request.header("Content-Type") == "application/x-amz-json-1.0"
        assert request.header("Authorization") == self.authorization(request)
        return Text(body["DestinationPhoneNumber"], body["OriginationIdentity"], body["MessageBody"], body["Context"]["ref"], request)

    def authorization(self, request):
        """By AWS's own client library, over the headers that the request says it signed."""
        at = datetime.datetime.strptime(request.header("X-Amz-Date"), "%Y%m%dT%H%M%SZ")
        names = request.header("Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
        assert {"host", "x-amz-date", "x-amz-target", "content-type"} <= set(names), names
        again = AWSRequest(method="POST", url=self.url + "/", data=request.body, headers={name: request.header(name) for name in names})
        again.context["timestamp"] = request.header("X-Amz-Date")
        signer = SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sms-voice", self.keys["AWS_REGION"])
        canonical = signer.canonical_request(again)
        signature = signer.signature(signer.string_to_sign(again, canonical), again)
        scope = f"{at:%Y%m%d}/{self.keys['AWS_REGION']}/sms-voice/aws4_request"
        return (f"AWS4-HMAC-SHA256 Credential={self.keys['AWS_ACCESS_KEY_ID']}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}")

    def new_id(self, number):
        return str(uuid.UUID(int=number))

    def accepted(self, text):
        return 200, {}, compact({"MessageId": text.id})

    def refuse(self, error, reason=None, status=400):
        return saying(status, compact({"__type": error, "Message": "no", **({"Reason": reason} if reason else {})}))

    def send(self, server, kind, event, secret=None):
        login = {"Authorization": basic("sns", secret or self.keys["PLEDGELINE_SNS_RAW_SECRET"])}
        return self.post(server, kind, json.dumps(event), {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification",
                                                           **({} if secret == "" else login)})

    def receipt(self, server, text, state="TEXT_DELIVERED"):
        return self.send(server, "receipts", {"eventType": state, "eventVersion": "1.0", "eventTimestamp": 1746014400000, "isFinal": True,
                                              "messageId": text.id or "0", "messageStatusDescription": "so it is", "context": {"ref": text.ref}})

    def message(self, server, phone, text, id="cae173d2-66b9-564c-8309-21f858e9fb84"):
        return self.send(server, "inbound", {"originationNumber": phone, "destinationNumber": "+12025550100", "messageKeyword": "KEYWORD_1",
                                             "messageBody": text, "inboundMessageId": id})


class Generic(SmsPeer):
    name, url_setting = "generic", "PLEDGELINE_SMS_HTTP_URL"
    keys = {"PLEDGELINE_SMS_FROM": "Charity", "PLEDGELINE_SMS_HTTP_HEADERS": "X-Key: gateway-key-1 | Idempotency-Key: {ref}",
            "PLEDGELINE_SMS_HTTP_BODY": '{"to":"{to}","from":"{from}","text":"{text}","ref":"{ref}","callback":"{callback}"}',
            "PLEDGELINE_SMS_HTTP_ID_POINTER": "/messages/0/id", "PLEDGELINE_SMS_HTTP_SECRET": "generic-secret-of-16"}

    def read(self, request):
        body = json.loads(request.body)
        assert request.body == compact({"to": body["to"], "from": "Charity", "text": body["text"], "ref": body["ref"],
                                        "callback": f"{PUBLIC}/v1/sms/receipts/generic?ref={body['ref']}"}), request.body
        assert (request.header("X-Key"), request.header("Idempotency-Key")) == ("gateway-key-1", body["ref"])
        return Text(body["to"], body["from"], body["text"], body["ref"], request)

    def new_id(self, number):
        return str(number)

    def accepted(self, text):
        return 202, {}, compact({"messages": [{"id": int(text.id)}]})

    def refuse(self, status):
        return saying(status, b'{"error":"no"}')

    def send(self, server, kind, message):
        body = json.dumps(message).encode()
        signature = hmac.new(self.keys["PLEDGELINE_SMS_HTTP_SECRET"].encode(), body, hashlib.sha256).hexdigest()
        return self.post(server, kind, body, {"Content-Type": "application/json", "X-Pledgeline-Signature": f"sha256={signature}"})

    def receipt(self, server, text, state="delivered", sms_class=None, code=None):
        return self.send(server, "receipts", {"ref": text.ref, "messageId": text.id, "state": state, "class": sms_class, "code": code, "reason": "so it is",
                                              "phoneNumber": text.to})

    def message(self, server, phone, text, id="m-1"):
        return self.send(server, "inbound", {"messageId": id, "phoneNumber": phone, "to": "Charity", "text": text})


ALL = (Twilio, Vonage, VonageMessages, Plivo, Aws, Generic)
