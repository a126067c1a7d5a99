/* Redis where there is no database: what its ledger and its do-not-call list do that no other store needs to. */
#include "redis_world.h"

#include <stdlib.h>

enum { DATABASE = 10, LEASE_MS = 30000 };

typedef struct Alone {
    RedisWorld *world;
    EffectsPort ledger;
    RegistryPort registry;
} Alone;

static int setup(void **state)
{
    *state = calloc(1, sizeof(Alone));
    return 0;
}

static int teardown(void **state)
{
    world_close(((Alone *)*state)->world);
    free(*state);
    return 0;
}

static Alone *begin(void **state)
{
    Alone *alone = *state;
    alone->world = world_open(DATABASE);
    alone->ledger = redis_effects(alone->world->redis);
    alone->registry = redis_registry(alone->world->redis);
    return alone;
}

/* ---- the ledger ---- */

static bool claim(Alone *a, Effect *effect, int64_t now_ms)
{
    bool claimed = false;
    RedisWorld *w = a->world;
    *effect = contract_donation("call-1_donation", "+12125550100");
    well(w, a->ledger.claim(a->ledger.self, effect, 1, now_ms, LEASE_MS, GATEWAY(0), &w->arena, &claimed, &w->fault));
    return claimed;
}

static bool send(Alone *a, Effect *effect)
{
    bool ours = false;
    RedisWorld *w = a->world;
    well(w, a->ledger.sending(a->ledger.self, effect, 1, NOON_MS, NOON_MS + LEASE_MS, &ours, &w->fault));
    return ours;
}

static bool settle(Alone *a, Effect *effect, EffectState state)
{
    bool moved = false;
    RedisWorld *w = a->world;
    effect->state = state;
    well(w, a->ledger.settle(a->ledger.self, effect, 1, NOON_MS, &moved, &w->fault));
    return moved;
}

static size_t count_due(Alone *a, int64_t now_ms)
{
    Effect found[8];
    size_t count = 99;
    RedisWorld *w = a->world;
    well(w, a->ledger.due(a->ledger.self, false, now_ms, 8, &w->arena, found, &count, &w->fault));
    return count;
}

static bool count_effect(void *context, const Effect *effect)
{
    (void)effect;
    return ++*(int *)context;
}

static int count_listed(Alone *a)
{
    int count = 0;
    RedisWorld *w = a->world;
    well(w, a->ledger.list(a->ledger.self, &(EffectFilter){.state = -1}, count_effect, &count, &w->fault));
    return count;
}

/* SNS may redeliver for 23 days. */
static void effect_is_kept_for_thirty_days_from_its_last_change(void **state)
{
    Alone *a = begin(state);
    Effect effect;
    claim(a, &effect, NOON_MS);
    world_says(a->world, "EXPIRE pledgeline:effect:call-1_donation 60");
    send(a, &effect);
    assert_in_range(atoi(world_says(a->world, "TTL pledgeline:effect:call-1_donation")), 29 * 86400 + 1, 30 * 86400);
    assert_string_equal(world_says(a->world, "HGET pledgeline:effect:call-1_donation state"), "sending");
    assert_string_equal(world_says(a->world, "HGET pledgeline:effect:call-1_donation donationLink"), "https://donate.example.org?ref=x");
}

static void text_that_went_out_while_the_ledger_was_lost_is_not_sent_again(void **state)
{
    Alone *a = begin(state);
    Effect effect, again;
    claim(a, &effect, NOON_MS);
    assert_true(send(a, &effect));
    world_says(a->world, "FLUSHDB");
    effect.message_id = SLICE("m-1");
    assert_true(settle(a, &effect, EFFECT_SENT));
    assert_false(claim(a, &again, NOON_MS + 10 * LEASE_MS));
    assert_int_equal(again.state, EFFECT_SENT);
    assert_slice(again.message_id, "m-1");
    assert_slice(again.message, "Thank you from {{campaignName}}: {{donationLink}}");
}

