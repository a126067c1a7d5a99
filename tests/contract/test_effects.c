/* The ledger of effects: claims, leases and fences. */
#include "contract.h"

enum { LEASE_MS = 30000 };

static bool claim_at(Contract *c, Effect *wanted, int64_t now_ms, int64_t repeat_ms)
{
    bool claimed;
    must(c, c->ports.effects.claim(c->ports.effects.self, wanted, 1, now_ms, LEASE_MS, GATEWAY(repeat_ms), &c->arena, &claimed, &c->fault));
    return claimed;
}

static Effect claimed(Contract *c, int64_t now_ms)
{
    Effect effect = contract_donation("call-1_donation", "+12125550100");
    assert_true(claim_at(c, &effect, now_ms, REPEAT_ALWAYS));
    return effect;
}

static bool send(Contract *c, const Effect *effect, int64_t lease_until_ms)
{
    bool ours;
    must(c, c->ports.effects.sending(c->ports.effects.self, effect, 1, lease_until_ms - LEASE_MS, lease_until_ms, &ours, &c->fault));
    return ours;
}

static bool settle(Contract *c, Effect *effect, EffectState state)
{
    bool moved;
    effect->state = state;
    must(c, c->ports.effects.settle(c->ports.effects.self, effect, 1, NOON_MS, &moved, &c->fault));
    return moved;
}

static size_t due(Contract *c, int64_t now_ms, Effect *out)
{
    size_t count = 99;
    must(c, c->ports.effects.due(c->ports.effects.self, false, now_ms, 8, &c->arena, out, &count, &c->fault));
    return count;
}

typedef struct Seen { Arena *arena; Effect effects[8]; size_t count; } Seen;

static bool see(void *context, const Effect *effect)
{
    Seen *seen = context;
    Effect *copy = &seen->effects[seen->count++];
    *copy = *effect;
    copy->action_id = arena_copy(seen->arena, effect->action_id);
    copy->message_id = arena_copy(seen->arena, effect->message_id);
    copy->reason = arena_copy(seen->arena, effect->reason);
    return true;
}

static Seen list(Contract *c, EffectFilter filter)
{
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.effects.list(c->ports.effects.self, &filter, see, &seen, &c->fault));
    return seen;
}

static EffectState state_of_only(Contract *c)
{
    Seen seen = list(c, (EffectFilter){.state = -1});
    assert_int_equal(seen.count, 1);
    return seen.effects[0].state;
}

/* ---- claim ---- */

static void new_effect_is_claimed(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS);
    assert_int_equal(effect.state, EFFECT_CLAIMED);
    assert_true(effect.fence > 0);
    assert_int_equal(effect.due_ms, NOON_MS + LEASE_MS);
    assert_int_equal(effect.attempts, 0);
    assert_int_equal(state_of_only(c), EFFECT_CLAIMED);
}

static void claimed_effect_is_not_claimed_again_while_the_lease_lasts(void **state)
{
    Contract *c = *state;
    claimed(c, NOON_MS);
    Effect again = contract_donation("call-1_donation", "+12125550100");
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS - 1, REPEAT_ALWAYS));
    assert_int_equal(again.state, EFFECT_CLAIMED);
}

static void twice_in_one_batch_is_claimed_once(void **state)
{
    Contract *c = *state;
    Effect wanted[] = {contract_donation("a", "+12125550100"), contract_donation("a", "+12125550100"), contract_donation("b", "+12125550100")};
    bool is_claimed[3];
    must(c, c->ports.effects.claim(c->ports.effects.self, wanted, 3, NOON_MS, LEASE_MS, GATEWAY(REPEAT_ALWAYS), &c->arena, is_claimed, &c->fault));
    assert_true(is_claimed[0]);
    assert_false(is_claimed[1]);
    assert_true(is_claimed[2]);
}

