/* What follows a text, or a call, that could not be delivered. */
#include "../check.h"

#include "event/sms_ladder.h"

enum { NOW_MS = 1000000, WAIT_MS = 300000 };

static const SmsLadder ladder = {.texts = 3, .text_wait_ms = WAIT_MS, .speaks = true, .calls = 2, .call_wait_ms = 900000};

static Effect undelivered(const char *action_id, EffectKind kind, SmsClass sms_class)
{
    return (Effect){.action_id = slice_of(action_id), .kind = kind, .phone = SLICE("+12125550100"), .call_id = SLICE("c"), .campaign_id = SLICE("w"),
                    .message = SLICE("{{donationLink}}"), .donation_link = SLICE("https://x"), .campaign_name = SLICE("Winter"),
                    .state = EFFECT_SENT, .receipt = RECEIPT_UNDELIVERED, .sms_class = sms_class, .provider = SLICE("twilio"), .code = SLICE("30003")};
}

static void phone_out_of_reach_gets_the_text_again_and_then_a_call(void **state)
{
    Arena *arena = *state;
    Effect first = undelivered("c_donation", EFFECT_DONATION, SMS_TEMP_UNREACHABLE);
    Effect *second = sms_next(&first, &ladder, NOW_MS, arena).effect;
    assert_slice(second->action_id, "c_donation_again2");
    assert_slice(second->follows, "c_donation");
    assert_int_equal(second->kind, EFFECT_TEXT);
    assert_int_equal(second->due_ms, NOW_MS + WAIT_MS);
    Effect again = undelivered("c_donation_again2", EFFECT_TEXT, SMS_TEMP_UNREACHABLE);
    Effect *third = sms_next(&again, &ladder, NOW_MS, arena).effect;
    assert_slice(third->action_id, "c_donation_again3");
    assert_int_equal(third->due_ms, NOW_MS + 2 * WAIT_MS);
    Effect last = undelivered("c_donation_again3", EFFECT_TEXT, SMS_TEMP_UNREACHABLE);
    Effect *call = sms_next(&last, &ladder, NOW_MS, arena).effect;
    assert_slice(call->action_id, "c_donation_speech");
    assert_int_equal(call->kind, EFFECT_SPEECH);
}

static void tries_that_the_provider_refused_at_once_count_too(void **state)
{
    Effect effect = undelivered("c_donation", EFFECT_DONATION, SMS_TEMP_UNREACHABLE);
    effect.state = EFFECT_FAILED;
    effect.attempts = 3;
    assert_int_equal(sms_next(&effect, &ladder, NOW_MS, *state).effect->kind, EFFECT_SPEECH);
}

static void landline_is_called_at_once_and_with_the_same_link(void **state)
{
    Effect effect = undelivered("c_donation", EFFECT_DONATION, SMS_NOT_CAPABLE);
    Effect *call = sms_next(&effect, &ladder, NOW_MS, *state).effect;
    assert_int_equal(call->kind, EFFECT_SPEECH);
    assert_int_equal(call->due_ms, NOW_MS);
    assert_slice(call->donation_link, "https://x");
    assert_int_equal(call->ref.bytes, REF_BYTES);
}

static void nobody_is_called_where_nobody_speaks(void **state)
{
    SmsLadder silent = ladder;
    silent.speaks = false;
    Effect effect = undelivered("c_donation", EFFECT_DONATION, SMS_NOT_CAPABLE);
    assert_null(sms_next(&effect, &silent, NOW_MS, *state).effect);
}

static void opted_out_filtered_and_dead_numbers_are_neither_texted_nor_called(void **state)
{
    const SmsClass classes[] = {SMS_OPTED_OUT, SMS_FILTERED, SMS_DEAD_NUMBER, SMS_ACCOUNT};
    const EffectKind kinds[] = {EFFECT_DONATION, EFFECT_TEXT, EFFECT_REPLY, EFFECT_SPEECH};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            Effect effect = undelivered("c_donation", kinds[k], classes[i]);
            assert_null(sms_next(&effect, &ladder, NOW_MS, *state).effect);
        }
    }
}

