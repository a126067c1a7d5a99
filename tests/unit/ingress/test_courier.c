/* What a courier does when the ledger does not take what became of a text. */
#include "../line/world.h"

#include <pthread.h>

#include "ingress/courier.h"

#define UNSURE "the ledger did not say whether it may go out"

typedef struct Desk {
    World world;
    Ports ports;
    Pipeline *line;
    Slice never; /* the action id that the ledger never takes */
    Slice stuck; /* the one that is in the way for now; "*" = each */
    bool is_of_one; /* and whether the store says so */
    int stuck_for; /* so many times */
    Slice late;  /* comes to the ledger once that one was tried */
    Text settled; /* "a(reason) b() " */
    size_t sent;
    Slice before_late; /* what was settled when it went out */
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    bool is_done; /* nothing is left that waits, or is underway */
    int rounds;   /* how often the courier looked for work */
} Desk;

static Desk *desk;

/* The line's thread is the courier's own here. */
Status intake_do(Intake *intake, Task *task, Fault *fault)
{
    (void)intake, (void)fault;
    task->run(task, desk->line, &desk->ports);
    task->finished(task);
    return STATUS_OK;
}

/* ---- ports ---- */

static void add(Slice id)
{
    desk->world.effects[desk->world.effect_count++] =
        (Effect){.action_id = id, .kind = EFFECT_DONATION, .phone = SLICE("+12125550100"), .state = EFFECT_PENDING};
}

static Status look_for_due(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    pthread_mutex_lock(&desk->lock);
    desk->rounds++;
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->lock);
    return desk->world.ports.effects.due(self, calls, now_ms, max, arena, out, ret_count, fault);
}

static bool is_stuck(Slice id)
{
    bool is_it = slice_equal(desk->stuck, SLICE("*")) || slice_equal(desk->stuck, id);
    if (!is_it || desk->stuck_for <= 0)
        return false;
    if (!slice_empty(desk->late))
        add(desk->late);
    desk->late = (Slice){0};
    desk->stuck_for--;
    return true;
}

static Status stay_away(Fault *fault)
{
    fault_set(fault, STATUS_RETRY, "store_away", "the store does not take this now");
    fault->is_of_one = desk->is_of_one;
    return STATUS_RETRY;
}

static void note_whether_done(void)
{
    bool is_done = slice_empty(desk->late);
    for (size_t i = 0; i < desk->world.effect_count; i++)
        is_done = is_done && desk->world.effects[i].state == EFFECT_FAILED;
    pthread_mutex_lock(&desk->lock);
    desk->is_done = is_done;
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->lock);
}

/* As PostgreSQL refuses a value: all of them, for one. */
static Status settle_unless_poisoned(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(effects[i].reason, SLICE("poison")) || slice_equal(effects[i].action_id, desk->never))
            return fault_set(fault, STATUS_REJECT, "value_invalid", "the store does not take this");
        if (is_stuck(effects[i].action_id))
            return stay_away(fault);
    }
    for (size_t i = 0; i < count; i++)
        text_printf(&desk->settled, "%.*s(%.*s) ", SLICE_ARG(effects[i].action_id), SLICE_ARG(effects[i].reason));
    Status status = desk->world.ports.effects.settle(self, effects, count, now_ms, ret_moved, fault);
    note_whether_done();
    return status;
}

static Status refuse_all(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)self, (void)now_ms, (void)arena, (void)fault;
    for (size_t i = 0; i < count; i++) {
        bool is_bad = slice_equal(effects[i].action_id, SLICE("bad"));
        desk->sent++;
        if (slice_equal(effects[i].action_id, SLICE("late")))
            desk->before_late = arena_copy(&desk->world.arena, text_slice(&desk->settled));
        outcomes[i] = (SmsOutcome){.result = SMS_REFUSED, .reason = is_bad && slice_empty(desk->stuck) ? SLICE("poison") : SLICE("no")};
    }
    return STATUS_OK;
}

/* ---- a desk with three texts that wait ---- */

