/* Bounded lanes and the one worker that empties them. Load makes batches bigger and cheaper; an idle server answers in
 * one commit. */
#include "ingress/intake.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

enum { EXPIRE_EVERY_MS = 60 * 1000 };

typedef struct Entry {
    Delivery *delivery;
    Ticket *ticket;
} Entry;

/* A queue in a ring that grows; the mark that refuses is the lane_capacity, checked before anything is taken. */
typedef struct LaneQueue {
    Entry *entries;
    size_t first, count, capacity;
} LaneQueue;

struct Intake {
    Pipeline *line;
    IntakeSettings settings;
    pthread_t worker;
    int64_t expire_at_ms; /* worker only; elapsed time */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    LaneQueue lanes[LANE_COUNT];
    Task *first_task, *last_task;
    bool woken, stopping, giving_back;
    bool healthy;
    Fault fault;
};

/* ---- lanes ---- */

static void lane_push(LaneQueue *lane, Entry entry)
{
    if (lane->count == lane->capacity) {
        size_t capacity = lane->capacity ? lane->capacity * 2 : 1024;
        Entry *entries = malloc(sizeof *entries * capacity);
        if (!entries)
            abort();
        for (size_t i = 0; i < lane->count; i++)
            entries[i] = lane->entries[(lane->first + i) % lane->capacity];
        free(lane->entries);
        *lane = (LaneQueue){entries, 0, lane->count, capacity};
    }
    lane->entries[(lane->first + lane->count++) % lane->capacity] = entry;
}

static Entry lane_pop(LaneQueue *lane)
{
    Entry entry = lane->entries[lane->first];
    lane->first = (lane->first + 1) % lane->capacity;
    lane->count--;
    return entry;
}

/* Only priority hangs on it, so a line that carries its own topic is not parsed for it. */
static Lane lane_of(const Delivery *delivery)
{
    const EventHandler *handler = event_handler_of(delivery->topic);
    if (handler)
        return handler->lane;
    for (size_t i = 0; event_handlers[i] && slice_empty(delivery->topic); i++) {
        if (event_handlers[i]->lane != LANE_CALL && slice_holds(delivery->body, slice_of(event_handlers[i]->topic)))
            return event_handlers[i]->lane;
    }
    return LANE_CALL;
}

static void publish_depths(const Intake *intake)
{
    static const Metric metrics[LANE_COUNT] = {[LANE_OPTOUT] = METRIC_QUEUED_OPTOUT, [LANE_DONATION] = METRIC_QUEUED_DONATION,
                                               [LANE_CALL] = METRIC_QUEUED_CALL};
    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        metric_set(metrics[lane], (int64_t)intake->lanes[lane].count);
}

/* ---- worker ---- */

static size_t take_batch(Intake *intake, Entry entries[BATCH_MAX])
{
    size_t taken = 0;
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        while (taken < BATCH_MAX && intake->lanes[lane].count)
            entries[taken++] = lane_pop(&intake->lanes[lane]);
    }
    publish_depths(intake);
    return taken;
}

static const Ports *ports_of(const Intake *intake) { return pipeline_ports(intake->line); }

/* Where the broker is the spool, what comes again is no sign of a store that takes nothing. */
static bool is_broken(const Intake *intake, const Delivery *delivery)
{
    bool is_nowhere = delivery->verdict == VERDICT_RETRY && !delivery->kept && !delivery->spool_id;
    return delivery->verdict == VERDICT_FATAL || (is_nowhere && ports_of(intake)->spool.self);
}

/* After a failed sync nobody knows what the disk holds: only a restart, which reads it again, can tell. */
static void leave_if_sync_failed(const Fault *fault)
{
    if (strcmp(fault->code, "fsync_failed"))
        return;
    log_line(LOG_ERROR, "the disk failed to sync; the process ends so that a restart can recover", LOG_CSTR("error", fault->text));
    _exit(74); /* EX_IOERR of sysexits.h */
}

static void note_health(Intake *intake, bool healthy, const Fault *fault)
{
    if (!healthy)
        leave_if_sync_failed(fault);
    pthread_mutex_lock(&intake->lock);
    bool turned = intake->healthy != healthy;
    intake->healthy = healthy;
    if (!healthy)
        intake->fault = *fault;
    pthread_mutex_unlock(&intake->lock);
    metric_set(METRIC_HEALTHY, healthy);
    if (turned && healthy)
        log_line(LOG_INFO, "the store takes writes again", LOG_NUMBER("healthy", 1));
    else if (turned)
        log_line(LOG_ERROR, "the store takes no writes; senders get 503 until it does", LOG_CSTR("code", fault->code),
                 LOG_CSTR("error", fault->text));
}

