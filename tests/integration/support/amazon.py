"""An https://sns.us-east-1.amazonaws.com of the tests' own: an authority that issues its certificates, a proxy behind which it is
reached (and which counts every connection that was asked for), and messages signed as SNS signs them."""
import base64
import datetime
import http.server
import json
import pathlib
import socketserver
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

ACCOUNT = "123456789012"
HOST = "sns.us-east-1.amazonaws.com"
ARN = f"arn:aws:sns:us-east-1:{ACCOUNT}:"
PATH = "/SimpleNotificationService-{}.pem"
IN_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
IN_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Signer:
    """A key and its certificate, issued by another one or by itself."""

    def __init__(self, name, issuer=None, key=None, days=(-1, 90), is_authority=False):
        self.key = key or rsa.generate_private_key(65537, 2048)
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(named(name)).issuer_name(issuer.certificate.subject if issuer else named(name))
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days[0])).not_valid_after(now + datetime.timedelta(days[1]))
                   .add_extension(x509.BasicConstraints(is_authority, None), critical=True))
        if not is_authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        self.certificate = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, text, digest):
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(text, ec.ECDSA(digest))
        return self.key.sign(text, padding.PKCS1v15(), digest)

    def write(self, path):
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(key + self.pem)
        return path


# ---- messages ----

def now_text(**ago):
    return (datetime.datetime.utcnow() - datetime.timedelta(**ago)).isoformat(timespec="milliseconds") + "Z"


def notification(topic, message, **fields):
    return {"Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": ARN + topic,
            "Message": message if isinstance(message, str) else json.dumps(message), "Timestamp": now_text(), **fields}


def confirmation(topic, type="SubscriptionConfirmation", **fields):
    token = uuid.uuid4().hex * 4
    url = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={ARN}{topic}&Token={token}"
    return {"Type": type, "MessageId": str(uuid.uuid4()), "TopicArn": ARN + topic, "Token": token,
            "Message": "You have chosen to subscribe to the topic.", "SubscribeURL": url, "Timestamp": now_text(), **fields}


def string_to_sign(message):
    names = IN_NOTIFICATION if message["Type"] == "Notification" else IN_CONFIRMATION
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


def signed(message, signer, url, version="2"):
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    return {**message, "SignatureVersion": version, "SigningCertURL": url,
            "Signature": base64.b64encode(signer.sign(string_to_sign(message), digest)).decode()}


# ---- the host, and the proxy in front of it ----

class Tunnel(http.server.BaseHTTPRequestHandler):
    """CONNECT, and then what the host answers."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_CONNECT(self):
        amazon = self.server.amazon
        amazon.connections.append(self.path)
        if self.path != f"{HOST}:443":
            self.send_error(403)
            self.close_connection = True
            return
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = amazon.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):  # the client does not trust us
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def do_GET(self):
        amazon = self.server.amazon
        amazon.fetched.append(self.path)
        status, body, headers = amazon.file(self.path)
        self.answer(status, body, headers)

    def do_POST(self):
        amazon = self.server.amazon
        form = self.rfile.read(int(self.headers["Content-Length"]))
        amazon.asked.append(dict(urllib.parse.parse_qsl(form.decode())))
        status, body, headers = amazon.confirmation(form)
        self.answer(status, body, headers)

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Amazon:
    """settings() are for a program that reaches it. Counts what was asked of it."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.authority = Signer("Tests' own authority", is_authority=True)
        self.stranger = Signer("An authority that nobody trusts", is_authority=True)
        self.signer = Signer("sns.amazonaws.com", self.authority)
        self.bundle = self.authority.write(folder / "authority.pem")
        self.good_tls = self._tls(Signer(HOST, self.authority), folder / "host.pem")
        self.strange_tls = self._tls(Signer(HOST, self.stranger), folder / "strange.pem")
        self.misnamed_tls = self._tls(Signer("sns.us-west-2.amazonaws.com", self.authority), folder / "misnamed.pem")
        self.tls = self.good_tls
        self.files, self.gates, self.elsewhere = {}, {}, None
        self.connections, self.fetched, self.asked = [], [], []
        self.answers_confirmations = 200
        self.url = self.publish(self.signer.pem)
        self.proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
        self.proxy.daemon_threads, self.proxy.amazon = True, self
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()

    def _tls(self, signer, path):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signer.write(path))
        return context

    def settings(self, *topics):
        return {"PLEDGELINE_SNS_TOPICS": ",".join(ARN + topic for topic in topics or ("donation-events", "optout-events", "call-events")),
                "AWS_CA_BUNDLE": self.bundle, "HTTPS_PROXY": self.proxy_url}

    @property
    def proxy_url(self):
        """What is posted there without a tunnel is answered, too."""
        return f"http://127.0.0.1:{self.proxy.server_address[1]}"

    def publish(self, pem, status=200, gate=None, **headers):
        """A certificate's file of its own; returns its URL. With a gate it is answered when that opens."""
        path = PATH.format(uuid.uuid4().hex)
        self.files[path] = (status, pem, headers)
        if gate:
            self.gates[path] = gate
        return f"https://{HOST}{path}"

    def file(self, path):
        if path in self.gates:
            self.gates[path].wait(60)
        if path in self.files or not self.elsewhere:
            return self.files.get(path, (404, b"no such key", {}))
        return self.relay(path)

    def confirmation(self, form):
        return self.relay("/", form) if self.elsewhere else (self.answers_confirmations, b"<ConfirmSubscriptionResponse/>", {})

    def relay(self, path, form=None):
        """What the server at `elsewhere` answers, which is one for all services: the scope says which is meant."""
        scope = "AWS4-HMAC-SHA256 Credential=any/20250430/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=any"
        request = urllib.request.Request(self.elsewhere + path, form, {"Authorization": scope})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read(), {}
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read(), {}

    def fetches(self, url):
        return self.fetched.count(urllib.parse.urlsplit(url).path)

    def sign(self, message, **how):
        return signed(message, **{"signer": self.signer, "url": self.url, **how})

    def stop(self):
        self.proxy.shutdown()
        self.proxy.server_close()
