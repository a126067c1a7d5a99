"""POST /sns: what SNS delivers by HTTPS is believed by its signature alone, and no message makes us ask a host that is not SNS."""
import base64
import concurrent.futures
import json
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support import look
from support.amazon import ACCOUNT, ARN, HOST, PATH, Amazon, Signer, confirmation, notification, now_text
from support.events import donation, ended, optout, unique, unique_phone
from support.program import Server, run
from support.stores import until

SECRET = "a secret of 24 letters !"


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    amazon = Amazon(tmp_path_factory.mktemp("amazon"))
    yield amazon
    amazon.stop()


@pytest.fixture(scope="module")
def server(amazon, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("sns") / "data", PLEDGELINE_SNS_RAW_SECRET=SECRET, **amazon.settings()).start()
    yield server
    server.stop()


def post(server, message, path="/sns", **headers):
    body = message if isinstance(message, str) else json.dumps(message)
    return server.post(path, body, **{"content_type": "text/plain; charset=UTF-8", **headers})


def call_ended(call_id=None):
    return ended(call_id or unique("call"), "campaign", unique_phone(), timestamp=now_text())


def is_stored(server, call_id):
    return server.get(f"/v1/cdrs/{call_id}").status == 200


def metric(server, name):
    return next(int(line.rsplit(" ", 1)[1]) for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name))


def code_of(answer):
    return answer.json()["code"]


def assert_refused(server, message, status, code=None, **headers):
    call_id = unique("refused")
    answer = post(server, message(notification("call-events", call_ended(call_id))), **headers)
    assert answer.status == status, answer
    assert code is None or code_of(answer) == code
    assert not is_stored(server, call_id)
    return answer


# ---- what SNS has signed ----

@pytest.mark.parametrize("version", ["1", "2"])
def test_notification_is_stored_when_it_is_answered(server, amazon, version):
    call_id = unique("call")
    answer = post(server, amazon.sign(notification("call-events", call_ended(call_id)), version=version))
    assert (answer.status, answer.json()) == (200, {"verdict": "done", "duplicate": False})
    assert is_stored(server, call_id)


def test_key_9_blocks_and_key_1_texts(server, amazon):
    blocked, texted = unique_phone(), unique_phone()
    assert post(server, amazon.sign(notification("optout-events", optout(unique("call"), "campaign", blocked)))).status == 200
    assert post(server, amazon.sign(notification("donation-events", donation(unique("call"), "campaign", texted)))).status == 200
    assert server.post("/v1/blacklist/check", {"phoneNumber": blocked}).json()["blocked"]
    assert [sms["phoneNumber"] for sms in server.get("/v1/sms").json()["messages"]].count(texted) == 1