static void claim_that_the_ledger_lost_sends_nothing(void **state)
{
    Alone *a = begin(state);
    Effect effect;
    claim(a, &effect, NOON_MS);
    world_says(a->world, "FLUSHDB");
    assert_false(send(a, &effect));
    assert_int_equal(count_listed(a), 0);
}

static void whoever_claimed_before_the_ledger_was_lost_holds_nothing_that_was_claimed_since(void **state)
{
    Alone *a = begin(state);
    Effect before, since;
    assert_true(claim(a, &before, NOON_MS));
    world_says(a->world, "FLUSHDB");
    assert_true(claim(a, &since, NOON_MS));
    assert_false(send(a, &before));
    assert_false(settle(a, &before, EFFECT_SENT));
    assert_true(send(a, &since));
}

/* A replica that took over may have it as it was before the claim. */
static void fence_of_a_claim_that_was_lost_is_not_given_again(void **state)
{
    Alone *a = begin(state);
    Effect first, lost, since;
    assert_true(claim(a, &first, NOON_MS));
    assert_true(claim(a, &lost, NOON_MS + LEASE_MS));
    world_says(a->world, "HSET pledgeline:effect:call-1_donation fence %lld dueMs %lld", (long long)first.fence, (long long)NOON_MS);
    assert_true(claim(a, &since, NOON_MS + LEASE_MS));
    assert_false(send(a, &lost));
    assert_true(send(a, &since));
}

/* Lua and JSON have no whole numbers beyond that. A server whose clock was set back has given such times already. */
static void fence_grows_whatever_the_clock_of_the_server_and_stays_below_53_bits(void **state)
{
    Alone *a = begin(state);
    Effect effect;
    claim(a, &effect, NOON_MS);
    assert_in_range(effect.fence, NOON_MS * 1000, INT64_C(1) << 53);
    int64_t ahead = effect.fence + INT64_C(86400000000);
    world_says(a->world, "HSET pledgeline:effect:call-1_donation fence %lld", (long long)ahead);
    assert_true(claim(a, &effect, NOON_MS + LEASE_MS));
    assert_int_equal(effect.fence, ahead + 1);
}

static void effect_that_has_gone_is_neither_due_nor_listed_and_leaves_the_indexes(void **state)
{
    Alone *a = begin(state);
    Effect effect;
    claim(a, &effect, NOON_MS);
    world_says(a->world, "RENAME pledgeline:effect:call-1_donation pledgeline:effect:other_donation");
    assert_int_equal(count_due(a, NOON_MS + LEASE_MS), 0);
    assert_int_equal(count_listed(a), 0);
    assert_string_equal(world_says(a->world, "ZCARD pledgeline:effects_waiting"), "0");
    world_says(a->world, "ZADD pledgeline:effects 0 gone_donation");
    world_says(a->world, "ZADD pledgeline:effects_going 1 gone_donation");
    claim(a, &effect, NOON_MS);
    assert_string_equal(world_says(a->world, "ZCARD pledgeline:effects"), "1");
    assert_string_equal(world_says(a->world, "ZCARD pledgeline:effects_going"), "1");
}

/* ---- what providers say ---- */

static ReceiptResult receive(Alone *a, const char *ref, ReceiptState state, Effect *effect)
{
    RedisWorld *w = a->world;
    Receipt receipt = {.ref = slice_of(ref), .provider = SLICE("twilio"), .message_id = SLICE("SM1"), .state = state, .at_ms = NOON_MS};
    ReceiptResult result;
    well(w, a->ledger.receive(a->ledger.self, &receipt, 1, NOON_MS, &w->arena, effect, &result, &w->fault));
    return result;
}

