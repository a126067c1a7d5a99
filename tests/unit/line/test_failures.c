/* What becomes of a message when a store fails or refuses it: verdicts, waits and the spool. */
#include "world.h"

#include "base/clock.h"

static void a_store_that_fails_for_itself_puts_off_only_its_messages(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.cdrs_status = STATUS_RETRY;
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("optout-events", OPTOUT)};
    world_run(&world, deliveries, 2);
    assert_int_equal(deliveries[0].verdict, VERDICT_RETRY);
    assert_true(deliveries[0].kept);
    assert_int_equal(deliveries[1].verdict, VERDICT_DONE);
    assert_int_equal(world.blocked_count, 1);
    world_done(&world);
}

static void a_malformed_opt_out_waits_for_the_registry(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.registry_status = STATUS_RETRY;
    Delivery delivery = world_delivery("optout-events", "{\"callId\":\"c1\",\"phoneNumber\":\"+972 50 123 4567\"}");
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_false(delivery.kept); /* not acknowledged, and safe all the same */
    assert_int_equal(world.spooled_count, 1);
    world.registry_status = STATUS_OK;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_REJECT);
    assert_int_equal(world.blocked_count, 1);
    world_done(&world);
}

static void who_opted_out_while_the_registry_was_away_is_blocked_from_then_on(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.registry_status = STATUS_RETRY;
    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_RETRY);
    world.registry_status = STATUS_OK;
    assert_true(world_says_blocked(&world, "+972501234567"));
    assert_true(world_says_blocked(&world, "+9720501234567"));
    assert_false(world_says_blocked(&world, "+972501234568"));
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_int_equal(world.sent, 0);

    assert_int_equal(run_one(&world, "optout-events", OPTOUT), VERDICT_DONE);
    assert_int_equal(world.blocked_count, 1);
    world.blocked_count = 0; /* somebody takes it off the list */
    assert_false(world_says_blocked(&world, "+972501234567"));
    assert_false(world_says_blocked(&world, "+9720501234567"));
    world_done(&world);
}

