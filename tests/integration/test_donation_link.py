"""The personal link is opened here: it leads to its campaign's page, counts people apart from programs, and tells strangers nothing."""
import base64
import os
import pathlib
import socket
import tempfile

import pytest
from support.events import donation, unique, unique_phone
from support.peer_postgres import PostgresPeer
from support.program import request_on
from support.stores import until

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
PREVIEW = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"
BASE = "https://d.example.org/d"
SETTINGS = {"DONATION_LINK_BASE_URL": BASE, "PLEDGELINE_DONATION_PAGE": "https://give.example.org/{campaignId}?ref={ref}",
            "PLEDGELINE_LINK_RATE": 1000000}


@pytest.fixture
def server(make_server, clock):
    return make_server(**SETTINGS, **clock.settings)


def sent_link(server, clock, campaign="winter", call_id=None):
    """The link as it stands in the text, opened a minute later."""
    phone = unique_phone()
    server.publish("donation-events", donation(call_id or unique("call"), campaign, phone))
    [message] = server.get(f"/v1/sms?phoneNumber=%2B{phone[1:]}").json()["messages"]
    clock.advance(minutes=1)
    return next(word for word in message["message"].split() if word.startswith(BASE))


def token_of(link):
    return link.partition("?ref=")[2]


def opened(server, link, method="GET", **headers):
    return server.request(method, link.replace("https://d.example.org", ""), **{"user_agent": PHONE, **headers})


def ref_of(answer):
    return answer.headers["Location"].partition("ref=")[2]


def clicks(server, call_id):
    """By kind; empty while the ledger is away."""
    chain = server.get(f"/v1/cdrs/{call_id}").json()["chain"]
    return {kind: counted["count"] for kind, counted in chain["clicks"].items()} if chain else {}


def clicked(server, call_id, **wanted):
    """A call that has a record: waits until its clicks are these."""
    wanted = {"human": 0, "preview": 0, "scanner": 0, **wanted}
    return until(lambda: clicks(server, call_id) == wanted, lambda: clicks(server, call_id))


def metric(server, name):
    return next(int(line.rsplit(" ", 1)[1]) for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name))


@pytest.fixture
def call(server):
    call_id = unique("call")
    server.publish("call-events", {"callId": call_id, "campaignId": "winter", "contactId": "c", "phoneNumber": unique_phone(),
                                   "eventType": "call_initiated", "timestamp": "2025-04-30T11:59:00Z"})
    return call_id


# ---- where it leads ----

def test_link_leads_to_the_page_of_its_campaign(server, clock):
    answer = opened(server, sent_link(server, clock, campaign="winter & co"))
    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://give.example.org/winter%20%26%20co?ref=")
    assert len(ref_of(answer)) == 32
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.body == b""


def test_link_works_in_the_path_with_a_slash_behind_it_and_with_what_others_add(server, clock):
    link = sent_link(server, clock)
    wanted = opened(server, link).headers["Location"]
    for path in (f"/d/{token_of(link)}", f"/d/{token_of(link)}/", f"/d?ref={token_of(link)}&fbclid=1&utm_source=sms", f"/d/{token_of(link)}?utm=x"):
        assert opened(server, path).headers["Location"] == wanted


def test_head_is_answered_like_get_without_a_body(server, clock):
    link = sent_link(server, clock)
    head, get = opened(server, link, method="HEAD"), opened(server, link)
    assert (head.status, head.headers["Location"]) == (302, get.headers["Location"])
    assert opened(server, "/d/nothing", method="HEAD").status == 404


def test_campaign_has_a_page_of_its_own(make_server, clock, tmp_path):
    pages = tmp_path / "pages.csv"
    pages.write_text("campaign,url\nspring,https://spring.example.org/?r={ref}\n")
    server = make_server(**{**SETTINGS, "PLEDGELINE_DONATION_PAGES": pages}, **clock.settings)
    assert opened(server, sent_link(server, clock, "spring")).headers["Location"].startswith("https://spring.example.org/?r=")
    assert opened(server, sent_link(server, clock, "winter")).headers["Location"].startswith("https://give.example.org/winter?ref=")