static int open_desk(void **state)
{
    (void)state;
    static Desk only;
    static const char *const ids[] = {"a", "bad", "c"};
    desk = &only;
    *desk = (Desk){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    world_init(&desk->world, true, false);
    desk->settled = text_in(&desk->world.arena);
    desk->ports = desk->world.ports;
    desk->ports.effects.due = look_for_due;
    desk->ports.effects.settle = settle_unless_poisoned;
    desk->ports.sms.send = refuse_all;
    desk->line = pipeline_new(&desk->ports, &desk->world.settings);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        add(slice_of(ids[i]));
    return 0;
}

static int close_desk(void **state)
{
    (void)state;
    pipeline_free(desk->line);
    world_done(&desk->world);
    return 0;
}

/* Until each text is settled. */
static void carry_all(void)
{
    Fault fault;
    Courier *courier = courier_open(NULL, &desk->ports, false, &fault);
    pthread_mutex_lock(&desk->lock);
    while (!desk->is_done)
        pthread_cond_wait(&desk->changed, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
    courier_close(courier);
}

/* Until it has settled what it had in hand. */
static void carry_once(void)
{
    Fault fault;
    Courier *courier = courier_open(NULL, &desk->ports, false, &fault);
    pthread_mutex_lock(&desk->lock);
    while (desk->rounds < 2)
        pthread_cond_wait(&desk->changed, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
    courier_close(courier);
}

static void text_that_the_ledger_does_not_take_loses_its_words_and_holds_up_no_other(void **state)
{
    (void)state;
    carry_once();
    assert_slice(text_slice(&desk->settled), "a(no) bad() c(no) ");
}

static void text_that_the_ledger_never_takes_is_given_up(void **state)
{
    (void)state;
    desk->never = SLICE("bad");
    carry_once();
    assert_slice(text_slice(&desk->settled), "a(no) c(no) ");
}

static void text_that_is_in_its_own_way_is_told_again_beside_others(void **state)
{
    (void)state;
    desk->stuck = SLICE("bad");
    desk->is_of_one = true;
    desk->stuck_for = 3;
    desk->late = SLICE("late");
    carry_all();
    assert_slice(text_slice(&desk->settled), "a(no) c(no) late(no) bad(no) ");
}

static void while_a_store_takes_nothing_no_more_texts_go_out(void **state)
{
    (void)state;
    desk->stuck = SLICE("*");
    desk->stuck_for = 2;
    desk->late = SLICE("late");
    carry_all();
    assert_slice(desk->before_late, "a(no) bad(no) c(no) ");
}

static void one_more_text_shows_that_a_store_takes_others(void **state)
{
    (void)state;
    desk->world.effect_count = 2;
    desk->world.effects[0].state = EFFECT_FAILED;
    desk->stuck = SLICE("bad");
    desk->stuck_for = 3;
    desk->late = SLICE("late");
    carry_all();
    assert_slice(text_slice(&desk->settled), "late(no) bad(no) ");
}

static void what_is_left_over_is_told_before_its_courier_goes(void **state)
{
    (void)state;
    desk->stuck = SLICE("bad");
    desk->is_of_one = true;
    desk->stuck_for = 2;
    carry_once();
    assert_slice(text_slice(&desk->settled), "a(no) c(no) bad(no) ");
}

static void text_that_the_ledger_did_not_release_for_sure_is_not_carried(void **state)
{
    (void)state;
    desk->ports.unit.atomic = false;
    desk->world.sending_unheard = true;
    carry_once();
    assert_true(slice_starts_with(text_slice(&desk->settled), SLICE("a(" UNSURE ") bad(" UNSURE ") c(" UNSURE ") ")));
    assert_int_equal(desk->sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_that_is_in_its_own_way_is_told_again_beside_others, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(while_a_store_takes_nothing_no_more_texts_go_out, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(one_more_text_shows_that_a_store_takes_others, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(what_is_left_over_is_told_before_its_courier_goes, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(text_that_the_ledger_did_not_release_for_sure_is_not_carried, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(text_that_the_ledger_does_not_take_loses_its_words_and_holds_up_no_other, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(text_that_the_ledger_never_takes_is_given_up, open_desk, close_desk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