static void run_entries(Intake *intake, const Entry *entries, size_t count)
{
    Delivery *deliveries[BATCH_MAX];
    const Fault *broken = NULL;
    for (size_t i = 0; i < count; i++)
        deliveries[i] = entries[i].delivery;
    pipeline_run(intake->line, deliveries, count);
    for (size_t i = 0; i < count && !broken; i++)
        broken = is_broken(intake, deliveries[i]) ? &deliveries[i]->fault : NULL;
    note_health(intake, !broken, broken);
}

static void finish_entries(const Entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (--entries[i].ticket->remaining == 0)
            entries[i].ticket->finished(entries[i].ticket);
    }
}

static void run_tasks(Intake *intake, Task *task)
{
    while (task) {
        Task *following = task->following;
        task->run(task, intake->line, ports_of(intake));
        task->finished(task);
        task = following;
    }
}

/* A red store is asked again and again whether it takes writes, so that it turns green without a sender's help. */
static Status probe(Intake *intake, Fault *fault)
{
    const UnitPort *unit = &ports_of(intake)->unit;
    return unit->probe ? unit->probe(unit->self, fault) : STATUS_OK;
}

/* Retention is a matter of days: once a minute is plenty, and again at once while there is more. */
static Status expire(Intake *intake, int64_t now_ms, size_t *ret_done, Fault *fault)
{
    if (clock_elapsed_ms() < intake->expire_at_ms)
        return STATUS_OK;
    Status status = pipeline_expire(intake->line, now_ms, intake->settings.retention_ms, ret_done, fault);
    intake->expire_at_ms = clock_elapsed_ms() + (*ret_done && !status ? 0 : EXPIRE_EVERY_MS);
    return status;
}

static Status deliver_due(Intake *intake, int64_t now_ms, size_t *ret_done, Fault *fault)
{
    return pipeline_deliver_due(intake->line, now_ms, ret_done, fault);
}

static Status run_due(Intake *intake, int64_t now_ms, size_t *ret_done, Fault *fault)
{
    return pipeline_run_due(intake->line, now_ms, ret_done, fault);
}

static Status record_hang_ups(Intake *intake, int64_t now_ms, size_t *ret_done, Fault *fault)
{
    return pipeline_record_hang_ups(intake->line, now_ms, ret_done, fault);
}

static Status sweep(Intake *intake, int64_t now_ms, size_t *ret_done, Fault *fault)
{
    return pipeline_sweep(intake->line, now_ms, ret_done, fault);
}

/* A store that is away holds up its own step only; the next look finds it back. */
static Status run_beside(Intake *intake, size_t *ret_done, Fault *fault)
{
    static Status (*const steps[])(Intake *, int64_t, size_t *, Fault *) = {deliver_due, run_due, record_hang_ups, sweep, expire};
    int64_t now_ms = clock_wall_ms();
    *ret_done = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        size_t done = 0;
        Status status = steps[i](intake, now_ms, &done, fault);
        if (status && status != STATUS_RETRY)
            return status;
        *ret_done += status ? 0 : done;
    }
    return STATUS_OK;
}

/* Returns when to look again (elapsed time): at once while there was something to do. */
static int64_t look_beside(Intake *intake)
{
    Fault fault = {0};
    size_t done = 0;
    pthread_mutex_lock(&intake->lock);
    bool was_healthy = intake->healthy;
    pthread_mutex_unlock(&intake->lock);
    Status status = was_healthy ? STATUS_OK : probe(intake, &fault);
    status = status ? status : run_beside(intake, &done, &fault);
    if (status || !was_healthy)
        note_health(intake, !status, &fault);
    return clock_elapsed_ms() + (done && !status ? 0 : intake->settings.sweep_every_ms);
}

static bool has_work(const Intake *intake)
{
    bool queued = intake->first_task || intake->woken;
    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        queued |= intake->lanes[lane].count > 0;
    return queued;
}