def test_campaign_without_any_page_is_a_link_that_is_not_known(make_server, clock, tmp_path):
    pages = tmp_path / "pages.csv"
    pages.write_text("spring,https://spring.example.org/?r={ref}\n")
    server = make_server(**{**SETTINGS, "PLEDGELINE_DONATION_PAGE": None, "PLEDGELINE_DONATION_PAGES": pages}, **clock.settings)
    assert opened(server, sent_link(server, clock, "winter")).status == 404


def test_link_needs_no_token_where_everything_else_does(make_server, clock):
    server = make_server(PLEDGELINE_TOKENS="service:0123456789", **SETTINGS, **clock.settings)
    server.post("/v1/events/donation-events", donation("c", "winter", unique_phone()), authorization="Bearer 0123456789")
    [message] = server.get("/v1/sms", authorization="Bearer 0123456789").json()["messages"]
    link = next(word for word in message["message"].split() if word.startswith(BASE))
    assert opened(server, link, host="d.example.org").status == 302
    assert server.get("/v1/sms").status == 401


def test_without_a_page_no_link_is_opened(make_server):
    server = make_server()
    assert (server.get("/d/abc").status, server.get("/d/abc").json()["code"]) == (404, "links_off")


@pytest.mark.parametrize("page", ["give.example.org", "javascript:alert(1)", "https://give.example.org/{phone}"])
def test_page_that_is_none_is_refused_at_the_start(tmp_path, page):
    from support.program import run
    done = run(tmp_path / "data", "serve", PLEDGELINE_DONATION_PAGE=page, PORT=0)
    assert done.code != 0
    assert "PLEDGELINE_DONATION_PAGE" in done.err


# ---- what is no link of ours ----

def normal(answer):
    return answer.status, [(name, value) for name, value in answer.headers.items() if name != "Date"], answer.body


def test_every_changed_byte_of_a_token_is_refused_alike(server, clock):
    token = token_of(sent_link(server, clock))
    raw = bytearray(base64.urlsafe_b64decode(token + "="))
    forged = []
    for at in range(len(raw)):
        for change in (1, 0x80):
            changed = bytearray(raw)
            changed[at] ^= change
            forged.append(base64.urlsafe_b64encode(changed).decode().rstrip("="))
    connection = server.connect()
    answers = {repr(normal(request_on(connection, "GET", f"/d/{each}", user_agent=PHONE))) for each in forged}
    connection.close()
    assert len(forged) == 58
    assert answers == {repr(normal(opened(server, "/d/nothing")))}
    assert opened(server, f"/d/{token}").status == 302


def test_whatever_is_no_link_gets_the_same_answer(server, clock):
    token = token_of(sent_link(server, clock))
    unknown = normal(opened(server, "/d/nothing"))
    assert unknown[0] == 404
    for path in ("/d", "/d/", "/d?ref=", "/d?other=1", f"/d/{token[:-1]}", f"/d/{token}A", f"/d/{token}%00", "/d/%zz", "/d/%2e%2e/x", "/d/a/b/c",
                 f"/d/{'A' * 39}", f"/d/{'A' * 5000}", f"/d?ref={token}x", f"/d?ref=x&ref={token}", f"/d/{token.lower()}"):
        assert normal(opened(server, path)) == unknown, path


def test_link_that_is_ours_and_not_in_the_ledger_is_not_known(make_server, clock):
    secret = {"DONATION_LINK_SECRET": "a secret of both servers"}
    elsewhere = make_server(**SETTINGS, **secret, **clock.settings)
    server = make_server(**SETTINGS, **secret, **clock.settings)
    link = sent_link(elsewhere, clock)
    assert opened(elsewhere, link).status == 302
    assert normal(opened(server, link)) == normal(opened(server, "/d/nothing"))


