/* The SMS gateway: one message an action id. */
#include "contract.h"

static SmsOutcome send(Contract *c, const Effect *effect)
{
    SmsOutcome outcome = {0};
    must(c, c->ports.sms.send(c->ports.sms.self, effect, 1, NOON_MS, &c->arena, &outcome, &c->fault));
    return outcome;
}

typedef struct Seen { Arena *arena; SmsRecord records[8]; size_t count; } Seen;

static bool see(void *context, const SmsRecord *record)
{
    Seen *seen = context;
    SmsRecord *copy = &seen->records[seen->count++];
    *copy = *record;
    copy->id = arena_copy(seen->arena, record->id);
    copy->action_id = arena_copy(seen->arena, record->action_id);
    copy->phone = arena_copy(seen->arena, record->phone);
    copy->message = arena_copy(seen->arena, record->message);
    copy->status = arena_copy(seen->arena, record->status);
    return true;
}

static Seen list(Contract *c, SmsFilter filter)
{
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.sms.list(c->ports.sms.self, &filter, see, &seen, &c->fault));
    return seen;
}

static void message_is_filled_and_queued(void **state)
{
    Contract *c = *state;
    Effect effect = contract_sending(c, "call-1_donation", "+12125550100");
    SmsOutcome outcome = send(c, &effect);
    assert_int_equal(outcome.result, SMS_ACCEPTED);
    Seen seen = list(c, (SmsFilter){0});
    assert_int_equal(seen.count, 1);
    assert_slice(seen.records[0].message, "Thank you from Winter: https://donate.example.org?ref=x");
    assert_slice(seen.records[0].status, "queued");
    assert_slice(seen.records[0].phone, "+12125550100");
    assert_int_equal(seen.records[0].queued_ms, NOON_MS);
    assert_true(slice_equal(seen.records[0].id, outcome.message_id));
}

static void action_sent_twice_is_one_message(void **state)
{
    Contract *c = *state;
    Effect effect = contract_sending(c, "call-1_donation", "+12125550100"), other = effect;
    other.message = SLICE("another text");
    SmsOutcome first = send(c, &effect), second = send(c, &other);
    assert_int_equal(second.result, SMS_ACCEPTED);
    assert_true(slice_equal(first.message_id, second.message_id));
    Seen seen = list(c, (SmsFilter){0});
    assert_int_equal(seen.count, 1);
    assert_slice(seen.records[0].message, "Thank you from Winter: https://donate.example.org?ref=x");
}

static void effect_that_is_not_sending_is_no_message(void **state)
{
    Contract *c = *state;
    Effect effect = contract_donation("call-1_donation", "+12125550100");
    bool is_claimed;
    assert_int_equal(send(c, &effect).result, SMS_OVERTAKEN);
    must(c, c->ports.effects.claim(c->ports.effects.self, &effect, 1, NOON_MS, 30000, GATEWAY(REPEAT_ALWAYS), &c->arena, &is_claimed, &c->fault));
    assert_int_equal(send(c, &effect).result, SMS_OVERTAKEN);
    assert_int_equal(list(c, (SmsFilter){0}).count, 0);
}

static void effect_that_somebody_claimed_since_is_no_message(void **state)
{
    Contract *c = *state;
    const EffectsPort *ledger = &c->ports.effects;
    Effect slept = contract_sending(c, "call-1_donation", "+12125550100"), taken = slept;
    bool is_ours = false;
    must(c, ledger->claim(ledger->self, &taken, 1, NOON_MS + 60000, 30000, GATEWAY(REPEAT_ALWAYS), &c->arena, &is_ours, &c->fault));
    must(c, ledger->sending(ledger->self, &taken, 1, NOON_MS + 60000, NOON_MS + 90000, &is_ours, &c->fault));
    assert_true(is_ours);
    assert_int_equal(send(c, &slept).result, SMS_OVERTAKEN);
    assert_int_equal(list(c, (SmsFilter){0}).count, 0);
    SmsOutcome sent = send(c, &taken), again = send(c, &slept);
    assert_int_equal(sent.result, SMS_ACCEPTED);
    assert_true(slice_equal(sent.message_id, again.message_id));
    assert_int_equal(list(c, (SmsFilter){0}).count, 1);
}