static void opt_outs_that_wait_in_the_spool_are_blocked_when_the_next_process_starts(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.registry_status = STATUS_RETRY;
    static const struct { const char *topic, *body; } kept[] = {
        {"optout-events", OPTOUT}, {"optout-events", "{\"callId\":\"c3\",\"phoneNumber\":\"+1 212 555 0123\"}"}, {"donation-events", OTHER_DONATION},
        {"inbound-messages", "{\"messageId\":\"m\",\"provider\":\"twilio\",\"phoneNumber\":\"+12125550124\",\"text\":\"STOP\"}"},
        {"inbound-messages", "{\"messageId\":\"n\",\"provider\":\"twilio\",\"phoneNumber\":\"+12125550125\",\"text\":\"hello\"}"},
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        run_one(&world, kept[i].topic, kept[i].body);
    world.registry_status = STATUS_OK;
    pipeline_free(world.line);
    world.line = pipeline_new(&world.ports, &world.settings);
    assert_false(world_says_blocked(&world, "+972501234567"));
    Fault fault;
    assert_int_equal(pipeline_hold_spooled(world.line, &fault), STATUS_OK);
    assert_true(world_says_blocked(&world, "+972501234567"));
    assert_true(world_says_blocked(&world, "+12125550123"));
    assert_true(world_says_blocked(&world, "+12125550124"));
    assert_false(world_says_blocked(&world, "+12125550125"));
    assert_false(world_says_blocked(&world, "+972501234568"));
    world_done(&world);
}

static void whom_a_receipt_opts_out_while_the_registry_is_away_is_blocked_from_then_on(void **state)
{
    (void)state;
    World world;
    Fault fault;
    world_init(&world, false, true);
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    Slice receipt = arena_printf(&world.arena, "{\"ref\":\"%.*s\",\"state\":\"undelivered\",\"class\":\"opted_out\",\"phoneNumber\":\"+972501234567\"}",
                                 SLICE_ARG(world.effects[0].ref));
    Delivery delivery = world_delivery("delivery-receipts", receipt.at);
    world.registry_status = STATUS_RETRY;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_false(delivery.kept); /* not acknowledged, and safe all the same */
    world.registry_status = STATUS_OK;
    assert_true(world_says_blocked(&world, "+972501234567"));

    pipeline_free(world.line);
    world.line = pipeline_new(&world.ports, &world.settings);
    assert_false(world_says_blocked(&world, "+972501234567"));
    assert_int_equal(pipeline_hold_spooled(world.line, &fault), STATUS_OK);
    assert_true(world_says_blocked(&world, "+972501234567"));

    assert_int_equal(run_one(&world, "delivery-receipts", receipt.at), VERDICT_DONE);
    assert_int_equal(world.blocked_count, 1);
    world.blocked_count = 0; /* somebody takes it off the list */
    assert_false(world_says_blocked(&world, "+972501234567"));
    world_done(&world);
}

static void an_opt_out_that_is_not_on_the_list_waits_a_second_at_most(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.registry_status = STATUS_RETRY;
    Delivery delivery = world_delivery("optout-events", OPTOUT);
    delivery.attempts = 50;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_true(world.spooled[0].due_ms <= clock_wall_ms() + 1000);
    world_done(&world);
}

static void a_store_that_is_away_uses_up_no_tries(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.cdrs_status = STATUS_RETRY;
    Delivery delivery = world_delivery("call-events", INITIATED("c1"));
    delivery.attempts = 50;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_int_equal(world.spooled[0].state, SPOOL_WAITING);
    world_done(&world);
}

static void only_a_store_that_is_away_is_told_as_an_outage(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    Delivery nameless = world_delivery("donation-events", "{\"callId\":\"c1\",\"phoneNumber\":\"+972501234567\"}");
    world_run(&world, &nameless, 1);
    assert_int_equal(nameless.verdict, VERDICT_RETRY);
    assert_false(nameless.outage);

    world.sending_is_taken_over = true;
    Delivery unsettled = world_delivery("donation-events", DONATION);
    world_run(&world, &unsettled, 1);
    assert_int_equal(unsettled.verdict, VERDICT_RETRY);
    assert_false(unsettled.outage);

    world.cdrs_status = STATUS_RETRY;
    Delivery unrecorded = world_delivery("call-events", INITIATED("c1"));
    world_run(&world, &unrecorded, 1);
    assert_int_equal(unrecorded.verdict, VERDICT_RETRY);
    assert_true(unrecorded.outage);

    world.cdrs_status = STATUS_OK;
    world_run(&world, &unrecorded, 1);
    assert_int_equal(unrecorded.verdict, VERDICT_DONE);
    assert_false(unrecorded.outage);
    world_done(&world);
}

/* A batch in which one message cannot be stored runs one by one, also where each store stands for itself. */
static void a_poisonous_message_costs_nobody_else_anything_in_stores_apart(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.poison = SLICE("c2");
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("call-events", INITIATED("c2")),
                             world_delivery("optout-events", OPTOUT)};
    world_run(&world, deliveries, 3);
    assert_int_equal(deliveries[0].verdict, VERDICT_DONE);
    assert_int_equal(deliveries[1].verdict, VERDICT_REJECT);
    assert_int_equal(deliveries[2].verdict, VERDICT_DONE);
    assert_int_equal(world.optouts, 1);
    world_done(&world);
}

static void a_record_that_was_saved_uncounted_is_counted_by_the_repeat(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.counters_status = STATUS_RETRY;
    Delivery delivery = world_delivery("call-events", INITIATED("c1"));
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_int_equal(world.records[0]->fact_count, 1);
    assert_int_equal(world.attempts, 0);
    world.counters_status = STATUS_OK;
    for (int again = 0; again < 3; again++) {
        world_run(&world, &delivery, 1);
        assert_int_equal(delivery.verdict, VERDICT_DONE);
    }
    assert_int_equal(world.attempts, 1);
    world_done(&world);
}

