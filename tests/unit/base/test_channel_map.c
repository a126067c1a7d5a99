/* A call is found by its id with the channels that it has now. */
#include "../check.h"

#include "base/channel_map.h"

static int open_map(void **state)
{
    *state = channel_map_new();
    return 0;
}

static int close_map(void **state)
{
    channel_map_free(*state);
    return 0;
}

/* The channels of a call in one text; "gone", "strange". */
static void assert_call(ChannelMap *map, const char *call_id, const char *expected)
{
    Arena arena;
    arena_init(&arena);
    Slice channels[CALL_CHANNELS_MAX];
    size_t count = 0;
    Text text = text_in(&arena);
    ChannelsPlace place = channel_map_find(map, slice_of(call_id), &arena, channels, &count);
    text_add(&text, place == CHANNELS_THERE ? SLICE("") : place == CHANNELS_GONE ? SLICE("gone") : SLICE("strange"));
    for (size_t i = 0; i < count; i++) {
        text_add(&text, channels[i]);
        text_add_byte(&text, ' ');
    }
    assert_slice(text_slice(&text), expected);
    arena_done(&arena);
}

static void call_has_the_channels_that_were_put_and_not_dropped(void **state)
{
    assert_call(*state, "c1", "strange");
    channel_map_put(*state, SLICE("c1"), SLICE("1.1"));
    channel_map_put(*state, SLICE("c1"), SLICE("1.2"));
    channel_map_put(*state, SLICE("c1"), SLICE("1.2"));
    channel_map_put(*state, SLICE("c2"), SLICE("1.3"));
    assert_call(*state, "c1", "1.2 1.1 ");
    channel_map_drop(*state, SLICE("1.1"));
    channel_map_drop(*state, SLICE("1.1"));
    channel_map_drop(*state, SLICE("unheard of"));
    assert_call(*state, "c1", "1.2 ");
    channel_map_drop(*state, SLICE("1.2"));
    assert_call(*state, "c1", "gone");
    assert_call(*state, "c2", "1.3 ");
}

static void call_that_was_gone_may_have_a_channel_again(void **state)
{
    channel_map_put(*state, SLICE("c1"), SLICE("1.1"));
    channel_map_drop(*state, SLICE("1.1"));
    channel_map_put(*state, SLICE("c1"), SLICE("1.2"));
    assert_call(*state, "c1", "1.2 ");
}

static void channel_whose_call_becomes_known_later_is_that_calls_alone(void **state)
{
    channel_map_put(*state, SLICE("1.1"), SLICE("1.1"));
    channel_map_put(*state, SLICE("c1"), SLICE("1.1"));
    assert_call(*state, "c1", "1.1 ");
    assert_call(*state, "1.1", "gone");
}

static void calls_that_are_gone_are_forgotten_at_last_and_in_their_order(void **state)
{
    Arena arena;
    arena_init(&arena);
    channel_map_put(*state, SLICE("stays"), SLICE("s"));
    for (int i = 0; i < 5000; i++) {
        Slice id = arena_printf(&arena, "c%d", i);
        channel_map_put(*state, id, id);
        channel_map_drop(*state, id);
    }
    assert_call(*state, "stays", "s ");
    assert_call(*state, "c903", "strange");
    assert_call(*state, "c904", "gone");
    assert_call(*state, "c4999", "gone");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(call_has_the_channels_that_were_put_and_not_dropped, open_map, close_map),
        cmocka_unit_test_setup_teardown(call_that_was_gone_may_have_a_channel_again, open_map, close_map),
        cmocka_unit_test_setup_teardown(channel_whose_call_becomes_known_later_is_that_calls_alone, open_map, close_map),
        cmocka_unit_test_setup_teardown(calls_that_are_gone_are_forgotten_at_last_and_in_their_order, open_map, close_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
