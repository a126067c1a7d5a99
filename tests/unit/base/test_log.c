/* What others write may hold phone numbers; a log shows their ends only. */
#include "../check.h"

#include <stdio.h>

#include "base/log.h"

static void assert_masked(const char *text, const char *expected)
{
    char masked[100];
    snprintf(masked, sizeof masked, "%s", text);
    log_mask_phones(masked);
    assert_string_equal(masked, expected);
}

static void numbers_within_a_text_are_masked(void **state)
{
    (void)state;
    assert_masked("no access to 'blacklist:+12125550100' key", "no access to 'blacklist:+121****0100' key");
    assert_masked("+972501234567+12125550100", "+972*****4567+121****0100");
    assert_masked("+12345678 +123456789012345", "+123*5678 +123********2345");
}

static void what_is_no_number_stays(void **state)
{
    (void)state;
    assert_masked("", "");
    assert_masked("1+1 is +2, at +1234567 and 12125550100", "1+1 is +2, at +1234567 and 12125550100");
    assert_masked("a hash +1234567890123456", "a hash +1234567890123456");
    assert_masked("++", "++");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_within_a_text_are_masked),
        cmocka_unit_test(what_is_no_number_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