static void placeholder_without_value_is_refused(void **state)
{
    Contract *c = *state;
    Effect effect = contract_sending(c, "call-1_donation", "+12125550100");
    effect.message = SLICE("Dear {{firstName}}");
    SmsOutcome outcome = send(c, &effect);
    assert_int_equal(outcome.result, SMS_REFUSED);
    assert_true(outcome.reason.bytes > 0);
    assert_int_equal(list(c, (SmsFilter){0}).count, 0);
}

static void list_is_newest_first_and_filters(void **state)
{
    Contract *c = *state;
    const char *const ids[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        Effect effect = contract_sending(c, ids[i], i ? "+12125550100" : "+12125550109");
        effect.campaign_id = i == 2 ? SLICE("spring") : SLICE("winter");
        send(c, &effect);
    }
    Seen first = list(c, (SmsFilter){.limit = 2});
    assert_int_equal(first.count, 2);
    assert_slice(first.records[0].action_id, "c");
    assert_slice(first.records[1].action_id, "b");
    Seen rest = list(c, (SmsFilter){.limit = 2, .before_row = first.records[1].row});
    assert_int_equal(rest.count, 1);
    assert_slice(rest.records[0].action_id, "a");
    assert_slice(list(c, (SmsFilter){.campaign_id = SLICE("spring")}).records[0].action_id, "c");
    assert_slice(list(c, (SmsFilter){.phone = SLICE("+12125550109")}).records[0].action_id, "a");
}

static void rollback_takes_the_message_back_where_it_joins_the_unit(void **state)
{
    Contract *c = *state;
    if (!c->ports.sms.joins_unit)
        skip();
    contract_begin(c);
    Effect effect = contract_sending(c, "call-1_donation", "+12125550100");
    send(c, &effect);
    contract_rollback(c);
    assert_int_equal(list(c, (SmsFilter){0}).count, 0);
}

static void messages_are_entered_as_they_are_in_their_order(void **state)
{
    Contract *c = *state;
    Effect known = contract_sending(c, "a", "+12125550100");
    SmsOutcome sent = send(c, &known);
    SmsRecord records[] = {
        {.id = SLICE("m-z"), .action_id = SLICE("z"), .phone = SLICE("+12125550101"), .message = SLICE("one"), .status = SLICE("delivered"), .queued_ms = NOON_MS - 2000},
        {.id = SLICE("m-a"), .action_id = SLICE("a"), .phone = SLICE("+12125550100"), .message = SLICE("two"), .status = SLICE("queued"), .queued_ms = NOON_MS - 1500},
        {.id = SLICE("m-b"), .action_id = SLICE("b"), .phone = SLICE("+12125550102"), .message = SLICE("three"), .status = SLICE("failed"), .queued_ms = NOON_MS - 1000},
    };
    bool is_new[3];
    must(c, c->ports.sms.enter(c->ports.sms.self, records, 3, is_new, &c->fault));
    assert_true(is_new[0] && !is_new[1] && is_new[2]);
    must(c, c->ports.sms.enter(c->ports.sms.self, records, 3, is_new, &c->fault));
    assert_false(is_new[0] || is_new[1] || is_new[2]);
    Seen seen = list(c, (SmsFilter){.oldest_first = true});
    assert_int_equal(seen.count, 3);
    assert_true(slice_equal(seen.records[0].id, sent.message_id));
    assert_slice(seen.records[1].id, "m-z");
    assert_slice(seen.records[1].status, "delivered");
    assert_int_equal(seen.records[1].queued_ms, NOON_MS - 2000);
    assert_slice(seen.records[2].id, "m-b");
    assert_slice(list(c, (SmsFilter){0}).records[0].id, "m-b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(message_is_filled_and_queued), CONTRACT_TEST(action_sent_twice_is_one_message),
        CONTRACT_TEST(effect_that_is_not_sending_is_no_message),
        CONTRACT_TEST(effect_that_somebody_claimed_since_is_no_message), CONTRACT_TEST(placeholder_without_value_is_refused),
        CONTRACT_TEST(list_is_newest_first_and_filters),
        CONTRACT_TEST(messages_are_entered_as_they_are_in_their_order),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(rollback_takes_the_message_back_where_it_joins_the_unit),
    };
    return contract_run_tests("sms", contract_sms_adapters, tests) + contract_run_tests("sms in a unit", contract_adapters, unit_tests);
}
