/* Calls: their hang-ups, their records from first to last, and what is measured of them. */
#include "world.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "line/batch.h"

#define OPTOUT_OF_2024 "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\",\"timestamp\":\"2024-01-15T10:30:00Z\"}"

static void the_hang_up_starts_before_the_registry_is_written(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_log(&world, "begin hang_up block record project commit");
    assert_int_equal(world.optouts, 1);
    world_done(&world);
}

static void a_call_that_is_over_is_recorded_with_its_opt_out(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    world.settings.hang_up_wait_ms = 3000;
    world.calls_are_over = true;
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_log(&world, "begin hang_up block record project record commit");
    assert_in_range(world.waited_ms, 1, 3000);
    assert_slice(world.actions[1], "c1_optout_call");
    assert_int_equal(world.optouts, 1);
    world_done(&world);
}

static void a_call_that_ends_later_holds_nobody_up_and_is_recorded_then(void **state)
{
    (void)state;
    World world;
    Fault fault;
    size_t count;
    world_init(&world, true, true);
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_int_equal(world.waited_ms, 0);
    assert_int_equal(world.action_count, 1);
    world.calls_are_over = true;
    assert_int_equal(pipeline_record_hang_ups(world.line, NOW_MS, &count, &fault), STATUS_OK);
    assert_slice(world.actions[1], "c1_optout_call");
    assert_int_equal(pipeline_record_hang_ups(world.line, NOW_MS, &count, &fault), STATUS_OK);
    assert_int_equal(world.action_count, 2);
    world_done(&world);
}

static void the_same_opt_out_twice_in_a_batch_asks_for_the_end_of_its_call_once(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    world.calls_are_over = true;
    Delivery deliveries[] = {world_delivery("optout-events", OPTOUT), world_delivery("optout-events", OPTOUT)};
    world_run(&world, deliveries, 2);
    assert_int_equal(world.calls_asked, 1);
    assert_int_equal(world.calls_released, 0);
    world_done(&world);
}

static void a_call_that_a_later_batch_asks_for_again_is_held_once(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_int_equal(world.calls_asked, 2);
    assert_int_equal(world.calls_released, 1);
    world_done(&world);
}

static void whoever_is_overtaken_folds_again(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.conflicts_left = 3;
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("call-events", ANSWERED("c1"))};
    world_run(&world, deliveries, 2);
    assert_log(&world, "begin load save load save load save load save project commit");
    assert_int_equal(world.records[0]->fact_count, 2);
    assert_int_equal(world.attempts, 1);
    world_done(&world);
}

/* Retention waits for a clock that has kept step for an hour. */
static void be_steady(World *world)
{
    int64_t elapsed_ms = clock_elapsed_ms();
    pipeline_batch(world->line)->watch = (ClockWatch){NOW_MS - elapsed_ms, elapsed_ms - 2 * 60 * 60 * 1000, true};
}

static void a_record_leaves_the_counters_before_it_is_deleted(void **state)
{
    (void)state;
    World world;
    Fault fault;
    size_t deleted = 0;
    world_init(&world, false, false);
    run_one(&world, "call-events", INITIATED("c1"));
    assert_int_equal(world.attempts, 1);
    be_steady(&world);
    world.counters_status = STATUS_RETRY;
    assert_int_equal(pipeline_expire(world.line, NOW_MS, 1, &deleted, &fault), STATUS_RETRY);
    assert_int_equal(world.record_count, 1);
    assert_int_equal(world.attempts, 1);
    world.counters_status = STATUS_OK;
    world.log.bytes = 0;
    assert_int_equal(pipeline_expire(world.line, NOW_MS, 1, &deleted, &fault), STATUS_OK);
    assert_log(&world, "begin project expire commit");
    assert_int_equal(world.record_count, 0);
    assert_int_equal(world.attempts, 0);
    world_done(&world);
}

/* What was visited leaves the counters, so all of it has to be deleted. */
static Status expire_a_full_page(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                                 Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault)
{
    World *world = self;
    (void)before_ms, (void)rating;
    for (*ret_deleted = 0; *ret_deleted < max; ++*ret_deleted)
        assert_true(visit(context, world->records[0]));
    return before_delete(context, fault);
}

