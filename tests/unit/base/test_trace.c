/* What a traceparent may be: it becomes part of messages. */
#include "../check.h"

#include "base/trace.h"

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void trace_is_kept_until_there_is_none(void **state)
{
    (void)state;
    assert_null(trace_current());
    trace_set(TRACE);
    assert_string_equal(trace_current(), TRACE);
    trace_set(NULL);
    assert_null(trace_current());
}

static void what_is_no_traceparent_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "00", TRACE "-more", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                        "00-4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7-01", "0\n-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        trace_set(TRACE);
        trace_set(wrong[i]);
        assert_null(trace_current());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_is_kept_until_there_is_none),
        cmocka_unit_test(what_is_no_traceparent_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