def test_redelivery_changes_nothing_more(server, amazon):
    message = amazon.sign(notification("optout-events", optout(unique("call"), "campaign", unique_phone())))
    assert [post(server, message).json()["duplicate"] for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("fields", [{}, {"Subject": "A subject"}, {"Subject": ""}, {"Subject": "נושא"}])
def test_subject_is_signed_when_it_is_there(server, amazon, fields):
    message = amazon.sign(notification("call-events", call_ended(), **fields))
    assert post(server, message).status == 200
    other = {key: value for key, value in message.items() if key != "Subject"} if fields else {**message, "Subject": ""}
    assert code_of(post(server, other)) == "signature_wrong"


def test_what_is_not_signed_may_be_there(server, amazon):
    message = amazon.sign(notification("call-events", call_ended()))
    more = {"UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe", "MessageAttributes": {"a": {"Type": "String", "Value": "b"}}}
    assert post(server, {**message, **more}).status == 200


def test_message_of_256_KiB_that_escapes_make_six_times_as_long_is_taken(server, amazon):
    call_id = unique("call")
    event = json.dumps(call_ended(call_id))
    message = event[:-1] + "\t" * (256 * 1024 - len(event)) + event[-1:]
    body = json.dumps(amazon.sign(notification("call-events", message))).replace("\\t", "\\u0009")
    assert len(body) > 1_500_000
    assert post(server, body).json()["verdict"] == "done"
    assert is_stored(server, call_id)


def test_body_over_2_MiB_is_too_large(server):
    assert post(server, "x" * (2 * 1024 * 1024 + 1)).status == 413


def test_message_that_is_no_event_is_a_dead_letter_and_acknowledged(server, amazon):
    before = metric(server, "pledgeline_events_rejected_total")
    assert post(server, amazon.sign(notification("donation-events", "not JSON"))).json()["verdict"] == "reject"
    assert metric(server, "pledgeline_events_rejected_total") == before + 1


def test_many_at_once_are_all_stored(server, amazon):
    calls = [unique("call") for _ in range(200)]
    bodies = [json.dumps(amazon.sign(notification("call-events", call_ended(call)))) for call in calls]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert {answer.status for answer in pool.map(lambda body: post(server, body), bodies)} == {200}
    assert set(calls) <= set(look.calls(server))


# ---- forgeries ----

@pytest.mark.parametrize("field, value", [
    ("Message", json.dumps(optout("call", "campaign", "+12125550100"))), ("MessageId", "another"), ("Timestamp", now_text(minutes=1)),
    ("TopicArn", ARN + "optout-events"), ("Subject", "added"), ("Type", "UnsubscribeConfirmation"),
    ("Signature", base64.b64encode(b"x" * 256).decode()), ("Signature", "AAAA")],
    ids=["message", "message id", "time", "topic", "subject", "type", "another signature", "a short signature"])
def test_changed_message_is_forged(server, amazon, field, value):
    more = {"Token": "x", "SubscribeURL": "https://x/"} if field == "Type" else {}
    assert_refused(server, lambda message: {**amazon.sign(message), field: value, **more}, 403, "signature_wrong")


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SignatureVersion", "SigningCertURL"])
def test_message_without_a_field_is_malformed(server, amazon, field):
    assert_refused(server, lambda message: {key: value for key, value in amazon.sign(message).items() if key != field}, 400, "sns_malformed")


@pytest.mark.parametrize("signed_as, said", [("2", "1"), ("1", "2")])
def test_version_that_is_said_is_the_one_that_is_verified(server, amazon, signed_as, said):
    assert_refused(server, lambda message: {**amazon.sign(message, version=signed_as), "SignatureVersion": said}, 403, "signature_wrong")


@pytest.mark.parametrize("version", ["0", "3", "2.0", " 2", "02"])
def test_unknown_version_is_refused(server, amazon, version):
    assert_refused(server, lambda message: {**amazon.sign(message), "SignatureVersion": version}, 403, "sns_version")


def test_version_1_is_refused_where_2_is_required(make_server, amazon):
    server = make_server(PLEDGELINE_SNS_REQUIRE_V2="yes", **amazon.settings())
    assert_refused(server, lambda message: amazon.sign(message, version="1"), 403, "sns_version")
    assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200


@pytest.mark.parametrize("double", ['"Message":"{}"', '"TopicArn":"x"', '"message":"{}"', '"TOPICARN":"x"', '"signingcerturl":"https://x/"'])
def test_name_that_comes_twice_in_any_case_is_malformed(server, amazon, double):
    assert_refused(server, lambda message: json.dumps(amazon.sign(message))[:-1] + "," + double + "}", 400)


@pytest.mark.parametrize("body", ["", "{}", "[]", "x", "\ufeff{}", '{"Type":"Notification"}', "[" * 100_000, '{"a":' * 5 + "1" + "}" * 5])
def test_body_that_is_no_message_is_malformed(server, body):
    assert post(server, body).status == 400


@pytest.mark.parametrize("arn", [f"arn:aws:sns:us-east-1:{ACCOUNT}:other", "arn:aws:sns:us-east-1:999999999999:call-events",
                                 f"arn:aws:sns:us-west-2:{ACCOUNT}:call-events", f"arn:aws-cn:sns:us-east-1:{ACCOUNT}:call-events", "call-events",
                                 f"{ARN}call-events "])
def test_topic_that_nobody_listens_to_is_refused_however_well_signed(server, amazon, arn):
    assert_refused(server, lambda message: amazon.sign({**message, "TopicArn": arn}), 403, "sns_topic")


def test_without_topics_nothing_is_taken(make_server, amazon):
    server = make_server(**{**amazon.settings(), "PLEDGELINE_SNS_TOPICS": ""})
    assert_refused(server, amazon.sign, 404, "sns_off")


# ---- time ----

def test_message_from_the_future_is_refused(server, amazon):
    assert_refused(server, lambda message: amazon.sign({**message, "Timestamp": now_text(minutes=-16)}), 403, "sns_future")
    assert post(server, amazon.sign(notification("call-events", call_ended(), Timestamp=now_text(minutes=-14)))).status == 200


def test_old_message_counts_once_and_is_named(server, amazon):
    name = "pledgeline_sns_push_late_total"
    message = amazon.sign(notification("optout-events", optout(unique("call"), "campaign", unique_phone()), Timestamp=now_text(hours=30)))
    before = metric(server, name)
    assert [post(server, message).json()["duplicate"] for _ in range(2)] == [False, True]
    assert metric(server, name) == before + 1
    until(lambda: any("came later than SNS delivers" in line and message["MessageId"] in line for line in server.log))


def test_message_older_than_the_records_is_refused(server, amazon):
    assert_refused(server, lambda message: amazon.sign({**message, "Timestamp": now_text(days=366)}), 403, "sns_old")


# ---- where certificates come from ----

P = "/SimpleNotificationService-0123456789abcdef.pem"
HOSTILE = [
    "", "x", P, "//" + HOST + P, HOST + P, "http://" + HOST + P, "HTTPS://" + HOST + P, "https:" + HOST + P, "https:/" + HOST + P, "https:///" + HOST + P,
    "ftp://" + HOST + P, "file://" + P, "file:///etc/ssl/certs" + P, "gopher://" + HOST + P, "data:text/plain,x", " https://" + HOST + P,
    "https://" + HOST + P + " ", "https://" + HOST.upper() + P, "https://" + HOST + "." + P, "https://" + HOST + ".evil.example" + P,
    "https://evil.example/" + HOST + P, "https://evil.example" + P, "https://evil.example?" + HOST + P, "https://evil.example#" + HOST + P,
    "https://" + HOST + "@evil.example" + P, "https://user@" + HOST + P, "https://user:password@" + HOST + P, "https://" + HOST + ":443@evil.example" + P,
    "https://" + HOST + ":80" + P, "https://" + HOST + ":0443" + P, "https://" + HOST + ":" + P, "https://" + HOST + ":443443" + P, "https://" + HOST + ":8443" + P,
    "https://" + HOST + "\\@evil.example" + P, "https://evil.example\\" + HOST + P, "https://" + HOST + "%2eevil.example" + P, "https://" + HOST + "%00.evil.example" + P,
    "https://sns.us-east-1.amazonaws.com.cn" + P, "https://sns.us-west-2.amazonaws.com" + P, "https://sns.amazonaws.com" + P, "https://s3.amazonaws.com" + P,
    "https://sns.s3-ap-southeast-2.amazonaws.com" + P, "https://sns.s3.amazonaws.com" + P, "https://xsns.us-east-1.amazonaws.com" + P,
    "https://sns.us-east-1.amazonaws.co" + P, "https://sns.us-east-1xamazonaws.com" + P, "https://sns。us-east-1.amazonaws.com" + P, "https://ѕns.us-east-1.amazonaws.com" + P,
    "https://sns-signing.us-east-1.amazonaws.com" + P, "https://127.0.0.1" + P, "https://[::1]" + P, "https://169.254.169.254" + P, "https://2130706433" + P,
    "https://localhost" + P, "https://" + HOST, "https://" + HOST + "/", "https://" + HOST + "/other.pem", "https://" + HOST + "/../SimpleNotificationService-a.pem",
    "https://" + HOST + "//SimpleNotificationService-a.pem", "https://" + HOST + "/x" + P, "https://" + HOST + "/x/.." + P, "https://" + HOST + "/SimpleNotificationService-.pem",
    "https://" + HOST + "/SimpleNotificationService-a/b.pem", "https://" + HOST + "/SimpleNotificationService-a%2e.pem", "https://" + HOST + "/SimpleNotificationService-a..pem",
    "https://" + HOST + "/SimpleNotificationService-a_b.pem", "https://" + HOST + "/SimpleNotificationService-é.pem", "https://" + HOST + "/simplenotificationservice-a.pem",
    "https://" + HOST + "/SimpleNotificationService-" + "a" * 65 + ".pem", "https://" + HOST + P + "?x", "https://" + HOST + P + "?x=.pem", "https://" + HOST + P + "#x",
    "https://" + HOST + P + "/", "https://" + HOST + P + ".pem", "https://" + HOST + P[:-4] + ".PEM", "https://" + HOST + P[:-4], "https://" + HOST + P + "%00",
]


def test_no_connection_is_made_for_a_url_that_is_not_of_sns(make_server, amazon):
    assert len(HOSTILE) == len(set(HOSTILE)) >= 60
    server, before = make_server(**amazon.settings()), len(amazon.connections)
    for url in HOSTILE:
        answer = post(server, amazon.sign(notification("call-events", call_ended()), url=url))
        assert answer.status == (403 if url else 400), url
    assert len(amazon.connections) == before
    assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200  # the proxy is what it asks
    assert amazon.connections[before:] == [f"{HOST}:443"]


def test_port_443_and_none_are_one_certificate(make_server, amazon):
    server, url = make_server(**amazon.settings()), amazon.publish(amazon.signer.pem)
    for each in (url.replace(HOST, HOST + ":443"), url):
        assert post(server, amazon.sign(notification("call-events", call_ended()), url=each)).status == 200
    assert amazon.fetches(url) == 1


def test_certificate_is_fetched_once_for_all_who_wait_for_it(server, amazon):
    gate, waiting = threading.Event(), 12
    url = amazon.publish(amazon.signer.pem, gate=gate)
    before = metric(server, 'pledgeline_sns_push_total{result="taken"}')
    bodies = [json.dumps(amazon.sign(notification("call-events", call_ended()), url=url)) for _ in range(waiting)]
    with concurrent.futures.ThreadPoolExecutor(waiting) as pool:
        answers = [pool.submit(post, server, body) for body in bodies]
        until(lambda: amazon.fetches(url) == 1)
        gate.set()
        assert {each.result().status for each in answers} == {200}
    assert amazon.fetches(url) == 1
    assert metric(server, 'pledgeline_sns_push_total{result="taken"}') == before + waiting


def test_nobody_else_waits_while_a_certificate_is_fetched(server, amazon):
    assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200
    gate = threading.Event()
    url = amazon.publish(amazon.signer.pem, gate=gate)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(post, server, amazon.sign(notification("call-events", call_ended()), url=url))
        until(lambda: amazon.fetches(url) == 1)
        assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200
        assert server.get("/healthz").status == 200
        assert not slow.done()
        gate.set()
        assert slow.result().status == 200


def test_certificate_that_does_not_come_in_time_is_our_own_trouble(make_server, amazon):
    server, gate = make_server(**amazon.settings()), threading.Event()
    answer = assert_refused(server, lambda message: amazon.sign(message, url=amazon.publish(amazon.signer.pem, gate=gate)), 503, "unreachable")
    gate.set()
    assert int(answer.headers["Retry-After"]) >= 1


def test_server_stops_while_a_certificate_is_waited_for(amazon, tmp_path):
    server, gate = Server(tmp_path / "data", **amazon.settings()).start(), threading.Event()
    url = amazon.publish(amazon.signer.pem, gate=gate)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, server, amazon.sign(notification("call-events", call_ended()), url=url))
        until(lambda: amazon.fetches(url) == 1)
        server.stop()
        gate.set()
        assert waiting.result().status == 503


