"""Tables, as people see them: nothing is lost, whatever the width, the language and the locale."""
import json
import re

import pytest
from support.events import donation, ended
from support.program import ndjson, run
from support.terminal import run_at_terminal

PHONE = "+12125550101"
REASON = "asked by letter on the first of April, and once more by telephone two days later, because nothing had happened"


@pytest.fixture
def folder(tmp_path):
    """A text, an entry with a long reason, a dead letter, and campaigns with names of the usual length."""
    data = tmp_path / "data"
    lines = [{"topic": "donation-events", "message": donation("call-0000001", "winter-appeal-2024", PHONE)},
             {"topic": "call-events", "message": {"callId": "call-4", "phoneNumber": "0815", "eventType": "call_ended"}}]
    lines += [{"topic": "call-events", "message": ended(f"{outcome}-in-{campaign}", campaign, PHONE, outcome)}
              for campaign in ("spring-appeal-2025", "winter-appeal-2024") for outcome in ("converted", "opted_out", "answered")]
    run(data, "publish", "-", stdin=ndjson(lines))
    assert run(data, "blacklist", "add", "+12125550105", "--reason", REASON, "--actor", "jane").code == 0
    return data


def squeezed(text):
    return re.sub(r"\s+", "", text)


def column(lines, name):
    """What a column says from top to bottom, without the blanks and breaks of its layout."""
    title, *rest = lines
    if name not in title.split():  # a cell a line
        return squeezed("".join(line[len(name):] for line in lines if line.startswith(name)))
    start = title.index(name)
    later = re.search(r"\S", title[start + len(name):])
    end = start + len(name) + later.start() if later else None
    return squeezed("".join(line[start:end] for line in rest))


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_donation_link_is_seen_in_full_at_a_terminal(folder, columns):
    [text] = json.loads(run(folder, "sms", "list", "--output", "json").out)
    assert "https://" in text["message"]
    assert column(run_at_terminal(folder, columns, "sms", "list"), "message") == squeezed(text["message"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("list_of", [("audit", "show"), ("blacklist", "list")], ids=" ".join)
def test_long_reason_is_seen_in_full_at_a_terminal(folder, columns, list_of):
    assert squeezed(REASON) in column(run_at_terminal(folder, columns, *list_of), "reason")


def test_reason_of_a_dead_letter_is_seen_in_full_at_a_terminal(folder):
    [letter] = json.loads(run(folder, "dlq", "list", "--output", "json").out)
    assert column(run_at_terminal(folder, 100, "dlq", "list"), "reason") == squeezed(letter["reason"])


def test_text_wraps_inside_its_cell_where_there_is_room(folder):
    title, *lines = run_at_terminal(folder, 120, "sms", "list")
    assert len(lines) > 1 and max(map(len, lines)) <= 120
    assert all(line[:title.index("message")].strip() == "" for line in lines[1:])


def test_text_wraps_between_words(folder):
    lines = run_at_terminal(folder, 120, "blacklist", "list")
    start = lines[0].index("reason")
    assert [line[start:].split()[0] in REASON.split() for line in lines[1:]] == [True] * (len(lines) - 1)


def test_row_that_fits_no_line_is_shown_a_cell_a_line(folder):
    lines = run_at_terminal(folder, 80, "sms", "list")
    assert [line.split()[0] for line in lines] == ["queued", "phone", "campaign", "call", "status", "message"]


def test_stats_fits_120_columns(folder):
    title, *rows = run_at_terminal(folder, 120, "stats")
    assert title.split()[0] == "campaign" and len(rows) == 2
    assert max(map(len, [title, *rows])) <= 120


def test_stats_shows_rates_beside_their_counts(folder):
    assert run(folder, "stats").out.count("1 (33.3 %)") == 4  # conversions per answered call, opt-outs per call, of two campaigns


@pytest.mark.parametrize("list_of, whole", [(("sms", "list"), "Your personal donation link: https://"), (("audit", "show"), REASON),
                                            (("blacklist", "list"), REASON)], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_nothing_is_cut_or_broken_in_a_pipe(folder, list_of, whole):
    assert whole in run(folder, *list_of, COLUMNS="40").out


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", ""])
def test_other_scripts_are_text_in_every_locale(folder, locale):
    reason = "ביקש במכתב … ועוד"
    assert run(folder, "blacklist", "add", "+972501234567", "--reason", reason, LC_ALL=locale).code == 0
    assert reason in run(folder, "blacklist", "list", LC_ALL=locale).out


def test_what_could_command_a_terminal_is_shown_as_its_code(folder):
    assert run(folder, "blacklist", "add", "+972501234567", "--reason", "red \x1b[31m\nnext").code == 0
    shown = run(folder, "blacklist", "list").out
    assert r"red \x1b[31m\x0anext" in shown and "\x1b" not in shown
    for columns in (80, 120):
        assert r"\x1b[31m" in squeezed("".join(run_at_terminal(folder, columns, "blacklist", "list")))
        assert "\x1b" not in "".join(run_at_terminal(folder, columns, "blacklist", "list"))
