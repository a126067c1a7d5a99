/* What CloudWatch is told of the metrics: what changed, once, within the limits of its format. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/emf.h"
#include "base/json.h"
#include "base/metrics.h"

/* What is written for one invocation, as text. */
static Slice flushed(Arena *arena)
{
    char *written = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&written, &bytes);
    emf_flush("optout-handler", out);
    fclose(out);
    Slice copy = arena_copy(arena, (Slice){written, bytes});
    free(written);
    return copy;
}

static const Json *document(Arena *arena)
{
    const Json *ret = NULL;
    Fault fault;
    Slice line = flushed(arena);
    assert_true(line.bytes && line.at[line.bytes - 1] == '\n' && !memchr(line.at, '\n', line.bytes - 1));
    assert_int_equal(json_parse((Slice){line.at, line.bytes - 1}, arena, &ret, &fault), STATUS_OK);
    return ret;
}

static const Json *directive(const Json *document) { return json_get(json_get(document, "_aws"), "CloudWatchMetrics")->child; }

static int number(const Json *document, const char *name)
{
    const Json *value = json_get(document, name);
    assert_true(json_is_number(value));
    return (int)value->valuedouble;
}

static int start(void **state)
{
    Arena *arena = calloc(1, sizeof *arena);
    arena_init(arena);
    flushed(arena); /* what an earlier test left */
    *state = arena;
    return 0;
}

static int stop(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static void nothing_new_is_no_line(void **state)
{
    assert_int_equal(flushed(*state).bytes, 0);
}

static void a_line_names_namespace_service_and_time(void **state)
{
    metric_add(METRIC_ACTIONS_CREATED, 1);
    const Json *found = document(*state);
    assert_slice(json_text(json_get(directive(found), "Namespace")), "Pledgeline");
    assert_slice(json_text(json_get(directive(found), "Dimensions")->child->child), "service");
    assert_slice(json_text(json_get(found, "service")), "optout-handler");
    assert_true(json_get(json_get(found, "_aws"), "Timestamp")->valuedouble > 1.7e12);
}

static void a_counter_is_what_came_since_the_last_line(void **state)
{
    metric_add(METRIC_OPTOUTS_BLOCKED, 3);
    assert_int_equal(number(document(*state), "BlacklistAdditions"), 3);
    metric_add(METRIC_OPTOUTS_BLOCKED, 2);
    assert_int_equal(number(document(*state), "BlacklistAdditions"), 2);
}

static void what_did_not_change_is_left_out(void **state)
{
    metric_add(METRIC_CDRS_WRITTEN, 1);
    const Json *found = document(*state), *metrics = json_get(directive(found), "Metrics");
    assert_int_equal(cJSON_GetArraySize(metrics), 1);
    assert_slice(json_text(json_get(metrics->child, "Name")), "CdrsWritten");
    assert_slice(json_text(json_get(metrics->child, "Unit")), "Count");
    assert_null(json_get(found, "BlacklistAdditions"));
}

static void what_has_no_name_in_cloudwatch_is_not_sent(void **state)
{
    metric_add(METRIC_HTTP_REQUESTS, 1);
    assert_int_equal(flushed(*state).bytes, 0);
}

static void waits_are_values_in_milliseconds(void **state)
{
    metric_waited(METRIC_OPTOUT_STORED, 40);
    metric_waited(METRIC_OPTOUT_STORED, -5);
    metric_waited(METRIC_OPTOUT_HUNG_UP, 900);
    const Json *found = document(*state), *stored = json_get(found, "OptOutStoredLatency");
    assert_slice(json_text(json_get(json_get(directive(found), "Metrics")->child, "Unit")), "Milliseconds");
    assert_int_equal(cJSON_GetArraySize(stored), 2);
    assert_int_equal((int)stored->child->valuedouble, 40);
    assert_int_equal((int)stored->child->next->valuedouble, 0);
    assert_int_equal(number(found, "OptOutHangUpLatency"), 900);
}

static void of_more_than_a_hundred_waits_the_longest_are_sent(void **state)
{
    for (int i = 1; i <= 250; i++)
        metric_waited(METRIC_OPTOUT_STORED, i);
    const Json *stored = json_get(document(*state), "OptOutStoredLatency");
    assert_int_equal(cJSON_GetArraySize(stored), 100);
    json_each(value, stored)
        assert_true(value->valuedouble > 150);
}

static void names_are_those_of_the_trade_and_each_is_there_once(void **state)
{
    (void)state;
    static const char *const promised[] = {"ActionsCreated", "OptOutsProcessed", "BlacklistAdditions", "CallTerminations",
                                           "CdrsWritten", "DuplicatesDropped", "Rejects"};
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
        size_t found = 0;
        for (size_t row = 0; row < METRIC_COUNT; row++)
            found += !strcmp(metric_rows[row].emf, promised[i]);
        assert_int_equal(found, 1);
    }
    for (size_t row = 0; row < METRIC_COUNT; row++)
        assert_false(metric_rows[row].type == METRIC_IS_GAUGE && *metric_rows[row].emf);
}

static bool says(Arena *arena, const char *line)
{
    Text text = text_in(arena);
    metrics_print(&text);
    return slice_holds(text_slice(&text), slice_of(line));
}

static void prometheus_gets_the_same_waits_in_buckets_of_seconds(void **state)
{
    metric_waited(METRIC_OPTOUT_HUNG_UP, 3000000); /* nothing else here waits that long */
    assert_true(says(*state, "# TYPE pledgeline_optout_seconds histogram\n"));
    assert_true(says(*state, "pledgeline_optout_seconds_bucket{stage=\"hung_up\",le=\"60\"} 1\n"));
    assert_true(says(*state, "pledgeline_optout_seconds_bucket{stage=\"hung_up\",le=\"3600\"} 2\n"));
    assert_true(says(*state, "pledgeline_optout_seconds_bucket{stage=\"hung_up\",le=\"+Inf\"} 2\n"));
    assert_true(says(*state, "pledgeline_optout_seconds_sum{stage=\"hung_up\"} 3000.900\n"));
    assert_true(says(*state, "pledgeline_optout_seconds_count{stage=\"hung_up\"} 2\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_new_is_no_line, start, stop),
        cmocka_unit_test_setup_teardown(a_line_names_namespace_service_and_time, start, stop),
        cmocka_unit_test_setup_teardown(a_counter_is_what_came_since_the_last_line, start, stop),
        cmocka_unit_test_setup_teardown(what_did_not_change_is_left_out, start, stop),
        cmocka_unit_test_setup_teardown(what_has_no_name_in_cloudwatch_is_not_sent, start, stop),
        cmocka_unit_test_setup_teardown(waits_are_values_in_milliseconds, start, stop),
        cmocka_unit_test_setup_teardown(of_more_than_a_hundred_waits_the_longest_are_sent, start, stop),
        cmocka_unit_test_setup_teardown(names_are_those_of_the_trade_and_each_is_there_once, start, stop),
        cmocka_unit_test_setup_teardown(prometheus_gets_the_same_waits_in_buckets_of_seconds, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
