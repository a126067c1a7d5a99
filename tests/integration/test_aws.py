"""Requests to AWS: signed as botocore signs them, with the keys that every AWS program finds, tried again where that is right."""
import datetime
import json
import pathlib
import subprocess
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.regions import EndpointResolver
from support.http_peer import HttpPeer
from support.program import BINARY, PATIENCE_S, Clock

pytestmark = pytest.mark.own_stores
PROGRAM = pathlib.Path(BINARY).parent / "tests" / "aws" / "aws_request"
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEJ//" + "aA+/=" * 300
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
FORM = "application/x-www-form-urlencoded; charset=utf-8"
NOON_MS = 1746014400000


def ask(*arguments, body=b"", **environment):
    """Output and error of the program that makes our requests; nothing of this machine's own settings reaches it."""
    alone = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=body, capture_output=True, timeout=PATIENCE_S,
                          env={name: str(value) for name, value in {**alone, **environment}.items()})
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Sanitizer" not in err and "runtime error:" not in err, err
    assert SECRET not in out + err and "secret-of" not in out + err
    return out, err


def call(peer, body=b"Action=X", target="-", deadline_ms=5000, again="again", count=1, **environment):
    """What came of each call: ("ok", 200, {...})."""
    out, err = ask("call", "sns", peer.url, target, deadline_ms, again, count, body=body, **(environment or KEYS))
    results = []
    for line in out.splitlines():
        status, code, *rest = line.split(" ")
        results.append((status, int(code), dict(word.split("=", 1) for word in rest)))
    return results, err


def refused(code, message="because"):
    return f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


# ---- the signature ----

def botocore_signature(request, service, region, token):
    """Of the bytes as they came, by botocore: with the headers that are said to be signed."""
    authorization = request.header("Authorization")
    signed = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    stamp = request.header("X-Amz-Date")
    made = AWSRequest(request.method, f"http://{request.header('Host')}{request.target}", data=request.body)
    for name, value in request.headers:
        if name.lower() in signed:
            made.headers.add_header(name, value.strip(" ").encode("latin-1").decode())
    made.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(KEY, SECRET, token), service, region)
    string = auth.string_to_sign(made, auth.canonical_request(made))
    return auth.signature(string, made), authorization, signed


AWKWARD = {
    "a form": dict(body=b"Action=Publish&Message=hello", content_type=FORM),
    "empty body": dict(body=b""),
    "empty body with a type": dict(body=b"", content_type=FORM),
    "plus and percent": dict(body=b"Message=a+b%20c%2Bd%25&x=%ZZ+", content_type=FORM),
    "unicode body": dict(body="Message=שלום ☎ ñ é 𝄞".encode(), content_type=FORM),
    "binary body": dict(body=bytes(range(256)), content_type="application/octet-stream"),
    "body of NULs": dict(body=b"\0" * 4096),
    "body of a megabyte": dict(body=b"x" * (1 << 20)),
    "body of two megabytes": dict(body=b"\xff\0" * (1 << 20)),
    "body with line ends": dict(body=b"a\r\nb\n\r\n\r\nc", content_type="text/plain"),
    "json": dict(body=b'{"QueueUrl":"http://x/1/q"}', content_type="application/x-amz-json-1.0", headers=["X-Amz-Target: AmazonSQS.ReceiveMessage"]),
    "session token": dict(body=b"Action=X", content_type=FORM, token=TOKEN),
    "session token and no body": dict(token="a/b+c=="),
    "short token": dict(body=b"x", token="t"),
    "get": dict(method="GET"),
    "get with a query": dict(method="GET", target="/?b=2&a=1"),
    "delete": dict(method="DELETE", body=b""),
    "put": dict(method="PUT", body=b"{}", content_type="application/json"),
    "query out of order": dict(target="/?z=1&a=2&M=3&m=4"),
    "query with one name twice": dict(target="/?a=2&a=1&a="),
    "query without values": dict(target="/?b&a&c="),
    "query with plus and percent": dict(target="/?q=a%20b&p=a%2Bb&r=%E2%98%8E&s=a%3Db"),
    "query with a name that begins another": dict(target="/?ab=1&a=2&a-b=3"),
    "query with an equals sign in its value": dict(target="/?a=b=c&d==e"),
    "path": dict(target="/123456789012/queue-name"),
    "path with percent": dict(target="/a%20b/c%2Fd"),
    "path with plus and colon": dict(target="/a+b:c@d/e,f;g=h!"),
    "path with unicode": dict(target="/%D7%A9%D7%9C%D7%95%D7%9D"),
    "path with a slash at its end": dict(target="/a/b/"),
    "path with empty segments": dict(target="/a//b///c"),
    "path with dots": dict(target="/a/./b/../c"),
    "path and query": dict(target="/a%25b?x=%25&w=~-._"),
    "header with blanks": dict(headers=["X-Odd:   a   b    c  "]),
    "header in capitals": dict(headers=["X-SHOUTING: YES", "x-quiet: no"]),
    "header that comes twice": dict(headers=["X-Many: b", "X-Many: a"]),
    "header with quotes and commas": dict(headers=['X-Odd: "a,b";c="d  e", f']),
    "header with UTF-8": dict(headers=["X-Odd: caf\u00e9"]),
    "headers out of order": dict(headers=["Zebra: 1", "Apple: 2", "X-Amz-Meta-B: 3", "X-Amz-Meta-A: 4"]),
    "another service": dict(service="sqs", region="us-gov-west-1", body=b"x"),
    "another region": dict(service="sts", region="cn-north-1", body=b"x"),
    "host by name": dict(host="localhost", body=b"x"),
    "host in capitals": dict(host="LOCALHOST", body=b"x"),
}


