/* Reads a rule from left to right, and finds the changes around a moment by those of the years around it. */
#include "base/zone_rule.h"

#include "base/clock.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* ---- reading ---- */

static bool takes(Slice *rest, char byte)
{
    if (slice_empty(*rest) || rest->at[0] != byte)
        return false;
    *rest = (Slice){rest->at + 1, rest->bytes - 1};
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool take_number(Slice *rest, int least, int most, int *ret)
{
    enum { DIGITS_MAX = 3 };
    int value = 0, digits = 0;
    for (; digits < DIGITS_MAX && !slice_empty(*rest) && is_digit(rest->at[0]); digits++) {
        value = value * 10 + (rest->at[0] - '0');
        takes(rest, rest->at[0]);
    }
    *ret = value;
    return digits && value >= least && value <= most;
}

/* IST, or <+03>. */
static bool take_name(Slice *rest)
{
    bool is_quoted = takes(rest, '<');
    size_t bytes = 0;
    for (; bytes < rest->bytes; bytes++) {
        char c = rest->at[bytes];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_letter && !(is_quoted && (is_digit(c) || c == '+' || c == '-')))
            break;
    }
    *rest = (Slice){rest->at + bytes, rest->bytes - bytes};
    return bytes >= 3 && (!is_quoted || takes(rest, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(Slice *rest, int hours_most, int32_t *ret_s)
{
    bool is_negative = takes(rest, '-');
    if (!is_negative)
        takes(rest, '+');
    int hours, minutes = 0, seconds = 0;
    if (!take_number(rest, 0, hours_most, &hours))
        return false;
    if (takes(rest, ':') && !take_number(rest, 0, 59, &minutes))
        return false;
    if (takes(rest, ':') && !take_number(rest, 0, 59, &seconds))
        return false;
    int32_t time_s = hours * HOUR_S + minutes * 60 + seconds;
    *ret_s = is_negative ? -time_s : time_s;
    return true;
}

/* POSIX counts west of Greenwich, we east. */
static bool take_offset(Slice *rest, int32_t *ret_s)
{
    if (!take_time(rest, 24, ret_s))
        return false;
    *ret_s = -*ret_s;
    return true;
}

static bool take_day(Slice *rest, ZoneDate *ret)
{
    if (takes(rest, 'M')) {
        ret->form = ZONE_DATE_MONTH_WEEK_DAY;
        return take_number(rest, 1, 12, &ret->month) && takes(rest, '.') && take_number(rest, 1, 5, &ret->week) && takes(rest, '.') &&
               take_number(rest, 0, 6, &ret->day);
    }
    bool is_julian = takes(rest, 'J');
    ret->form = is_julian ? ZONE_DATE_JULIAN : ZONE_DATE_DAY_OF_YEAR;
    return take_number(rest, is_julian ? 1 : 0, 365, &ret->day);
}

static bool take_date(Slice *rest, ZoneDate *ret)
{
    enum { HOURS_MOST = 167 }; /* RFC 8536, 3.3.1: a week */
    *ret = (ZoneDate){.second = 2 * HOUR_S};
    if (!takes(rest, ',') || !take_day(rest, ret))
        return false;
    return !takes(rest, '/') || take_time(rest, HOURS_MOST, &ret->second);
}

bool zone_rule_parse(Slice text, ZoneRule *ret)
{
    ZoneRule rule = {0};
    if (!take_name(&text) || !take_offset(&text, &rule.standard_s))
        return false;
    rule.has_summer = !slice_empty(text);
    rule.summer_s = rule.standard_s + HOUR_S;
    if (rule.has_summer) {
        if (!take_name(&text))
            return false;
        bool names_offset = !slice_empty(text) && text.at[0] != ',';
        if (names_offset && !take_offset(&text, &rule.summer_s))
            return false;
        if (!take_date(&text, &rule.summer_begins) || !take_date(&text, &rule.summer_ends))
            return false;
    }
    if (!slice_empty(text))
        return false;
    *ret = rule;
    return true;
}

/* ---- the changes of a year ---- */

static bool is_leap_year(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

/* Days since 1970 of that day of the week in that week of that month; week 5 is the last one. */
static int64_t day_of_week(int64_t year, const ZoneDate *date)
{
    enum { WEEKDAY_OF_1970 = 4 }; /* a Thursday */
    int64_t first = time_days(year, date->month, 1), next = date->month == 12 ? time_days(year + 1, 1, 1) : time_days(year, date->month + 1, 1);
    int64_t weekday = ((first + WEEKDAY_OF_1970) % 7 + 7) % 7;
    int64_t day = first + (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
    return day < next ? day : day - 7;
}

/* In local time, as if the zone were UTC. */
static int64_t local_moment(int64_t year, const ZoneDate *date)
{
    int64_t day = 0, new_year = time_days(year, 1, 1);
    switch (date->form) {
    case ZONE_DATE_MONTH_WEEK_DAY:
        day = day_of_week(year, date);
        break;
    case ZONE_DATE_JULIAN: /* 29 February has no number */
        day = new_year + date->day - 1 + (is_leap_year(year) && date->day >= 60);
        break;
    case ZONE_DATE_DAY_OF_YEAR:
        day = new_year + date->day;
        break;
    }
    return day * DAY_S + date->second;
}

/* The year of a moment, give or take one. */
static int64_t year_near(int64_t unix_s)
{
    enum { AVERAGE_YEAR_S = 31556952 };
    return 1970 + unix_s / AVERAGE_YEAR_S;
}

ZoneSpan zone_rule_span(const ZoneRule *rule, int64_t unix_s)
{
    if (!rule->has_summer)
        return (ZoneSpan){rule->standard_s, INT64_MAX};
    ZoneSpan span = {rule->standard_s, INT64_MAX};
    int64_t latest_s = INT64_MIN, around = year_near(unix_s);
    for (int64_t year = around - 2; year <= around + 2; year++) {
        for (int to_summer = 0; to_summer <= 1; to_summer++) {
            int64_t change_s = to_summer ? local_moment(year, &rule->summer_begins) - rule->standard_s
                                         : local_moment(year, &rule->summer_ends) - rule->summer_s;
            /* Of two at one moment the end of summer goes first: summer all the year has no gap between two years. */
            if (change_s <= unix_s && change_s >= latest_s) {
                latest_s = change_s;
                span.offset_s = to_summer ? rule->summer_s : rule->standard_s;
            }
            if (change_s > unix_s && change_s < span.until_s)
                span.until_s = change_s;
        }
    }
    return span;
}
