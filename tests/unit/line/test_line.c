/* The order of what the line does to the world, and what it does when the world fails. */
#include "world.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "line/batch.h"

static const int64_t NOW_MS = 1705320000000;

#define OPTOUT_OF_2024 "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\",\"timestamp\":\"2024-01-15T10:30:00Z\"}"
#define OPTOUT "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\"}"
#define DONATION "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\",\"dtmfInput\":\"1\"}"
#define OTHER_DONATION "{\"callId\":\"c2\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234568\",\"dtmfInput\":\"1\"}"
#define INITIATED(call) "{\"callId\":\"" call "\",\"campaignId\":\"w\",\"eventType\":\"call_initiated\",\"timestamp\":\"2024-01-15T10:30:00Z\"}"
#define ANSWERED(call) "{\"callId\":\"" call "\",\"campaignId\":\"w\",\"eventType\":\"call_answered\",\"timestamp\":\"2024-01-15T10:30:10Z\"}"

static void assert_log(World *world, const char *expected) { assert_slice(text_slice(&world->log), expected); }

static Verdict run_one(World *world, const char *topic, const char *body)
{
    Delivery delivery = world_delivery(topic, body);
    world_run(world, &delivery, 1);
    return delivery.verdict;
}

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

static void a_gateway_in_the_unit_is_one_commit(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_log(&world, "begin claim sending send settle record project commit");
    assert_int_equal(world.donations, 1);
    world_done(&world);
}

static void a_gateway_outside_is_asked_after_sending_is_committed(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, false);
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_log(&world, "begin claim commit begin sending commit send begin settle record project commit");
    assert_int_equal(world.effects[0].state, EFFECT_SENT);
    world_done(&world);
}

static void nine_beats_one_also_between_claim_and_sending(void **state)
{
    (void)state;
    for (int joins = 0; joins <= 1; joins++) {
        World world;
        world_init(&world, true, joins);
        world.opt_out_before_sending = SLICE("+972501234567");
        assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
        assert_int_equal(world.effects[0].state, EFFECT_CANCELLED);
        assert_int_equal(world.sent, 0);
        assert_int_equal(world.donations, 0);
        world_done(&world);
    }
}

static void whose_claim_was_taken_over_before_sending_sends_nothing(void **state)
{
    (void)state;
    for (int joins = 0; joins <= 1; joins++) {
        World world;
        world_init(&world, true, joins);
        world.claim_is_taken_over = true;
        run_one(&world, "donation-events", DONATION);
        assert_int_equal(world.sent, 0);
        assert_int_equal(world.donations, 0);
        assert_int_equal(world.effects[0].state, EFFECT_CLAIMED);
        world_done(&world);
    }
}

static void what_got_no_turn_in_time_waits_again_and_counts_for_nothing(void **state)
{
    (void)state;
    for (int joins = 0; joins <= 1; joins++) {
        World world;
        world_init(&world, true, joins);
        world.sms_result = SMS_OVERTAKEN;
        run_one(&world, "donation-events", DONATION);
        assert_int_equal(world.donations, 0);
        assert_int_equal(world.action_count, 0);
        assert_int_equal(world.effects[0].state, EFFECT_PENDING);
        world_done(&world);
    }
}

static void opt_out_and_donation_in_one_batch_send_nothing(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    Delivery deliveries[] = {world_delivery("donation-events", DONATION), world_delivery("optout-events", OPTOUT)};
    world_run(&world, deliveries, 2);
    assert_int_equal(world.sent, 0);
    assert_int_equal(world.effects[0].state, EFFECT_CANCELLED);
    world_done(&world);
}