static void effect_that_was_entered_before_there_were_kinds_is_a_press_and_goes_on(void **state)
{
    Alone *a = begin(state);
    Effect effect, again;
    claim(a, &effect, NOON_MS);
    world_says(a->world, "HDEL pledgeline:effect:call-1_donation kind ref follows provider smsClass code receipt deliveredMs segments costMicros");
    assert_true(send(a, &effect));
    assert_true(settle(a, &effect, EFFECT_SENT));
    assert_int_equal(count_listed(a), 1);
    assert_false(claim(a, &again, NOON_MS + LEASE_MS));
    assert_int_equal(again.kind, EFFECT_DONATION);
    assert_int_equal(again.receipt, RECEIPT_NONE);
}

static Effect claim_with_ref(Alone *a, const char *action_id, const char *ref)
{
    RedisWorld *w = a->world;
    Effect effect = contract_donation(action_id, "+12125550100");
    bool claimed;
    effect.ref = slice_of(ref);
    well(w, a->ledger.claim(a->ledger.self, &effect, 1, NOON_MS, LEASE_MS, GATEWAY(0), &w->arena, &claimed, &w->fault));
    return effect;
}

static void ref_is_kept_as_long_as_its_effect(void **state)
{
    Alone *a = begin(state);
    Effect effect = claim_with_ref(a, "call-1_donation", "0a");
    world_says(a->world, "EXPIRE pledgeline:effect_ref:0a 60");
    assert_true(send(a, &effect));
    assert_in_range(atoi(world_says(a->world, "TTL pledgeline:effect_ref:0a")), 29 * 86400 + 1, 30 * 86400);
    assert_string_equal(world_says(a->world, "GET pledgeline:effect_ref:0a"), "call-1_donation");
}

static void ref_of_an_effect_that_has_gone_leads_nowhere(void **state)
{
    Alone *a = begin(state);
    Effect effect;
    claim_with_ref(a, "call-1_donation", "0a");
    world_says(a->world, "DEL pledgeline:effect:call-1_donation");
    assert_int_equal(receive(a, "0a", RECEIPT_DELIVERED, &effect), RECEIPT_STRANGE);
    assert_string_equal(world_says(a->world, "EXISTS pledgeline:effect:call-1_donation"), "0");
    claim_with_ref(a, "call-2_donation", "0a");
    assert_int_equal(receive(a, "0a", RECEIPT_DELIVERED, &effect), RECEIPT_TAKEN);
    assert_slice(effect.action_id, "call-2_donation");
}

static void receipt_between_claim_and_sending_stays(void **state)
{
    Alone *a = begin(state);
    Effect effect = claim_with_ref(a, "call-1_donation", "0a"), told;
    assert_int_equal(receive(a, "0a", RECEIPT_UNDERWAY, &told), RECEIPT_TAKEN);
    assert_true(send(a, &effect));
    assert_string_equal(world_says(a->world, "HGET pledgeline:effect:call-1_donation receipt"), "underway");
    assert_string_equal(world_says(a->world, "HGET pledgeline:effect:call-1_donation messageId"), "SM1");
}

