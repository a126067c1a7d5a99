"""docs/http.md says what the program does: its tables are the program's, and its examples answer what it shows."""
import re
import subprocess

import pytest
from support.program import PATIENCE_S, ROOT, run

PAGE = (ROOT / "docs" / "http.md").read_text()
BEGIN, END = "<!-- routes:begin -->\n", "<!-- routes:end -->\n"
CURSOR, ANY_CURSOR = re.compile(r'"nextCursor":"([^"]+)"'), '"nextCursor":"…"'  # a store's own affair


def examples():
    """(command, what it prints) of each console block; … stands for anything."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            yield tuple(shown.split("\n", 1))


def test_tables_are_the_ones_that_the_program_prints(tmp_path):
    printed = run(tmp_path, "routes", "--markdown")
    assert printed.code == 0
    assert PAGE.split(BEGIN)[1].split(END)[0] == printed.out


def test_each_route_and_role_is_listed(tmp_path):
    listed = run(tmp_path, "routes").out
    assert all(route in listed for route in ("/v1/cdrs/{callId}", "/v1/blacklist/import", "/metrics"))
    assert re.search(r"DELETE +/v1/blacklist/\{phoneNumber\} +admin +actor reason", listed)


def test_examples_answer_what_the_page_shows(server, tmp_path):
    shown, cursors = list(examples()), {}
    assert len(shown) > 10
    for command, expected in shown:
        for ours, theirs in cursors.items():
            command = command.replace(f"cursor={ours}", f"cursor={theirs}")
        done = subprocess.run(["bash", "-euc", command.replace("http://127.0.0.1:8080", server.url)], cwd=tmp_path, text=True,
                              capture_output=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done
        answer = done.stdout.replace("\r\n", "\n").strip()
        cursors.update(zip(CURSOR.findall(expected), CURSOR.findall(answer)))
        pattern = ".*".join(map(re.escape, CURSOR.sub(ANY_CURSOR, expected.strip()).split("…")))
        assert re.fullmatch(pattern, CURSOR.sub(ANY_CURSOR, answer), re.DOTALL), (command, expected, done.stdout)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_routes_answer_as_the_page_lists_them(server, tmp_path, method):
    """404 is of an item, never of a path."""
    listed = re.findall(rf"^\| `{method} ([^`]+)` \| [a-z]+ \|", PAGE, re.MULTILINE)
    assert listed
    for path in set(listed) - {"/v1/stream"}:  # which does not end
        answer = server.request(method, re.sub(r"\{\w+\}", "x", path))
        assert answer.status != 405 and b"path_unknown" not in answer.body, path