@pytest.mark.parametrize("status, answered", [(404, 403), (403, 403), (429, 503), (500, 503), (503, 503)])
def test_certificate_that_is_missing_means_forged_and_trouble_means_again(server, amazon, status, answered):
    url = amazon.publish(b"no", status=status)
    for _ in range(3):
        assert_refused(server, lambda message: amazon.sign(message, url=url), answered)
    assert amazon.fetches(url) == 1  # what was answered is remembered for a while


def test_redirect_is_not_followed(server, amazon):
    url = amazon.publish(b"", status=302, Location=amazon.url)
    before = amazon.fetches(amazon.url)
    assert_refused(server, lambda message: amazon.sign(message, url=url), 503, "certificate_unreachable")
    assert amazon.fetches(amazon.url) == before


def test_file_over_8_KiB_is_not_read(server, amazon):
    url = amazon.publish(amazon.signer.pem + b"#" * 8192)
    assert_refused(server, lambda message: amazon.sign(message, url=url), 503, "unreachable")


@pytest.mark.parametrize("tls", ["strange_tls", "misnamed_tls"])
def test_host_that_cannot_prove_itself_is_not_asked(make_server, amazon, tls):
    server, amazon.tls = make_server(**amazon.settings()), getattr(amazon, tls)
    try:
        url = amazon.publish(amazon.signer.pem)
        assert_refused(server, lambda message: amazon.sign(message, url=url), 503, "unreachable")
        assert amazon.fetches(url) == 0
    finally:
        amazon.tls = amazon.good_tls


