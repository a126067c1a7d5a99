/* What a fault says. */
#include "../check.h"

#include <string.h>

#include "base/status.h"
#include "base/utf8.h"

/* One letter of each length, with every number of bytes before it. */
static void text_that_is_too_long_ends_with_a_whole_letter(void **state)
{
    static const char *const letters[] = {"x", "\xd7\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\x81"};
    char words[2 * FAULT_TEXT_BYTES];
    for (size_t k = 0; k < sizeof letters / sizeof *letters; k++) {
        for (size_t lead = 0; lead < 4; lead++) {
            Fault fault;
            memset(words, 'a', lead);
            words[lead] = 0;
            while (strlen(words) < FAULT_TEXT_BYTES)
                strcat(words, letters[k]);
            fault_set(&fault, STATUS_RETRY, "code", "%s", words);
            Slice text = slice_of(fault.text);
            assert_true(text.bytes + strlen(letters[k]) >= FAULT_TEXT_BYTES);
            assert_slice(utf8_plain(text, FAULT_TEXT_BYTES, *state), fault.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(text_that_is_too_long_ends_with_a_whole_letter, open_arena, close_arena)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