static void each_answer_of_the_gateway_has_its_state(void **state)
{
    (void)state;
    static const struct { SmsResult result; EffectState state; int64_t donations; } rows[] = {
        {SMS_ACCEPTED, EFFECT_SENT, 1}, {SMS_REFUSED, EFFECT_FAILED, 0}, {SMS_UNSENT, EFFECT_PENDING, 0}, {SMS_AWAY, EFFECT_PENDING, 0},
        {SMS_UNKNOWN, EFFECT_UNKNOWN, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        World world;
        world_init(&world, true, true);
        world.sms_result = rows[i].result;
        assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
        assert_int_equal(world.effects[0].state, rows[i].state);
        assert_int_equal(world.donations, rows[i].donations);
        world_done(&world);
    }
}

static void a_text_that_was_not_sent_goes_out_when_it_is_due_again(void **state)
{
    (void)state;
    World world;
    size_t count;
    Fault fault;
    world_init(&world, true, true);
    world.sms_result = SMS_UNSENT;
    run_one(&world, "donation-events", DONATION);
    world.sms_result = SMS_ACCEPTED;
    assert_int_equal(pipeline_deliver_due(world.line, world.effects[0].due_ms, &count, &fault), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(world.effects[0].state, EFFECT_SENT);
    assert_int_equal(world.donations, 1);
    world_done(&world);
}

static void a_gateway_that_never_answers_is_given_up_after_twelve_tries(void **state)
{
    (void)state;
    World world;
    size_t count;
    Fault fault;
    world_init(&world, true, true);
    world.sms_result = SMS_UNSENT;
    run_one(&world, "donation-events", DONATION);
    for (int tries = 1; world.effects[0].state == EFFECT_PENDING && tries < 20; tries++)
        pipeline_deliver_due(world.line, world.effects[0].due_ms, &count, &fault);
    assert_int_equal(world.effects[0].state, EFFECT_FAILED);
    assert_int_equal(world.effects[0].attempts, 12);
    world_done(&world);
}

static void waiting_for_a_gateway_that_is_away_uses_up_no_tries(void **state)
{
    (void)state;
    World world;
    size_t count;
    Fault fault;
    world_init(&world, true, true);
    world.sms_result = SMS_AWAY;
    run_one(&world, "donation-events", DONATION);
    for (int tries = 1; tries < 40; tries++)
        pipeline_deliver_due(world.line, world.effects[0].due_ms, &count, &fault);
    assert_int_equal(world.effects[0].state, EFFECT_PENDING);
    world.sms_result = SMS_ACCEPTED;
    pipeline_deliver_due(world.line, world.effects[0].due_ms, &count, &fault);
    assert_int_equal(world.effects[0].state, EFFECT_SENT);
    world_done(&world);
}

static void lost_answer_of_a_gateway_that_knows_a_repeat_leaves_the_text_to_its_lease(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.ports.sms.repeat_ms = 60000;
    world.sms_result = SMS_UNKNOWN;
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_RETRY);
    assert_int_equal(world.effects[0].state, EFFECT_SENDING);
    assert_int_equal(world.settled, 0);
    world_done(&world);
}

static void what_got_no_turn_is_left_to_its_lease_where_what_waits_is_left_to_others(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.settings.waiting_texts_are_others = true;
    world.ports.sms.repeat_ms = 60000;
    world.sms_result = SMS_OVERTAKEN;
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_RETRY);
    assert_int_equal(world.effects[0].state, EFFECT_SENDING);
    assert_int_equal(world.settled, 0);
    world_done(&world);
}

static void the_same_press_twice_in_a_batch_is_one_text(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, true);
    Delivery deliveries[] = {world_delivery("donation-events", DONATION), world_delivery("donation-events", DONATION)};
    world_run(&world, deliveries, 2);
    assert_int_equal(world.sent, 1);
    assert_int_equal(world.donations, 1);
    assert_true(deliveries[1].verdict == VERDICT_DONE && deliveries[1].duplicate);
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

