#include "ingress/courier.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

enum {
    BAG_MAX = 16,        /* carried at a time: a slow answer holds up no more than these, and of no more is nothing known after a crash */
    LOOK_EVERY_MS = 100, /* while nothing waits */
    PAUSE_MS = 1000,     /* while the ledger cannot be asked, and between two rounds of what is left over */
    LEFT_MAX = 64,       /* bags that are left over; then nothing more is taken until one of them is told */
    LEFT_TURNS = 8,      /* of them in a round */
    LEFT_MOST_MS = 8000, /* between two rounds while a store takes nothing: one that leaves it alone after a failure has to be asked by others, too */
    HOLD_FIRST_MS = 3000, HOLD_MOST_MS = 60 * 1000, /* what a store has not taken may be in its own way: so often one more text shows it */
    BAG_BYTES = 16 * 1024,
};

typedef struct Bag Bag;

struct Courier {
    Intake *intake;
    const Ports *ports;
    bool calls;
    pthread_t thread;
    Bag *bag;                          /* in hand */
    Bag *left, **left_end;             /* left over: each has its turn */
    size_t left_count;
    int64_t left_due_ms, held_until_ms; /* elapsed time */
    int64_t left_wait_ms;
    int64_t hold_ms;                   /* 0 = nothing is held */
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    bool stopping, is_done; /* is_done: the task in hand is finished */
};

/* What a courier took at a time. */
struct Bag {
    Courier *courier;
    Bag *following;           /* of those that are left over */
    Arena arena;
    Effect effects[BAG_MAX];
    SmsOutcome outcomes[BAG_MAX];
    bool told[BAG_MAX];       /* of those that are settled */
    size_t count;
    size_t first, settling;   /* those that the task in hand settles */
    int64_t asked_ms; /* wall time from before the list was asked */
    Status status;
    Fault fault;
};

static Bag *bag_new(Courier *courier)
{
    Bag *bag = calloc(1, sizeof *bag);
    if (!bag)
        abort();
    bag->courier = courier;
    arena_init_small(&bag->arena, BAG_BYTES);
    return bag;
}

static void bag_free(Bag *bag)
{
    arena_done(&bag->arena);
    free(bag);
}

static void bag_empty(Bag *bag)
{
    arena_reset(&bag->arena);
    bag->count = 0;
    memset(bag->outcomes, 0, sizeof bag->outcomes);
    memset(bag->told, 0, sizeof bag->told);
}

/* ---- on the line's thread ---- */

static void finished(Task *task)
{
    const Bag *bag = task->context;
    Courier *courier = bag->courier;
    pthread_mutex_lock(&courier->lock);
    courier->is_done = true;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->lock);
}

static void take(Task *task, Pipeline *line, const Ports *ports)
{
    Bag *bag = task->context;
    (void)ports;
    size_t most = bag->courier->hold_ms ? 1 : BAG_MAX;
    bag->status = pipeline_take(line, clock_wall_ms(), bag->courier->calls, most, &bag->arena, bag->effects, &bag->count, &bag->asked_ms, &bag->fault);
}

static void settle(Task *task, Pipeline *line, const Ports *ports)
{
    Bag *bag = task->context;
    (void)ports;
    bag->status = pipeline_settle(line, clock_wall_ms(), bag->effects + bag->first, bag->outcomes + bag->first, bag->settling, &bag->fault);
}

/* ---- on the courier's ---- */

static Status run_there(Bag *bag, void (*run)(Task *, Pipeline *, const Ports *))
{
    Courier *courier = bag->courier;
    Task task = {.run = run, .finished = finished, .context = bag};
    courier->is_done = false;
    Status status = intake_do(courier->intake, &task, &bag->fault);
    if (status)
        return status;
    pthread_mutex_lock(&courier->lock);
    while (!courier->is_done)
        pthread_cond_wait(&courier->changed, &courier->lock);
    pthread_mutex_unlock(&courier->lock);
    return bag->status;
}

/* False once it is to stop. */
static bool wait(Courier *courier, int64_t wait_ms)
{
    int64_t until_ms = clock_elapsed_ms() + wait_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_mutex_lock(&courier->lock);
    while (!courier->stopping && clock_elapsed_ms() < until_ms)
        pthread_cond_timedwait(&courier->changed, &courier->lock, &until);
    bool goes_on = !courier->stopping;
    pthread_mutex_unlock(&courier->lock);
    return goes_on;
}