@pytest.mark.parametrize("case", AWKWARD.values(), ids=AWKWARD)
def test_request_is_signed_as_botocore_signs_it(case):
    given = {"method": "POST", "target": "/", "service": "sns", "region": "us-east-1", "content_type": "-", "headers": [], "body": b"",
             "token": None, "host": "127.0.0.1", **case}
    with HttpPeer() as peer:
        out, err = ask("sign", given["method"], f"http://{given['host']}:{peer.port}{given['target']}", given["service"], given["region"],
                       given["content_type"], *given["headers"], body=given["body"], **KEYS,
                       **({"AWS_SESSION_TOKEN": given["token"]} if given["token"] else {}))
    assert out.startswith("ok 200"), err
    [request] = peer.requests
    assert request.body == (b"" if given["method"] == "GET" else given["body"])
    signature, authorization, signed = botocore_signature(request, given["service"], given["region"], given["token"])
    assert authorization.endswith("Signature=" + signature)
    date = request.header("X-Amz-Date")[:8]
    assert f"Credential={KEY}/{date}/{given['region']}/{given['service']}/aws4_request" in authorization
    assert {"host", "x-amz-date", *(header.split(":")[0].lower() for header in given["headers"])} <= set(signed)
    assert request.header("X-Amz-Security-Token") == given["token"] and ("x-amz-security-token" in signed) == bool(given["token"])
    assert ("content-type" in signed) == (given["content_type"] != "-")


# ---- where the services are ----

@pytest.mark.parametrize("service", ["sns", "sqs"])
def test_hosts_are_those_that_botocore_knows(service):
    import botocore.session
    data = botocore.session.get_session().get_data("endpoints")
    resolver = EndpointResolver(data)
    regions = [(partition["partition"], region) for partition in data["partitions"] for region in partition["regions"]]
    for partition, region in regions:
        for kind, fips in (("plain", False), ("fips", True)):
            known = resolver.construct_endpoint(service, region, partition_name=partition, use_fips_endpoint=fips)
            assert ask("host", service, region, kind)[0].strip() == known["hostname"], (region, kind)


# ---- answers ----