/* An opt-out that came while the registry was away. */
static void who_is_only_in_the_cache_is_not_texted(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.cached = SLICE("+972501234567");
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_int_equal(world.sent, 0);
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

/* Its own process records it, or whoever hears of it once it is settled. */
static void a_text_that_was_taken_over_is_recorded_as_the_ledger_has_it(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.sending_is_taken_over = true;
    world.sms_result = SMS_REFUSED;
    Delivery delivery = world_delivery("donation-events", DONATION);
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_string_equal(delivery.fault.code, "sms_in_progress");
    assert_int_equal(world.action_count, 0);
    world.effects[0].state = EFFECT_SENT;
    for (int again = 0; again < 2; again++)
        assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    assert_int_equal(world.action_count, 1);
    assert_int_equal(world.donations, 1);
    world_done(&world);
}

static void a_text_that_another_process_is_sending_uses_up_no_tries(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    run_one(&world, "donation-events", DONATION);
    world.effects[0].state = EFFECT_SENDING;
    Delivery delivery = world_delivery("donation-events", DONATION);
    delivery.attempts = 50;
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_string_equal(delivery.fault.code, "sms_in_progress");
    assert_int_equal(world.spooled[0].state, SPOOL_WAITING);
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

static void a_text_that_went_out_uncounted_is_counted_by_the_repeat(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.counters_status = STATUS_RETRY;
    Delivery delivery = world_delivery("donation-events", DONATION);
    world_run(&world, &delivery, 1);
    assert_int_equal(delivery.verdict, VERDICT_RETRY);
    assert_true(delivery.kept);
    assert_int_equal(world.sent, 1);
    world.counters_status = STATUS_OK;
    for (int again = 0; again < 3; again++) {
        world_run(&world, &delivery, 1);
        assert_int_equal(delivery.verdict, VERDICT_DONE);
    }
    assert_int_equal(world.sent, 1);
    assert_int_equal(world.donations, 1);
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

/* Whatever failed behind the gateway: the message comes again, alone where one is in the way, and never as a dead letter. */
static void a_text_that_went_out_is_no_dead_letter(void **state)
{
    (void)state;
    static const Status failures[] = {STATUS_REJECT, STATUS_RETRY, STATUS_FATAL};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        World world;
        world_init(&world, false, false);
        world.settings.max_attempts = 1;
        world.counters_status = failures[i];
        for (int again = 0; again < 3; again++) {
            Delivery delivery = world_delivery("donation-events", DONATION);
            world_run(&world, &delivery, 1);
            assert_int_equal(delivery.verdict, VERDICT_RETRY);
            assert_true(delivery.kept);
        }
        assert_int_equal(world.effects[0].state, EFFECT_SENT);
        assert_int_equal(world.sent, 1);
        world.counters_status = STATUS_OK;
        assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
        assert_int_equal(world.donations, 1);
        world_done(&world);
    }
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

static void an_effect_that_is_due_comes_back_as_its_press(void **state)
{
    (void)state;
    World world;
    size_t count;
    Fault fault;
    world_init(&world, false, false);
    world.sms_result = SMS_UNSENT;
    run_one(&world, "donation-events", DONATION);
    assert_int_equal(pipeline_deliver_due(world.line, world.effects[0].due_ms, &count, &fault), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(world.effects[0].state, EFFECT_PENDING);
    assert_slice(world.spooled[0].body, "{\"callId\":\"c1\",\"campaignId\":\"w\",\"contactId\":\"\",\"phoneNumber\":\"+972501234567\"}");
    assert_slice(world.spooled[0].topic, "donation-events");
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

static void who_cannot_be_asked_about_is_not_texted_now(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, true);
    world.registry_status = STATUS_RETRY;
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_RETRY);
    assert_int_equal(world.sent, 0);
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

static void a_text_that_went_out_of_a_unit_is_no_dead_letter_whatever_the_store_refuses(void **state)
{
    (void)state;
    World world;
    world_init(&world, true, false);
    world.counters_status = STATUS_REJECT;
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_RETRY);
    assert_int_equal(world.sent, 1);
    world_done(&world);
}

/* ---- where the broker is the spool ---- */

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

/* ---- couriers, with stores apart: one may fail behind the other ---- */

static void init_carried(World *world, bool atomic)
{
    world_init(world, atomic, atomic);
    world->settings.texts_are_carried = true;
    assert_int_equal(run_one(world, "donation-events", DONATION), VERDICT_DONE);
}

/* What a courier has taken, and what came of it. */
typedef struct Bag {
    Effect effects[WORLD_MAX];
    size_t count;
    Fault fault;
} Bag;

static Status take(World *world, Bag *bag)
{
    return pipeline_take(world->line, clock_wall_ms(), false, WORLD_MAX, &world->arena, bag->effects, &bag->count, &bag->fault);
}

static void must_take(World *world, Bag *bag)
{
    assert_int_equal(take(world, bag), STATUS_OK);
    assert_int_equal(bag->count, 1);
}

static Status settle_as(World *world, Bag *bag, SmsResult result)
{
    SmsOutcome outcomes[WORLD_MAX];
    for (size_t i = 0; i < bag->count; i++)
        outcomes[i] = (SmsOutcome){.result = result, .message_id = SLICE("m"), .reason = SLICE("as told")};
    return pipeline_settle(world->line, clock_wall_ms(), bag->effects, outcomes, bag->count, &bag->fault);
}

static void what_a_courier_carried_is_recorded_and_counted_once_whatever_failed_behind_the_ledger(void **state)
{
    (void)state;
    enum { ANSWER, RECORD, COUNTERS, FAILURES };
    for (int failure = 0; failure < FAILURES; failure++) {
        World world;
        Bag bag;
        init_carried(&world, false);
        must_take(&world, &bag);
        world.settled_unheard = failure == ANSWER;
        world.actions_status = failure == RECORD ? STATUS_RETRY : STATUS_OK;
        world.counters_status = failure == COUNTERS ? STATUS_RETRY : STATUS_OK;
        for (int again = 0; again < 2; again++)
            assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_RETRY);
        assert_int_equal(world.effects[0].state, EFFECT_SENT);
        assert_int_equal(world.donations, 0);
        world.settled_unheard = false;
        world.actions_status = world.counters_status = STATUS_OK;
        for (int again = 0; again < 2; again++)
            assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
        assert_int_equal(world.action_count, 1);
        assert_int_equal(world.donations, 1);
        world_done(&world);
    }
}

static void what_somebody_else_has_settled_is_theirs_to_record(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    must_take(&world, &bag);
    world.effects[0].state = EFFECT_SENT;
    world.effects[0].fence++;
    assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
    assert_int_equal(world.action_count, 0);
    assert_int_equal(world.donations, 0);
    world_done(&world);
}

static void a_receipt_that_is_there_before_a_lost_answer_proves_its_text(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    must_take(&world, &bag);
    world.effects[0].receipt = RECEIPT_DELIVERED;
    world.counters_status = STATUS_RETRY;
    assert_int_equal(settle_as(&world, &bag, SMS_UNKNOWN), STATUS_RETRY);
    assert_int_equal(world.effects[0].state, EFFECT_SENT);
    world.counters_status = STATUS_OK;
    assert_int_equal(settle_as(&world, &bag, SMS_UNKNOWN), STATUS_OK);
    assert_int_equal(world.action_count, 1);
    assert_int_equal(world.donations, 1);
    world_done(&world);
}

/* SENT in the ledger; who carried it is gone. */
static void cut_off_behind_the_ledger(World *world)
{
    Bag bag;
    init_carried(world, false);
    must_take(world, &bag);
    world->actions_status = STATUS_RETRY;
    assert_int_equal(settle_as(world, &bag, SMS_ACCEPTED), STATUS_RETRY);
    world->actions_status = STATUS_OK;
}

static void the_press_again_heals_what_its_courier_left(void **state)
{
    (void)state;
    World world;
    cut_off_behind_the_ledger(&world);
    for (int again = 0; again < 2; again++) {
        Delivery delivery = world_delivery("donation-events", DONATION);
        world_run(&world, &delivery, 1);
        assert_int_equal(delivery.verdict, VERDICT_DONE);
        assert_true(delivery.duplicate);
        assert_int_equal(world.action_count, 1);
        assert_int_equal(world.donations, 1);
    }
    world_done(&world);
}

static void receive_for(World *world, const char *receipt)
{
    Slice body = arena_printf(&world->arena, "{\"ref\":\"%.*s\",\"provider\":\"twilio\",\"messageId\":\"m\",\"state\":\"%s\"}",
                              SLICE_ARG(world->effects[0].ref), receipt);
    assert_int_equal(run_one(world, "delivery-receipts", body.at), VERDICT_DONE);
}

static void a_first_receipt_heals_what_a_courier_left(void **state)
{
    (void)state;
    World world;
    cut_off_behind_the_ledger(&world);
    receive_for(&world, "underway");
    assert_int_equal(world.action_count, 1);
    assert_int_equal(world.donations, 1);
    receive_for(&world, "delivered");
    assert_int_equal(world.action_count, 1);
    assert_int_equal(world.donations, 1);
    world_done(&world);
}

static void a_receipt_that_is_faster_than_its_courier_records_nothing(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    must_take(&world, &bag);
    receive_for(&world, "underway");
    assert_int_equal(world.action_count, 0);
    assert_int_equal(world.donations, 0);
    world_done(&world);
}

static void a_receipt_tells_nothing_again_that_is_recorded_and_counted(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    must_take(&world, &bag);
    assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
    receive_for(&world, "underway");
    receive_for(&world, "delivered");
    assert_log(&world, "begin enter commit begin claim sending commit begin settle record project commit begin receive commit begin receive commit");
    world_done(&world);
}

static void one_store_heals_by_nothing_more(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, true);
    must_take(&world, &bag);
    assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
    assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
    assert_int_equal(run_one(&world, "donation-events", DONATION), VERDICT_DONE);
    receive_for(&world, "delivered");
    assert_log(&world, "begin enter commit begin claim sending commit begin settle record project commit begin settle commit"
                       " begin enter commit begin receive commit");
    world_done(&world);
}

/* The first one's number is blocked since it was pressed. */
static void init_half_blocked(World *world)
{
    init_carried(world, false);
    assert_int_equal(run_one(world, "donation-events", OTHER_DONATION), VERDICT_DONE);
    world->blocked[world->blocked_count++] = SLICE("+972501234567");
}

static void a_blocked_number_costs_nobody_else_a_text_whatever_fails(void **state)
{
    (void)state;
    for (int is_unheard = 0; is_unheard <= 1; is_unheard++) {
        World world;
        Bag bag;
        init_half_blocked(&world);
        world.settled_unheard = is_unheard;
        world.actions_status = is_unheard ? STATUS_OK : STATUS_RETRY;
        must_take(&world, &bag);
        assert_slice(bag.effects[0].action_id, "c2_donation");
        world.settled_unheard = false;
        world.actions_status = STATUS_OK;
        assert_int_equal(settle_as(&world, &bag, SMS_ACCEPTED), STATUS_OK);
        world.effects[0].due_ms = 0; /* its lease is over */
        assert_int_equal(take(&world, &bag), STATUS_OK);
        assert_int_equal(bag.count, 0);
        assert_int_equal(world.effects[0].state, EFFECT_CANCELLED);
        assert_int_equal(world.effects[1].state, EFFECT_SENT);
        assert_int_equal(world.action_count, 2);
        assert_int_equal(world.donations, 1);
        world_done(&world);
    }
}

static void what_is_cancelled_is_recorded_once_and_before_the_ledger_says_so(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    world.blocked[world.blocked_count++] = SLICE("+972501234567");
    assert_int_equal(take(&world, &bag), STATUS_OK);
    assert_int_equal(world.effects[0].state, EFFECT_CANCELLED);
    assert_log(&world, "begin enter commit begin claim record settle commit");
    world_done(&world);
}

static void what_is_cancelled_stays_in_the_ledger_until_its_record_is_there(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    world.blocked[world.blocked_count++] = SLICE("+972501234567");
    world.actions_status = STATUS_RETRY;
    assert_int_equal(take(&world, &bag), STATUS_RETRY);
    assert_int_equal(bag.count, 0);
    assert_int_equal(world.effects[0].state, EFFECT_CLAIMED);
    world_done(&world);
}

static void a_record_that_no_store_takes_keeps_nothing_from_being_cancelled(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_half_blocked(&world);
    world.actions_status = STATUS_REJECT;
    must_take(&world, &bag);
    assert_int_equal(world.effects[0].state, EFFECT_CANCELLED);
    world_done(&world);
}

static void whoever_looked_too_late_leaves_what_is_blocked_to_who_has_it_by_now(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_half_blocked(&world);
    world.effects[0].due_ms = world.effects[1].due_ms = 0;
    int64_t long_ago_ms = clock_wall_ms() - world.settings.lease_ms;
    assert_int_equal(pipeline_take(world.line, long_ago_ms, false, WORLD_MAX, &world.arena, bag.effects, &bag.count, &bag.fault), STATUS_OK);
    assert_int_equal(bag.count, 0);
    assert_int_equal(world.effects[0].state, EFFECT_CLAIMED);
    assert_int_equal(world.action_count, 0);
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
        cmocka_unit_test(a_gateway_in_the_unit_is_one_commit),
        cmocka_unit_test(a_gateway_outside_is_asked_after_sending_is_committed), cmocka_unit_test(nine_beats_one_also_between_claim_and_sending),
        cmocka_unit_test(whose_claim_was_taken_over_before_sending_sends_nothing),
        cmocka_unit_test(what_got_no_turn_in_time_waits_again_and_counts_for_nothing),
        cmocka_unit_test(opt_out_and_donation_in_one_batch_send_nothing), cmocka_unit_test(each_answer_of_the_gateway_has_its_state),
        cmocka_unit_test(a_text_that_was_not_sent_goes_out_when_it_is_due_again),
        cmocka_unit_test(a_gateway_that_never_answers_is_given_up_after_twelve_tries),
        cmocka_unit_test(waiting_for_a_gateway_that_is_away_uses_up_no_tries),
        cmocka_unit_test(lost_answer_of_a_gateway_that_knows_a_repeat_leaves_the_text_to_its_lease), cmocka_unit_test(what_got_no_turn_is_left_to_its_lease_where_what_waits_is_left_to_others),
        cmocka_unit_test(the_same_press_twice_in_a_batch_is_one_text),
        cmocka_unit_test(whoever_is_overtaken_folds_again), cmocka_unit_test(a_store_that_fails_for_itself_puts_off_only_its_messages),
        cmocka_unit_test(who_is_only_in_the_cache_is_not_texted),
        cmocka_unit_test(a_malformed_opt_out_waits_for_the_registry),
        cmocka_unit_test(a_call_is_counted_as_ended_when_it_is_over),
        cmocka_unit_test(how_long_an_opt_out_took_is_measured_when_it_is_stored), cmocka_unit_test(what_was_pressed_long_ago_is_no_measure_of_us),
        cmocka_unit_test(a_batch_that_is_undone_stored_nothing),
        cmocka_unit_test(a_store_that_is_away_uses_up_no_tries), cmocka_unit_test(a_text_that_another_process_is_sending_uses_up_no_tries),
        cmocka_unit_test(only_a_store_that_is_away_is_told_as_an_outage),
        cmocka_unit_test(a_text_that_was_taken_over_is_recorded_as_the_ledger_has_it),
        cmocka_unit_test(a_poisonous_message_costs_nobody_else_anything_in_stores_apart),
        cmocka_unit_test(a_text_that_went_out_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(a_record_leaves_the_counters_before_it_is_deleted),
        cmocka_unit_test(a_full_page_of_old_records_is_deleted_to_the_last),
        cmocka_unit_test(a_record_that_was_saved_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(a_text_that_went_out_is_no_dead_letter),
        cmocka_unit_test(what_still_has_to_go_out_keeps_its_row),
        cmocka_unit_test(an_effect_that_is_due_comes_back_as_its_press),
        cmocka_unit_test(in_one_store_a_failure_undoes_everything), cmocka_unit_test(who_cannot_be_asked_about_is_not_texted_now),
        cmocka_unit_test(a_poisonous_message_costs_nobody_else_anything), cmocka_unit_test(a_malformed_opt_out_is_applied_and_then_rejected),
        cmocka_unit_test(waits_grow_up_to_the_most_and_the_twelfth_try_is_the_last), cmocka_unit_test(what_came_from_the_spool_and_is_done_leaves_it),
        cmocka_unit_test(a_call_that_cannot_be_closed_keeps_no_other_open_and_is_no_dead_letter),
        cmocka_unit_test(a_text_that_went_out_of_a_unit_is_no_dead_letter_whatever_the_store_refuses),
        cmocka_unit_test(without_a_spool_a_text_that_waits_keeps_its_message),
        cmocka_unit_test(without_a_spool_a_text_that_went_out_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(without_a_spool_one_that_is_poison_is_rejected_and_costs_nobody_else_anything),
        cmocka_unit_test(without_a_spool_a_malformed_opt_out_waits_for_the_registry_and_is_rejected_then),
        cmocka_unit_test(what_a_courier_carried_is_recorded_and_counted_once_whatever_failed_behind_the_ledger),
        cmocka_unit_test(what_somebody_else_has_settled_is_theirs_to_record),
        cmocka_unit_test(a_receipt_that_is_there_before_a_lost_answer_proves_its_text),
        cmocka_unit_test(the_press_again_heals_what_its_courier_left),
        cmocka_unit_test(a_first_receipt_heals_what_a_courier_left),
        cmocka_unit_test(a_receipt_that_is_faster_than_its_courier_records_nothing),
        cmocka_unit_test(a_receipt_tells_nothing_again_that_is_recorded_and_counted),
        cmocka_unit_test(one_store_heals_by_nothing_more),
        cmocka_unit_test(a_blocked_number_costs_nobody_else_a_text_whatever_fails),
        cmocka_unit_test(what_is_cancelled_is_recorded_once_and_before_the_ledger_says_so),
        cmocka_unit_test(what_is_cancelled_stays_in_the_ledger_until_its_record_is_there),
        cmocka_unit_test(a_record_that_no_store_takes_keeps_nothing_from_being_cancelled),
        cmocka_unit_test(whoever_looked_too_late_leaves_what_is_blocked_to_who_has_it_by_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
