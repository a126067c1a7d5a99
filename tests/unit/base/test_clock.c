/* RFC 3339, both ways. */
#include "../check.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static void times_are_read_in_any_zone(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } rows[] = {
        {"1970-01-01T00:00:00Z", 0}, {"2024-01-15T10:30:00Z", 1705314600000}, {"2024-01-15T10:30:00.5Z", 1705314600500},
        {"2024-01-15T10:30:00.123456789Z", 1705314600123}, {"2024-01-15T12:30:00+02:00", 1705314600000}, {"2024-01-15t05:30:00-05:00", 1705314600000},
        {"2024-02-29T00:00:00Z", 1709164800000}, {"2016-12-31T23:59:60Z", 1483228799000}, {"1969-12-31T23:59:59Z", -1000},
        {"2024-01-15T10:30:00+14:00", 1705264200000}, {"2000-02-29T12:00:00Z", 951825600000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -1;
        assert_true(time_parse(slice_of(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "2024", "2024-01-15", "2024-01-15T10:30:00", "2024-01-15T10:30Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2024-01-15T24:00:00Z", "2024-01-15T10:60:00Z", "2024-01-15T10:30:61Z", "2024-01-15T10:30:00.Z",
        "2024-01-15T10:30:00.1234567890Z", "2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00+0200", "2024-01-15T10:30:00ZZ", "2024-1-15T10:30:00Z",
        "+2024-01-15T10:30:00Z", "2024-01-15T10:30:00 Z", "0000-01-01T00:00:00Z", "1705314600",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ms = 0;
        if (time_parse(slice_of(texts[i]), &ms))
            fail_msg("accepted: %s", texts[i]);
    }
}

static void printing_and_reading_are_each_others_inverse(void **state)
{
    (void)state;
    srandom(7);
    for (int i = 0; i < 2000; i++) {
        int64_t ms = ((int64_t)random() << 12 ^ random()) % 4102444800000, read = -1;
        char text[TIME_TEXT_BYTES];
        time_print(ms, text);
        assert_true(time_parse(slice_of(text), &read));
        assert_int_equal(read, ms);
    }
}

static void the_zone_of_the_process_does_not_matter(void **state)
{
    (void)state;
    int64_t utc, elsewhere;
    assert_true(time_parse(SLICE("2024-07-01T00:00:00Z"), &utc));
    setenv("TZ", "Asia/Jerusalem", 1);
    tzset();
    assert_true(time_parse(SLICE("2024-07-01T00:00:00Z"), &elsewhere));
    unsetenv("TZ");
    tzset();
    assert_int_equal(utc, elsewhere);
}

enum { MINUTE_MS = 60 * 1000 };

static const int64_t NOON_MS = 1746014400000, DAY_MS = 24 * 60 * MINUTE_MS;

static void a_clock_is_steady_an_hour_after_the_watch_began(void **state)
{
    (void)state;
    ClockWatch watch = {0};
    for (int64_t minute = 0; minute < 60; minute++)
        assert_false(clock_is_steady(&watch, NOON_MS + minute * MINUTE_MS, minute * MINUTE_MS));
    assert_true(clock_is_steady(&watch, NOON_MS + 60 * MINUTE_MS, 60 * MINUTE_MS));
    assert_true(clock_is_steady(&watch, NOON_MS + 70 * MINUTE_MS - 5000, 70 * MINUTE_MS)); /* it may be corrected a little */
}

static void a_jump_there_and_back_costs_an_hour_each(void **state)
{
    (void)state;
    ClockWatch watch = {0};
    clock_is_steady(&watch, NOON_MS, 0);
    assert_true(clock_is_steady(&watch, NOON_MS + 90 * MINUTE_MS, 90 * MINUTE_MS));
    assert_false(clock_is_steady(&watch, NOON_MS + 400 * DAY_MS, 91 * MINUTE_MS));
    assert_false(clock_is_steady(&watch, NOON_MS + 400 * DAY_MS + 30 * MINUTE_MS, 121 * MINUTE_MS));
    assert_false(clock_is_steady(&watch, NOON_MS + 122 * MINUTE_MS, 122 * MINUTE_MS));
    assert_false(clock_is_steady(&watch, NOON_MS + 181 * MINUTE_MS, 181 * MINUTE_MS));
    assert_true(clock_is_steady(&watch, NOON_MS + 182 * MINUTE_MS, 182 * MINUTE_MS));
    assert_false(clock_is_steady(&watch, NOON_MS - 400 * DAY_MS, 183 * MINUTE_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_in_any_zone), cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(printing_and_reading_are_each_others_inverse), cmocka_unit_test(the_zone_of_the_process_does_not_matter),
        cmocka_unit_test(a_clock_is_steady_an_hour_after_the_watch_began), cmocka_unit_test(a_jump_there_and_back_costs_an_hour_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
