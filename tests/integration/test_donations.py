"""What a donation page tells of gifts: signed, once each, never lost, and found again from the call to the money."""
import csv
import io
import json
import re

import pytest
from support.donation_page import gift, headers, new_secret, signature, tell
from support.events import donation, ended, unique, unique_phone
from support.program import run
from support.stores import until

PHONE = "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"
BASE = "https://d.example.org/d"


@pytest.fixture(scope="module")
def secret():
    return new_secret()


@pytest.fixture
def server(make_server, clock, secret):
    return make_server(PLEDGELINE_DONATIONS_SECRET=secret, DONATION_LINK_BASE_URL=BASE, PLEDGELINE_DONATION_PAGE="https://give.example.org/?ref={ref}",
                       **clock.settings)


@pytest.fixture
def page(server, clock, secret):
    """What the donation page says, signed as it should be unless the test says otherwise."""
    return lambda said, **changed: tell(server, secret, clock.now_ms, said, **changed)


def press(server, call_id=None, campaign="winter"):
    """A call whose person pressed 1; the token of the link."""
    call_id, phone = call_id or unique("call"), unique_phone()
    server.publish("donation-events", donation(call_id, campaign, phone))
    [message] = server.get(f"/v1/sms?phoneNumber=%2B{phone[1:]}").json()["messages"]
    return call_id, re.search(r"ref=([\w-]+)", message["message"]).group(1)


def reference_of(server, token):
    """What the page is called with."""
    return server.get(f"/d/{token}", user_agent=PHONE).headers["Location"].partition("ref=")[2]


def gifts(server, query=""):
    return server.get(f"/v1/donations{query}").json()["donations"]


# ---- a gift ----

def test_gift_is_its_call_s_and_its_campaign_s(server, page):
    call, token = press(server)
    answer = page(gift("d-1", ref=reference_of(server, token), timestamp="2025-04-30T12:05:00+00:00"))
    assert (answer.status, answer.json()) == (200, {"donationId": "d-1", "result": "added", "matched": True, "campaignId": "winter"})
    [kept] = gifts(server, f"?callId={call}")
    assert (kept["amount"], kept["currency"], kept["status"], kept["givenAt"]) == ("18.00", "USD", "given", "2025-04-30T12:05:00.000Z")
    assert (kept["campaignId"], kept["contactId"], kept["callId"]) == ("winter", f"contact-of-{call}", call)


def test_token_of_the_link_and_the_call_name_it_as_well(server, page):
    call, token = press(server)
    assert page(gift("by-token", ref=token)).json()["campaignId"] == "winter"
    assert page(gift("by-call", callId=call)).json()["campaignId"] == "winter"
    assert {kept["ref"] for kept in gifts(server, f"?callId={call}")} == {reference_of(server, token)}


def test_call_without_a_text_has_gifts_too(server, page):
    server.publish("call-events", ended("talked", "spring", unique_phone()))
    assert page(gift("d-1", callId="talked")).json()["campaignId"] == "spring"
    assert [each["donationId"] for each in server.get("/v1/cdrs/talked").json()["chain"]["gifts"]] == ["d-1"]


def test_gift_that_is_told_twice_is_one(server, page):
    _, token = press(server)
    assert page(gift("d-1", ref=token)).json()["result"] == "added"
    assert page(gift("d-1", ref=token)).json()["result"] == "known"
    assert len(gifts(server)) == 1


def test_same_message_again_changes_nothing(server, clock, secret):
    _, token = press(server)
    body = json.dumps(gift("d-1", ref=token)).encode()
    signed = headers(secret, body, clock.now_ms)
    answers = [server.post("/v1/donations", body, **signed) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.json()["result"] for answer in answers] == ["added", "known", "known"]
    assert len(gifts(server)) == 1


def test_another_amount_of_a_known_gift_is_named_and_not_taken(server, page):
    page(gift("d-1"))
    assert page(gift("d-1", amount="180.00")).json()["result"] == "differs"
    assert [kept["amount"] for kept in gifts(server)] == ["18.00"]
    assert any("with another amount" in line for line in server.log)