static void provider_that_knows_of_an_opt_out_puts_the_number_on_our_list(void **state)
{
    Effect effect = undelivered("c_donation", EFFECT_DONATION, SMS_OPTED_OUT);
    BlockEntry *entry = sms_next(&effect, &ladder, NOW_MS, *state).block;
    assert_slice(entry->phone, "+12125550100");
    assert_slice(entry->source, "user_optout");
    assert_slice(entry->action_id, "c_donation_provider_optout");
    assert_slice(entry->reason, "twilio says that the number opted out (30003)");
}

static void only_opted_out_blocks(void **state)
{
    for (int sms_class = SMS_CLASS_NONE; sms_class <= SMS_CLASS_UNKNOWN; sms_class++) {
        Effect effect = undelivered("c_donation", EFFECT_DONATION, (SmsClass)sms_class);
        assert_int_equal(sms_next(&effect, &ladder, NOW_MS, *state).block != NULL, sms_class == SMS_OPTED_OUT);
    }
}

static void unknown_code_is_tried_once_more_and_never_by_voice(void **state)
{
    Effect first = undelivered("c_donation", EFFECT_DONATION, SMS_CLASS_UNKNOWN), again = undelivered("c_donation_again2", EFFECT_TEXT, SMS_CLASS_UNKNOWN);
    assert_slice(sms_next(&first, &ladder, NOW_MS, *state).effect->action_id, "c_donation_again2");
    assert_null(sms_next(&again, &ladder, NOW_MS, *state).effect);
}

static void busy_number_is_called_again_and_no_more_than_set(void **state)
{
    Effect first = undelivered("c_donation_speech", EFFECT_SPEECH, SMS_TEMP_UNREACHABLE), second = undelivered("c_donation_speech2", EFFECT_SPEECH, SMS_TEMP_UNREACHABLE);
    Effect *again = sms_next(&first, &ladder, NOW_MS, *state).effect;
    assert_slice(again->action_id, "c_donation_speech2");
    assert_int_equal(again->due_ms, NOW_MS + 900000);
    assert_null(sms_next(&second, &ladder, NOW_MS, *state).effect);
}

static void answer_to_a_persons_message_is_never_spoken(void **state)
{
    Effect effect = undelivered("i_reply", EFFECT_REPLY, SMS_NOT_CAPABLE);
    assert_null(sms_next(&effect, &ladder, NOW_MS, *state).effect);
    effect.sms_class = SMS_TEMP_UNREACHABLE;
    assert_null(sms_next(&effect, &ladder, NOW_MS, *state).effect);
}

/* Whatever becomes of each, the chain of tries ends, and no two of it have one key. */
static void every_chain_of_tries_ends(void **state)
{
    for (int sms_class = SMS_NOT_CAPABLE; sms_class <= SMS_CLASS_UNKNOWN; sms_class++) {
        Effect effect = undelivered("c_again_donation7", EFFECT_DONATION, (SmsClass)sms_class);
        int links = 0;
        for (SmsNext next; (next = sms_next(&effect, &ladder, NOW_MS, *state)).effect; links++) {
            assert_false(slice_equal(next.effect->action_id, effect.action_id));
            effect = *next.effect;
            effect.state = EFFECT_SENT;
            effect.receipt = RECEIPT_UNDELIVERED;
            effect.sms_class = (SmsClass)sms_class;
        }
        assert_true(links <= ladder.texts + ladder.calls);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(phone_out_of_reach_gets_the_text_again_and_then_a_call), CASE(tries_that_the_provider_refused_at_once_count_too),
        CASE(landline_is_called_at_once_and_with_the_same_link), CASE(nobody_is_called_where_nobody_speaks),
        CASE(opted_out_filtered_and_dead_numbers_are_neither_texted_nor_called), CASE(provider_that_knows_of_an_opt_out_puts_the_number_on_our_list),
        CASE(only_opted_out_blocks), CASE(unknown_code_is_tried_once_more_and_never_by_voice), CASE(busy_number_is_called_again_and_no_more_than_set),
        CASE(answer_to_a_persons_message_is_never_spoken), CASE(every_chain_of_tries_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
