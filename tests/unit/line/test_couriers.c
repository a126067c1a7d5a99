/* What couriers carry out of the ledger, with stores apart: one may fail behind the other. */
#include "world.h"

#include "base/clock.h"

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
    int64_t asked_ms;
    Fault fault;
} Bag;

static Status take_at(World *world, int64_t now_ms, Bag *bag)
{
    return pipeline_take(world->line, now_ms, false, WORLD_MAX, &world->arena, bag->effects, &bag->count, &bag->asked_ms, &bag->fault);
}

static Status take(World *world, Bag *bag) { return take_at(world, clock_wall_ms(), bag); }

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

static void what_went_out_has_the_time_of_that_and_not_of_its_press(void **state)
{
    (void)state;
    static const struct { SmsResult result; int64_t tried_ms; bool now, earlier; } rows[] = {
        {.result = SMS_ACCEPTED, .now = true}, {.result = SMS_UNKNOWN, .now = true}, {.result = SMS_AWAY}, {.result = SMS_UNSENT},
        {.result = SMS_ACCEPTED, .tried_ms = 1000, .earlier = true}, {.result = SMS_AWAY, .tried_ms = 1000, .earlier = true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        World world;
        Bag bag;
        init_carried(&world, false);
        must_take(&world, &bag);
        bag.effects[0].asked_ms = rows[i].tried_ms;
        int64_t before_ms = clock_wall_ms();
        assert_int_equal(settle_as(&world, &bag, rows[i].result), STATUS_OK);
        int64_t asked_ms = world.effects[0].asked_ms;
        if ((asked_ms >= before_ms) != rows[i].now || (asked_ms == rows[i].tried_ms) == rows[i].now)
            fail_msg("row %zu: asked at %lld", i, (long long)asked_ms);
        world_done(&world);
    }
}

static void whom_a_provider_opts_out_is_blocked_before_the_list_can_have_it(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    must_take(&world, &bag);
    const SmsOutcome outcome = {.result = SMS_REFUSED, .sms_class = SMS_OPTED_OUT, .code = SLICE("21610"), .reason = SLICE("no")};
    world.registry_status = STATUS_RETRY;
    assert_int_equal(pipeline_settle(world.line, clock_wall_ms(), bag.effects, &outcome, 1, &bag.fault), STATUS_RETRY);
    world.registry_status = STATUS_OK;
    assert_true(world_says_blocked(&world, "+972501234567"));
    assert_int_equal(world.blocked_count, 0);
    assert_int_equal(pipeline_settle(world.line, clock_wall_ms(), bag.effects, &outcome, 1, &bag.fault), STATUS_OK);
    assert_int_equal(world.blocked_count, 1);
    world.blocked_count = 0; /* somebody takes it off the list */
    assert_false(world_says_blocked(&world, "+972501234567"));
    world_done(&world);
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
    assert_int_equal(take_at(&world, long_ago_ms, &bag), STATUS_OK);
    assert_int_equal(bag.count, 0);
    assert_int_equal(world.effects[0].state, EFFECT_CLAIMED);
    assert_int_equal(world.action_count, 0);
    world_done(&world);
}

static void what_may_be_sending_and_was_not_sent_is_put_back_whatever_the_ledger_has(void **state)
{
    (void)state;
    static const EffectState held[] = {EFFECT_CLAIMED, EFFECT_SENDING, EFFECT_UNKNOWN};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        World world;
        Bag bag;
        init_carried(&world, false);
        world.sending_unheard = true;
        assert_int_equal(take(&world, &bag), STATUS_RETRY);
        assert_int_equal(bag.count, 1);
        world.effects[0].state = held[i];
        assert_int_equal(settle_as(&world, &bag, SMS_AWAY), STATUS_OK);
        assert_int_equal(world.effects[0].state, EFFECT_PENDING);
        assert_int_equal(world.effects[0].asked_ms, 0);
        world_done(&world);
    }
}

static void what_was_undone_as_a_whole_is_not_put_back(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, true);
    world.sending_unheard = true;
    assert_int_equal(take(&world, &bag), STATUS_RETRY);
    assert_int_equal(bag.count, 0);
    world_done(&world);
}

static void what_the_list_said_counts_from_when_it_was_asked(void **state)
{
    (void)state;
    World world;
    Bag bag;
    init_carried(&world, false);
    world.effects[0].due_ms = 0;
    int64_t before_ms = clock_wall_ms();
    assert_int_equal(take_at(&world, before_ms - 2000, &bag), STATUS_OK);
    assert_int_equal(bag.count, 1);
    assert_in_range(bag.asked_ms, before_ms, world.list_asked_ms);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_courier_carried_is_recorded_and_counted_once_whatever_failed_behind_the_ledger),
        cmocka_unit_test(what_went_out_has_the_time_of_that_and_not_of_its_press),
        cmocka_unit_test(whom_a_provider_opts_out_is_blocked_before_the_list_can_have_it),
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
        cmocka_unit_test(what_may_be_sending_and_was_not_sent_is_put_back_whatever_the_ledger_has),
        cmocka_unit_test(what_was_undone_as_a_whole_is_not_put_back),
        cmocka_unit_test(what_the_list_said_counts_from_when_it_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