/* The row leaves the spool behind the gateway, not before it. */
static void what_still_has_to_go_out_keeps_its_row(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    Delivery delivery = world_delivery("donation-events", DONATION);
    delivery.spool_id = 7;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_DONE);
    assert_log(&world, "begin claim commit begin sending commit send begin settle record project unspool commit");
    world_done(&world);
}

static void in_one_store_a_failure_undoes_everything(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    world.cdrs_status = STATUS_FATAL;
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("optout-events", OPTOUT)};
    world_run(&world, deliveries, 2);
    assert_int_equal(deliveries[0].verdict, VERDICT_FATAL);
    assert_int_equal(deliveries[1].verdict, VERDICT_FATAL);
    assert_log(&world, "begin load rollback");
    world_done(&world);
}

static void a_poisonous_message_costs_nobody_else_anything(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    world.poison = SLICE("bad");
    Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("call-events", INITIATED("bad")),
                             world_delivery("call-events", INITIATED("c2"))};
    world_run(&world, deliveries, 3);
    assert_int_equal(deliveries[0].verdict, VERDICT_DONE);
    assert_int_equal(deliveries[1].verdict, VERDICT_REJECT);
    assert_int_equal(deliveries[2].verdict, VERDICT_DONE);
    assert_slice(world.spooled[0].code, "constraint");
    assert_int_equal(world.spooled[0].state, SPOOL_DEAD);
    world_done(&world);
}

static void a_malformed_opt_out_is_applied_and_then_rejected(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    assert_int_equal(run_one(&world, "optout-events", "{\"phoneNumber\":\"+972501234567\""), VERDICT_REJECT);
    assert_log(&world, "begin block keep commit");
    assert_slice(world.blocked[0], "+972501234567");
    world_done(&world);
}

static void waits_grow_up_to_the_most_and_the_twelfth_try_is_the_last(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    const char *nameless = "{\"callId\":\"c1\",\"phoneNumber\":\"+972501234567\"}";
    Delivery delivery = world_delivery("donation-events", nameless);
    for (int attempts = 0; attempts < 12; attempts++) {
        delivery.attempts = attempts;
        delivery.spool_id = attempts ? 1 : 0;
        int64_t before_ms = clock_wall_ms(), most_ms = attempts < 10 ? 1000LL << attempts : 900000;
        world_run(&world, &delivery, 1);
        const SpoolItem *item = &world.spooled[world.spooled_count - 1];
        if (attempts == 11)
            break;
        assert_int_equal(delivery.verdict, VERDICT_RETRY);
        assert_int_equal(item->state, SPOOL_WAITING);
        assert_in_range(item->due_ms, before_ms, clock_wall_ms() + most_ms);
    }
    assert_int_equal(delivery.verdict, VERDICT_REJECT);
    assert_int_equal(world.spooled[world.spooled_count - 1].state, SPOOL_DEAD);
    world_done(&world);
}

static void what_came_from_the_spool_and_is_done_leaves_it(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    Delivery delivery = world_delivery("call-events", INITIATED("c1"));
    delivery.spool_id = 7;
    world_run(&world, &delivery, 1);
    assert_log(&world, "begin load save project unspool commit");
    assert_int_equal(world.settled, 1);
    world_done(&world);
}

static void world_init_without_spool(World *world, bool atomic, bool sms_joins)
{
    world_init(world, atomic, sms_joins);
    world->ports.spool = (SpoolPort){0};
}

static void without_a_spool_a_text_that_waits_keeps_its_message(void **state)
{
    (void)state;
    for (int joins = 0; joins <= 1; joins++) {
        World world;
        world_init_without_spool(&world, joins, joins);
        world.sms_result = SMS_UNSENT;
        Delivery delivery = world_delivery("donation-events", DONATION);
        for (int tries = 0; tries < 2; tries++) { /* the second finds that it is not due */
            world_run(&world, &delivery, 1);
            world.effects[0].due_ms = INT64_MAX;
            assert_int_equal(delivery.verdict, VERDICT_RETRY);
            assert_string_equal(delivery.fault.code, "sms_pending");
            assert_false(delivery.kept);
        }
        world.sms_result = SMS_ACCEPTED;
        world.effects[0].due_ms = 0;
        for (int again = 0; again < 2; again++)
            assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
        assert_int_equal(world.sent, 1);
        assert_int_equal(world.donations, 1);
        world_done(&world);
    }
}