static void key_of_another_program_leaves_the_receipts_undone(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    claim_with_ref(a, "call-1_donation", "0a");
    Receipt receipts[] = {{.ref = SLICE("0a"), .state = RECEIPT_DELIVERED}, {.ref = SLICE("0b"), .state = RECEIPT_DELIVERED}};
    Effect effects[2];
    ReceiptResult results[2];
    world_says(w, "SADD pledgeline:effect_ref:0b theirs");
    assert_int_equal(a->ledger.receive(a->ledger.self, receipts, 2, NOON_MS, &w->arena, effects, results, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "redis_wrong_type");
    assert_string_equal(world_says(w, "HGET pledgeline:effect:call-1_donation receipt"), "");
}

static void list_goes_over_many_pages(void **state)
{
    enum { EFFECTS = 700 };
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    for (int from = 0; from < EFFECTS; from += EFFECTS / 2) {
        Effect effects[EFFECTS / 2];
        bool moved[EFFECTS / 2];
        for (int i = 0; i < EFFECTS / 2; i++)
            effects[i] = contract_donation(arena_printf(&w->arena, "call-%04d_donation", from + i).at, "+12125550100");
        well(w, a->ledger.enter(a->ledger.self, effects, EFFECTS / 2, NOON_MS, moved, &w->fault));
    }
    assert_int_equal(count_listed(a), EFFECTS);
}

static void key_of_another_program_leaves_the_claims_undone(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    Effect wanted[] = {contract_donation("a", "+12125550100"), contract_donation("b", "+12125550100")};
    bool claimed[2];
    world_says(w, "SET pledgeline:effect:b theirs");
    assert_int_equal(a->ledger.claim(a->ledger.self, wanted, 2, NOON_MS, LEASE_MS, GATEWAY(0), &w->arena, claimed, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "redis_wrong_type");
    assert_true(w->fault.is_of_one);
    assert_string_equal(world_says(w, "EXISTS pledgeline:effect:a"), "0");
}

/* ---- the list ---- */

/* Where another program has a key of ours, the server or a script says which; what it says is logged. */
static void fault_says_no_whole_number(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    BlockEntry entry = contract_optout("+12125550100", "call-1_optout");
    BlockResult result;
    world_says(w, "SET pledgeline:applied:+12125550100 theirs");
    assert_int_equal(a->registry.block(a->registry.self, &entry, 1, &result, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "redis_wrong_type");
    assert_non_null(strstr(w->fault.text, "pledgeline:applied:*"));
    assert_null(strstr(w->fault.text, "12125550100"));
}

static bool is_blocked(Alone *a, const char *phone)
{
    Slice number = slice_of(phone);
    bool blocked = false;
    RedisWorld *w = a->world;
    well(w, a->registry.is_blocked(a->registry.self, &number, 1, &blocked, &w->fault));
    return blocked;
}

static BlockResult block(Alone *a, const char *phone, const char *action_id)
{
    BlockEntry entry = contract_optout(phone, action_id);
    BlockResult result;
    RedisWorld *w = a->world;
    well(w, a->registry.block(a->registry.self, &entry, 1, &result, &w->fault));
    return result;
}

static void number_is_blocked_under_the_names_that_others_read(void **state)
{
    Alone *a = begin(state);
    block(a, "+12125550100", "call-1_optout");
    assert_string_equal(world_says(a->world, "SISMEMBER blacklist:numbers +12125550100"), "1");
    assert_non_null(strstr(world_says(a->world, "GET blacklist:+12125550100"), "\"actionId\":\"call-1_optout\""));
    assert_string_equal(world_says(a->world, "TTL blacklist:+12125550100"), "-1");
    assert_in_range(atoi(world_says(a->world, "TTL pledgeline:applied:+12125550100")), 29 * 86400 + 1, 30 * 86400);
}

static void number_that_another_program_blocked_is_blocked_and_known(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    BlockEntry shown;
    bool found = false;
    world_says(w, "SADD blacklist:numbers +12125550100");
    assert_true(is_blocked(a, "+12125550100"));
    well(w, a->registry.show(a->registry.self, SLICE("+12125550100"), &w->arena, &shown, &found, &w->fault));
    assert_true(found);
    assert_slice(shown.phone, "+12125550100");
    assert_int_equal(block(a, "+12125550100", "call-1_optout"), BLOCK_KNOWN);
}

static void removal_says_who_and_why(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    bool was_blocked = false;
    block(a, "+12125550100", "call-1_optout");
    well(w, a->registry.unblock(a->registry.self, SLICE("+12125550100"), SLICE("jane"), SLICE("asked"), NOON_MS, &was_blocked, &w->fault));
    assert_true(was_blocked);
    assert_string_equal(world_says(w, "GET pledgeline:removal:+12125550100"),
                        "{\"at\":\"2025-01-15T12:00:00.000Z\",\"actor\":\"jane\",\"reason\":\"asked\"}");
    assert_string_equal(world_says(w, "EXISTS blacklist:+12125550100"), "0");
}

static void list_that_cannot_be_read_says_that_nobody_is_clear(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    Slice number = SLICE("+12125550100");
    bool blocked;
    world_says(w, "SET blacklist:numbers theirs");
    assert_int_equal(a->registry.is_blocked(a->registry.self, &number, 1, &blocked, &w->fault), STATUS_RETRY);
}

static void action_is_known_for_thirty_days_and_shown_for_one(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    ActionRecord record = {.id = SLICE("call-1_donation"), .phone = SLICE("+12125550100"), .action_type = SLICE("donation_sms_sent"),
                           .timestamp_ms = NOON_MS, .status = SLICE("success")};
    bool is_new = false;
    well(w, a->registry.record_actions(a->registry.self, &record, 1, &is_new, &w->fault));
    assert_true(is_new);
    assert_in_range(atoi(world_says(w, "TTL donation_action:call-1_donation")), 86000, 86400);
    world_says(w, "DEL donation_action:call-1_donation");
    well(w, a->registry.record_actions(a->registry.self, &record, 1, &is_new, &w->fault));
    assert_false(is_new);
    assert_in_range(atoi(world_says(w, "TTL pledgeline:action:call-1_donation")), 29 * 86400 + 1, 30 * 86400);
}

/* What is counted is kept for a time only. */
static void counters_are_not_recounted(void **state)
{
    Alone *a = begin(state);
    RedisWorld *w = a->world;
    const LivePort counters = redis_counters(w->redis);
    Contribution share = world_share("winter", "busy", "total_attempts");
    well(w, world_project(w, "call-1", 1, &share));
    assert_int_equal(counters.generation_begin(counters.self, NOON_MS, &w->fault), STATUS_REJECT);
    assert_string_equal(w->fault.code, "redis_lacks");
    assert_null(counters.block);
    assert_string_equal(world_says(w, "GET campaign:winter:busy"), "1");
}

#define ALONE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE_TEST(effect_is_kept_for_thirty_days_from_its_last_change),
        ALONE_TEST(text_that_went_out_while_the_ledger_was_lost_is_not_sent_again),
        ALONE_TEST(claim_that_the_ledger_lost_sends_nothing),
        ALONE_TEST(whoever_claimed_before_the_ledger_was_lost_holds_nothing_that_was_claimed_since),
        ALONE_TEST(fence_of_a_claim_that_was_lost_is_not_given_again),
        ALONE_TEST(fence_grows_whatever_the_clock_of_the_server_and_stays_below_53_bits),
        ALONE_TEST(effect_that_has_gone_is_neither_due_nor_listed_and_leaves_the_indexes),
        ALONE_TEST(effect_that_was_entered_before_there_were_kinds_is_a_press_and_goes_on),
        ALONE_TEST(ref_is_kept_as_long_as_its_effect),
        ALONE_TEST(ref_of_an_effect_that_has_gone_leads_nowhere),
        ALONE_TEST(receipt_between_claim_and_sending_stays),
        ALONE_TEST(key_of_another_program_leaves_the_receipts_undone),
        ALONE_TEST(list_goes_over_many_pages),
        ALONE_TEST(key_of_another_program_leaves_the_claims_undone),
        ALONE_TEST(fault_says_no_whole_number),
        ALONE_TEST(number_is_blocked_under_the_names_that_others_read),
        ALONE_TEST(number_that_another_program_blocked_is_blocked_and_known),
        ALONE_TEST(removal_says_who_and_why),
        ALONE_TEST(list_that_cannot_be_read_says_that_nobody_is_clear),
        ALONE_TEST(action_is_known_for_thirty_days_and_shown_for_one),
        ALONE_TEST(counters_are_not_recounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