# ---- certificates ----

def unfit(amazon):
    authority, key = amazon.authority, amazon.signer.key
    return {
        "self-signed": Signer("sns.amazonaws.com", key=key),
        "expired": Signer("sns.amazonaws.com", authority, key, days=(-9, -1)),
        "not yet valid": Signer("sns.amazonaws.com", authority, key, days=(1, 9)),
        "of another name": Signer("sqs.amazonaws.com", authority, key),
        "of every name": Signer("*.amazonaws.com", authority, key),
        "an authority's": Signer("sns.amazonaws.com", authority, key, is_authority=True),
        "of an elliptic curve": Signer("sns.amazonaws.com", authority, ec.generate_private_key(ec.SECP256R1())),
        "small": Signer("sns.amazonaws.com", authority, rsa.generate_private_key(65537, 1024)),
        "huge": Signer("sns.amazonaws.com", authority, rsa.generate_private_key(65537, 4104)),
    }


def test_certificate_that_is_not_for_this_vouches_for_nothing(server, amazon):
    for what, signer in unfit(amazon).items():
        answer = assert_refused(server, lambda message: amazon.sign(message, signer=signer, url=amazon.publish(signer.pem)), 403)
        assert code_of(answer).startswith("certificate_"), what


@pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_file_that_is_no_certificate_vouches_for_nothing(server, amazon, pem):
    assert_refused(server, lambda message: amazon.sign(message, url=amazon.publish(pem)), 403, "certificate_malformed")