static void without_a_spool_a_text_that_went_out_uncounted_is_counted_by_the_repeat(void **state)
{
    (void)state;
    World world;
    world_init_without_spool(&world, false, false);
    world.counters_status = STATUS_RETRY;
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_RETRY);
    assert_int_equal(world.sent, 1);
    world.counters_status = STATUS_OK;
    for (int again = 0; again < 2; again++)
        assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_int_equal(world.sent, 1);
    assert_int_equal(world.donations, 1);
    assert_int_equal(world.action_count, 1);
    world_done(&world);
}

static void without_a_spool_one_that_is_poison_is_rejected_and_costs_nobody_else_anything(void **state)
{
    (void)state;
    for (int atomic = 0; atomic <= 1; atomic++) {
        World world;
        world_init_without_spool(&world, atomic, true);
        world.poison = SLICE("c2");
        Delivery deliveries[] = {world_delivery("call-events", INITIATED("c1")), world_delivery("call-events", INITIATED("c2")),
                                 world_delivery("donation-events", DONATION)};
        world_run(&world, deliveries, 3);
        assert_int_equal(deliveries[0].verdict, VERDICT_DONE);
        assert_int_equal(deliveries[1].verdict, VERDICT_REJECT);
        assert_int_equal(deliveries[2].verdict, VERDICT_DONE);
        assert_int_equal(deliveries[1].dead_letter, 0);
        assert_int_equal(world.donations, 1);
        world_done(&world);
    }
}

static void without_a_spool_a_malformed_opt_out_waits_for_the_registry_and_is_rejected_then(void **state)
{
    (void)state;
    World world;
    world_init_without_spool(&world, false, true);
    world.registry_status = STATUS_RETRY;
    Delivery delivery = world_delivery("optout-events", "{\"phoneNumber\":\"+972501234567\", cut off");
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    world.registry_status = STATUS_OK;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_REJECT);
    assert_int_equal(world.blocked_count, 1);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_fails_for_itself_puts_off_only_its_messages),
        cmocka_unit_test(a_malformed_opt_out_waits_for_the_registry),
        cmocka_unit_test(a_store_that_is_away_uses_up_no_tries),
        cmocka_unit_test(only_a_store_that_is_away_is_told_as_an_outage),
        cmocka_unit_test(a_poisonous_message_costs_nobody_else_anything_in_stores_apart),
        cmocka_unit_test(a_record_that_was_saved_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(what_still_has_to_go_out_keeps_its_row),
        cmocka_unit_test(in_one_store_a_failure_undoes_everything),
        cmocka_unit_test(a_poisonous_message_costs_nobody_else_anything),
        cmocka_unit_test(a_malformed_opt_out_is_applied_and_then_rejected),
        cmocka_unit_test(waits_grow_up_to_the_most_and_the_twelfth_try_is_the_last),
        cmocka_unit_test(who_opted_out_while_the_registry_was_away_is_blocked_from_then_on),
        cmocka_unit_test(opt_outs_that_wait_in_the_spool_are_blocked_when_the_next_process_starts),
        cmocka_unit_test(whom_a_receipt_opts_out_while_the_registry_is_away_is_blocked_from_then_on),
        cmocka_unit_test(an_opt_out_that_is_not_on_the_list_waits_a_second_at_most),
        cmocka_unit_test(what_came_from_the_spool_and_is_done_leaves_it),
        cmocka_unit_test(without_a_spool_a_text_that_waits_keeps_its_message),
        cmocka_unit_test(without_a_spool_a_text_that_went_out_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(without_a_spool_one_that_is_poison_is_rejected_and_costs_nobody_else_anything),
        cmocka_unit_test(without_a_spool_a_malformed_opt_out_waits_for_the_registry_and_is_rejected_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
