/* Text from strangers is shown on one line, in valid UTF-8, and no longer than there is room. */
#include "../check.h"

#include "base/utf8.h"

static void assert_plain(const char *text, size_t bytes, size_t bytes_max, const char *expected)
{
    Arena arena;
    arena_init(&arena);
    assert_slice(utf8_plain((Slice){text, bytes}, bytes_max, &arena), expected);
    arena_done(&arena);
}
#define assert_shown(text, bytes_max, expected) assert_plain((text), sizeof(text) - 1, (bytes_max), (expected))

static void ordinary_text_of_any_language_stays(void **state)
{
    (void)state;
    assert_shown("", 10, "");
    assert_shown("Winter Appeal", 100, "Winter Appeal");
    assert_shown("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0", 100, "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0");
}

static void control_characters_and_line_ends_become_blanks(void **state)
{
    (void)state;
    assert_shown("a\r\nb\0c\x7f" "d\xc2\x85" "e\xe2\x80\xa8" "f\xe2\x80\xa9" "g", 100, "a  b c d e f g");
}

static void what_turns_the_direction_of_text_is_left_out(void **state)
{
    (void)state;
    assert_shown("a\xe2\x80\xaa" "b\xe2\x80\xae" "c\xe2\x81\xa6" "d\xe2\x81\xa9" "e", 100, "abcde");
    assert_shown("\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", 100, " \xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"); /* their neighbours */
}

static void bytes_that_are_no_utf8_are_marked(void **state)
{
    (void)state;
    assert_shown("a\xff" "b\xc0\xaf" "c\xed\xa0\x80" "d\xe2\x82", 100,
                 "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd" "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "d\xef\xbf\xbd\xef\xbf\xbd");
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_shown("abc", 3, "abc");
    assert_shown("abcd", 3, "abc");
    assert_shown("ab\xe2\x82\xac", 4, "ab");
    assert_shown("ab\xe2\x82\xac", 5, "ab\xe2\x82\xac");
    assert_shown("\xe2\x80\xae" "abc", 3, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_text_of_any_language_stays), cmocka_unit_test(control_characters_and_line_ends_become_blanks),
        cmocka_unit_test(what_turns_the_direction_of_text_is_left_out), cmocka_unit_test(bytes_that_are_no_utf8_are_marked),
        cmocka_unit_test(long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
