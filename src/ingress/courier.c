#include "ingress/courier.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    BAG_MAX = 16,        /* carried at a time: a slow answer holds up no more than these, and of no more is nothing known after a crash */
    LOOK_EVERY_MS = 100, /* while nothing waits */
    PAUSE_MS = 1000,     /* while the ledger cannot be asked */
};

struct Courier {
    Intake *intake;
    const Ports *ports;
    bool calls;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    bool stopping, is_done; /* is_done: the task in hand is finished */
};

/* What a courier has in hand. */
typedef struct Bag {
    Courier *courier;
    Arena arena;
    Effect effects[BAG_MAX];
    SmsOutcome outcomes[BAG_MAX];
    bool told[BAG_MAX];       /* of those that are settled */
    size_t count;
    size_t first, settling;   /* those that the task in hand settles */
    int64_t taken_ms; /* wall time from before the list was asked */
    Status status;
    Fault fault;
} Bag;

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
    bag->taken_ms = clock_wall_ms();
    bag->status = pipeline_take(line, bag->taken_ms, bag->courier->calls, BAG_MAX, &bag->arena, bag->effects, &bag->count, &bag->fault);
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

static void carry(Bag *bag)
{
    const Ports *ports = bag->courier->ports;
    Status status = bag->courier->calls
        ? ports->speech.send(ports->speech.self, bag->effects, bag->count, bag->taken_ms, &bag->arena, bag->outcomes, &bag->fault)
        : ports->sms.send(ports->sms.self, bag->effects, bag->count, bag->taken_ms, &bag->arena, bag->outcomes, &bag->fault);
    for (size_t i = 0; status && i < bag->count; i++)
        bag->outcomes[i] = (SmsOutcome){.result = SMS_UNKNOWN, .reason = slice_of(bag->fault.text)};
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

static void settle_untold(Bag *bag)
{
    bool is_whole = count_untold(bag) == bag->count;
    Status status = is_whole ? settle_some(bag, 0, bag->count) : STATUS_OK;
    bool is_for_one = status == STATUS_REJECT || (status && bag->fault.is_of_one);
    if (!is_whole || is_for_one)
        settle_one_by_one(bag);
}

/* What came of it is known here alone, so it is told until the ledger has it. Whoever stops us meanwhile leaves it to a receipt. */
static void settle_at_last(Bag *bag)
{
    for (settle_untold(bag); count_untold(bag); settle_untold(bag)) {
        log_line(LOG_WARN, "what became of texts could not be written down; trying again", LOG_NUMBER("texts", (int64_t)count_untold(bag)),
                 LOG_CSTR("code", bag->fault.code), LOG_CSTR("error", bag->fault.text));
        if (!wait(bag->courier, PAUSE_MS))
            return;
    }
}

static bool takes_nothing(const Bag *bag)
{
    size_t away = 0;
    for (size_t i = 0; i < bag->count; i++)
        away += bag->outcomes[i].result == SMS_AWAY;
    return away == bag->count;
}

/* Returns how long to wait before the next one. */
static int64_t round_trip(Bag *bag)
{
    arena_reset(&bag->arena);
    bag->count = 0;
    if (run_there(bag, take))
        return PAUSE_MS;
    if (!bag->count)
        return LOOK_EVERY_MS;
    memset(bag->outcomes, 0, sizeof bag->outcomes);
    memset(bag->told, 0, sizeof bag->told);
    carry(bag);
    settle_at_last(bag);
    return takes_nothing(bag) ? PAUSE_MS : 0;
}

static void *work(void *argument)
{
    Bag *bag = calloc(1, sizeof *bag);
    if (!bag)
        abort();
    bag->courier = argument;
    arena_init(&bag->arena);
    while (wait(bag->courier, round_trip(bag)))
        ;
    arena_done(&bag->arena);
    free(bag);
    return NULL;
}

/* ---- open and close ---- */

Courier *courier_open(Intake *intake, const Ports *ports, bool calls, Fault *fault)
{
    Courier *courier = calloc(1, sizeof *courier);
    if (!courier)
        abort();
    *courier = (Courier){.intake = intake, .ports = ports, .calls = calls};
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
