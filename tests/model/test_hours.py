"""When somebody may be reached again, found a second time by walking through the minutes."""
import datetime
import zoneinfo

from hypothesis import given, settings, strategies as st

UTC = datetime.timezone.utc
NUMBERS = (
    "+12125550100", "+13055550100", "+12085550100", "+18505550100", "+19075550100", "+972501234567", "+61412345678", "+34612345678",
    "+351912345678", "+77012345678", "+79161234567", "+5511987654321", "+976991234567", "+212612345678", "+9779812345678", "+64305012345",
)
clock = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
windows = st.tuples(clock, clock).filter(lambda pair: pair[0] != pair[1])


def minutes_of(text):
    return int(text[:2]) * 60 + int(text[3:])


def is_quiet(zone, window, second):
    local = datetime.datetime.fromtimestamp(second, UTC).astimezone(zone)
    minute, begin, end = local.hour * 60 + local.minute, *map(minutes_of, window)
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def walked(zones, window, now_ms):
    now = now_ms // 1000
    moments = [now, *range(now - now % 60 + 60, now + 48 * 3600, 60)]
    most, best = 0, now
    for moment in moments:
        count = sum(not is_quiet(zone, window, moment) for zone in zones)
        if count > most:
            most, best = count, moment
        if most == len(zones):
            break
    return 0 if best == now else best * 1000


@settings(max_examples=120)
@given(phone=st.sampled_from(NUMBERS), window=windows | st.just(("21:00", "08:00")), now_ms=st.integers(1577836800000, 2208988800000))
def test_end_of_the_quiet_hours_is_the_first_minute_that_suits_all(pure, phone, window, now_ms):
    zones = [zoneinfo.ZoneInfo(name) for name in pure.ask("zones", phone)]
    assert pure.numbers("quiet", "-".join(window), phone, now_ms) == (walked(zones, window, now_ms),)


@settings(max_examples=120)
@given(phone=st.sampled_from(("+12125550100", "+972501234567", "+61298765432", "+56212345678", "+299321000", "+212612345678", "+353871234567")),
       window=windows | st.just(("21:00", "08:00")), day=st.integers(0, 800), hour=st.integers(0, 47))
def test_the_days_on_which_clocks_are_set_are_no_exception(pure, phone, window, day, hour):
    name = pure.ask("zones", phone)[0]
    change = pure.numbers("span", name, 1735689600 + day * 86400)[1]
    now_ms = (min(change, 1900000000) - hour * 3600 + 1) * 1000
    zones = [zoneinfo.ZoneInfo(each) for each in pure.ask("zones", phone)]
    assert pure.numbers("quiet", "-".join(window), phone, now_ms) == (walked(zones, window, now_ms),)


@settings(max_examples=20)
@given(now_ms=st.integers(1577836800000, 2208988800000))
def test_somebody_who_may_be_anywhere_is_reached_within_two_days(pure, now_ms):
    for _ in range(3):
        end_ms, = pure.numbers("quiet", "21:00-08:00", "+88212345678", now_ms)
        if not end_ms:
            return
        assert now_ms < end_ms <= now_ms + 48 * 3600 * 1000
        now_ms = end_ms
    raise AssertionError("the moment moves on and on")
