/* The ledger of effects: what an effect is, by which name others know it, and what providers say of it. */
#include "contract.h"

enum { LEASE_MS = 30000, MINUTE_MS = 60000 };

#define REF_A "0123456789abcdef0123456789abcdef"
#define REF_B "fedcba9876543210fedcba9876543210"

static Effect text_of(const char *action_id, const char *ref)
{
    Effect effect = contract_donation(action_id, "+12125550100");
    effect.kind = EFFECT_TEXT;
    effect.ref = slice_of(ref);
    effect.follows = SLICE("call-1_donation");
    return effect;
}

static Status try_claim(Contract *c, Effect *wanted, bool *ret_claimed)
{
    return c->ports.effects.claim(c->ports.effects.self, wanted, 1, NOON_MS, LEASE_MS, GATEWAY(REPEAT_ALWAYS), &c->arena, ret_claimed, &c->fault);
}

static Effect sending(Contract *c, const char *action_id, const char *ref)
{
    Effect effect = text_of(action_id, ref);
    bool is_ours;
    must(c, try_claim(c, &effect, &is_ours));
    assert_true(is_ours);
    must(c, c->ports.effects.sending(c->ports.effects.self, &effect, 1, NOON_MS, NOON_MS + LEASE_MS, &is_ours, &c->fault));
    assert_true(is_ours);
    effect.provider = (Slice){0}; /* as of a sender who does not say it */
    return effect;
}

static bool settle(Contract *c, const Effect *effect)
{
    bool moved;
    must(c, c->ports.effects.settle(c->ports.effects.self, effect, 1, NOON_MS, &moved, &c->fault));
    return moved;
}

static Effect settled(Contract *c, const char *action_id, const char *ref, EffectState state)
{
    Effect effect = sending(c, action_id, ref);
    effect.state = state;
    effect.reason = state == EFFECT_SENT ? (Slice){0} : SLICE("because");
    assert_true(settle(c, &effect));
    return effect;
}

static Effect held(Contract *c, const char *action_id)
{
    Slice id = slice_of(action_id);
    Effect effect = {0};
    bool found;
    must(c, c->ports.effects.load(c->ports.effects.self, &id, 1, &c->arena, &effect, &found, &c->fault));
    assert_true(found);
    return effect;
}

static Receipt receipt_of(const char *ref, ReceiptState state, int64_t at_ms)
{
    bool is_bad = state == RECEIPT_UNDELIVERED;
    return (Receipt){.ref = slice_of(ref), .provider = SLICE("twilio"), .message_id = SLICE("SM1"), .state = state, .at_ms = at_ms,
                     .sms_class = is_bad ? SMS_TEMP_UNREACHABLE : SMS_CLASS_NONE, .code = is_bad ? SLICE("30003") : (Slice){0},
                     .reason = is_bad ? SLICE("the handset is off") : (Slice){0}};
}

static ReceiptResult receive_one(Contract *c, const Receipt *receipt, Effect *ret_effect)
{
    ReceiptResult result;
    must(c, c->ports.effects.receive(c->ports.effects.self, receipt, 1, NOON_MS + MINUTE_MS, &c->arena, ret_effect, &result, &c->fault));
    return result;
}

static ReceiptResult receive(Contract *c, const char *ref, ReceiptState state)
{
    Receipt receipt = receipt_of(ref, state, NOON_MS + (int)state * 1000);
    Effect effect;
    return receive_one(c, &receipt, &effect);
}

/* ---- what an effect is ---- */

static void kind_and_names_of_an_effect_are_kept(void **state)
{
    static const EffectKind kinds[] = {EFFECT_DONATION, EFFECT_TEXT, EFFECT_REPLY, EFFECT_SPEECH};
    static const char *const refs[] = {REF_A, REF_B, "00000000000000000000000000000003", "00000000000000000000000000000004"};
    Contract *c = *state;
    Effect due[8];
    size_t due_count = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *id = arena_printf(&c->arena, "action-%zu", i).at;
        Effect effect = text_of(id, refs[i]);
        bool is_ours;
        effect.kind = kinds[i];
        must(c, try_claim(c, &effect, &is_ours));
        assert_int_equal(effect.kind, kinds[i]);
        assert_slice(effect.ref, refs[i]);
        assert_slice(effect.follows, "call-1_donation");
        assert_int_equal(held(c, id).kind, kinds[i]);
    }
    must(c, c->ports.effects.due(c->ports.effects.self, false, NOON_MS + LEASE_MS, 8, &c->arena, due, &due_count, &c->fault));
    assert_int_equal(due_count, 3);
    for (size_t i = 0; i < due_count; i++) {
        assert_int_equal(due[i].ref.bytes, REF_BYTES);
        assert_int_not_equal(due[i].kind, EFFECT_SPEECH);
    }
    must(c, c->ports.effects.due(c->ports.effects.self, true, NOON_MS + LEASE_MS, 8, &c->arena, due, &due_count, &c->fault));
    assert_int_equal(due_count, 1);
    assert_int_equal(due[0].kind, EFFECT_SPEECH);
}

