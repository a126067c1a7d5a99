/* What a text costs on the air, to the character. */
#include "../check.h"

#include "event/sms_segments.h"

/* `count` times `unit`, then `rest`. */
static SmsSegments segments_of(Arena *arena, const char *unit, size_t count, const char *rest)
{
    Text text = text_in(arena);
    for (size_t i = 0; i < count; i++)
        text_add(&text, slice_of(unit));
    text_add(&text, slice_of(rest));
    return sms_segments(text_slice(&text));
}

typedef struct Row {
    const char *unit;
    size_t count;
    const char *rest;
    int units, segments;
} Row;

static void assert_rows(Arena *arena, const Row *rows, size_t count, bool is_ucs2)
{
    for (size_t i = 0; i < count; i++) {
        SmsSegments found = segments_of(arena, rows[i].unit, rows[i].count, rows[i].rest);
        if (found.is_ucs2 != is_ucs2 || found.units != rows[i].units || found.segments != rows[i].segments)
            fail_msg("%zu times \"%s\" and \"%s\": ucs2 %d, %d units, %d segments", rows[i].count, rows[i].unit, rows[i].rest,
                     found.is_ucs2, found.units, found.segments);
    }
}
#define ASSERT_ROWS(state, rows, is_ucs2) assert_rows((state), (rows), sizeof(rows) / sizeof *(rows), (is_ucs2))

static void the_default_alphabet_fills_160_alone_and_153_joined(void **state)
{
    static const Row rows[] = {
        {"a", 0, "", 0, 0}, {"a", 1, "", 1, 1}, {"a", 160, "", 160, 1}, {"a", 161, "", 161, 2}, {"a", 306, "", 306, 2}, {"a", 307, "", 307, 3},
        {"\xc3\xa9", 160, "", 160, 1}, {"@", 161, "", 161, 2},
    };
    ASSERT_ROWS(*state, rows, false);
}

static void an_escape_counts_two_and_is_never_cut(void **state)
{
    static const Row rows[] = {
        {"\xe2\x82\xac", 80, "", 160, 1}, {"\xe2\x82\xac", 81, "", 162, 2}, {"[", 153, "", 306, 3}, {"{", 152, "", 304, 2},
        {"a", 152, "~aaaaaaa", 161, 2}, {"a", 305, "|", 307, 3}, {"a", 152, "^aaaaaaaaaaaaaaaaaaaa", 174, 2},
    };
    ASSERT_ROWS(*state, rows, false);
}

static void one_foreign_character_makes_all_of_it_ucs2(void **state)
{
    static const Row rows[] = {
        {"\xd7\xa9", 70, "", 70, 1}, {"\xd7\xa9", 71, "", 71, 2}, {"\xd7\xa9", 134, "", 134, 2}, {"\xd7\xa9", 135, "", 135, 3},
        {"a", 69, "\xd7\xa9", 70, 1}, {"a", 70, "`", 71, 2}, {"a", 1, "\xc3\xa7", 2, 1} /* small c cedilla: only the capital is in the alphabet */,
        {"a", 1, "\t", 2, 1},
    };
    ASSERT_ROWS(*state, rows, true);
}

static void a_surrogate_pair_is_never_cut(void **state)
{
    static const Row rows[] = {
        {"\xf0\x9f\x98\x80", 35, "", 70, 1}, {"\xf0\x9f\x98\x80", 36, "", 72, 2}, {"\xf0\x9f\x98\x80", 66, "", 132, 2},
        {"\xf0\x9f\x98\x80", 67, "", 134, 3},
    };
    ASSERT_ROWS(*state, rows, true);
}

static void bytes_that_are_no_utf8_count_as_one_each(void **state)
{
    static const Row rows[] = {{"\xff", 70, "", 70, 1}, {"\xff", 71, "", 71, 2}, {"a", 1, "\xe2\x82", 3, 1}};
    ASSERT_ROWS(*state, rows, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_alphabet_fills_160_alone_and_153_joined), cmocka_unit_test(an_escape_counts_two_and_is_never_cut),
        cmocka_unit_test(one_foreign_character_makes_all_of_it_ucs2), cmocka_unit_test(a_surrogate_pair_is_never_cut),
        cmocka_unit_test(bytes_that_are_no_utf8_count_as_one_each),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
