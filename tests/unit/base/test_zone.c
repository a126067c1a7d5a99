/* Files of time zones as they should be, cut, bent and made up by somebody who means no good. That the times are right is held against
 * another reader (tests/model/test_zones.py). */
#include "../check.h"

#include "base/zone.h"
#include "base/zone_rule.h"

enum { FILE_BYTES_MAX = 4096 };

static void put_number(Text *file, uint64_t number, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        text_add_byte(file, (char)(number >> 8 * i));
}

static void put_zeros(Text *file, size_t bytes)
{
    while (bytes--)
        text_add_byte(file, 0);
}

typedef struct Made {
    char version;
    uint32_t leaps, changes, types;
    int64_t first_s, second_s;
    uint8_t type_of_second;
    int32_t offset_s;
    const char *footer;
} Made;

static const Made good = {'2', 0, 2, 2, 1000, 2000, 1, 7200, "\nIST-2IDT,M3.4.4/26,M10.5.0\n"};

static void put_header(Text *file, const Made *made, bool is_old)
{
    text_add_literal(file, "TZif");
    text_add_byte(file, made->version);
    put_zeros(file, 15);
    put_zeros(file, 8); /* no indicators */
    put_number(file, is_old ? 0 : made->leaps, 4);
    put_number(file, is_old ? 0 : made->changes, 4);
    put_number(file, is_old ? 1 : made->types, 4);
    put_number(file, 4, 4);
}

static Slice file_of(const Made *made, Arena *arena)
{
    Text file = text_in(arena);
    put_header(&file, made, true);
    put_number(&file, 0, 6);
    text_add_literal(&file, "UTC");
    text_add_byte(&file, 0);
    put_header(&file, made, false);
    put_number(&file, (uint64_t)made->first_s, 8);
    put_number(&file, (uint64_t)made->second_s, 8);
    put_number(&file, 0, 1);
    put_number(&file, made->type_of_second, 1);
    put_number(&file, 0, 6);
    put_number(&file, (uint32_t)made->offset_s, 4);
    put_number(&file, 0, 2);
    text_add_literal(&file, "UTC");
    text_add_byte(&file, 0);
    text_add(&file, slice_of(made->footer));
    return text_slice(&file);
}

static Status parsed(Slice file, Arena *arena, Zone *ret)
{
    Fault fault;
    Status status = zone_parse(file, arena, ret, &fault);
    assert_true(!status || !strcmp(fault.code, "zone_malformed"));
    return status;
}

static void a_good_file_says_what_holds_and_until_when(void **state)
{
    Zone zone;
    assert_int_equal(parsed(file_of(&good, *state), *state, &zone), STATUS_OK);
    static const struct { int64_t at_s; int32_t offset_s; int64_t until_s; } rows[] = {
        {-5, 0, 1000}, {1000, 0, 2000}, {1999, 0, 2000},
        {1767225600, 7200, 1774569600}, /* January 2026, until the Friday before the last Sunday of March, 02:00 */
        {1774569600, 10800, 1792882800}, {4070908800, 7200, 4078252800},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ZoneSpan span = zone_span(&zone, rows[i].at_s);
        assert_int_equal(span.offset_s, rows[i].offset_s);
        assert_int_equal(span.until_s, rows[i].until_s);
    }
}

static void without_a_rule_the_last_change_holds_for_ever(void **state)
{
    Made made = good;
    made.footer = "\n\n";
    Zone zone;
    assert_int_equal(parsed(file_of(&made, *state), *state, &zone), STATUS_OK);
    assert_int_equal(zone_span(&zone, 4070908800).offset_s, 7200);
    assert_true(zone_span(&zone, 4070908800).until_s == INT64_MAX);
}