static void repeat_gets_the_ref_of_the_first(void **state)
{
    Contract *c = *state;
    sending(c, "a", REF_A);
    Effect again = text_of("a", REF_B);
    bool is_ours;
    again.kind = EFFECT_SPEECH;
    must(c, try_claim(c, &again, &is_ours));
    assert_slice(again.ref, REF_A);
    assert_int_equal(again.kind, EFFECT_TEXT);
}

static void ref_of_another_effect_is_refused(void **state)
{
    Contract *c = *state;
    sending(c, "a", REF_A);
    Effect other = text_of("b", REF_A);
    bool is_ours = false, found;
    assert_int_equal(try_claim(c, &other, &is_ours), STATUS_REJECT);
    Slice id = SLICE("b");
    must(c, c->ports.effects.load(c->ports.effects.self, &id, 1, &c->arena, &other, &found, &c->fault));
    assert_false(found);
}

static void effects_without_a_ref_are_many_and_are_found_by_none(void **state)
{
    Contract *c = *state;
    sending(c, "a", "");
    sending(c, "b", "");
    Slice none = {0};
    Effect effect;
    bool found = true;
    must(c, c->ports.effects.find(c->ports.effects.self, &none, 1, &c->arena, &effect, &found, &c->fault));
    assert_false(found);
    assert_int_equal(receive(c, "", RECEIPT_DELIVERED), RECEIPT_STRANGE);
    assert_int_equal(held(c, "a").receipt, RECEIPT_NONE);
}

static void what_the_provider_answered_is_kept(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A);
    effect.state = EFFECT_FAILED;
    effect.provider = SLICE("vonage");
    effect.sms_class = SMS_DEAD_NUMBER;
    effect.code = SLICE("9");
    effect.segments = 3;
    effect.cost_micros = INT64_C(9000000000);
    assert_true(settle(c, &effect));
    Effect kept = held(c, "a");
    assert_slice(kept.provider, "vonage");
    assert_int_equal(kept.sms_class, SMS_DEAD_NUMBER);
    assert_slice(kept.code, "9");
    assert_int_equal(kept.segments, 3);
    assert_int_equal(kept.cost_micros, INT64_C(9000000000));
}

/* ---- looking ---- */

static void effects_are_loaded_by_action_id_in_the_order_asked_for(void **state)
{
    Contract *c = *state;
    sending(c, "a", REF_A);
    sending(c, "b", "");
    Slice ids[] = {SLICE("b"), SLICE("gone"), SLICE("a"), SLICE("b")};
    Effect out[4];
    bool found[4];
    must(c, c->ports.effects.load(c->ports.effects.self, ids, 4, &c->arena, out, found, &c->fault));
    assert_true(found[0] && !found[1] && found[2] && found[3]);
    assert_slice(out[0].action_id, "b");
    assert_slice(out[2].ref, REF_A);
    assert_slice(out[3].message, "Thank you from {{campaignName}}: {{donationLink}}");
    assert_int_equal(out[0].state, EFFECT_SENDING);
}

static void effects_are_found_by_ref_in_the_order_asked_for(void **state)
{
    Contract *c = *state;
    sending(c, "a", REF_A);
    sending(c, "b", REF_B);
    Slice refs[] = {SLICE(REF_B), SLICE("ffffffffffffffffffffffffffffffff"), SLICE(REF_A), SLICE(REF_B)};
    Effect out[4];
    bool found[4];
    must(c, c->ports.effects.find(c->ports.effects.self, refs, 4, &c->arena, out, found, &c->fault));
    assert_true(found[0] && !found[1] && found[2] && found[3]);
    assert_slice(out[0].action_id, "b");
    assert_slice(out[2].action_id, "a");
    assert_slice(out[3].action_id, "b");
}

/* ---- receipts ---- */