static void claim_whose_lease_is_over_gets_a_higher_fence(void **state)
{
    Contract *c = *state;
    Effect slept = claimed(c, NOON_MS), taken = contract_donation("call-1_donation", "+12125550100");
    assert_true(claim_at(c, &taken, NOON_MS + LEASE_MS, REPEAT_ALWAYS));
    assert_true(taken.fence > slept.fence);
    assert_false(send(c, &slept, NOON_MS + 2 * LEASE_MS));
    assert_false(settle(c, &slept, EFFECT_SENT));
    assert_true(send(c, &taken, NOON_MS + 2 * LEASE_MS));
}

static void repeat_gets_the_content_of_the_first(void **state)
{
    Contract *c = *state;
    claimed(c, NOON_MS);
    Effect other = contract_donation("call-1_donation", "+12125550100");
    other.message = SLICE("another text");
    other.donation_link = SLICE("https://elsewhere");
    claim_at(c, &other, NOON_MS + LEASE_MS, REPEAT_ALWAYS);
    assert_slice(other.message, "Thank you from {{campaignName}}: {{donationLink}}");
    assert_slice(other.donation_link, "https://donate.example.org?ref=x");
    assert_slice(other.campaign_name, "Winter");
    assert_slice(other.contact_id, "contact-1");
    assert_int_equal(other.created_ms, NOON_MS);
}

static void effect_that_must_wait_is_entered_and_not_claimed(void **state)
{
    Contract *c = *state;
    Effect later = contract_donation("call-1_donation", "+12125550100");
    later.due_ms = NOON_MS + 1000;
    assert_false(claim_at(c, &later, NOON_MS, REPEAT_ALWAYS));
    assert_int_equal(later.state, EFFECT_PENDING);
    assert_true(claim_at(c, &later, NOON_MS + 1000, REPEAT_ALWAYS));
}

/* ---- sending ---- */

static void sending_twice_with_the_same_fence_is_ours_twice(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS);
    assert_true(send(c, &effect, NOON_MS + LEASE_MS));
    assert_true(send(c, &effect, NOON_MS + LEASE_MS));
    assert_int_equal(state_of_only(c), EFFECT_SENDING);
}

static void sending_that_was_left_is_claimed_again_where_a_repeat_is_one_message(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again = contract_donation("call-1_donation", "+12125550100");
    send(c, &effect, NOON_MS + LEASE_MS);
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS - 1, REPEAT_ALWAYS));
    assert_true(claim_at(c, &again, NOON_MS + LEASE_MS, REPEAT_ALWAYS));
    assert_true(again.fence > effect.fence);
    assert_int_equal(again.state, EFFECT_CLAIMED);
}

static void sending_that_was_left_becomes_unknown_where_a_repeat_is_another_message(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again = contract_donation("call-1_donation", "+12125550100");
    send(c, &effect, NOON_MS + LEASE_MS);
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS, 0));
    assert_int_equal(again.state, EFFECT_UNKNOWN);
    assert_true(again.reason.bytes > 0);
    assert_int_equal(state_of_only(c), EFFECT_UNKNOWN);
    assert_false(send(c, &effect, NOON_MS + 2 * LEASE_MS));
}

static void text_that_a_slow_sender_says_it_never_sent_goes_out_again(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again = contract_donation("call-1_donation", "+12125550100");
    send(c, &effect, NOON_MS + LEASE_MS);
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS, 0));
    effect.due_ms = NOON_MS + LEASE_MS;
    assert_true(settle(c, &effect, EFFECT_PENDING));
    assert_true(claim_at(c, &again, NOON_MS + 2 * LEASE_MS, 0));
}

static void text_that_a_slow_sender_says_it_sent_is_not_unknown(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again = contract_donation("call-1_donation", "+12125550100");
    send(c, &effect, NOON_MS + LEASE_MS);
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS, 0));
    assert_true(settle(c, &effect, EFFECT_SENT));
    assert_int_equal(state_of_only(c), EFFECT_SENT);
    assert_false(settle(c, &effect, EFFECT_UNKNOWN));
}

