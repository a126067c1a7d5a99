"""Local time, held against Python's own reader of the same files."""
import datetime
import zoneinfo

import pytest
from hypothesis import given, strategies as st

NAMES = sorted(name for name in zoneinfo.available_timezones()
               if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/")))
CLOCKS_MOVE_ODDLY = (
    "Africa/Casablanca", "Africa/El_Aaiun", "America/Nuuk", "Asia/Gaza", "Asia/Jerusalem", "Africa/Cairo", "Australia/Lord_Howe", "Europe/Dublin",
    "Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati", "Antarctica/Troll", "America/Scoresbysund",
)
UTC = datetime.timezone.utc


def offset_of(name, second):
    moment = datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=second)
    return int(moment.astimezone(zoneinfo.ZoneInfo(name)).utcoffset().total_seconds())


seconds = st.integers(int(datetime.datetime(1990, 1, 1, tzinfo=UTC).timestamp()), int(datetime.datetime(2400, 1, 1, tzinfo=UTC).timestamp()))


@given(name=st.sampled_from(NAMES), second=seconds)
def test_offset_is_that_of_the_system(pure, name, second):
    offset, until = pure.numbers("span", name, second)
    assert offset == offset_of(name, second)
    assert until > second
    if until < 13569465600:  # 2400
        assert offset_of(name, until - 1) == offset


@pytest.mark.parametrize("name", CLOCKS_MOVE_ODDLY)
def test_every_change_comes_to_the_second(pure, name):
    """From change to change until 2101: between two of them nothing moves, and each real one is met."""
    at, end = 1420070400, 4133980800
    while at < end:
        offset, until = pure.numbers("span", name, at)
        for probe in {at, min(until, end) - 1, at + (min(until, end) - at) // 2}:
            assert offset == offset_of(name, probe), (name, probe)
        at = until