static void receipt_of_a_sent_text_is_kept_with_all_it_says(void **state)
{
    Contract *c = *state;
    settled(c, "a", REF_A, EFFECT_SENT);
    Receipt receipt = receipt_of(REF_A, RECEIPT_UNDELIVERED, NOON_MS + 7000);
    Effect told;
    assert_int_equal(receive_one(c, &receipt, &told), RECEIPT_TAKEN);
    Effect kept = held(c, "a");
    const Effect *both[] = {&told, &kept};
    for (size_t i = 0; i < 2; i++) {
        assert_slice(both[i]->action_id, "a");
        assert_int_equal(both[i]->state, EFFECT_SENT);
        assert_int_equal(both[i]->receipt, RECEIPT_UNDELIVERED);
        assert_int_equal(both[i]->sms_class, SMS_TEMP_UNREACHABLE);
        assert_slice(both[i]->code, "30003");
        assert_slice(both[i]->reason, "the handset is off");
        assert_int_equal(both[i]->delivered_ms, NOON_MS + 7000);
        assert_slice(both[i]->message_id, "SM1");
        assert_slice(both[i]->provider, "twilio");
    }
}

static void receipt_of_nothing_is_strange(void **state)
{
    Contract *c = *state;
    settled(c, "a", REF_A, EFFECT_SENT);
    assert_int_equal(receive(c, REF_B, RECEIPT_DELIVERED), RECEIPT_STRANGE);
    assert_int_equal(held(c, "a").receipt, RECEIPT_NONE);
}

static void receipt_that_comes_twice_is_known(void **state)
{
    Contract *c = *state;
    settled(c, "a", REF_A, EFFECT_SENT);
    assert_int_equal(receive(c, REF_A, RECEIPT_DELIVERED), RECEIPT_TAKEN);
    Receipt again = receipt_of(REF_A, RECEIPT_DELIVERED, NOON_MS + 99000);
    Effect told;
    assert_int_equal(receive_one(c, &again, &told), RECEIPT_KNOWN);
    assert_int_equal(told.delivered_ms, NOON_MS + 3000);
}

static void receipts_in_any_order_end_at_the_furthest(void **state)
{
    static const ReceiptState orders[][3] = {
        {RECEIPT_UNDERWAY, RECEIPT_UNDELIVERED, RECEIPT_DELIVERED}, {RECEIPT_UNDERWAY, RECEIPT_DELIVERED, RECEIPT_UNDELIVERED},
        {RECEIPT_UNDELIVERED, RECEIPT_UNDERWAY, RECEIPT_DELIVERED}, {RECEIPT_UNDELIVERED, RECEIPT_DELIVERED, RECEIPT_UNDERWAY},
        {RECEIPT_DELIVERED, RECEIPT_UNDERWAY, RECEIPT_UNDELIVERED}, {RECEIPT_DELIVERED, RECEIPT_UNDELIVERED, RECEIPT_UNDERWAY},
    };
    Contract *c = *state;
    for (size_t i = 0; i < 6; i++) {
        const char *id = arena_printf(&c->arena, "a-%zu", i).at, *ref = arena_printf(&c->arena, "%032zu", i).at;
        ReceiptState furthest = RECEIPT_NONE;
        settled(c, id, ref, EFFECT_SENT);
        for (size_t k = 0; k < 3; k++) {
            bool moves = orders[i][k] > furthest;
            assert_int_equal(receive(c, ref, orders[i][k]), moves ? RECEIPT_TAKEN : RECEIPT_KNOWN);
            furthest = moves ? orders[i][k] : furthest;
        }
        Effect kept = held(c, id);
        assert_int_equal(kept.receipt, RECEIPT_DELIVERED);
        assert_int_equal(kept.delivered_ms, NOON_MS + 3000);
        assert_int_equal(kept.sms_class, SMS_CLASS_NONE);
        assert_slice(kept.code, "");
        assert_slice(kept.reason, "");
    }
}