def test_reference_on_the_page_opens_no_link(server, clock):
    assert opened(server, f"/d/{ref_of(opened(server, sent_link(server, clock)))}").status == 404


# ---- who is counted ----

def test_person_is_counted_once_with_first_and_last_time(server, clock, call):
    link = sent_link(server, clock, call_id=call)
    opened(server, link)
    clicked(server, call, human=1)
    clock.advance(hours=1)
    opened(server, link)
    opened(server, link)
    clock.advance(seconds=1)
    opened(server, link)
    clicked(server, call, human=4)
    human = server.get(f"/v1/cdrs/{call}").json()["chain"]["clicks"]["human"]
    assert (human["first"], human["last"]) == ("2025-04-30T12:01:00.000Z", "2025-04-30T13:01:01.000Z")


@pytest.mark.parametrize("headers, kind", [
    ({"user_agent": PREVIEW}, "preview"),
    ({"user_agent": "WhatsApp/2.23.20.0 A"}, "preview"),
    ({"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, "scanner"),
    ({"user_agent": "curl/7.88.1"}, "scanner"),
    ({"user_agent": None}, "scanner"),
    ({"sec_purpose": "prefetch;prerender"}, "preview"),
    ({"purpose": "prefetch"}, "preview"),
    ({"x_purpose": "preview"}, "preview"),
    ({"x_moz": "prefetch"}, "preview"),
    ({"method": "HEAD"}, "preview"),
])
def test_program_is_counted_apart(server, clock, call, headers, kind):
    link = sent_link(server, clock, call_id=call)
    assert opened(server, link, **headers).status == 302
    clicked(server, call, **{kind: 1})
    opened(server, link)
    clicked(server, call, **{kind: 1, "human": 1})


def test_who_opens_a_link_faster_than_a_person_is_a_scanner(server, clock, call):
    link = sent_link(server, clock, call_id=call)
    clock.advance(minutes=-1, milliseconds=1999)
    opened(server, link)
    clicked(server, call, scanner=1)
    clock.advance(milliseconds=1)
    opened(server, link)
    clicked(server, call, scanner=1, human=1)


def test_opening_changes_nothing_but_the_count(server, clock, call):
    link = sent_link(server, clock, call_id=call)
    before = server.get("/v1/campaigns/winter/live").json(), server.get("/v1/actions").json(), server.get("/v1/sms").json()
    opened(server, link)
    clicked(server, call, human=1)
    assert (server.get("/v1/campaigns/winter/live").json(), server.get("/v1/actions").json(), server.get("/v1/sms").json()) == before


def test_clicks_are_stored_when_the_server_stops(make_server, clock, tmp_path):
    server = make_server(data=tmp_path / "kept", **SETTINGS, **clock.settings)
    call = unique("call")
    server.publish("call-events", {"callId": call, "campaignId": "w", "phoneNumber": unique_phone(), "eventType": "call_initiated"})
    link = sent_link(server, clock, call_id=call)
    for _ in range(3):
        opened(server, link)
        clock.advance(seconds=1)
    server.stop()
    assert clicks(make_server(data=tmp_path / "kept", **SETTINGS, **clock.settings), call)["human"] == 3


# ---- limits ----

def limited(make_server, clock, **settings):
    return make_server(**{**SETTINGS, **settings}, **clock.settings)


def test_address_that_asks_too_often_waits(make_server, clock):
    server = limited(make_server, clock, PLEDGELINE_LINK_RATE=5)
    link = sent_link(server, clock)
    codes = [opened(server, link).status for _ in range(6)]
    assert codes == [302] * 5 + [429]
    answer = opened(server, "/d/nothing")
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert opened(server, link, x_forwarded_for="192.0.2.7").status == 302


def test_proxy_says_who_asks_and_only_its_own_word_counts(make_server, clock):
    server = limited(make_server, clock, PLEDGELINE_LINK_RATE=1)
    link = sent_link(server, clock)
    assert opened(server, link, x_forwarded_for="198.51.100.1, 192.0.2.7").status == 302
    assert opened(server, link, x_forwarded_for="198.51.100.2, 192.0.2.7:4711").status == 429
    assert opened(server, link, x_forwarded_for="192.0.2.7, 198.51.100.3").status == 302
    assert opened(server, link, x_forwarded_for="2001:db8::1").status == 302
    assert opened(server, link, x_forwarded_for="[2001:db8::ffff:2]:80").status == 429


def test_stranger_who_says_that_he_is_a_proxy_is_none(make_server, clock):
    server = limited(make_server, clock, PLEDGELINE_LINK_RATE=1, PLEDGELINE_TRUSTED_PROXIES="192.0.2.1")
    link = sent_link(server, clock)
    assert [opened(server, link, x_forwarded_for=f"198.51.100.{last}").status for last in (1, 2)] == [302, 429]


def test_guesses_from_everywhere_do_not_keep_people_out(make_server, clock):
    server = limited(make_server, clock, PLEDGELINE_LINK_RATE_ALL=20)
    link = sent_link(server, clock)
    codes = [opened(server, f"/d/guess{last}", x_forwarded_for=f"198.51.100.{last}").status for last in range(30)]
    assert codes[:20] == [404] * 20
    assert codes[-1] == 429
    assert opened(server, link, x_forwarded_for="192.0.2.7").status == 302


def test_flood_of_clicks_holds_up_no_opt_out(server, clock, call):
    link = sent_link(server, clock, call_id=call)
    path, phones = link.replace("https://d.example.org", ""), [unique_phone() for _ in range(20)]
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {PHONE}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as flood:
        flood.sendall(request * 500)
        for phone in phones:
            assert server.post("/v1/events/optout-events", {"callId": f"c{phone}", "phoneNumber": phone, "dtmfInput": "9"}).status == 200
        assert all(server.post("/v1/blacklist/check", {"phoneNumber": phone}).json()["blocked"] for phone in phones)
        found = 0
        while found < 500:
            chunk = flood.recv(1 << 16)
            assert chunk
            found += chunk.count(b"HTTP/1.1 302")
    assert metric(server, 'pledgeline_link_requests_total{what="human"}') == 500
    until(lambda: clicks(server, call)["human"])
    assert metric(server, "pledgeline_clicks_lost_total") == 0


# ---- a ledger elsewhere ----

@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory(prefix="pledgeline-links-") as folder:
        os.chmod(folder, 0o755)
        peer = PostgresPeer(pathlib.Path(folder)).start()
        yield peer
        peer.stop()


@pytest.mark.own_stores
@pytest.mark.parametrize("page, status", [("https://give.example.org/?ref={ref}", 302), ("https://give.example.org/{campaignId}?ref={ref}", 503)],
                         ids=["one page", "a page a campaign"])
def test_ledger_that_is_away_stops_nobody_who_needs_not_be_asked_about(make_server, clock, postgres, page, status):
    server = make_server(**{**SETTINGS, "PLEDGELINE_DONATION_PAGE": page}, **clock.settings, DONATION_LINK_SECRET="0123456789abcdef0123",
                         DATABASE_URL=f"{postgres.url}?options=-csearch_path%3D{unique('links').replace('-', '_')}")
    call = unique("call")
    server.publish("call-events", {"callId": call, "campaignId": "w", "phoneNumber": unique_phone(), "eventType": "call_initiated"})
    link = sent_link(server, clock, call_id=call)
    opened(server, link)
    clicked(server, call, human=1)
    clock.advance(minutes=1)
    postgres.crash()
    try:
        answer = opened(server, link)
        assert answer.status == status
        assert status == 302 or answer.headers["Retry-After"]
        assert opened(server, "/d/nothing").status == 404
    finally:
        postgres.start()
    until(lambda: opened(server, link).status == 302)
    clock.advance(minutes=1)
    opened(server, link)
    until(lambda: clicks(server, call).get("human", 0) >= 3)
