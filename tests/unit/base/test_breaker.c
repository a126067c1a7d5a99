/* A store that is away is asked by one caller at a time, and rarely. */
#include "../check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/breaker.h"
#include "base/clock.h"

static const Fault refused = {.status = STATUS_RETRY, .code = "store_unreachable", .text = "connection refused"};

static void a_store_that_answers_is_asked(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, "store");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(breaker_enter(&breaker, NULL), STATUS_OK);
        breaker_answered(&breaker);
    }
    breaker_done(&breaker);
}

static void after_a_failure_it_is_left_alone_and_the_reason_is_said(void **state)
{
    (void)state;
    Breaker breaker;
    Fault fault, why;
    breaker_init(&breaker, "store");
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_OK);
    breaker_failed(&breaker, &refused);
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_RETRY);
    assert_string_equal(fault.code, "store_away");
    assert_non_null(strstr(fault.text, "store is away: connection refused"));
    assert_true(breaker_is_away(&breaker));
    assert_true(breaker_is_unwell(&breaker, &why));
    assert_string_equal(why.code, "store_unreachable");
    breaker_done(&breaker);
}

static void when_the_pause_is_over_one_caller_asks(void **state)
{
    (void)state;
    Breaker breaker;
    Fault fault, why;
    breaker_init(&breaker, "store");
    breaker_failed(&breaker, &refused);
    breaker.asked_at_ms = 0; /* as if it were over */
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_OK);
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_RETRY);
    breaker_answered(&breaker);
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_OK);
    assert_false(breaker_is_away(&breaker));
    assert_false(breaker_is_unwell(&breaker, &why));
    breaker_done(&breaker);
}

static void what_refuses_is_asked_on_and_shown_for_a_while(void **state)
{
    (void)state;
    Breaker breaker;
    Fault fault, why;
    breaker_init(&breaker, "store");
    breaker_refused(&breaker, &refused);
    breaker_answered(&breaker); /* to somebody who only reads */
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_OK);
    assert_true(breaker_is_unwell(&breaker, &why));
    assert_string_equal(why.code, "store_unreachable");
    breaker.refused_at_ms -= 60000; /* as if it were long ago */
    assert_false(breaker_is_unwell(&breaker, &why));
    breaker_done(&breaker);
}

static void what_is_awaited_is_unwell_and_may_be_asked_until_it_answers(void **state)
{
    (void)state;
    Breaker breaker;
    Fault fault, why;
    breaker_init(&breaker, "store");
    breaker_await(&breaker, &refused);
    assert_int_equal(breaker_enter(&breaker, &fault), STATUS_OK);
    assert_false(breaker_is_away(&breaker));
    assert_true(breaker_is_unwell(&breaker, &why));
    assert_string_equal(why.code, "store_unreachable");
    breaker_answered(&breaker);
    assert_false(breaker_is_unwell(&breaker, &why));
    breaker_done(&breaker);
}

static void pauses_grow_and_stay_bounded(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, "store");
    for (int i = 0; i < 100; i++) {
        int64_t before_ms = clock_elapsed_ms();
        breaker_failed(&breaker, &refused);
        assert_true(breaker.asked_at_ms <= clock_elapsed_ms() + (i == 0 ? 100 : 5000));
        assert_true(breaker.asked_at_ms >= before_ms + (i < 7 ? 50 : 2500));
    }
    breaker_done(&breaker);
}

static void a_store_that_fails_slowly_is_left_alone_as_long_as_that_took(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, "store");
    assert_int_equal(breaker_enter(&breaker, NULL), STATUS_OK);
    breaker.entered_at_ms -= 3000; /* as if it had taken that long */
    int64_t before_ms = clock_elapsed_ms();
    breaker_failed(&breaker, &refused);
    assert_true(breaker.asked_at_ms >= before_ms + 3000);
    assert_true(breaker.asked_at_ms <= clock_elapsed_ms() + 5000);
    breaker_done(&breaker);
}

static void who_asks_a_store_that_is_away_is_less_patient_but_now_and_then(void **state)
{
    (void)state;
    Breaker breaker;
    int patient = 0;
    breaker_init(&breaker, "store");
    assert_int_equal(breaker_patience_ms(&breaker, 5000), 5000);
    for (int i = 0; i < 8; i++) {
        breaker_failed(&breaker, &refused);
        patient += breaker_patience_ms(&breaker, 5000) == 5000;
        assert_true(breaker_patience_ms(&breaker, 5000) >= 1250);
    }
    assert_int_equal(patient, 2);
    breaker_answered(&breaker);
    assert_int_equal(breaker_patience_ms(&breaker, 5000), 5000);
    breaker_done(&breaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_answers_is_asked), cmocka_unit_test(after_a_failure_it_is_left_alone_and_the_reason_is_said),
        cmocka_unit_test(when_the_pause_is_over_one_caller_asks), cmocka_unit_test(what_refuses_is_asked_on_and_shown_for_a_while),
        cmocka_unit_test(what_is_awaited_is_unwell_and_may_be_asked_until_it_answers), cmocka_unit_test(pauses_grow_and_stay_bounded), cmocka_unit_test(a_store_that_fails_slowly_is_left_alone_as_long_as_that_took),
        cmocka_unit_test(who_asks_a_store_that_is_away_is_less_patient_but_now_and_then),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