static void wait_for_work(Intake *intake, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (!has_work(intake) && !intake->stopping && clock_elapsed_ms() < until_ms)
        pthread_cond_timedwait(&intake->changed, &intake->lock, &until);
}

static void *work(void *argument)
{
    Intake *intake = argument;
    int64_t beside_at_ms = clock_elapsed_ms() + intake->settings.sweep_every_ms;
    for (bool leaving = false; !leaving;) {
        Entry entries[BATCH_MAX];
        pthread_mutex_lock(&intake->lock);
        wait_for_work(intake, beside_at_ms);
        size_t count = take_batch(intake, entries);
        Task *tasks = intake->first_task;
        intake->first_task = intake->last_task = NULL;
        bool woken = intake->woken;
        intake->woken = false;
        leaving = intake->stopping && !count && !tasks;
        bool giving_back = intake->giving_back;
        pthread_mutex_unlock(&intake->lock);

        run_tasks(intake, tasks);
        if (count && !giving_back)
            run_entries(intake, entries, count);
        finish_entries(entries, count);
        if (!leaving && (woken || clock_elapsed_ms() >= beside_at_ms))
            beside_at_ms = look_beside(intake);
    }
    return NULL;
}

/* ---- for senders ---- */

Intake *intake_open(Pipeline *line, const IntakeSettings *settings, Fault *fault)
{
    Intake *intake = calloc(1, sizeof *intake);
    if (!intake)
        abort();
    intake->line = line;
    intake->settings = *settings;
    intake->healthy = true;
    metric_set(METRIC_HEALTHY, 1);
    pthread_mutex_init(&intake->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&intake->changed, &attributes);
    pthread_condattr_destroy(&attributes);

    size_t done;
    Status status = pipeline_hold_spooled(line, fault);
    status = status ? status : run_beside(intake, &done, fault); /* what a crash left, before anything new comes in */
    if (status || pthread_create(&intake->worker, NULL, work, intake)) {
        if (!status)
            fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
        free(intake);
        return NULL;
    }
    return intake;
}

static Status admit(const Intake *intake, const Ticket *ticket, Fault *fault)
{
    if (intake->stopping)
        return fault_set(fault, STATUS_RETRY, "stopping", "the server is stopping; try another one, or later");
    for (size_t i = 0; i < ticket->count; i++) {
        if (intake->lanes[lane_of(&ticket->deliveries[i])].count >= intake->settings.lane_capacity)
            return fault_set(fault, STATUS_RETRY, "overloaded", "too many messages wait already; try again later");
    }
    return STATUS_OK;
}

Status intake_submit(Intake *intake, Ticket *ticket, Fault *fault)
{
    pthread_mutex_lock(&intake->lock);
    Status status = admit(intake, ticket, fault);
    ticket->remaining = ticket->count;
    for (size_t i = 0; !status && i < ticket->count; i++)
        lane_push(&intake->lanes[lane_of(&ticket->deliveries[i])], (Entry){&ticket->deliveries[i], ticket});
    publish_depths(intake);
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
    return status;
}

void intake_hold(const Intake *intake, const Delivery *optout) { pipeline_hold(intake->line, optout); }

Status intake_do(Intake *intake, Task *task, Fault *fault)
{
    pthread_mutex_lock(&intake->lock);
    Status status = intake->stopping ? fault_set(fault, STATUS_RETRY, "stopping", "the server is stopping") : STATUS_OK;
    if (!status) {
        task->following = NULL;
        *(intake->last_task ? &intake->last_task->following : &intake->first_task) = task;
        intake->last_task = task;
    }
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
    return status;
}

void intake_wake(Intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->woken = true;
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
}

void intake_state(Intake *intake, IntakeState *ret)
{
    pthread_mutex_lock(&intake->lock);
    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        ret->queued[lane] = intake->lanes[lane].count;
    ret->healthy = intake->healthy;
    ret->fault = intake->fault;
    pthread_mutex_unlock(&intake->lock);
}

void intake_give_back(Intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->stopping = intake->giving_back = true;
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
}

void intake_stop(Intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->stopping = true;
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
    pthread_join(intake->worker, NULL);
}

void intake_free(Intake *intake)
{
    if (!intake)
        return;
    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        free(intake->lanes[lane].entries);
    pthread_cond_destroy(&intake->changed);
    pthread_mutex_destroy(&intake->lock);
    free(intake);
}