static void text_stays_unknown_when_a_sender_before_the_last_one_says_it_sent_it(void **state)
{
    Contract *c = *state;
    Effect first = claimed(c, NOON_MS), last = contract_donation("call-1_donation", "+12125550100"), again = last;
    send(c, &first, NOON_MS + LEASE_MS);
    assert_true(claim_at(c, &last, NOON_MS + LEASE_MS, REPEAT_ALWAYS));
    assert_false(claim_at(c, &again, NOON_MS + 2 * LEASE_MS, 0));
    assert_false(settle(c, &first, EFFECT_SENT));
    assert_int_equal(state_of_only(c), EFFECT_UNKNOWN);
}

/* ---- a gateway that knows a repeat for a time ---- */

enum { REPEAT_MS = 3 * LEASE_MS };

/* Claims at now_ms for such a gateway; what was claimed is SENDING afterwards. */
static bool try_at(Contract *c, Effect *effect, int64_t now_ms)
{
    *effect = contract_donation("call-1_donation", "+12125550100");
    return claim_at(c, effect, now_ms, REPEAT_MS) && send(c, effect, now_ms + LEASE_MS);
}

static void repeat_is_safe_for_a_time_that_counts_from_the_first_try(void **state)
{
    Contract *c = *state;
    Effect effect;
    assert_true(try_at(c, &effect, NOON_MS));
    assert_int_equal(effect.asked_ms, 0);
    assert_true(try_at(c, &effect, NOON_MS + LEASE_MS));
    assert_int_equal(effect.asked_ms, NOON_MS);
    assert_true(try_at(c, &effect, NOON_MS + 2 * LEASE_MS));
    assert_false(try_at(c, &effect, NOON_MS + 3 * LEASE_MS));
    assert_int_equal(effect.state, EFFECT_UNKNOWN);
    assert_true(effect.reason.bytes > 0);
}

static void time_of_the_first_try_outlives_a_claim_that_sent_nothing(void **state)
{
    Contract *c = *state;
    Effect effect;
    assert_true(try_at(c, &effect, NOON_MS));
    effect = contract_donation("call-1_donation", "+12125550100");
    assert_true(claim_at(c, &effect, NOON_MS + 2 * LEASE_MS, REPEAT_MS));
    assert_false(try_at(c, &effect, NOON_MS + 3 * LEASE_MS));
    assert_int_equal(effect.state, EFFECT_UNKNOWN);
}

static void what_waits_and_may_be_at_the_gateway_becomes_unknown_in_time(void **state)
{
    Contract *c = *state;
    Effect effect;
    assert_true(try_at(c, &effect, NOON_MS));
    assert_true(try_at(c, &effect, NOON_MS + LEASE_MS));
    effect.due_ms = NOON_MS + 4 * LEASE_MS;
    assert_true(settle(c, &effect, EFFECT_PENDING));
    assert_false(try_at(c, &effect, NOON_MS + 4 * LEASE_MS));
    assert_int_equal(effect.state, EFFECT_UNKNOWN);
}

static void clock_that_was_set_back_makes_no_repeat_safe(void **state)
{
    Contract *c = *state;
    Effect effect;
    assert_true(try_at(c, &effect, NOON_MS));
    must(c, c->ports.effects.pull_in(c->ports.effects.self, NOON_MS - LEASE_MS, &c->fault));
    assert_false(try_at(c, &effect, NOON_MS - LEASE_MS));
    assert_int_equal(effect.state, EFFECT_UNKNOWN);
}

static void effect_that_certainly_did_not_arrive_is_claimed_whenever_it_is_due(void **state)
{
    Contract *c = *state;
    Effect effect;
    assert_true(try_at(c, &effect, NOON_MS));
    effect.due_ms = NOON_MS + 100 * LEASE_MS;
    assert_true(settle(c, &effect, EFFECT_PENDING));
    assert_true(try_at(c, &effect, NOON_MS + 100 * LEASE_MS));
}