static void what_contradicts_itself_is_refused(void **state)
{
    Made rows[9];
    for (size_t i = 0; i < 9; i++)
        rows[i] = good;
    rows[0].version = 0;
    rows[1].leaps = 1;
    rows[2].changes = 0x7fffffff;
    rows[3].types = 0;
    rows[4].types = 257;
    rows[5].second_s = 1000;
    rows[6].type_of_second = 2;
    rows[7].offset_s = 26 * 3600;
    rows[8].footer = "\nIST-2IDT,M3.4.4/26,M13.5.0\n";
    Zone zone;
    for (size_t i = 0; i < 9; i++) {
        if (parsed(file_of(&rows[i], *state), *state, &zone) != STATUS_REJECT)
            fail_msg("row %zu was taken", i);
    }
}

static void a_file_that_is_cut_off_anywhere_is_refused(void **state)
{
    Slice file = file_of(&good, *state);
    Zone zone;
    for (size_t bytes = 0; bytes < file.bytes; bytes++) {
        char *cut = test_malloc(bytes + !bytes); /* its own block, so that a sanitizer sees who reads beyond it */
        memcpy(cut, file.at, bytes);
        assert_int_equal(parsed((Slice){cut, bytes}, *state, &zone), STATUS_REJECT);
        test_free(cut);
    }
}

/* It may be taken or not; nothing reads beyond it, and what was taken can be asked. */
static void a_bent_byte_anywhere_does_no_harm(void **state)
{
    Slice file = file_of(&good, *state);
    char bent[FILE_BYTES_MAX];
    for (size_t i = 0; i < file.bytes; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            memcpy(bent, file.at, file.bytes);
            bent[i] = (char)((unsigned char)bent[i] ^ flip);
            Zone zone;
            if (!parsed((Slice){bent, file.bytes}, *state, &zone))
                zone_span(&zone, 1767225600);
        }
    }
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    Zone zone;
    Text file = text_in(*state);
    text_add(&file, file_of(&good, *state));
    memset(text_grow(&file, ZONE_FILE_BYTES_MAX), ' ', ZONE_FILE_BYTES_MAX);
    file.bytes += ZONE_FILE_BYTES_MAX;
    assert_int_equal(parsed(text_slice(&file), *state, &zone), STATUS_REJECT);
}

static void only_rules_of_posix_are_rules(void **state)
{
    (void)state;
    ZoneRule rule;
    static const char *const right[] = {
        "UTC0", "<+03>-3", "EST5EDT,M3.2.0,M11.1.0", "IST-1GMT0,M10.5.0,M3.5.0/1", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "XXX3EDT4,0/0,J365/23",
        "EET-2EEST,M4.5.5/0,M10.5.4/24", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (!zone_rule_parse(slice_of(right[i]), &rule))
            fail_msg("%s was refused", right[i]);
    }
    static const char *const wrong[] = {
        "", "UTC", "0", "UT0", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,M11.1.0,", "EST5EDT,M0.2.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST25", "EST5EDT,J0,J365", "EST5EDT,366,1", "<+03-3", "<+3>-3x", "EST5EDT,M3.2.0/168,M11.1.0",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (zone_rule_parse(slice_of(wrong[i]), &rule))
            fail_msg("%s was taken", wrong[i]);
    }
}

static void a_zone_that_is_not_there_is_named(void **state)
{
    Zone zone;
    Fault fault;
    assert_int_equal(zone_read("/nowhere", SLICE("Asia/Jerusalem"), *state, &zone, &fault), STATUS_REJECT);
    assert_non_null(strstr(fault.text, "/nowhere/Asia/Jerusalem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_says_what_holds_and_until_when), cmocka_unit_test(without_a_rule_the_last_change_holds_for_ever),
        cmocka_unit_test(what_contradicts_itself_is_refused), cmocka_unit_test(a_file_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_bent_byte_anywhere_does_no_harm), cmocka_unit_test(a_file_that_is_too_long_is_refused),
        cmocka_unit_test(only_rules_of_posix_are_rules), cmocka_unit_test(a_zone_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