@pytest.mark.parametrize("order", [["given", "refunded"], ["refunded", "given"]])
def test_refund_and_gift_are_one_in_either_order(server, page, order):
    _, token = press(server)
    amounts = {"given": "18.00", "refunded": "5.50"}
    for status in order:
        assert page(gift("d-1", ref=token, status=status, amount=amounts[status])).json()["result"] == "added"
    [kept] = gifts(server)
    assert (kept["status"], kept["amount"], kept["refunded"]) == ("refunded", "18.00", "5.50")


def test_gift_that_nobody_can_place_is_kept_and_listed(server, page):
    answer = page(gift("d-1", ref="no-link-of-ours"))
    assert (answer.status, answer.json()["matched"]) == (202, False)
    press(server)
    page(gift("d-2", callId="no-such-call"))
    assert [kept["donationId"] for kept in gifts(server, "?matched=no")] == ["d-2", "d-1"]
    assert gifts(server, "?matched=no")[1]["ref"] == "no-link-of-ours"


def test_gift_that_came_before_its_call_is_placed_when_it_is_told_again(server, page):
    assert page(gift("d-1", callId="later")).status == 202
    press(server, "later")
    assert page(gift("d-1", callId="later")).status == 200
    assert gifts(server, "?matched=no") == []
    assert gifts(server)[0]["campaignId"] == "winter"


def test_who_gave_is_not_kept(server, page, tmp_path):
    page(gift("d-1", donorName="Jane Doe Unmistakable", email="jane@unmistakable.example", phoneNumber="+15550001111"))
    assert b"nmistakable" not in server.get("/v1/donations").body
    server.stop()
    assert not any(b"nmistakable" in path.read_bytes() for path in server.data.iterdir() if path.is_file())
    server.start()


@pytest.mark.parametrize("wrong", [
    {"donationId": ""}, {"donationId": None}, {"donationId": "x" * 129}, {"amount": 18.0}, {"amount": "-1"}, {"amount": "0"}, {"amount": "1,5"},
    {"amount": "1.1234567"}, {"currency": "usd"}, {"currency": None}, {"status": "pledged"}, {"timestamp": "yesterday"},
])
def test_what_is_no_gift_is_refused(server, page, wrong):
    answer = page(gift("d-1", **wrong) | wrong)
    assert (answer.status, answer.json()["code"]) == (422, "gift_invalid")
    assert gifts(server) == []


def test_body_that_is_no_json_is_refused(page):
    assert page(b"{").status == 400
    assert page(b"[]").status == 400
    assert page(b" " * 70000).status == 413


# ---- its signature ----