static void a_full_page_of_old_records_is_deleted_to_the_last(void **state)
{
    (void)state;
    World world;
    Fault fault;
    size_t deleted = 0;
    world_init(&world, true, true);
    run_one(&world, "call-events", INITIATED("c1"));
    be_steady(&world);
    world.ports.cdrs.expire = expire_a_full_page;
    assert_int_equal(pipeline_expire(world.line, NOW_MS, 1, &deleted, &fault), STATUS_OK);
    assert_true(deleted > 0);
    world_done(&world);
}

static size_t sweep(World *world)
{
    size_t count;
    Fault fault;
    assert_int_equal(pipeline_sweep(world->line, clock_wall_ms(), &count, &fault), STATUS_OK);
    return count;
}

static void a_call_that_cannot_be_closed_keeps_no_other_open_and_is_no_dead_letter(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("bad")), world_delivery("call-events", INITIATED("good"))};
    world_run(&world, deliveries, 2);
    world.poison = SLICE("bad");
    assert_int_equal(sweep(&world), 0);
    assert_int_equal(sweep(&world), 1);
    assert_int_equal(sweep(&world), 0); /* nothing is left behind it */
    world.poison = (Slice){0};
    assert_int_equal(sweep(&world), 1);
    assert_int_equal(world.spooled_count, 0);
    world_done(&world);
}

/* How much a metric grows by one opt-out. */
static int64_t grows_by(World *world, Metric metric, const char *body)
{
    int64_t before = metric_get(metric);
    run_one(world, "optout-events", body);
    return metric_get(metric) - before;
}

static size_t waits_of(World *world, Metric metric, const char *body)
{
    int64_t waits_ms[HISTOGRAM_KEPT_MAX];
    Delivery delivery = world_delivery("optout-events", body);
    delivery.received_ms = clock_wall_ms();
    metric_take_waits(metric, waits_ms);
    world_run(world, &delivery, 1);
    return metric_take_waits(metric, waits_ms);
}

static void a_call_is_counted_as_ended_when_it_is_over(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    assert_int_equal(grows_by(&world, METRIC_CALL_TERMINATIONS, OPTOUT), 0);
    world.calls_are_over = true;
    assert_int_equal(grows_by(&world, METRIC_CALL_TERMINATIONS, OPTOUT), 1);
    assert_int_equal(grows_by(&world, METRIC_CALL_TERMINATIONS, OPTOUT), 0);
    world_done(&world);
}

static void how_long_an_opt_out_took_is_measured_when_it_is_stored(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    assert_int_equal(waits_of(&world, METRIC_OPTOUT_STORED, OPTOUT), 1);
    world.calls_are_over = true;
    assert_int_equal(waits_of(&world, METRIC_OPTOUT_HUNG_UP, OPTOUT), 1);
    world.registry_status = STATUS_RETRY;
    assert_int_equal(waits_of(&world, METRIC_OPTOUT_STORED, OPTOUT), 0);
    world_done(&world);
}

static void what_was_pressed_long_ago_is_no_measure_of_us(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    assert_int_equal(waits_of(&world, METRIC_OPTOUT_STORED, OPTOUT_OF_2024), 0);
    world_done(&world);
}

static void a_batch_that_is_undone_stored_nothing(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    world.counters_status = STATUS_RETRY;
    assert_int_equal(waits_of(&world, METRIC_OPTOUT_STORED, OPTOUT), 0);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hang_up_starts_before_the_registry_is_written),
        cmocka_unit_test(a_call_that_is_over_is_recorded_with_its_opt_out),
        cmocka_unit_test(a_call_that_ends_later_holds_nobody_up_and_is_recorded_then),
        cmocka_unit_test(the_same_opt_out_twice_in_a_batch_asks_for_the_end_of_its_call_once),
        cmocka_unit_test(a_call_that_a_later_batch_asks_for_again_is_held_once),
        cmocka_unit_test(whoever_is_overtaken_folds_again),
        cmocka_unit_test(a_record_leaves_the_counters_before_it_is_deleted),
        cmocka_unit_test(a_full_page_of_old_records_is_deleted_to_the_last),
        cmocka_unit_test(a_call_that_cannot_be_closed_keeps_no_other_open_and_is_no_dead_letter),
        cmocka_unit_test(a_call_is_counted_as_ended_when_it_is_over),
        cmocka_unit_test(how_long_an_opt_out_took_is_measured_when_it_is_stored),
        cmocka_unit_test(what_was_pressed_long_ago_is_no_measure_of_us),
        cmocka_unit_test(a_batch_that_is_undone_stored_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
