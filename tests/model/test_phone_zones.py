"""The zones of numbers, held against those that libphonenumber's authors give for the same prefixes: none of theirs may be missing here, by
what clocks show there in the year of the test, and ours name nothing that is far from theirs."""
import datetime
import re
import zoneinfo

import pytest
from pure import ROOT

phonenumbers = pytest.importorskip("phonenumbers", reason="SKIPPED, zones of numbers are not checked: python3-phonenumbers is not installed")
from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: E402

MONTHS = [datetime.datetime(2026, month, 15, 12, tzinfo=datetime.timezone.utc) for month in range(1, 13)]

# Where theirs is older than tzdata, or one exchange in them is far from its area. Each row: our prefix below which it may differ.
DIFFERENT = {
    "1437": "Toronto", "1474": "Saskatchewan", "1480": "Phoenix", "1520": "Phoenix", "1602": "Phoenix", "1689": "Orlando", "1709": "Newfoundland",
    "1879": "Newfoundland", "1907581": "Aleutians, with summer time", "211": "+2 since 2021", "212": "+1, and 0 in Ramadan",
    "213": "no summer time", "218": "no summer time", "505": "no summer time", "52": "Quintana Roo has no summer time", "5555": "one exchange",
    "5567": "one exchange", "5569": "one exchange", "5592": "one exchange", "62379": "one area", "62403": "one area", "62458": "one area",
    "629": "areas of +9", "7": "Abkhazia goes by Moscow", "740": "Abkhazia", "7840": "Abkhazia", "7845": "Saratov, +4 since 2016",
}


def clocks_of(zone, known={}):
    if zone not in known:
        known[zone] = tuple(moment.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset() for moment in MONTHS)
    return known[zone]


def is_different(prefix):
    return any(prefix.startswith(known) and (known not in ("7", "52") or prefix == known or known == "52") for known in DIFFERENT)


def test_no_zone_of_a_prefix_is_missing(pure):
    missing = {}
    for prefix, theirs in TIMEZONE_DATA.items():
        ours = {clocks_of(zone) for zone in pure.ask("zones", "+" + prefix)}
        absent = [zone for zone in theirs if clocks_of(zone) not in ours]
        if absent and not is_different(prefix):
            missing[prefix] = absent
    assert not missing


def rows():
    """Our prefixes, as they are written."""
    text = (ROOT / "src" / "event" / "phone_zones.def").read_text()
    literals = re.compile(r'"((?:[^"\\])*)"')
    for row in re.findall(r"PHONE_ZONES\((.*?)\)$", text.split("*/", 1)[1], re.DOTALL | re.MULTILINE):
        words = " ".join(part.strip() for part in literals.findall(row)).split()
        yield from (word for word in words if word.isdigit())


def theirs_of(prefix):
    longer = [zones for known, zones in TIMEZONE_DATA.items() if known.startswith(prefix)]
    shorter = [TIMEZONE_DATA[prefix[:length]] for length in range(1, len(prefix) + 1) if prefix[:length] in TIMEZONE_DATA]
    return {clocks_of(zone) for zones in longer + shorter[-1:] for zone in zones}


def test_every_row_is_near_theirs(pure):
    """A zone of ours may be one more; all of a row's being others means that the row is wrong."""
    prefixes = list(rows())
    assert len(prefixes) == len(set(prefixes)) > 600
    strange = [prefix for prefix in prefixes
               if not is_different(prefix) and not {clocks_of(zone) for zone in pure.ask("zones", "+" + prefix)} & theirs_of(prefix)]
    assert not strange
