"""The audit chain, against somebody who can write to the database file."""
import concurrent.futures
import json

import pytest
from support.events import donation, optout
from support.forger import Refused, disarm, forge
from support.program import Publisher, run


@pytest.fixture
def folder(tmp_path):
    """A data folder with six entries: three opt-outs, a donation, a removal and an addition by hand."""
    data = tmp_path / "data"
    for i in range(3):
        publish(data, "optout-events", optout(f"call-{i}", "campaign", f"+1212555010{i}"))
    publish(data, "donation-events", donation("call-4", "campaign", "+12125550104"))
    assert run(data, "blacklist", "remove", "+12125550101", "--actor", "jane", "--reason", "asked to be called").code == 0
    assert run(data, "blacklist", "add", "+12125550109", "--actor", "jane", "--reason", "asked by letter").code == 0
    return data


def publish(data, topic, event):
    done = run(data, "publish", "--topic", topic, "--message", json.dumps(event))
    assert done.code == 0, done


def tamper(data, *statements):
    disarm(data)
    forge(data, *statements)


def verify(data):
    done = run(data, "audit", "verify")
    return done.code, done.out + done.err


def test_untouched_chain_is_verified(folder):
    code, said = verify(folder)
    assert code == 0
    assert "6" in said


def test_chain_and_list_are_of_one_moment_while_entries_come(make_server):
    server = make_server()
    publisher = Publisher(server)

    def publish_all():
        for i in range(200):
            publisher.publish("optout-events", optout(f"call-{i}", "campaign", f"+1212556{i:04d}"))

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish_all)
        while not publishing.done():
            assert verify(server.data)[0] == 0
        publishing.result()
    publisher.close()
    assert "200 entries" in verify(server.data)[1]


def test_database_refuses_to_change_or_delete_entries(folder):
    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit WHERE seq = 3",
                      "INSERT OR REPLACE INTO audit SELECT seq, at_ms, kind, subject, action_id, 'x', reason, detail, hash FROM audit"):
        with pytest.raises(Refused, match="audit chain"):
            forge(folder, statement)


@pytest.mark.parametrize("column, value", [("at_ms", 1), ("kind", "'block'"), ("subject", "'+12125550199'"), ("action_id", "'x'"),
                                           ("actor", "'mallory'"), ("reason", "'none'"), ("detail", "'{}'"),
                                           ("hash", "zeroblob(32)")])
def test_changed_entry_is_named(folder, column, value):
    tamper(folder, f"UPDATE audit SET {column} = {value} WHERE seq = 5")
    code, said = verify(folder)
    assert code == 1
    assert "entry 5 was changed" in said


@pytest.mark.parametrize("seq", [1, 3])
def test_missing_entry_is_named(folder, seq):
    tamper(folder, f"DELETE FROM audit WHERE seq = {seq}")
    code, said = verify(folder)
    assert code == 1
    assert f"entry {seq} is missing" in said


def test_entry_cut_off_at_the_end_is_noticed(folder):
    tamper(folder, "DELETE FROM audit WHERE seq = 6")
    code, said = verify(folder)
    assert code == 1
    assert "6" in said


def test_reordered_entries_are_named(folder):
    tamper(folder, "UPDATE audit SET seq = -2 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3",
           "UPDATE audit SET seq = 3 WHERE seq = -2")
    code, said = verify(folder)
    assert code == 1
    assert "entry 2" in said


def test_renumbered_gap_is_noticed(folder):
    tamper(folder, "DELETE FROM audit WHERE seq = 2", "UPDATE audit SET seq = seq - 1 WHERE seq > 2")
    code, said = verify(folder)
    assert code == 1
    assert "entry 2" in said


def test_removal_without_actor_or_reason_is_refused(folder):
    assert run(folder, "blacklist", "remove", "+12125550100", "--reason", "because").code != 0
    assert run(folder, "blacklist", "remove", "+12125550100", "--actor", "jane").code != 0
    assert run(folder, "blacklist", "check", "+12125550100").code == 3


def test_removed_number_keeps_its_history(folder):
    done = run(folder, "blacklist", "show", "+12125550101")
    shown = run(folder, "audit", "show", "--phone", "+12125550101", "--output", "json")
    assert [(entry["kind"], entry["actor"]) for entry in json.loads(shown.out)] == [("block", "caller"), ("unblock", "jane")]
    assert "asked to be called" in done.out + shown.out
