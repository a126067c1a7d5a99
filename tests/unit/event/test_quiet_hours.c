/* Quiet hours to the millisecond, and who is asked which. That days on which clocks are set are no exception is walked through in
 * tests/model/test_hours.py. */
#include "../check.h"

#include "base/clock.h"
#include "event/quiet_hours.h"

static QuietHours hours_of(const char *setting, Arena *arena)
{
    Fault fault;
    QuietHours hours;
    PhoneZones *zones = phone_zones_new(arena);
    for (size_t i = 0; i < zones->count; i++)
        assert_int_equal(zone_read("/usr/share/zoneinfo", zones->names[i], arena, &zones->zones[i], &fault), STATUS_OK);
    assert_int_equal(quiet_hours_parse(slice_of(setting), zones, &hours, &fault), STATUS_OK);
    return hours;
}

typedef struct Row { const char *phone, *now, *end; } Row;

static void assert_rows(const QuietHours *hours, const Row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t now_ms, end_ms;
        char text[TIME_TEXT_BYTES] = "";
        assert_true(time_parse(slice_of(rows[i].now), &now_ms));
        end_ms = quiet_hours_end(hours, slice_of(rows[i].phone), now_ms);
        if (end_ms)
            time_print(end_ms, text);
        if (strcmp(text, rows[i].end))
            fail_msg("%s at %s: \"%s\"", rows[i].phone, rows[i].now, text);
    }
}
#define ASSERT_ROWS(hours, rows) assert_rows((hours), (rows), sizeof(rows) / sizeof *(rows))

static void the_edges_are_exact(void **state)
{
    static const Row rows[] = {
        {"+972501234567", "2026-01-15T18:59:59.999Z", ""}, {"+972501234567", "2026-01-15T19:00:00.000Z", "2026-01-16T06:00:00.000Z"},
        {"+972501234567", "2026-01-16T05:59:59.999Z", "2026-01-16T06:00:00.000Z"}, {"+972501234567", "2026-01-16T06:00:00.000Z", ""},
        {"+972501234567", "2026-07-15T17:59:59.999Z", ""}, {"+972501234567", "2026-07-15T18:00:00.000Z", "2026-07-16T05:00:00.000Z"},
    };
    QuietHours hours = hours_of("21:00-08:00", *state);
    ASSERT_ROWS(&hours, rows);
}

static void all_zones_of_a_number_must_allow_it(void **state)
{
    static const Row rows[] = {
        {"+18505550100", "2026-01-15T13:30:00Z", "2026-01-15T14:00:00.000Z"}, /* Florida has 8:30 in the east, 7:30 in the west */
        {"+18505550100", "2026-01-16T02:00:00Z", "2026-01-16T14:00:00.000Z"}, /* 21:00 and 20:00 */
        {"+13055550100", "2026-01-15T13:30:00Z", ""},
    };
    QuietHours hours = hours_of("21:00-08:00", *state);
    ASSERT_ROWS(&hours, rows);
}

static void the_night_on_which_clocks_are_set_is_an_hour_shorter_or_longer(void **state)
{
    static const Row rows[] = {
        {"+12125550100", "2026-03-08T02:30:00Z", "2026-03-08T12:00:00.000Z"}, {"+12125550100", "2026-11-01T02:30:00Z", "2026-11-01T13:00:00.000Z"},
    };
    QuietHours hours = hours_of("21:00-08:00", *state);
    ASSERT_ROWS(&hours, rows);
}

static void the_longest_prefix_has_its_own_hours(void **state)
{
    static const Row rows[] = {
        {"+972501234567", "2026-01-15T18:30:00Z", "2026-01-16T07:00:00.000Z"}, {"+447700900123", "2026-01-15T23:00:00Z", ""},
        {"+33612345678", "2026-01-15T23:00:00Z", "2026-01-16T07:00:00.000Z"},
    };
    QuietHours hours = hours_of("*=21:00-08:00, +972=20:00-09:00, +44=none", *state);
    ASSERT_ROWS(&hours, rows);
}

static void without_a_rule_nobody_waits(void **state)
{
    static const Row rows[] = {{"+972501234567", "2026-01-15T23:00:00Z", ""}};
    QuietHours none = hours_of("", *state), others = hours_of("+1=21:00-08:00", *state);
    ASSERT_ROWS(&none, rows);
    ASSERT_ROWS(&others, rows);
}

static void a_number_from_anywhere_waits_for_the_moment_that_suits_most(void **state)
{
    QuietHours hours = hours_of("21:00-08:00", *state);
    int64_t now_ms = 1768500000000, end_ms = quiet_hours_end(&hours, SLICE("+88212345678"), now_ms);
    assert_true(end_ms > now_ms && end_ms <= now_ms + 48 * 3600 * 1000);
    assert_int_equal(quiet_hours_end(&hours, SLICE("+88212345678"), end_ms), 0);
}

static void wrong_hours_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "21:00", "21-8", "24:00-08:00", "21:60-08:00", "21:00-21:00", "21:00-08:00,", "21:00-08:00,*=20:00-09:00", "972=21:00-08:00",
        "+=21:00-08:00", "+97x=21:00-08:00", "+972=", "=21:00-08:00", "none,+972", "21:00 - 08:00",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        QuietHours hours;
        Fault fault;
        if (quiet_hours_parse(slice_of(wrong[i]), NULL, &hours, &fault) != STATUS_REJECT)
            fail_msg("\"%s\" was taken", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edges_are_exact), cmocka_unit_test(all_zones_of_a_number_must_allow_it),
        cmocka_unit_test(the_night_on_which_clocks_are_set_is_an_hour_shorter_or_longer), cmocka_unit_test(the_longest_prefix_has_its_own_hours),
        cmocka_unit_test(without_a_rule_nobody_waits), cmocka_unit_test(a_number_from_anywhere_waits_for_the_moment_that_suits_most),
        cmocka_unit_test(wrong_hours_are_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
