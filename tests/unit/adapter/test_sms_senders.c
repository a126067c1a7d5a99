/* Who a text is from, and how many of them a second. */
#include "../check.h"

#include "adapter/sms_senders.h"

static SmsSenders *opened(const char *rows, int64_t rate)
{
    SmsSenders *senders = NULL;
    Fault fault;
    if (sms_senders_open(rows, rate, &senders, &fault))
        fail_msg("%s", fault.text);
    return senders;
}

static void longest_prefix_wins_and_a_provider_before_it(void **state)
{
    (void)state;
    SmsSenders *senders = opened("+1=A, +1212=B , *=C, twilio:+1=D,twilio:*=E", 0);
    const struct { const char *provider, *phone, *sender; } rows[] = {
        {"vonage", "+12125550100", "B"}, {"vonage", "+13105550100", "A"}, {"vonage", "+972501234567", "C"},
        {"twilio", "+12125550100", "D"}, {"twilio", "+972501234567", "E"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_slice(sms_sender_of(senders, rows[i].provider, slice_of(rows[i].phone)), rows[i].sender);
    sms_senders_close(senders);
}

static void one_name_alone_is_for_all_and_none_for_nobody(void **state)
{
    (void)state;
    SmsSenders *senders = opened("Charity", 0);
    assert_slice(sms_sender_of(senders, "vonage", SLICE("+972501234567")), "Charity");
    sms_senders_close(senders);
    senders = opened("+1=A", 0);
    assert_slice(sms_sender_of(senders, "vonage", SLICE("+972501234567")), "");
    sms_senders_close(senders);
}

static void rows_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"1=A", "+=A", "+12a=A", "+1=", "=A", "twilio:1=A", "generik:+1=A", ":+1=A"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        SmsSenders *senders;
        Fault fault;
        assert_int_equal(sms_senders_open(wrong[i], 0, &senders, &fault), STATUS_REJECT);
        assert_string_equal(fault.code, "setting_value");
    }
}

static void a_seconds_worth_goes_at_once_and_each_beyond_it_has_a_time_of_its_own(void **state)
{
    (void)state;
    enum { RATE = 5 };
    SmsSenders *senders = opened("A", RATE);
    int64_t wait_ms = 0, before_ms = 0;
    for (int i = 0; i < RATE; i++)
        assert_true(sms_sender_may_send(senders, SLICE("A"), &wait_ms));
    for (int i = 0; i < RATE; i++) {
        assert_false(sms_sender_may_send(senders, SLICE("A"), &wait_ms));
        assert_in_range(wait_ms - before_ms, 100, 300); /* 200 ms apart, as near as the clock goes on meanwhile */
        before_ms = wait_ms;
    }
    assert_true(sms_sender_may_send(senders, SLICE("B"), &wait_ms));
    sms_senders_close(senders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_prefix_wins_and_a_provider_before_it),
        cmocka_unit_test(one_name_alone_is_for_all_and_none_for_nobody),
        cmocka_unit_test(rows_that_are_none_are_refused),
        cmocka_unit_test(a_seconds_worth_goes_at_once_and_each_beyond_it_has_a_time_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