def test_only_the_signature_opens_the_door(server, page, secret, clock):
    body = json.dumps(gift("d-1")).encode()
    right = headers(secret, body, clock.now_ms)
    assert page(gift("d-1"), webhook_signature=None).status == 401
    assert page(gift("d-1"), webhook_id=None).status == 401
    assert page(gift("d-1"), webhook_timestamp=None).status == 401
    for changed in ({"webhook_id": "msg_other"}, {"webhook_timestamp": str(clock.now_ms // 1000 + 1)}, {"webhook_signature": "v1,AAAA"},
                    {"webhook_signature": right["webhook_signature"].replace("v1,", "v1a,")}, {"webhook_signature": right["webhook_signature"][3:]},
                    {"webhook_signature": "v1," + "A" * 43 + "="}, {"webhook_id": "a.b"}, {"webhook_timestamp": "soon"}):
        answer = server.post("/v1/donations", body, **{**right, **changed})
        assert (answer.status, answer.json()["code"]) == (403, "forged"), changed
    assert server.post("/v1/donations", body + b" ", **right).status == 403
    assert gifts(server) == []
    assert server.post("/v1/donations", body, **right).status == 202


def test_every_changed_byte_of_a_signature_is_refused(server, secret, clock):
    import base64
    body = json.dumps(gift("d-1")).encode()
    right = headers(secret, body, clock.now_ms)
    raw = base64.b64decode(right["webhook_signature"][3:])
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        forged = {**right, "webhook_signature": "v1," + base64.b64encode(changed).decode()}
        assert server.post("/v1/donations", body, **forged).status == 403


@pytest.mark.parametrize("seconds, status", [(-301, 403), (-299, 202), (299, 202), (302, 403)])
def test_message_is_of_now(server, secret, clock, seconds, status):
    body = json.dumps(gift("d-1")).encode()
    answer = server.post("/v1/donations", body, **headers(secret, body, clock.now_ms + seconds * 1000))
    assert answer.status == status
    assert status != 403 or answer.json()["code"] == "webhook_expired"


def test_secret_is_replaced_while_both_are_good(make_server, clock):
    old, new = new_secret(), new_secret()
    server = make_server(PLEDGELINE_DONATIONS_SECRET=f"{new}, {old}", **clock.settings)
    assert [tell(server, each, clock.now_ms, gift(f"d-{each[6:12]}")).status for each in (old, new, new_secret())] == [202, 202, 403]
    body = json.dumps(gift("d-3")).encode()
    signed = headers(old, body, clock.now_ms, "msg")
    both = f"{signature(new_secret(), 'msg', signed['webhook_timestamp'], body)} {signed['webhook_signature']}"
    assert server.post("/v1/donations", body, **{**signed, "webhook_signature": both}).status == 202


def test_without_a_secret_nothing_is_taken(make_server, clock):
    assert tell(make_server(**clock.settings), new_secret(), clock.now_ms, gift("d")).json()["code"] == "donations_off"


@pytest.mark.parametrize("secret", ["short", "whsec_c2hvcnQ=", "not base64 at all!"])
def test_secret_that_is_none_is_refused_at_the_start(tmp_path, secret):
    done = run(tmp_path / "data", "serve", PLEDGELINE_DONATIONS_SECRET=secret, PORT=0)
    assert done.code != 0
    assert "PLEDGELINE_DONATIONS_SECRET" in done.err
    assert secret not in done.err


def test_reading_needs_a_role_and_telling_does_not(make_server, clock):
    secret = new_secret()
    server = make_server(PLEDGELINE_DONATIONS_SECRET=secret, PLEDGELINE_TOKENS="reader:0123456789", **clock.settings)
    assert tell(server, secret, clock.now_ms, gift("d-1")).status == 202
    assert server.get("/v1/donations").status == 401
    assert len(server.get("/v1/donations", authorization="Bearer 0123456789").json()["donations"]) == 1


# ---- lists ----

def test_list_pages_newest_first_and_by_campaign(server, page):
    tokens = {campaign: press(server, campaign=campaign)[1] for campaign in ("winter", "spring")}
    for number in range(5):
        page(gift(f"d-{number}", ref=tokens["winter" if number % 2 else "spring"], amount=f"{number + 1}.00"))
    assert [kept["donationId"] for kept in gifts(server)] == ["d-4", "d-3", "d-2", "d-1", "d-0"]
    assert [kept["donationId"] for kept in gifts(server, "?campaignId=winter")] == ["d-3", "d-1"]
    first = server.get("/v1/donations?limit=2").json()
    rest = server.get(f"/v1/donations?cursor={first['nextCursor']}").json()
    assert [kept["donationId"] for kept in rest["donations"]] == ["d-2", "d-1", "d-0"]
    assert rest["nextCursor"] is None
    assert "only the first 2; --limit 0 shows all" in server.run("gifts", "list", "--limit", "2").err
    assert "only the first" not in server.run("gifts", "list").err


def test_csv_has_all_of_them(server, page):
    _, token = press(server)
    for number in range(3):
        page(gift(f"d-{number}", ref=token, amount="1234.50"))
    answer = server.get("/v1/donations", accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert [row["donationId"] for row in rows] == ["d-2", "d-1", "d-0"]
    assert {row["amount"] for row in rows} == {"1234.50"}


def test_command_line_lists_them(server, page):
    _, token = press(server)
    page(gift("d-1", ref=token))
    page(gift("d-2", ref="strange"))
    assert [each["donationId"] for each in server.json("gifts", "list")] == ["d-2", "d-1"]
    assert [each["donationId"] for each in server.json("gifts", "list", "--unmatched")] == ["d-2"]
    table = server.run("gifts", "list", "--campaign", "winter").out
    assert "18.00" in table and "d-1" in table and "d-2" not in table


# ---- the chain ----

def test_chain_goes_from_the_key_to_the_refund(server, page, clock):
    phone = unique_phone()
    for minute, kind in enumerate(({"eventType": "call_initiated"}, {"eventType": "dtmf_pressed", "dtmfInput": "1"})):
        server.publish("call-events", {"callId": "c-1", "campaignId": "winter", "contactId": "k", "phoneNumber": phone,
                                       "timestamp": f"2025-04-30T11:5{minute}:00Z", **kind})
    _, token = press(server, "c-1")
    server.get(f"/d/{token}", user_agent="facebookexternalhit/1.1")
    clock.advance(minutes=5)
    reference = reference_of(server, token)
    clock.advance(minutes=5)
    reference_of(server, token)
    until(lambda: server.get("/v1/cdrs/c-1").json()["chain"]["clicks"]["human"]["count"] == 2)
    clock.advance(minutes=1)
    page(gift("d-1", ref=reference))
    clock.advance(days=1)
    page(gift("d-1", ref=reference, status="refunded", amount="18.00"))
    reference_of(server, token)
    until(lambda: server.get("/v1/cdrs/c-1").json()["chain"]["clicks"]["human"]["count"] == 3)

    chain = server.get("/v1/cdrs/c-1").json()["chain"]
    assert (chain["campaignId"], chain["key"], chain["keyAt"]) == ("winter", "1", "2025-04-30T11:51:00.000Z")
    [text] = chain["texts"]
    assert (text["kind"], text["state"], text["actionId"], text["ref"]) == ("text", "sent", "c-1_donation", reference)
    assert chain["clicks"]["preview"]["count"] == 1
    [given] = chain["gifts"]
    assert (given["amount"], given["refunded"], given["givenAt"]) == ("18.00", "18.00", "2025-04-30T12:11:00.000Z")
    assert chain["firstTouch"] == {"what": "call", "at": "2025-04-30T11:50:00.000Z"}
    assert chain["lastTouch"] == {"what": "click", "at": "2025-04-30T12:05:00.000Z"}
    assert server.json("cdr", "show", "c-1")["chain"] == chain


def test_last_touch_before_a_gift_is_the_click(server, page, clock):
    call, token = press(server, "c-1")
    server.publish("call-events", ended("c-1", "winter", unique_phone(), timestamp="2025-04-30T11:59:00Z"))
    clock.advance(minutes=5)
    reference_of(server, token)
    until(lambda: server.get("/v1/cdrs/c-1").json()["chain"]["clicks"]["human"]["count"] == 1)
    clock.advance(minutes=1)
    page(gift("d-1", ref=token))
    chain = server.get(f"/v1/cdrs/{call}").json()["chain"]
    assert chain["lastTouch"] == {"what": "click", "at": "2025-04-30T12:05:00.000Z"}


def test_people_read_it_top_to_bottom(server, page, clock):
    server.publish("call-events", ended("c-1", "winter", unique_phone(), timestamp="2025-04-30T11:59:00Z"))
    _, token = press(server, "c-1")
    clock.advance(minutes=5)
    reference_of(server, token)
    until(lambda: server.get("/v1/cdrs/c-1").json()["chain"]["clicks"]["human"]["count"] == 1)
    page(gift("d-1", ref=token))
    shown = server.run("cdr", "show", "c-1").out
    names = [line.split("  ")[0].strip() for line in shown.splitlines()]
    assert names[-5:] == ["text", "opened", "gift", "first touch", "last touch"]
    assert "18.00 USD" in shown


def test_call_of_which_nothing_came_has_an_empty_chain(server):
    server.publish("call-events", ended("quiet", "winter", unique_phone(), timestamp="2025-04-30T11:59:00Z"))
    chain = server.get("/v1/cdrs/quiet").json()["chain"]
    assert (chain["texts"], chain["gifts"], chain["clicks"]["human"]["count"]) == ([], [], 0)
    assert server.run("cdr", "show", "quiet").out.splitlines()[-1].startswith(("cost", "billed"))
