"""Quiet hours need the time zones of the system where somebody can be reached, and nowhere else."""
import json

import pytest
from support.program import run

# An Asterisk that nobody needs to answer: what is looked at here comes before the first call.
CALLS_PEOPLE = {"PLEDGELINE_AMI_URL": "ami://pledgeline:secret@127.0.0.1:1", 
                "PLEDGELINE_DIAL": "PJSIP/{digits}@trunk",
    "PLEDGELINE_CALLER_ID": "+12025550100"}


def test_who_reaches_nobody_needs_no_time_zones(make_server):
    assert make_server(TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="21:00-08:00").get("/healthz").status == 200


def test_who_calls_people_does_not_start_without_time_zones(tmp_path):
    done = run(tmp_path / "data", "serve", PORT=0, TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="21:00-08:00", **CALLS_PEOPLE)
    assert done.code != 0
    assert "PLEDGELINE_QUIET_HOURS" in done.err and "TZDIR" in done.err and "/nowhere/" in done.err


def test_quiet_hours_are_those_of_the_law_unless_somebody_says_otherwise(tmp_path):
    shown = json.loads(run(tmp_path / "data", "config", "--output", "json", PLEDGELINE_QUIET_HOURS=None).out)
    [found] = [row for row in shown if row["name"] == "PLEDGELINE_QUIET_HOURS"]
    assert found["value"] == "21:00-08:00"


def test_without_quiet_hours_no_time_zones_are_needed(make_server):
    assert make_server(TZDIR="/nowhere", PLEDGELINE_QUIET_HOURS="", **CALLS_PEOPLE).get("/healthz").status == 200


@pytest.mark.parametrize("hours", ["21-8", "25:00-08:00", "21:00-08:00,21:00-09:00", "+972=20:00"])
def test_wrong_quiet_hours_are_refused_also_where_nobody_is_reached(tmp_path, hours):
    done = run(tmp_path / "data", "config", PLEDGELINE_QUIET_HOURS=hours)
    assert done.code != 0 and "PLEDGELINE_QUIET_HOURS" in done.err


@pytest.mark.parametrize("setting", ["PLEDGELINE_STOP_REPLY", "PLEDGELINE_HELP_REPLY"])
def test_an_answer_is_no_template(tmp_path, setting):
    done = run(tmp_path / "data", "config", **{setting: "Bye {{campaignName}}"})
    assert done.code != 0 and setting in done.err
