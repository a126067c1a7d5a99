/* Texts that the line itself carries: who gets one, what an answer of the gateway means, and what is never sent twice. */
#include "world.h"

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

static Status an_outboxs(void *self, const SmsFilter *filter, bool (*visit)(void *context, const SmsRecord *record), void *context, Fault *fault)
{
    (void)self, (void)filter, (void)visit, (void)context, (void)fault;
    return STATUS_OK;
}

static void what_got_no_turn_is_left_to_its_lease_where_what_waits_is_left_to_others(void **state)
{
    (void)state;
    World world;
    world_init(&world, false, false);
    world.ports.effects.is_shared = true;
    world.ports.sms.list = an_outboxs;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_in_the_unit_is_one_commit),
        cmocka_unit_test(a_gateway_outside_is_asked_after_sending_is_committed),
        cmocka_unit_test(nine_beats_one_also_between_claim_and_sending),
        cmocka_unit_test(whose_claim_was_taken_over_before_sending_sends_nothing),
        cmocka_unit_test(what_got_no_turn_in_time_waits_again_and_counts_for_nothing),
        cmocka_unit_test(opt_out_and_donation_in_one_batch_send_nothing),
        cmocka_unit_test(each_answer_of_the_gateway_has_its_state),
        cmocka_unit_test(a_text_that_was_not_sent_goes_out_when_it_is_due_again),
        cmocka_unit_test(a_gateway_that_never_answers_is_given_up_after_twelve_tries),
        cmocka_unit_test(waiting_for_a_gateway_that_is_away_uses_up_no_tries),
        cmocka_unit_test(lost_answer_of_a_gateway_that_knows_a_repeat_leaves_the_text_to_its_lease),
        cmocka_unit_test(what_got_no_turn_is_left_to_its_lease_where_what_waits_is_left_to_others),
        cmocka_unit_test(the_same_press_twice_in_a_batch_is_one_text),
        cmocka_unit_test(who_is_only_in_the_cache_is_not_texted),
        cmocka_unit_test(a_text_that_was_taken_over_is_recorded_as_the_ledger_has_it),
        cmocka_unit_test(a_text_that_another_process_is_sending_uses_up_no_tries),
        cmocka_unit_test(a_text_that_went_out_uncounted_is_counted_by_the_repeat),
        cmocka_unit_test(a_text_that_went_out_is_no_dead_letter),
        cmocka_unit_test(an_effect_that_is_due_comes_back_as_its_press),
        cmocka_unit_test(who_cannot_be_asked_about_is_not_texted_now),
        cmocka_unit_test(a_text_that_went_out_of_a_unit_is_no_dead_letter_whatever_the_store_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