/* ---- another gateway, which knows no repeats of the first one ---- */

static bool claim_for_another(Contract *c, Effect *effect, int64_t now_ms)
{
    const Gateway another = {SLICE("another"), REPEAT_ALWAYS};
    bool is_claimed;
    *effect = contract_donation("call-1_donation", "+12125550100");
    must(c, c->ports.effects.claim(c->ports.effects.self, effect, 1, now_ms, LEASE_MS, &another, &c->arena, &is_claimed, &c->fault));
    return is_claimed;
}

static void what_another_gateway_may_have_becomes_unknown(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again;
    send(c, &effect, NOON_MS + LEASE_MS);
    assert_false(claim_for_another(c, &again, NOON_MS + LEASE_MS));
    assert_int_equal(again.state, EFFECT_UNKNOWN);
    assert_true(again.reason.bytes > 0);
    assert_slice(again.provider, "gateway");
    assert_int_equal(state_of_only(c), EFFECT_UNKNOWN);
}

static void what_waits_and_another_gateway_may_have_becomes_unknown(void **state)
{
    Contract *c = *state;
    Effect effect, again;
    assert_true(try_at(c, &effect, NOON_MS));
    assert_true(try_at(c, &effect, NOON_MS + LEASE_MS));
    assert_true(settle(c, &effect, EFFECT_PENDING));
    assert_false(claim_for_another(c, &again, NOON_MS + 2 * LEASE_MS));
    assert_int_equal(again.state, EFFECT_UNKNOWN);
}

static void what_was_claimed_and_not_sent_goes_to_any_gateway(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again;
    assert_slice(effect.provider, "gateway");
    assert_true(claim_for_another(c, &again, NOON_MS + LEASE_MS));
    assert_slice(again.provider, "another");
}

/* ---- settle ---- */

static void settled_effect_is_never_claimed_again(void **state)
{
    Contract *c = *state;
    const EffectState ends[] = {EFFECT_SENT, EFFECT_FAILED, EFFECT_CANCELLED, EFFECT_UNKNOWN};
    for (size_t i = 0; i < 4; i++) {
        Slice id = arena_printf(&c->arena, "action-%zu", i);
        Effect effect = contract_donation(id.at, "+12125550100"), again = effect;
        assert_true(claim_at(c, &effect, NOON_MS, REPEAT_ALWAYS));
        effect.message_id = SLICE("m-1");
        effect.reason = SLICE("because");
        effect.asked_ms = NOON_MS - 1000;
        assert_true(settle(c, &effect, ends[i]));
        assert_false(settle(c, &effect, ends[i]));
        assert_false(claim_at(c, &again, NOON_MS + 10 * LEASE_MS, REPEAT_ALWAYS));
        assert_int_equal(again.state, ends[i]);
        assert_slice(again.message_id, "m-1");
        assert_int_equal(again.asked_ms, NOON_MS - 1000);
        assert_slice(again.reason, "because");
    }
}

static void put_back_effect_waits_for_its_time_and_counts_attempts(void **state)
{
    Contract *c = *state;
    Effect effect = claimed(c, NOON_MS), again = effect;
    effect.due_ms = NOON_MS + 5000;
    effect.attempts = 1;
    assert_true(settle(c, &effect, EFFECT_PENDING));
    assert_false(claim_at(c, &again, NOON_MS + 4999, REPEAT_ALWAYS));
    assert_true(claim_at(c, &again, NOON_MS + 5000, REPEAT_ALWAYS));
    assert_int_equal(again.attempts, 1);
    assert_true(again.fence > effect.fence);
}

/* ---- looking ---- */

