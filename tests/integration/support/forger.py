"""Somebody who may write to the database, past the program: into the file in the data folder, or where the stores are apart into
PostgreSQL and Redis. Statements are SQLite's; what PostgreSQL says otherwise is translated."""
import sqlite3
import subprocess

from support import apart

IN_POSTGRESQL = {"at_ms = 1": "at = to_timestamp(0.001)", "zeroblob(32)": "decode(repeat('00', 32), 'hex')",
                 "SELECT seq, at_ms,": "SELECT seq, at,", "INSERT OR REPLACE INTO audit SELECT": "UPDATE audit SET actor = 'x'; SELECT"}


class Refused(Exception):
    """The database does not do that."""


def psql(data, *statements):
    """Runs them in the folder's schema; returns how many rows each changed."""
    commands = [word for each in statements for word in ("-c", each)]
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", apart.settings_of(data)["DATABASE_URL"], *commands],
                          capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    return [int(line.split()[-1]) if line.split()[-1].isdigit() else 0 for line in done.stdout.splitlines()]


def redis(data, *arguments):
    from support.stores import redis_cli
    return redis_cli(apart.settings_of(data), *arguments)


def in_words_of_postgresql(statement):
    for ours, theirs in IN_POSTGRESQL.items():
        statement = statement.replace(ours, theirs)
    return statement


def forge(data, *statements):
    """Each statement must change something."""
    if apart.WANTED:
        for statement in statements:
            assert psql(data, in_words_of_postgresql(statement))[-1] != 0, statement
        return
    [file] = data.glob("*.db")
    with sqlite3.connect(file) as database:
        for statement in statements:
            try:
                changed = database.execute(statement).rowcount
            except sqlite3.DatabaseError as refusal:
                raise Refused(str(refusal)) from refusal
            assert changed != 0, statement


def disarm(data):
    """What a forger does first: away with the triggers."""
    if apart.WANTED:
        psql(data, "ALTER TABLE audit DISABLE TRIGGER ALL")
        return
    [file] = data.glob("*.db")
    with sqlite3.connect(file) as database:
        for [name] in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")


def add_to_counter(data, campaign, name, number):
    """Behind everybody's back."""
    if apart.WANTED:
        redis(data, "INCRBY", f"campaign:{campaign}:{name}", str(number))
        return
    forge(data, f"UPDATE counter SET value = value + {number} WHERE name = '{name}'")