static void receipts_of_one_text_in_one_call_are_taken_in_their_order(void **state)
{
    Contract *c = *state;
    settled(c, "a", REF_A, EFFECT_SENT);
    settled(c, "b", REF_B, EFFECT_UNKNOWN);
    Receipt receipts[] = {
        receipt_of(REF_A, RECEIPT_UNDERWAY, NOON_MS + 1000), receipt_of(REF_B, RECEIPT_UNDELIVERED, NOON_MS + 2000),
        receipt_of("none", RECEIPT_DELIVERED, NOON_MS), receipt_of(REF_A, RECEIPT_DELIVERED, NOON_MS + 3000),
        receipt_of(REF_A, RECEIPT_UNDELIVERED, NOON_MS + 4000), receipt_of(REF_B, RECEIPT_UNDELIVERED, NOON_MS + 5000),
    };
    static const ReceiptResult expected[] = {RECEIPT_TAKEN, RECEIPT_PROVES, RECEIPT_STRANGE, RECEIPT_TAKEN, RECEIPT_KNOWN, RECEIPT_KNOWN};
    static const ReceiptState after[] = {RECEIPT_UNDERWAY, RECEIPT_UNDELIVERED, RECEIPT_NONE, RECEIPT_DELIVERED, RECEIPT_DELIVERED,
                                         RECEIPT_UNDELIVERED};
    Effect out[6];
    ReceiptResult results[6];
    receipts[3].message_id = SLICE("SM2"); /* the first name stands */
    must(c, c->ports.effects.receive(c->ports.effects.self, receipts, 6, NOON_MS + MINUTE_MS, &c->arena, out, results, &c->fault));
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(results[i], expected[i]);
        if (expected[i] != RECEIPT_STRANGE)
            assert_int_equal(out[i].receipt, after[i]);
    }
    Effect kept = held(c, "a");
    assert_int_equal(kept.receipt, RECEIPT_DELIVERED);
    assert_int_equal(kept.delivered_ms, NOON_MS + 3000);
    assert_slice(kept.message_id, "SM1");
    assert_int_equal(held(c, "b").delivered_ms, NOON_MS + 2000);
}

static void receipt_proves_once_that_a_text_was_sent(void **state)
{
    Contract *c = *state;
    Effect slow = settled(c, "a", REF_A, EFFECT_UNKNOWN), told;
    Receipt receipt = receipt_of(REF_A, RECEIPT_UNDERWAY, NOON_MS + 1000);
    assert_int_equal(receive_one(c, &receipt, &told), RECEIPT_PROVES);
    assert_int_equal(told.state, EFFECT_SENT);
    assert_int_equal(held(c, "a").state, EFFECT_SENT);
    assert_slice(held(c, "a").reason, "");
    assert_int_equal(receive_one(c, &receipt, &told), RECEIPT_KNOWN);
    assert_int_equal(receive(c, REF_A, RECEIPT_DELIVERED), RECEIPT_TAKEN);
    slow.state = EFFECT_SENT;
    assert_false(settle(c, &slow));
}

static void receipt_that_was_known_before_a_text_was_lost_proves_it(void **state)
{
    static const struct { ReceiptState receipt; const char *reason; } cases[] = {
        {RECEIPT_UNDERWAY, ""}, {RECEIPT_UNDELIVERED, "the handset is off"}, {RECEIPT_DELIVERED, ""}};
    Contract *c = *state;
    for (size_t i = 0; i < 3; i++) {
        const char *id = arena_printf(&c->arena, "a-%zu", i).at, *ref = arena_printf(&c->arena, "%032zu", i).at;
        sending(c, id, ref);
        assert_int_equal(receive(c, ref, cases[i].receipt), RECEIPT_TAKEN);
        Effect again = text_of(id, ref);
        bool is_ours;
        must(c, c->ports.effects.claim(c->ports.effects.self, &again, 1, NOON_MS + LEASE_MS, LEASE_MS, GATEWAY(0), &c->arena, &is_ours, &c->fault));
        assert_int_equal(again.state, EFFECT_UNKNOWN);
        assert_int_equal(again.receipt, cases[i].receipt);
        assert_int_equal(receive(c, ref, cases[i].receipt), RECEIPT_PROVES);
        Effect kept = held(c, id);
        assert_int_equal(kept.state, EFFECT_SENT);
        assert_int_equal(kept.receipt, cases[i].receipt);
        assert_slice(kept.reason, cases[i].reason);
    }
}

static void receipt_moves_no_state_but_unknown(void **state)
{
    static const EffectState states[] = {EFFECT_PENDING, EFFECT_SENT, EFFECT_FAILED, EFFECT_CANCELLED};
    Contract *c = *state;
    for (size_t i = 0; i < 4; i++) {
        const char *id = arena_printf(&c->arena, "a-%zu", i).at, *ref = arena_printf(&c->arena, "%032zu", i).at;
        settled(c, id, ref, states[i]);
        assert_int_equal(receive(c, ref, RECEIPT_UNDELIVERED), RECEIPT_TAKEN);
        assert_int_equal(held(c, id).state, states[i]);
    }
}