static void due_are_those_that_wait_for_somebody(void **state)
{
    Contract *c = *state;
    Effect left = contract_donation("left", "+12125550100"), waits = contract_donation("waits", "+12125550100"),
           sent = contract_donation("sent", "+12125550100"), found[8];
    waits.due_ms = NOON_MS + 1000;
    claim_at(c, &left, NOON_MS, REPEAT_ALWAYS);
    claim_at(c, &waits, NOON_MS, REPEAT_ALWAYS);
    claim_at(c, &sent, NOON_MS, REPEAT_ALWAYS);
    settle(c, &sent, EFFECT_SENT);
    assert_int_equal(due(c, NOON_MS, found), 0);
    assert_int_equal(due(c, NOON_MS + 1000, found), 1);
    assert_slice(found[0].action_id, "waits");
    assert_int_equal(due(c, NOON_MS + LEASE_MS, found), 2);
    assert_slice(found[1].action_id, "left");
    assert_slice(found[1].message, "Thank you from {{campaignName}}: {{donationLink}}");
}

static void list_pages_and_filters(void **state)
{
    Contract *c = *state;
    const char *const ids[] = {"c", "a", "b"};
    for (size_t i = 0; i < 3; i++) {
        Effect effect = contract_donation(ids[i], i ? "+12125550100" : "+12125550109");
        claim_at(c, &effect, NOON_MS, REPEAT_ALWAYS);
        if (i == 1)
            settle(c, &effect, EFFECT_SENT);
    }
    assert_int_equal(list(c, (EffectFilter){.state = -1}).count, 3);
    Seen page = list(c, (EffectFilter){.state = -1, .limit = 2, .after = SLICE("a")});
    assert_int_equal(page.count, 2);
    assert_slice(page.effects[0].action_id, "b");
    assert_slice(list(c, (EffectFilter){.state = EFFECT_SENT}).effects[0].action_id, "a");
    assert_slice(list(c, (EffectFilter){.state = -1, .phone = SLICE("+12125550109")}).effects[0].action_id, "c");
    assert_int_equal(list(c, (EffectFilter){.state = -1, .campaign_id = SLICE("spring")}).count, 0);
}

static void rollback_gives_the_claim_back(void **state)
{
    Contract *c = *state;
    contract_begin(c);
    claimed(c, NOON_MS);
    contract_rollback(c);
    assert_int_equal(list(c, (EffectFilter){.state = -1}).count, 0);
    claimed(c, NOON_MS);
}

/* ---- moving in ---- */

static Effect moving_in(EffectState state)
{
    Effect effect = contract_donation("call-1_donation", "+12125550100");
    effect.state = state;
    effect.message_id = state == EFFECT_SENT ? SLICE("message-1") : (Slice){0};
    effect.reason = SLICE("as it was");
    effect.attempts = 3;
    effect.asked_ms = NOON_MS - 1000;
    effect.due_ms = NOON_MS + 1000;
    return effect;
}

static bool enter(Contract *c, EffectState state)
{
    Effect effect = moving_in(state);
    bool moved;
    must(c, c->ports.effects.enter(c->ports.effects.self, &effect, 1, NOON_MS, &moved, &c->fault));
    return moved;
}

static void effect_is_entered_as_it_is(void **state)
{
    Contract *c = *state;
    assert_true(enter(c, EFFECT_SENT));
    assert_false(enter(c, EFFECT_SENT));
    Seen seen = list(c, (EffectFilter){.state = -1});
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.effects[0].state, EFFECT_SENT);
    assert_int_equal(seen.effects[0].attempts, 3);
    assert_int_equal(seen.effects[0].asked_ms, NOON_MS - 1000);
    assert_slice(seen.effects[0].message_id, "message-1");
    assert_slice(seen.effects[0].reason, "as it was");
}

/* Entered before ledgers knew who was asked. */
static void what_nobody_knows_which_gateway_may_have_becomes_unknown(void **state)
{
    Contract *c = *state;
    Effect again = contract_donation("call-1_donation", "+12125550100");
    assert_true(enter(c, EFFECT_SENDING));
    assert_false(claim_at(c, &again, NOON_MS + LEASE_MS, REPEAT_ALWAYS));
    assert_int_equal(again.state, EFFECT_UNKNOWN);
}

