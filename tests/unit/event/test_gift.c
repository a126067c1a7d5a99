/* Amounts to the last digit, and what is said of a gift in any order. */
#include "../check.h"

#include "event/gift.h"

#define NOW_MS INT64_C(1736942400000)

static void amounts_are_read_and_written_to_the_last_digit(void **state)
{
    static const struct { const char *text; int64_t micros; const char *printed; } rows[] = {
        {"18.00", 18000000, "18.00"}, {"18", 18000000, "18.00"}, {"0.1", 100000, "0.10"}, {"0.000001", 1, "0.000001"},
        {"999999999999.999999", INT64_C(999999999999999999), "999999999999.999999"}, {"007.5", 7500000, "7.50"}, {"1.2345", 1234500, "1.2345"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t micros = 0;
        assert_true(gift_parse_amount(slice_of(rows[i].text), &micros));
        assert_int_equal(micros, rows[i].micros);
        assert_slice(gift_print_amount(micros, *state), rows[i].printed);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0", "0.00", "-1", "+1", "1.", ".5", "1,50", "1.2.3", "1e3", "1.0000001", "1000000000000", " 1", "1 ",
                                        "NaN", "0x10", "\xd9\xa1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t micros;
        assert_false(gift_parse_amount(slice_of(wrong[i]), &micros));
    }
}

static Status parse(Arena *arena, const char *text, Gift *ret, Fault *fault)
{
    const Json *body;
    assert_int_equal(json_parse(slice_of(text), arena, &body, fault), STATUS_OK);
    return gift_parse(body, NOW_MS, arena, ret, fault);
}

static void gift_is_read_and_its_giver_is_not(void **state)
{
    Gift gift;
    Fault fault;
    assert_int_equal(parse(*state, "{\"donationId\":\"d-1\",\"ref\":\"abc_DEF-1\",\"amount\":\"18.00\",\"currency\":\"ILS\",\"status\":\"given\","
                                   "\"timestamp\":\"2025-01-15T11:59:00Z\",\"donorName\":\"Jane\",\"email\":\"jane@example.org\"}", &gift, &fault), STATUS_OK);
    Text printed = text_in(*state);
    gift_print(&gift, *state, &printed);
    text_add_byte(&printed, 0);
    assert_int_equal(gift.given_ms, NOW_MS - 60000);
    assert_slice(gift.ref, "abc_DEF-1");
    assert_non_null(strstr(printed.at, "\"amount\":\"18.00\""));
    assert_null(strstr(printed.at, "Jane"));
    assert_null(strstr(printed.at, "jane@"));
}

static void gift_without_a_time_is_of_now(void **state)
{
    Gift gift;
    Fault fault;
    assert_int_equal(parse(*state, "{\"donationId\":\"d-1\",\"amount\":\"5\",\"currency\":\"USD\",\"status\":\"refunded\"}", &gift, &fault), STATUS_OK);
    assert_int_equal(gift.refunded_ms, NOW_MS);
    assert_int_equal(gift.refunded_micros, 5000000);
    assert_int_equal(gift.given_ms, 0);
}

static void reference_with_a_phone_number_in_it_is_not_kept(void **state)
{
    Gift gift;
    Fault fault;
    assert_int_equal(parse(*state, "{\"donationId\":\"d-1\",\"ref\":\"d2ludGVyOmM6Kzk3MjUwMTIzNDU2Nw==\",\"amount\":\"5\",\"currency\":\"USD\","
                                   "\"status\":\"given\"}", &gift, &fault), STATUS_OK);
    assert_true(slice_empty(gift.ref));
}

static void gift_that_says_too_little_is_refused_with_what_is_wrong(void **state)
{
    static const struct { const char *body, *named; } rows[] = {
        {"{}", "donationId"},
        {"{\"donationId\":\"a b\"}", "donationId"},
        {"{\"donationId\":\"d\",\"status\":\"pledged\"}", "status"},
        {"{\"donationId\":\"d\",\"status\":\"given\",\"currency\":\"usd\"}", "currency"},
        {"{\"donationId\":\"d\",\"status\":\"given\",\"currency\":\"USD\",\"amount\":18.0}", "amount"},
        {"{\"donationId\":\"d\",\"status\":\"given\",\"currency\":\"USD\",\"amount\":\"18\",\"timestamp\":\"yesterday\"}", "timestamp"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Gift gift;
        Fault fault;
        assert_int_equal(parse(*state, rows[i].body, &gift, &fault), STATUS_REJECT);
        assert_non_null(strstr(fault.text, rows[i].named));
    }
}

static const Gift given = {.id = SLICE_INIT("d"), .ref = SLICE_INIT("r"), .campaign_id = SLICE_INIT("winter"), .currency = SLICE_INIT("USD"),
                           .given_micros = 5, .given_ms = 100, .received_ms = 110};
static const Gift refunded = {.id = SLICE_INIT("d"), .currency = SLICE_INIT("USD"), .refunded_micros = 5, .refunded_ms = 200, .received_ms = 210};

static void gift_and_refund_give_the_same_in_either_order(void **state)
{
    (void)state;
    Gift one = {.id = SLICE("d")}, other = one;
    gift_merge(&one, &given);
    assert_int_equal(gift_merge(&one, &refunded), GIFT_ADDED);
    gift_merge(&other, &refunded);
    assert_int_equal(gift_merge(&other, &given), GIFT_ADDED);
    other.received_ms = one.received_ms; /* of the first word, whichever it was */
    assert_true(slice_equal(one.campaign_id, other.campaign_id));
    assert_int_equal(one.given_micros, other.given_micros);
    assert_int_equal(one.refunded_ms, other.refunded_ms);
}

static void refund_in_another_currency_is_not_taken(void **state)
{
    (void)state;
    Gift held = {.id = SLICE("d")}, strange = refunded;
    strange.currency = SLICE("EUR");
    gift_merge(&held, &given);
    assert_int_equal(gift_merge(&held, &strange), GIFT_DIFFERS);
    assert_int_equal(held.refunded_ms, 0);
}

static void whose_a_gift_is_does_not_change(void **state)
{
    (void)state;
    Gift held = {.id = SLICE("d")}, other = given;
    other.campaign_id = SLICE("spring");
    gift_merge(&held, &given);
    gift_merge(&held, &other);
    assert_slice(held.campaign_id, "winter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_and_written_to_the_last_digit),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(gift_is_read_and_its_giver_is_not),
        cmocka_unit_test(gift_without_a_time_is_of_now),
        cmocka_unit_test(reference_with_a_phone_number_in_it_is_not_kept),
        cmocka_unit_test(gift_that_says_too_little_is_refused_with_what_is_wrong),
        cmocka_unit_test(gift_and_refund_give_the_same_in_either_order),
        cmocka_unit_test(refund_in_another_currency_is_not_taken),
        cmocka_unit_test(whose_a_gift_is_does_not_change),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