/* At most once a minute, whichever courier it is. */
static void warn_of_slow_list(int64_t took_ms)
{
    enum { WARN_EVERY_MS = 60 * 1000 };
    static atomic_llong next_ms;
    long long now_ms = clock_elapsed_ms(), due_ms = atomic_load(&next_ms);
    if (now_ms >= due_ms && atomic_compare_exchange_strong(&next_ms, &due_ms, now_ms + WARN_EVERY_MS))
        log_line(LOG_WARN, "texts wait: the do-not-call list and the ledger answer too slowly for what the list says to be believed",
                 LOG_NUMBER("took_ms", took_ms));
}

/* Whoever carries them puts them back by then. */
static void look_for_slow_list(const Bag *bag)
{
    int64_t took_ms = clock_wall_ms() - bag->asked_ms, believed_ms = bag->courier->calls ? CALL_BELIEVED_MS : TEXT_BELIEVED_MS;
    if (took_ms < believed_ms)
        return;
    metric_add(METRIC_LIST_TOO_SLOW, (int64_t)bag->count);
    warn_of_slow_list(took_ms);
}

static void carry(Bag *bag)
{
    look_for_slow_list(bag);
    const Ports *ports = bag->courier->ports;
    Status status = bag->courier->calls
        ? ports->speech.send(ports->speech.self, bag->effects, bag->count, bag->asked_ms, &bag->arena, bag->outcomes, &bag->fault)
        : ports->sms.send(ports->sms.self, bag->effects, bag->count, bag->asked_ms, &bag->arena, bag->outcomes, &bag->fault);
    for (size_t i = 0; status && i < bag->count; i++)
        bag->outcomes[i] = (SmsOutcome){.result = SMS_UNKNOWN, .reason = slice_of(bag->fault.text)};
}

/* Whoever takes them next asks the list again. */
static void put_back(Bag *bag)
{
    for (size_t i = 0; i < bag->count; i++)
        bag->outcomes[i] = (SmsOutcome){.result = SMS_AWAY, .not_before_ms = clock_wall_ms(),
                                        .reason = SLICE("the ledger did not say whether it may go out")};
}

static Status settle_some(Bag *bag, size_t first, size_t count)
{
    bag->first = first;
    bag->settling = count;
    Status status = run_there(bag, settle);
    for (size_t i = first; !status && i < first + count; i++)
        bag->told[i] = true;
    return status;
}

/* The provider's words are the only strange thing in it. What is refused without them is left to a receipt: no store takes it, ever. */
static void settle_without_words(Bag *bag, size_t i)
{
    SmsOutcome *outcome = &bag->outcomes[i];
    outcome->reason = outcome->code = outcome->message_id = (Slice){0};
    if (settle_some(bag, i, 1) != STATUS_REJECT)
        return;
    bag->told[i] = true;
    log_line(LOG_ERROR, "what became of a text cannot be written down", LOG_TEXT("action_id", bag->effects[i].action_id),
             LOG_CSTR("code", bag->fault.code), LOG_CSTR("error", bag->fault.text));
}

/* One that the store does not take holds up no other one. */
static void settle_one_by_one(Bag *bag)
{
    for (size_t i = 0; i < bag->count; i++) {
        if (!bag->told[i] && settle_some(bag, i, 1) == STATUS_REJECT)
            settle_without_words(bag, i);
    }
}

static size_t count_untold(const Bag *bag)
{
    size_t untold = 0;
    for (size_t i = 0; i < bag->count; i++)
        untold += !bag->told[i];
    return untold;
}

static bool is_for_one(Status status, const Fault *fault) { return status == STATUS_REJECT || (status && fault->is_of_one); }

/* Returns how many are left. */
static size_t settle_untold(Bag *bag)
{
    bool is_whole = count_untold(bag) == bag->count;
    Status status = is_whole ? settle_some(bag, 0, bag->count) : STATUS_OK;
    if (!is_whole || is_for_one(status, &bag->fault))
        settle_one_by_one(bag);
    return count_untold(bag);
}

/* ---- left over: what came of it is known here alone, so it is told, beside new ones, until the ledger has it ---- */

static void log_untold(const Bag *bag)
{
    log_line(LOG_WARN, "what became of texts could not be written down; trying again", LOG_NUMBER("texts", (int64_t)count_untold(bag)),
             LOG_CSTR("code", bag->fault.code), LOG_CSTR("error", bag->fault.text));
}

static void put_last(Courier *courier, Bag *bag)
{
    bag->following = NULL;
    *courier->left_end = bag;
    courier->left_end = &bag->following;
    courier->left_count++;
}

static Bag *take_first(Courier *courier)
{
    Bag *bag = courier->left;
    courier->left = bag->following;
    courier->left_end = courier->left ? courier->left_end : &courier->left;
    courier->left_count--;
    return bag;
}

static void let_go(Courier *courier) { courier->hold_ms = courier->held_until_ms = 0; }