static void effect_that_is_further_stands(void **state)
{
    static const EffectState order[] = {EFFECT_PENDING, EFFECT_CLAIMED, EFFECT_SENDING, EFFECT_FAILED, EFFECT_UNKNOWN, EFFECT_SENT};
    Contract *c = *state;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_true(enter(c, order[i]));
        for (size_t earlier = 0; earlier <= i; earlier++)
            assert_false(enter(c, order[earlier]));
        assert_int_equal(state_of_only(c), order[i]);
    }
    assert_false(enter(c, EFFECT_CANCELLED));
}

static void whoever_claimed_finds_an_effect_gone_that_was_sent_elsewhere(void **state)
{
    Contract *c = *state;
    Effect ours = claimed(c, NOON_MS);
    assert_true(enter(c, EFFECT_SENT));
    assert_false(send(c, &ours, NOON_MS + LEASE_MS));
    assert_int_equal(state_of_only(c), EFFECT_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(new_effect_is_claimed),
        CONTRACT_TEST(claimed_effect_is_not_claimed_again_while_the_lease_lasts),
        CONTRACT_TEST(twice_in_one_batch_is_claimed_once),
        CONTRACT_TEST(claim_whose_lease_is_over_gets_a_higher_fence),
        CONTRACT_TEST(repeat_gets_the_content_of_the_first),
        CONTRACT_TEST(effect_that_must_wait_is_entered_and_not_claimed),
        CONTRACT_TEST(sending_twice_with_the_same_fence_is_ours_twice),
        CONTRACT_TEST(sending_that_was_left_is_claimed_again_where_a_repeat_is_one_message),
        CONTRACT_TEST(sending_that_was_left_becomes_unknown_where_a_repeat_is_another_message),
        CONTRACT_TEST(text_that_a_slow_sender_says_it_sent_is_not_unknown), CONTRACT_TEST(text_that_a_slow_sender_says_it_never_sent_goes_out_again),
        CONTRACT_TEST(text_stays_unknown_when_a_sender_before_the_last_one_says_it_sent_it),
        CONTRACT_TEST(repeat_is_safe_for_a_time_that_counts_from_the_first_try),
        CONTRACT_TEST(time_of_the_first_try_outlives_a_claim_that_sent_nothing),
        CONTRACT_TEST(what_waits_and_may_be_at_the_gateway_becomes_unknown_in_time),
        CONTRACT_TEST(clock_that_was_set_back_makes_no_repeat_safe),
        CONTRACT_TEST(effect_that_certainly_did_not_arrive_is_claimed_whenever_it_is_due),
        CONTRACT_TEST(what_another_gateway_may_have_becomes_unknown),
        CONTRACT_TEST(what_waits_and_another_gateway_may_have_becomes_unknown),
        CONTRACT_TEST(what_was_claimed_and_not_sent_goes_to_any_gateway),
        CONTRACT_TEST(what_nobody_knows_which_gateway_may_have_becomes_unknown),
        CONTRACT_TEST(settled_effect_is_never_claimed_again),
        CONTRACT_TEST(put_back_effect_waits_for_its_time_and_counts_attempts),
        CONTRACT_TEST(due_are_those_that_wait_for_somebody),
        CONTRACT_TEST(list_pages_and_filters),
        CONTRACT_TEST(effect_is_entered_as_it_is),
        CONTRACT_TEST(effect_that_is_further_stands),
        CONTRACT_TEST(whoever_claimed_finds_an_effect_gone_that_was_sent_elsewhere),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(rollback_gives_the_claim_back),
    };
    return contract_run_tests("effects", contract_effects_adapters, tests) +
           contract_run_tests("effects in a unit", contract_adapters, unit_tests);
}