def test_chain_in_the_file_is_verified(server, amazon):
    for root, status in ((amazon.authority, 200), (amazon.stranger, 403)):
        between = Signer("Between", root, is_authority=True)
        signer = Signer(HOST, between)
        url = amazon.publish(signer.pem + between.pem)
        assert post(server, amazon.sign(notification("call-events", call_ended()), signer=signer, url=url)).status == status


def test_certificate_of_another_key_vouches_for_nothing(server, amazon):
    other = Signer("sns.amazonaws.com", amazon.authority)
    assert_refused(server, lambda message: amazon.sign(message, signer=other), 403, "signature_wrong")


# ---- subscriptions ----

def test_subscription_is_confirmed_by_a_call_of_our_own(server, amazon):
    amazon.asked.clear()
    message = amazon.sign(confirmation("optout-events", SubscribeURL="https://evil.example/confirm"))
    before = len(amazon.connections)
    assert post(server, message).json() == {"subscription": "confirmed"}
    assert amazon.asked == [{"Action": "ConfirmSubscription", "Version": "2010-03-31", "TopicArn": ARN + "optout-events", "Token": message["Token"]}]
    assert set(amazon.connections[before:]) == {f"{HOST}:443"}


@pytest.mark.parametrize("answered", [400, 403, 500])
def test_confirmation_that_fails_is_asked_for_again(server, amazon, answered):
    amazon.answers_confirmations = answered
    try:
        answer = post(server, amazon.sign(confirmation("optout-events")))
    finally:
        amazon.answers_confirmations = 200
    assert (answer.status, code_of(answer)) == (503, "sns_not_confirmed")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("field, value", [("Token", "another"), ("SubscribeURL", "https://evil.example/"), ("TopicArn", ARN + "call-events")])
