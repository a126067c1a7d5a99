/* Effects: their names, what they count for, and what a receipt makes of them. */
#include "../check.h"

#include "event/decision.h"

/* ---- names ---- */

static void each_state_kind_and_receipt_is_read_back_by_its_name(void **state)
{
    (void)state;
    for (EffectState i = EFFECT_PENDING; i <= EFFECT_UNKNOWN; i++)
        assert_int_equal(effect_state_of(slice_of(effect_state_name(i))), i);
    for (EffectKind i = EFFECT_DONATION; i <= EFFECT_SPEECH; i++)
        assert_int_equal(effect_kind_of(slice_of(effect_kind_name(i))), i);
    for (ReceiptState i = RECEIPT_NONE; i <= RECEIPT_DELIVERED; i++)
        assert_int_equal(receipt_state_of(slice_of(receipt_state_name(i))), i);
}

static void name_that_is_none_is_read_as_what_nothing_follows_from(void **state)
{
    (void)state;
    assert_int_equal(effect_state_of(SLICE("gone")), EFFECT_UNKNOWN);
    assert_int_equal(receipt_state_of(SLICE("seen")), RECEIPT_NONE);
}

/* ---- counters ---- */

static void only_a_press_counts_as_a_donation(void **state)
{
    (void)state;
    for (EffectKind kind = EFFECT_DONATION; kind <= EFFECT_SPEECH; kind++) {
        Effect effect = {.kind = kind, .campaign_id = SLICE("winter"), .state = EFFECT_SENT};
        Contribution share;
        donation_contribution(&effect, &share);
        assert_int_equal(share.count, kind == EFFECT_DONATION);
    }
}

/* ---- receipts ---- */

static void receipt_that_goes_back_changes_nothing(void **state)
{
    (void)state;
    Effect effect = {.state = EFFECT_SENT, .receipt = RECEIPT_DELIVERED, .delivered_ms = 5, .message_id = SLICE("SM1"), .provider = SLICE("twilio")};
    Receipt late = {.state = RECEIPT_UNDELIVERED, .sms_class = SMS_FILTERED, .code = SLICE("30007"), .reason = SLICE("spam"), .at_ms = 9,
                    .message_id = SLICE("SM2"), .provider = SLICE("other")};
    assert_int_equal(effect_receive(&effect, &late), RECEIPT_KNOWN);
    assert_int_equal(effect.receipt, RECEIPT_DELIVERED);
    assert_int_equal(effect.sms_class, SMS_CLASS_NONE);
    assert_int_equal(effect.delivered_ms, 5);
    assert_slice(effect.code, "");
    assert_slice(effect.message_id, "SM1");
    assert_slice(effect.provider, "twilio");
}

static void only_what_was_unknown_is_proved(void **state)
{
    (void)state;
    for (EffectState from = EFFECT_PENDING; from <= EFFECT_UNKNOWN; from++) {
        Effect effect = {.state = from, .reason = SLICE("before")};
        Receipt receipt = {.state = RECEIPT_UNDERWAY, .at_ms = 7};
        bool is_unknown = from == EFFECT_UNKNOWN;
        assert_int_equal(effect_receive(&effect, &receipt), is_unknown ? RECEIPT_PROVES : RECEIPT_TAKEN);
        assert_int_equal(effect.state, is_unknown ? EFFECT_SENT : from);
        assert_int_equal(effect.delivered_ms, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_kind_and_receipt_is_read_back_by_its_name),
        cmocka_unit_test(name_that_is_none_is_read_as_what_nothing_follows_from),
        cmocka_unit_test(only_a_press_counts_as_a_donation),
        cmocka_unit_test(receipt_that_goes_back_changes_nothing),
        cmocka_unit_test(only_what_was_unknown_is_proved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
