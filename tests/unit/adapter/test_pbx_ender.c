/* Who asks for the end of a call hears of that call, and not of one that had its id before. */
#include "adapter/pbx_ender.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"

enum { LONG_MS = 5000 };

/* ---- the clock ---- */

static _Atomic int ahead_s; /* of the real time */

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    long status = syscall(SYS_clock_gettime, clock, ret);
    ret->tv_sec += ahead_s;
    return (int)status;
}

/* ---- an exchange ---- */

/* An exchange that answers `end`, and counts; it keeps whoever asks waiting while it is held. */
typedef struct Exchange {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    int asked;
    CallEnd end;
    CallEnder *ender;
    CallsPort calls;
} Exchange;

static void *open_link(void *context) { return context; }
static void close_link(void *link) { (void)link; }

static CallEnd end_call(void *context, void *link, Slice call_id, int64_t deadline_ms, Arena *arena)
{
    (void)link, (void)call_id, (void)deadline_ms, (void)arena;
    Exchange *exchange = context;
    pthread_mutex_lock(&exchange->lock);
    exchange->asked++;
    pthread_cond_broadcast(&exchange->changed);
    while (exchange->is_held)
        pthread_cond_wait(&exchange->changed, &exchange->lock);
    CallEnd end = exchange->end;
    pthread_mutex_unlock(&exchange->lock);
    return end;
}

static void setup(Exchange *exchange, CallEnd end)
{
    *exchange = (Exchange){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .end = end};
    exchange->ender = call_ender_new(&(CallMeans){.context = exchange, .threads = 1, .open_link = open_link, .close_link = close_link,
                                                  .end_call = end_call});
    exchange->calls = call_ender_port(exchange->ender);
}

static void let(Exchange *exchange, bool is_held)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->is_held = is_held;
    pthread_cond_broadcast(&exchange->changed);
    pthread_mutex_unlock(&exchange->lock);
}

static void wait_until_asked(Exchange *exchange, int times)
{
    pthread_mutex_lock(&exchange->lock);
    while (exchange->asked < times)
        pthread_cond_wait(&exchange->changed, &exchange->lock);
    pthread_mutex_unlock(&exchange->lock);
}

static void ask(Exchange *exchange, const char *call_id)
{
    Slice id = slice_of(call_id);
    Fault fault;
    assert_int_equal(exchange->calls.hang_up(exchange->calls.self, &id, 1, &fault), STATUS_OK);
}

static CallEnd collected(Exchange *exchange, const char *call_id, int64_t wait_ms)
{
    Slice id = slice_of(call_id);
    CallEnd end;
    Fault fault;
    assert_int_equal(exchange->calls.collect(exchange->calls.self, &id, 1, wait_ms, &end, &fault), STATUS_OK);
    return end;
}

static void release(Exchange *exchange, const char *call_id)
{
    Slice id = slice_of(call_id);
    exchange->calls.release(exchange->calls.self, &id, 1);
}

static void an_id_that_was_collected_is_asked_for_anew(void **state)
{
    (void)state;
    Exchange exchange;
    setup(&exchange, CALL_WAS_OVER);
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_WAS_OVER);
    exchange.end = CALL_HUNG_UP;
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    call_ender_free(exchange.ender);
    assert_int_equal(exchange.asked, 2);
}

static void two_who_ask_at_a_time_are_both_told_of_one_asking(void **state)
{
    (void)state;
    Exchange exchange;
    setup(&exchange, CALL_HUNG_UP);
    ask(&exchange, "c1");
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    assert_int_equal(collected(&exchange, "c1", 0), CALL_UNENDED);
    call_ender_free(exchange.ender);
    assert_int_equal(exchange.asked, 1);
}

static void what_its_asker_gave_up_is_asked_for_anew(void **state)
{
    (void)state;
    Exchange exchange;
    setup(&exchange, CALL_WAS_OVER);
    let(&exchange, true);
    ask(&exchange, "c1");
    wait_until_asked(&exchange, 1);
    assert_int_equal(collected(&exchange, "c1", 0), CALL_UNENDED);
    release(&exchange, "c1");
    let(&exchange, false);
    ask(&exchange, "c2"); /* one thread: when this is over, so is the other */
    assert_int_equal(collected(&exchange, "c2", LONG_MS), CALL_WAS_OVER);
    exchange.end = CALL_HUNG_UP;
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    call_ender_free(exchange.ender);
}

static void who_looks_again_takes_no_answer_of_somebody_else(void **state)
{
    (void)state;
    Exchange exchange;
    setup(&exchange, CALL_UNENDED);
    ask(&exchange, "c1");
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_UNENDED);
    assert_int_equal(collected(&exchange, "c1", 0), CALL_UNENDED);
    exchange.end = CALL_HUNG_UP;
    ask(&exchange, "c1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    call_ender_free(exchange.ender);
}

static void an_answer_that_nobody_came_for_counts_for_two_seconds(void **state)
{
    (void)state;
    Exchange exchange;
    setup(&exchange, CALL_WAS_OVER);
    for (int i = 0; i < 3; i++)
        ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_WAS_OVER);
    exchange.end = CALL_HUNG_UP;
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_WAS_OVER);
    ahead_s = 3;
    ask(&exchange, "c1");
    assert_int_equal(collected(&exchange, "c1", LONG_MS), CALL_HUNG_UP);
    ahead_s = 0;
    call_ender_free(exchange.ender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_was_collected_is_asked_for_anew), cmocka_unit_test(two_who_ask_at_a_time_are_both_told_of_one_asking),
        cmocka_unit_test(what_its_asker_gave_up_is_asked_for_anew), cmocka_unit_test(who_looks_again_takes_no_answer_of_somebody_else),
        cmocka_unit_test(an_answer_that_nobody_came_for_counts_for_two_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
