/* Numbers that were blocked a moment ago. The set is one for the process, so each test has numbers of its own. */
#include "../check.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/recent_blocks.h"

static void number_is_known_from_before_it_was_put_and_no_more_behind_it(void **state)
{
    (void)state;
    int64_t before_ms = clock_elapsed_ms();
    assert_false(recent_blocks_has(SLICE("+12125550100"), before_ms));
    recent_blocks_put(SLICE("+12125550100"));
    assert_true(recent_blocks_has(SLICE("+12125550100"), before_ms));
    assert_false(recent_blocks_has(SLICE("+12125550101"), before_ms));
    assert_false(recent_blocks_has(SLICE("+1212555010"), before_ms));
    assert_false(recent_blocks_has(SLICE("+12125550100"), clock_elapsed_ms() + 1));
}

static void moment_of_the_wall_clock_is_never_later_than_it_was(void **state)
{
    (void)state;
    int64_t elapsed_ms = clock_elapsed_ms(), wall_ms = clock_wall_ms();
    assert_true(recent_blocks_since(wall_ms) <= elapsed_ms);
    assert_true(recent_blocks_since(wall_ms - 5000) <= elapsed_ms - 5000);
    assert_true(recent_blocks_since(wall_ms + 60000) <= clock_elapsed_ms());
}

static void when_too_many_were_put_nobody_can_say(void **state)
{
    (void)state;
    int64_t before_ms = clock_elapsed_ms();
    char number[24];
    for (int i = 0; i < RECENT_BLOCKS_MAX; i++) {
        snprintf(number, sizeof number, "+4420%08d", i);
        recent_blocks_put(slice_of(number));
    }
    assert_true(recent_blocks_has(SLICE("+972501234567"), before_ms));
    assert_false(recent_blocks_has(SLICE("+972501234567"), clock_elapsed_ms() + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_is_known_from_before_it_was_put_and_no_more_behind_it),
        cmocka_unit_test(moment_of_the_wall_clock_is_never_later_than_it_was),
        cmocka_unit_test(when_too_many_were_put_nobody_can_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
