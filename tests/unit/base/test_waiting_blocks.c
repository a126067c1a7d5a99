/* Numbers of opt-outs that no store has yet. */
#include "../check.h"

#include <stdio.h>

#include "base/waiting_blocks.h"

static void number_is_known_until_it_is_dropped(void **state)
{
    (void)state;
    waiting_blocks_put(SLICE("+12125550100"));
    waiting_blocks_put(SLICE("+12125550100"));
    assert_true(waiting_blocks_has(SLICE("+12125550100")));
    assert_false(waiting_blocks_has(SLICE("+12125550101")));
    waiting_blocks_drop(SLICE("+12125550101"));
    waiting_blocks_drop(SLICE("+12125550100"));
    assert_false(waiting_blocks_has(SLICE("+12125550100")));
    waiting_blocks_drop(SLICE("+12125550100"));
}

static Slice number(int i, char room[24])
{
    snprintf(room, 24, "+4420%08d", i);
    return slice_of(room);
}

static void each_of_many_is_found_and_dropped_alone(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    char room[24];
    for (int i = 0; i < MANY; i++)
        waiting_blocks_put(number(i, room));
    for (int i = 0; i < MANY; i += 2)
        waiting_blocks_drop(number(i, room));
    for (int i = 0; i < MANY; i++)
        assert_true(waiting_blocks_has(number(i, room)) == (i % 2 == 1));
    waiting_blocks_clear();
    assert_false(waiting_blocks_has(number(1, room)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_is_known_until_it_is_dropped),
        cmocka_unit_test(each_of_many_is_found_and_dropped_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