/* ---- a receipt that is faster than its sender ---- */

static void sender_settles_what_a_receipt_came_for(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A);
    assert_int_equal(receive(c, REF_A, RECEIPT_UNDELIVERED), RECEIPT_TAKEN);
    assert_int_equal(held(c, "a").state, EFFECT_SENDING);
    effect.state = EFFECT_SENT;
    effect.segments = 2;
    effect.sms_class = SMS_CLASS_UNKNOWN;
    effect.code = SLICE("1");
    effect.reason = SLICE("another");
    assert_true(settle(c, &effect));
    Effect kept = held(c, "a");
    assert_int_equal(kept.state, EFFECT_SENT);
    assert_int_equal(kept.receipt, RECEIPT_UNDELIVERED);
    assert_int_equal(kept.delivered_ms, NOON_MS + 2000);
    assert_int_equal(kept.sms_class, SMS_TEMP_UNREACHABLE);
    assert_slice(kept.code, "30003");
    assert_slice(kept.reason, "the handset is off");
    assert_slice(kept.message_id, "SM1");
    assert_slice(kept.provider, "twilio");
    assert_int_equal(kept.segments, 2);
}

static void sender_fills_in_what_a_receipt_did_not_say(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A), told;
    Receipt receipt = {.ref = SLICE(REF_A), .state = RECEIPT_DELIVERED, .at_ms = NOON_MS + 3000};
    assert_int_equal(receive_one(c, &receipt, &told), RECEIPT_TAKEN);
    effect.state = EFFECT_SENT;
    effect.message_id = SLICE("SM9");
    effect.provider = SLICE("telnyx");
    assert_true(settle(c, &effect));
    Effect kept = held(c, "a");
    assert_slice(kept.message_id, "SM9");
    assert_slice(kept.provider, "telnyx");
    assert_int_equal(kept.receipt, RECEIPT_DELIVERED);
    assert_int_equal(kept.delivered_ms, NOON_MS + 3000);
}

static void receipt_says_which_provider_of_a_gateway_has_it(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A), told;
    assert_slice(held(c, "a").provider, "gateway");
    Receipt receipt = {.ref = SLICE(REF_A), .provider = SLICE("plivo"), .message_id = SLICE("SM1"), .state = RECEIPT_UNDERWAY},
            later = {.ref = SLICE(REF_A), .provider = SLICE("vonage"), .message_id = SLICE("SM2"), .state = RECEIPT_DELIVERED, .at_ms = NOON_MS};
    assert_int_equal(receive_one(c, &receipt, &told), RECEIPT_TAKEN);
    assert_slice(told.provider, "plivo");
    assert_int_equal(receive_one(c, &later, &told), RECEIPT_TAKEN);
    assert_slice(held(c, "a").provider, "plivo");
    effect.state = EFFECT_SENT;
    effect.provider = SLICE("vonage");
    assert_true(settle(c, &effect));
    assert_slice(held(c, "a").provider, "plivo");
}

static void sender_says_why_where_a_receipt_knows_no_end(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A);
    assert_int_equal(receive(c, REF_A, RECEIPT_UNDERWAY), RECEIPT_TAKEN);
    effect.state = EFFECT_UNKNOWN;
    effect.reason = SLICE("no answer in time");
    assert_true(settle(c, &effect));
    Effect kept = held(c, "a");
    assert_slice(kept.reason, "no answer in time");
    assert_slice(kept.message_id, "SM1");
    assert_int_equal(kept.receipt, RECEIPT_UNDERWAY);
}

static void receipt_fills_in_a_message_id_and_takes_none_back(void **state)
{
    Contract *c = *state;
    Effect effect = sending(c, "a", REF_A);
    effect.state = EFFECT_SENT;
    effect.message_id = SLICE("SM0");
    assert_true(settle(c, &effect));
    assert_int_equal(receive(c, REF_A, RECEIPT_DELIVERED), RECEIPT_TAKEN);
    assert_slice(held(c, "a").message_id, "SM0");
    assert_slice(held(c, "a").provider, "twilio");
}

static void receipt_of_a_call_that_is_undone_is_undone(void **state)
{
    Contract *c = *state;
    settled(c, "a", REF_A, EFFECT_UNKNOWN);
    contract_begin(c);
    assert_int_equal(receive(c, REF_A, RECEIPT_DELIVERED), RECEIPT_PROVES);
    contract_rollback(c);
    assert_int_equal(held(c, "a").state, EFFECT_UNKNOWN);
    assert_int_equal(receive(c, REF_A, RECEIPT_DELIVERED), RECEIPT_PROVES);
}