def test_forged_confirmation_confirms_nothing(server, amazon, field, value):
    amazon.asked.clear()
    assert post(server, {**amazon.sign(confirmation("optout-events")), field: value}).status == 403
    assert post(server, amazon.sign(confirmation("other"))).status == 403
    assert amazon.asked == []


def test_end_of_a_subscription_is_noted_and_not_followed(server, amazon):
    assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200
    amazon.asked.clear()
    before = len(amazon.connections)
    assert post(server, amazon.sign(confirmation("optout-events", type="UnsubscribeConfirmation"))).json() == {"subscription": "ended"}
    assert amazon.asked == [] and len(amazon.connections) == before
    until(lambda: any("no longer subscribed" in line for line in server.log))


def test_confirmation_goes_where_sns_is_said_to_be(make_server, amazon):
    server = make_server(**amazon.settings(), AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ENDPOINT_URL_SNS=amazon.proxy_url)
    assert post(server, amazon.sign(notification("call-events", call_ended()))).status == 200
    before = len(amazon.connections)
    assert post(server, amazon.sign(confirmation("optout-events"))).json() == {"subscription": "confirmed"}
    assert len(amazon.connections) == before


# ---- tokens and logs ----

def test_signature_takes_the_place_of_a_token(make_server, amazon):
    server = make_server(PLEDGELINE_TOKENS="admin:a-long-token", **amazon.settings())
    assert post(server, amazon.sign(notification("call-events", call_ended())), host="ivr.example.org", origin="https://x.example").status == 200
    assert server.get("/v1/cdrs").status == 401


def test_logs_hold_no_number_token_or_signature(server, amazon):
    phone, token = unique_phone(), confirmation("optout-events")
    messages = [amazon.sign(notification("optout-events", optout(unique("call"), "campaign", phone))), amazon.sign(token)]
    for message in messages:
        post(server, message)
        post(server, {**message, "Message": phone})
    until(lambda: any('"code":"signature_wrong"' in line for line in server.log))
    log = "".join(server.log)
    assert not [word for word in (phone, token["Token"], *(message["Signature"] for message in messages)) if word in log]


# ---- raw message delivery ----

BASIC = "Basic " + base64.b64encode(f"sns:{SECRET}".encode()).decode()


def raw(server, event, topic="call-events", authorization=BASIC, **headers):
    return post(server, event, f"/sns/raw/{topic}", authorization=authorization, **headers)