/* Each time twice as long as the last. */
static void hold(Courier *courier)
{
    int64_t longer_ms = courier->hold_ms ? 2 * courier->hold_ms : HOLD_FIRST_MS;
    courier->hold_ms = longer_ms < HOLD_MOST_MS ? longer_ms : HOLD_MOST_MS;
    courier->held_until_ms = clock_elapsed_ms() + courier->hold_ms;
}

/* False when the store took none of them, and not because of one. */
static bool tell_first(Courier *courier)
{
    Bag *bag = take_first(courier);
    size_t before = count_untold(bag), after = settle_untold(bag);
    bool is_store = after == before && !bag->fault.is_of_one;
    if (after < before)
        let_go(courier);
    if (after)
        put_last(courier, bag);
    else
        bag_free(bag);
    return !is_store;
}

static void tell_left(Courier *courier)
{
    int64_t now_ms = clock_elapsed_ms();
    if (!courier->left_count || now_ms < courier->left_due_ms)
        return;
    size_t turns = courier->left_count < LEFT_TURNS ? courier->left_count : LEFT_TURNS;
    while (turns && tell_first(courier))
        turns--;
    int64_t longer_ms = turns ? 2 * courier->left_wait_ms : PAUSE_MS;
    courier->left_wait_ms = longer_ms < LEFT_MOST_MS ? longer_ms : LEFT_MOST_MS;
    courier->left_due_ms = now_ms + courier->left_wait_ms;
    if (courier->left)
        log_untold(courier->left);
}

/* Where the store took none of them, for no reason that is one's, it may take nothing of anybody: then few more go out. */
static void tell(Courier *courier)
{
    Bag *bag = courier->bag;
    size_t untold = settle_untold(bag);
    bool is_store = untold == bag->count && !bag->fault.is_of_one;
    if (is_store)
        hold(courier);
    else
        let_go(courier);
    if (!untold)
        return;
    log_untold(bag);
    if (!courier->left_count) {
        courier->left_wait_ms = PAUSE_MS;
        courier->left_due_ms = clock_elapsed_ms() + PAUSE_MS;
    }
    put_last(courier, bag);
    courier->bag = bag_new(courier);
}

/* Before it goes: whatever the store does not take now is left to a receipt. */
static void tell_at_last(Courier *courier)
{
    while (courier->left_count) {
        Bag *bag = take_first(courier);
        bool is_store = settle_untold(bag) && !bag->fault.is_of_one;
        bag_free(bag);
        if (is_store)
            break;
    }
    while (courier->left_count)
        bag_free(take_first(courier));
}

/* ---- round trips ---- */

static bool takes_nothing(const Bag *bag)
{
    size_t away = 0;
    for (size_t i = 0; i < bag->count; i++)
        away += bag->outcomes[i].result == SMS_AWAY;
    return away == bag->count;
}

static bool may_take(const Courier *courier) { return courier->left_count < LEFT_MAX && clock_elapsed_ms() >= courier->held_until_ms; }

/* Returns how long to wait before the next one. */
static int64_t round_trip(Courier *courier)
{
    tell_left(courier);
    if (!may_take(courier))
        return LOOK_EVERY_MS;
    Bag *bag = courier->bag;
    bag_empty(bag);
    Status status = run_there(bag, take);
    if (!bag->count)
        return status ? PAUSE_MS : LOOK_EVERY_MS;
    if (status)
        put_back(bag);
    else
        carry(bag);
    bool is_away = takes_nothing(bag);
    tell(courier);
    return is_away ? PAUSE_MS : 0;
}

static void *work(void *argument)
{
    Courier *courier = argument;
    courier->bag = bag_new(courier);
    while (wait(courier, round_trip(courier)))
        ;
    tell_at_last(courier);
    bag_free(courier->bag);
    return NULL;
}

/* ---- open and close ---- */

Courier *courier_open(Intake *intake, const Ports *ports, bool calls, Fault *fault)
{
    Courier *courier = calloc(1, sizeof *courier);
    if (!courier)
        abort();
    *courier = (Courier){.intake = intake, .ports = ports, .calls = calls, .left_end = &courier->left};
    pthread_mutex_init(&courier->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&courier->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!pthread_create(&courier->thread, NULL, work, courier))
        return courier;
    fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
    free(courier);
    return NULL;
}

void courier_close(Courier *courier)
{
    if (!courier)
        return;
    pthread_mutex_lock(&courier->lock);
    courier->stopping = true;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->lock);
    pthread_join(courier->thread, NULL);
    pthread_cond_destroy(&courier->changed);
    pthread_mutex_destroy(&courier->lock);
    free(courier);
}