/* ---- moving in ---- */

static bool enter(Contract *c, ReceiptState receipt)
{
    Effect effect = text_of("a", REF_A);
    bool moved;
    effect.state = EFFECT_SENT;
    effect.kind = EFFECT_SPEECH;
    effect.provider = SLICE("asterisk");
    effect.receipt = receipt;
    effect.sms_class = SMS_TEMP_UNREACHABLE;
    effect.code = SLICE("17");
    effect.delivered_ms = NOON_MS + (int)receipt;
    effect.segments = 4;
    effect.cost_micros = 12345;
    must(c, c->ports.effects.enter(c->ports.effects.self, &effect, 1, NOON_MS, &moved, &c->fault));
    return moved;
}

static void effect_that_moves_in_keeps_what_was_said_of_it(void **state)
{
    Contract *c = *state;
    assert_true(enter(c, RECEIPT_UNDELIVERED));
    Slice ref = SLICE(REF_A);
    Effect kept;
    bool found;
    must(c, c->ports.effects.find(c->ports.effects.self, &ref, 1, &c->arena, &kept, &found, &c->fault));
    assert_true(found);
    assert_int_equal(kept.kind, EFFECT_SPEECH);
    assert_slice(kept.follows, "call-1_donation");
    assert_slice(kept.provider, "asterisk");
    assert_int_equal(kept.receipt, RECEIPT_UNDELIVERED);
    assert_int_equal(kept.sms_class, SMS_TEMP_UNREACHABLE);
    assert_slice(kept.code, "17");
    assert_int_equal(kept.delivered_ms, NOON_MS + 2);
    assert_int_equal(kept.segments, 4);
    assert_int_equal(kept.cost_micros, 12345);
}

static void of_two_in_one_state_the_one_whose_receipt_is_further_stands(void **state)
{
    Contract *c = *state;
    for (ReceiptState receipt = RECEIPT_NONE; receipt <= RECEIPT_DELIVERED; receipt++) {
        assert_true(enter(c, receipt));
        for (ReceiptState earlier = RECEIPT_NONE; earlier <= receipt; earlier++)
            assert_false(enter(c, earlier));
        assert_int_equal(held(c, "a").receipt, receipt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(kind_and_names_of_an_effect_are_kept),
        CONTRACT_TEST(repeat_gets_the_ref_of_the_first),
        CONTRACT_TEST(ref_of_another_effect_is_refused),
        CONTRACT_TEST(effects_without_a_ref_are_many_and_are_found_by_none),
        CONTRACT_TEST(what_the_provider_answered_is_kept),
        CONTRACT_TEST(effects_are_loaded_by_action_id_in_the_order_asked_for),
        CONTRACT_TEST(effects_are_found_by_ref_in_the_order_asked_for),
        CONTRACT_TEST(receipt_of_a_sent_text_is_kept_with_all_it_says),
        CONTRACT_TEST(receipt_of_nothing_is_strange),
        CONTRACT_TEST(receipt_that_comes_twice_is_known),
        CONTRACT_TEST(receipts_in_any_order_end_at_the_furthest),
        CONTRACT_TEST(receipts_of_one_text_in_one_call_are_taken_in_their_order),
        CONTRACT_TEST(receipt_proves_once_that_a_text_was_sent),
        CONTRACT_TEST(receipt_that_was_known_before_a_text_was_lost_proves_it),
        CONTRACT_TEST(receipt_moves_no_state_but_unknown),
        CONTRACT_TEST(sender_settles_what_a_receipt_came_for),
        CONTRACT_TEST(receipt_says_which_provider_of_a_gateway_has_it),
        CONTRACT_TEST(sender_fills_in_what_a_receipt_did_not_say),
        CONTRACT_TEST(sender_says_why_where_a_receipt_knows_no_end),
        CONTRACT_TEST(receipt_fills_in_a_message_id_and_takes_none_back),
        CONTRACT_TEST(effect_that_moves_in_keeps_what_was_said_of_it),
        CONTRACT_TEST(of_two_in_one_state_the_one_whose_receipt_is_further_stands),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(receipt_of_a_call_that_is_undone_is_undone),
    };
    return contract_run_tests("receipts", contract_effects_adapters, tests) +
           contract_run_tests("receipts in a unit", contract_adapters, unit_tests);
}
