/* What people write, and what they mean. */
#include "../check.h"

#include "event/reply_words.h"

static void assert_all(Arena *arena, const char *const *texts, size_t count, ReplyMeaning expected)
{
    for (size_t i = 0; i < count; i++) {
        ReplyMeaning found = reply_meaning(slice_of(texts[i]), arena);
        if (found != expected)
            fail_msg("\"%s\" is taken for %s", texts[i], reply_meaning_name(found));
    }
}
#define ASSERT_ALL(state, texts, expected) assert_all((state), (texts), sizeof(texts) / sizeof *(texts), (expected))

static void the_words_of_the_rule_opt_out(void **state)
{
    static const char *const texts[] = {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"};
    ASSERT_ALL(*state, texts, REPLY_STOP);
}

static void case_marks_and_what_is_around_make_no_difference(void **state)
{
    static const char *const texts[] = {
        "STOP", "Stop.", "  stop\n", "\"STOP\"", "\xe2\x80\x9cStop\xe2\x80\x9d", "*stop*", "STOP!!!", "stop \xf0\x9f\x9b\x91",
        "\xe2\x80\x8fSTOP\xe2\x80\x8f", "S.T.O.P.", "s t o p", "stop\xef\xb8\x8f", "\xef\xbc\xb3\xef\xbc\xb4\xef\xbc\xaf\xef\xbc\xb0", "opt-out",
        "OPT_OUT", "OptOut", "stop stop stop", "\xef\xbb\xbfstop", "ARR\xc3\x8aT", "arre\xcc\x82t", "\xd0\xa1\xd0\xa2\xd0\x9e\xd0\x9f",
        "\xd7\x94\xd7\xa1\xd7\xa8!", "\xd7\x94\xd6\xb8\xd7\xa1\xd6\xb5\xd7\xa8", "\xd8\xa5\xd9\x84\xd8\xba\xd8\xa7\xd8\xa1", "9",
    };
    ASSERT_ALL(*state, texts, REPLY_STOP);
}

static void polite_and_longer_ways_to_say_it_are_as_clear(void **state)
{
    static const char *const texts[] = {
        "stop please", "Please stop", "stop now", "please stop calling me", "I want to cancel", "Take me off your list", "don't text me again",
        "Don\xe2\x80\x99t call", "no more messages", "STOP ALL CALLS AND TEXTS", "remove my number please", "no me llamen mas",
        "d\xc3\xa9sinscription svp", "unsubscribe me, thank you", "stop help",
    };
    ASSERT_ALL(*state, texts, REPLY_STOP);
}

static void a_word_among_others_is_for_a_person_to_read(void **state)
{
    static const char *const texts[] = {
        "don't stop", "when does the campaign end?", "stop by on Monday", "I would cancel if I could", "stop start",
        "who do I call to unsubscribe my mother",
    };
    ASSERT_ALL(*state, texts, REPLY_UNCLEAR);
}

static void what_only_looks_like_a_word_is_none(void **state)
{
    static const char *const texts[] = {
        "", " ", "nonstop", "stopwatch", "the weekend", "bartender", "call me", "ok", "thanks!", "1", "\xf0\x9f\x91\x8d", "99", "\xff\xfe",
        "helpful",
    };
    ASSERT_ALL(*state, texts, REPLY_OTHER);
}

static void help_and_start_are_known(void **state)
{
    static const char *const help[] = {"HELP", "info", "Help me please", "who is this?", "\xd7\xa2\xd7\x96\xd7\xa8\xd7\x94", "ayuda"};
    static const char *const start[] = {"START", "unstop", "Yes"};
    ASSERT_ALL(*state, help, REPLY_HELP);
    ASSERT_ALL(*state, start, REPLY_START);
}

/* A row that is not written as messages are folded would never be found. */
static void every_row_is_written_as_it_is_folded(void **state)
{
    static const char *const phrases[] = {
#define REPLY_WORDS(kind, ...) __VA_ARGS__,
#include "event/reply_words.def"
#undef REPLY_WORDS
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        assert_slice(reply_fold(slice_of(phrases[i]), *state), phrases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_the_rule_opt_out), cmocka_unit_test(case_marks_and_what_is_around_make_no_difference),
        cmocka_unit_test(polite_and_longer_ways_to_say_it_are_as_clear), cmocka_unit_test(a_word_among_others_is_for_a_person_to_read),
        cmocka_unit_test(what_only_looks_like_a_word_is_none), cmocka_unit_test(help_and_start_are_known),
        cmocka_unit_test(every_row_is_written_as_it_is_folded),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