@pytest.mark.parametrize("authorization", [BASIC, f"Bearer {SECRET}"])
def test_raw_message_is_taken_by_its_secret(server, authorization):
    call_id = unique("call")
    answer = raw(server, call_ended(call_id), authorization=authorization, x_amz_sns_rawdelivery="true", x_amz_sns_message_type="Notification",
                 x_amz_sns_topic_arn=ARN + "call-events", x_amz_sns_message_id="id")
    assert answer.json() == {"verdict": "done", "duplicate": False}
    assert is_stored(server, call_id)


def test_sns_is_asked_for_its_password(server):
    answer = raw(server, call_ended(), authorization=None)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="pledgeline"')


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer x", "Basic x", "Basic " + base64.b64encode(SECRET.encode()).decode(), f"bearer {SECRET}",
                                           "Basic " + base64.b64encode(f"{SECRET}:".encode()).decode(), f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}"])
def test_other_secret_is_refused(server, authorization):
    call_id = unique("call")
    assert raw(server, call_ended(call_id), authorization=authorization).status == 403
    assert not is_stored(server, call_id)


@pytest.mark.parametrize("arn", [ARN + "optout-events", ARN + "other", "arn:aws:sns:us-east-1:999999999999:call-events"])
def test_raw_message_of_another_topic_is_refused(server, arn):
    assert raw(server, call_ended(), x_amz_sns_topic_arn=arn).status == 403


def test_raw_delivery_is_off_without_a_secret(make_server, amazon):
    assert raw(make_server(**amazon.settings()), call_ended()).status == 404


def test_short_secret_is_refused(tmp_path):
    done = run(tmp_path, "serve", PORT=0, PLEDGELINE_SNS_RAW_SECRET="short")
    assert done.code != 0 and "PLEDGELINE_SNS_RAW_SECRET" in done.err


def test_topics_that_are_none_are_refused(tmp_path):
    done = run(tmp_path, "serve", PORT=0, PLEDGELINE_SNS_TOPICS="optout-events")
    assert done.code != 0 and "PLEDGELINE_SNS_TOPICS" in done.err


def test_subscription_with_raw_delivery_is_confirmed_by_its_signature(server, amazon):
    message, type_of_it = amazon.sign(confirmation("call-events")), {"x_amz_sns_message_type": "SubscriptionConfirmation"}
    assert raw(server, message, **type_of_it).json() == {"subscription": "confirmed"}
    assert raw(server, {**message, "Token": "x"}, **type_of_it).status == 403


# ---- SNS as moto has it ----

@pytest.fixture
def amazon_of_moto(amazon, moto):
    """The host of SNS, with moto behind it: its certificates are moto's, and confirmations go there."""
    amazon.elsewhere = moto.url
    yield amazon
    amazon.elsewhere = None


def test_sns_of_moto_delivers_here(make_server, amazon_of_moto, moto):
    server, sns = make_server(**amazon_of_moto.settings()), moto.client("sns")
    arn = sns.create_topic(Name="optout-events")["TopicArn"]
    assert arn == ARN + "optout-events"
    assert post(server, amazon_of_moto.sign(confirmation("optout-events"))).json() == {"subscription": "confirmed"}
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=f"{server.url}/sns")
    phone = unique_phone()
    for _ in range(2):  # the publisher tries again: another MessageId, the same event
        sns.publish(TopicArn=arn, Message=json.dumps(optout("call-of-moto", "campaign", phone)))
    assert metric(server, 'pledgeline_sns_push_total{result="taken"}') == 2
    assert metric(server, "pledgeline_optouts_total") == 1
    assert look.is_blocked(server, phone)


def test_topic_that_moto_does_not_have_is_not_confirmed(make_server, amazon_of_moto):
    server = make_server(**amazon_of_moto.settings())
    assert post(server, amazon_of_moto.sign(confirmation("call-events"))).status == 503