def test_answer_is_given_with_its_error_and_message():
    with HttpPeer(lambda request: (400, {}, refused("InvalidParameter", "no &lt;topic&gt;"))) as peer:
        [(status, code, more)], err = call(peer)
    assert (status, code, more["error"], more["fault"], more["maybe_taken"]) == ("reject", 400, "InvalidParameter", "aws_refused", "0")
    assert "no <topic>" in err and len(peer.requests) == 1


def test_error_of_a_json_service_is_read():
    body = json.dumps({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}).encode()
    with HttpPeer(lambda request: (400, {}, body)) as peer:
        [(status, _, more)], _ = call(peer, target="AmazonSQS.ReceiveMessage", body=b"{}")
    assert (status, more["error"]) == ("reject", "QueueDoesNotExist")
    assert peer.requests[0].header("X-Amz-Target") == "AmazonSQS.ReceiveMessage"


def after(*answers):
    """Each answer once, the last one from then on."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("first", [(400, {}, refused("Throttling")), (429, {}, b""), (503, {}, b"<html>"), (500, {}, refused("InternalFailure")), None],
                         ids=["throttled", "429", "503", "500", "no answer"])
def test_call_is_tried_again(first):
    with HttpPeer(after(first, (200, {}, b"<ok/>"))) as peer:
        [(status, code, more)], _ = call(peer)
    assert (status, code, more["maybe_taken"]) == ("ok", 200, "0")
    assert len(peer.requests) == 2


@pytest.mark.parametrize("first, is_taken", [((400, {}, refused("Throttling")), False), ((503, {}, b""), True), (None, True)],
                         ids=["throttled", "503", "no answer"])
def test_what_may_have_been_carried_out_is_not_tried_again_where_that_is_asked_for(first, is_taken):
    with HttpPeer(after(first, (200, {}, b"<ok/>"))) as peer:
        [(status, _, more)], _ = call(peer, again="never")
    assert (status, more["maybe_taken"], len(peer.requests)) == (("retry", "1", 1) if is_taken else ("ok", "0", 2))


def test_kept_connection_that_breaks_does_not_send_a_call_twice():
    with HttpPeer(after((200, {}, b""), None, (200, {}, b""))) as peer:
        results, _ = call(peer, again="never", count=2)
    assert [(status, more["maybe_taken"]) for status, _, more in results] == [("ok", "0"), ("retry", "1")]
    assert len(peer.requests) == 2


def test_calls_share_one_connection():
    with HttpPeer() as peer:
        results, _ = call(peer, count=5)
    assert [status for status, _, _ in results] == ["ok"] * 5
    assert peer.connections == 1


def test_nobody_there_was_certainly_not_taken():
    with HttpPeer() as peer:
        pass
    [(status, code, more)], _ = call(peer, deadline_ms=300)
    assert (status, code, more["fault"], more["maybe_taken"]) == ("retry", 0, "aws_away", "0")


def test_wrong_clock_is_corrected_by_the_answer_once():
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
    date = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    seen = []

    def answer(request):
        seen.append(request.header("X-Amz-Date"))
        if seen[-1][:11] == now.strftime("%Y%m%dT%H"):
            return 200, {}, b""
        return 403, {"Date": date}, refused("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2")

    with HttpPeer(answer) as peer:
        results, _ = call(peer, count=2)
    assert [status for status, _, _ in results] == ["ok", "ok"] and len(seen) == 3


def test_clock_that_stays_wrong_is_said():
    with HttpPeer(lambda request: (400, {"Date": "Mon, 15 Jan 2024 10:30:00 GMT"}, refused("RequestExpired"))) as peer:
        [(status, _, more)], _ = call(peer)
    assert (status, more["error"], len(peer.requests)) == ("reject", "RequestExpired", 2)


# ---- who we are ----

def key_used(peer):
    return peer.requests[-1].header("Authorization").split("Credential=")[1].split("/")[0]


@pytest.fixture
def files(tmp_path):
    credentials, config = tmp_path / "credentials", tmp_path / "config"

    def write(in_credentials="", in_config="", **more):
        credentials.write_text(in_credentials)
        config.write_text(in_config)
        return {"AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_CONFIG_FILE": config, **more}

    return write


STATIC = "aws_access_key_id = {0}\naws_secret_access_key = secret-of-{0}\n"


@pytest.mark.parametrize("in_credentials, in_config, profile, expected", [
    ("[default]\n" + STATIC.format("A"), "", None, "A"),
    ("[other]\n" + STATIC.format("A") + "[default]\n" + STATIC.format("B"), "", "other", "A"),
    ("", "[profile work place]\nregion = x\n" + STATIC.format("C"), "work place", "C"),
    ("", "[default]\n" + STATIC.format("D"), None, "D"),
    ("[default]\n" + STATIC.format("A"), "[default]\n" + STATIC.format("B"), None, "A"),
    ("# said\n[default]\r\naws_access_key_id=E\r\naws_secret_access_key=secret-of-E\r\n", "", None, "E"),
    ("[default]\n" + STATIC.format("F"), "[default]\ns3 =\n  aws_access_key_id = nested\ncredential_process = /bin/x\n", None, "F"),
], ids=["default", "named", "config", "default of config", "credentials first", "CRLF", "nested settings, and a process that is not needed"])
def test_keys_of_a_profile(files, in_credentials, in_config, profile, expected):
    with HttpPeer() as peer:
        results, err = call(peer, **files(in_credentials, in_config, **({"AWS_PROFILE": profile} if profile else {})))
    assert results[0][0] == "ok", err
    assert key_used(peer) == expected


def test_session_token_of_a_profile_may_be_long(files):
    with HttpPeer() as peer:
        call(peer, **files("[default]\n" + STATIC.format("A") + f"aws_session_token = {TOKEN}\n"))
    assert peer.requests[0].header("X-Amz-Security-Token") == TOKEN


@pytest.mark.parametrize("in_config, said", [
    ("role_arn = arn:aws:iam::1:role/x\nsource_profile = y\n", "another role"), ("sso_session = x\n", "a login"),
    ("credential_process = /bin/x\n", "a program")])
def test_profile_that_wants_what_we_do_not_do_says_so(files, in_config, said):
    with HttpPeer() as peer:
        [(status, _, more)], err = call(peer, **files("", "[profile x]\n" + in_config, AWS_PROFILE="x"))
    assert (status, more["fault"]) == ("reject", "aws_credentials") and said in err and not peer.requests


def test_profile_that_is_not_there_is_said(files):
    with HttpPeer() as peer:
        [(status, _, more)], err = call(peer, **files("[default]\n" + STATIC.format("A"), AWS_PROFILE="nobody"))
    assert (status, more["fault"]) == ("reject", "aws_credentials") and "nobody" in err


def test_environment_wins_over_files(files):
    with HttpPeer() as peer:
        call(peer, **files("[default]\n" + STATIC.format("A")), **KEYS)
    assert key_used(peer) == KEY


def test_nobody_knows_who_we_are():
    with HttpPeer() as peer:
        [(status, _, more)], err = call(peer, AWS_EC2_METADATA_DISABLED="true")
    assert (status, more["fault"]) == ("reject", "aws_credentials") and "AWS_ACCESS_KEY_ID" in err and not peer.requests


def handed_out(name, expires_ms=None):
    keys = {"AccessKeyId": name, "SecretAccessKey": f"secret-of-{name}", "Token": f"token-of-{name}"}
    if expires_ms:
        keys["Expiration"] = datetime.datetime.fromtimestamp(expires_ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return 200, {}, json.dumps(keys).encode()


def test_container_hands_out_keys(tmp_path):
    token = tmp_path / "token"
    token.write_text("Basic abc\n")
    with HttpPeer(lambda request: handed_out("CONTAINER")) as agent, HttpPeer() as peer:
        call(peer, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url + "/role?x=1", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token)
    assert key_used(peer) == "CONTAINER" and peer.requests[0].header("X-Amz-Security-Token") == "token-of-CONTAINER"
    assert agent.requests[0].target == "/role?x=1" and agent.requests[0].header("Authorization") == "Basic abc"


@pytest.mark.parametrize("url", ["http://example.com/x", "http://127.0.0.1.example.com/x", "http://user@169.254.169.254/x", "ftp://127.0.0.1/x",
                                 "http://128.0.0.1/x", "http://0x7f.example/x"])
def test_container_token_goes_to_no_other_host(url):
    with HttpPeer() as peer:
        [(status, _, more)], _ = call(peer, AWS_CONTAINER_CREDENTIALS_FULL_URI=url, AWS_CONTAINER_AUTHORIZATION_TOKEN="abc")
    assert (status, more["fault"]) == ("reject", "aws_credentials") and not peer.requests


def test_container_agent_that_is_away_is_waited_for():
    with HttpPeer(after((500, {}, b""), handed_out("LATE"))) as agent, HttpPeer() as peer:
        results, err = call(peer, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url)
    assert results[0][0] == "ok" and key_used(peer) == "LATE", err


def instance(request):
    if request.method == "PUT":
        return (200, {}, b"metadata-token") if request.header("X-aws-ec2-metadata-token-ttl-seconds") else (400, {}, b"")
    if request.header("X-aws-ec2-metadata-token") != "metadata-token":
        return 401, {}, b""
    path = "/latest/meta-data/iam/security-credentials/"
    return (200, {}, b"my-role") if request.target == path else handed_out("INSTANCE") if request.target == path + "my-role" else (404, {}, b"")


def test_instance_hands_out_keys_of_its_role():
    with HttpPeer(instance) as metadata, HttpPeer() as peer:
        results, err = call(peer, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url + "/")
    assert results[0][0] == "ok" and key_used(peer) == "INSTANCE", err


def test_keys_are_not_asked_for_through_a_proxy():
    with HttpPeer() as proxy, HttpPeer(lambda request: handed_out("DIRECT")) as agent, HttpPeer() as peer:
        call(peer, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url, http_proxy=proxy.url, no_proxy=f"127.0.0.2,{peer.url}")
    assert len(agent.requests) == 1


def test_keys_are_asked_for_again_five_minutes_before_they_expire(tmp_path):
    clock = Clock(tmp_path, NOON_MS)
    numbers = iter(range(1, 100))

    def later(request):
        clock.advance(minutes=4)
        return 200, {}, b""

    with HttpPeer(lambda request: handed_out(f"K{next(numbers)}", NOON_MS + 15 * 60 * 1000)) as agent, HttpPeer(later) as peer:
        call(peer, count=4, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url, **clock.settings)
    used = [request.header("Authorization").split("Credential=")[1].split("/")[0] for request in peer.requests]
    assert used == ["K1", "K1", "K1", "K2"]  # at noon, 4, 8 and 12 minutes past; they end at 15


def test_keys_are_used_as_long_as_they_last_while_nobody_hands_out_new_ones(tmp_path):
    clock = Clock(tmp_path, NOON_MS)

    def later(request):
        clock.advance(minutes=7)
        return 200, {}, b""

    agent_says = after(handed_out("OLD", NOON_MS + 20 * 60 * 1000 - 60000), (500, {}, b""))
    with HttpPeer(agent_says) as agent, HttpPeer(later) as peer:
        results, _ = call(peer, count=4, deadline_ms=400, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url, **clock.settings)
    assert [status for status, _, _ in results] == ["ok", "ok", "ok", "retry"]
    assert results[-1][2]["fault"] == "aws_credentials_away"


def test_keys_that_aws_does_not_take_any_more_are_looked_for_again(files, tmp_path):
    settings = files("[default]\n" + STATIC.format("OLD"))

    def answer(request):
        if "Credential=OLD/" in request.header("Authorization"):
            files("[default]\n" + STATIC.format("NEW"))
            return 403, {}, refused("ExpiredToken")
        return 200, {}, b""

    with HttpPeer(answer) as peer:
        results, _ = call(peer, **settings)
    assert results[0][0] == "ok" and len(peer.requests) == 2
