#include "ingress/sqs_worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"

/* One run of the line is full of what is held; more would only wait where no other process can have it. */
enum { HELD_MAX = BATCH_MAX, LOOK_EVERY_MS = 200, PAUSE_FIRST_MS = 500, PAUSE_DOUBLINGS_MAX = 6 };

struct SqsWorker {
    const SqsQueue *queue;
    SqsBackoff backoff;
    Intake *intake;
    Breaker breaker;
    AwsClient *receiving, *keeping; /* one a thread */
    pthread_t receiver, keeper;
    bool has_receiver, has_keeper;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    Haul *hauls;          /* received, and not gone back; the oldest first */
    size_t held;          /* their messages */
    int failures;         /* hauls in a row of which nothing could be applied */
    int64_t pause_until_ms;
    bool is_stopping, is_closing;
};

static void wait_until(SqsWorker *worker, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

/* ---- receiving ---- */

static bool is_healthy(const SqsWorker *worker)
{
    IntakeState state;
    intake_state(worker->intake, &state);
    return state.healthy;
}

/* Waits until there is room and the line is well; false when it is time to leave. While nothing can be applied, messages are taken
 * one at a time: each receive uses up one of those that the redrive policy grants. */
static bool wait_for_turn(SqsWorker *worker, size_t *ret_max)
{
    for (;;) {
        bool healthy = is_healthy(worker);
        pthread_mutex_lock(&worker->lock);
        int64_t now_ms = clock_elapsed_ms();
        bool leaves = worker->is_stopping;
        bool is_our_turn = healthy && worker->held + SQS_BATCH_MAX <= HELD_MAX && now_ms >= worker->pause_until_ms;
        *ret_max = worker->failures ? 1 : SQS_BATCH_MAX;
        if (!leaves && !is_our_turn)
            wait_until(worker, now_ms + LOOK_EVERY_MS);
        pthread_mutex_unlock(&worker->lock);
        if (leaves || is_our_turn)
            return !leaves;
    }
}

static void pause_receiving(SqsWorker *worker, int64_t pause_ms)
{
    pthread_mutex_lock(&worker->lock);
    worker->pause_until_ms = clock_elapsed_ms() + pause_ms;
    pthread_mutex_unlock(&worker->lock);
}

static Status receive(SqsWorker *worker, size_t max, Haul *haul, Fault *fault)
{
    Status status = breaker_enter(&worker->breaker, fault);
    if (status) {
        pause_receiving(worker, LOOK_EVERY_MS);
        return status;
    }
    status = sqs_receive(worker->receiving, worker->queue, max, &haul->arena, haul->messages, &haul->count, fault);
    if (!status)
        breaker_answered(&worker->breaker);
    else if (strcmp(fault->code, "cancelled"))
        breaker_failed(&worker->breaker, fault);
    return status;
}

static void answer(SqsWorker *worker, Haul *haul)
{
    pthread_mutex_lock(&worker->lock);
    haul->is_answered = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

/* Half of the pause and all of it, with the failures in a row: many processes do not come back in one moment. */
static int64_t pause_ms(int failures)
{
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << (failures < PAUSE_DOUBLINGS_MAX ? failures : PAUSE_DOUBLINGS_MAX);
    uint32_t random;
    digest_random((uint8_t *)&random, sizeof random);
    return most_ms / 2 + random % (most_ms / 2);
}

static void take_verdicts(Ticket *ticket)
{
    Haul *haul = ticket->context;
    SqsWorker *worker = haul->worker;
    bool has_failed = haul_has_failed(haul);
    pthread_mutex_lock(&worker->lock);
    worker->failures = has_failed ? worker->failures + 1 : 0;
    worker->pause_until_ms = has_failed ? clock_elapsed_ms() + pause_ms(worker->failures) : 0;
    pthread_mutex_unlock(&worker->lock);
    answer(worker, haul);
}

static Haul **end_of(SqsWorker *worker)
{
    Haul **end = &worker->hauls;
    while (*end)
        end = &(*end)->following;
    return end;
}

static void hold(SqsWorker *worker, Haul *haul)
{
    haul->worker = worker;
    haul->extend_at_ms = clock_elapsed_ms() + worker->queue->visibility_ms / 2;
    pthread_mutex_lock(&worker->lock);
    *end_of(worker) = haul;
    worker->held += haul->count;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void submit(SqsWorker *worker, Haul *haul)
{
    Fault fault;
    metric_add(METRIC_SQS_RECEIVED, (int64_t)haul->count);
    haul_deliver(haul, worker->queue);
    haul->ticket.context = haul;
    haul->ticket.finished = take_verdicts;
    hold(worker, haul);
    if (intake_submit(worker->intake, &haul->ticket, &fault))
        answer(worker, haul); /* without a verdict, so it goes back */
}

static void *receive_messages(void *argument)
{
    SqsWorker *worker = argument;
    size_t max;
    while (wait_for_turn(worker, &max)) {
        Fault fault;
        Haul *haul = haul_new();
        if (!receive(worker, max, haul, &fault) && haul->count)
            submit(worker, haul);
        else
            haul_free(haul);
    }
    return NULL;
}

/* ---- keeping ---- */

/* Out of the list, those that have their verdicts; no more than one batch of them, so that extending others never waits for long. */
static Haul *take_answered(SqsWorker *worker)
{
    Haul *answered = NULL;
    size_t count = 0;
    for (Haul **at = &worker->hauls; *at;) {
        Haul *haul = *at;
        if (!haul->is_answered || count + haul->count > SQS_BATCH_MAX) {
            at = &haul->following;
            continue;
        }
        *at = haul->following;
        haul->following = answered;
        answered = haul;
        count += haul->count;
    }
    return answered;
}

/* The one that is to be extended first; NULL when none is held. */
static Haul *next_to_extend(const SqsWorker *worker)
{
    Haul *next = worker->hauls;
    for (Haul *haul = next; haul; haul = haul->following)
        next = haul->extend_at_ms < next->extend_at_ms ? haul : next;
    return next;
}

static void give_back(SqsWorker *worker, Haul *answered)
{
    size_t count = 0;
    hauls_settle(answered, worker->keeping, worker->queue, &worker->backoff);
    while (answered) {
        Haul *haul = answered;
        answered = haul->following;
        count += haul->count;
        haul_free(haul);
    }
    pthread_mutex_lock(&worker->lock);
    worker->held -= count;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

/* Only this thread frees a haul, so it may be read while the line works on it. */
static void extend(SqsWorker *worker, Haul *haul)
{
    int64_t half_ms = worker->queue->visibility_ms / 2;
    bool was_heard = haul_extend(haul, worker->keeping, worker->queue);
    haul->extend_at_ms = clock_elapsed_ms() + (was_heard ? half_ms : half_ms / 4);
}

/* Waits for what is to be done next: hauls that go back, or one that must stay hidden. False when there is nothing left. */
static bool wait_for_work(SqsWorker *worker, Haul **ret_answered, Haul **ret_due)
{
    *ret_answered = *ret_due = NULL;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        *ret_answered = take_answered(worker);
        Haul *next = next_to_extend(worker);
        int64_t now_ms = clock_elapsed_ms();
        bool is_due = next && next->extend_at_ms <= now_ms;
        *ret_due = is_due ? next : NULL;
        if (*ret_answered || is_due || (worker->is_closing && !next))
            break;
        wait_until(worker, next ? next->extend_at_ms : now_ms + 60000);
    }
    pthread_mutex_unlock(&worker->lock);
    return *ret_answered || *ret_due;
}

static void *keep_messages(void *argument)
{
    SqsWorker *worker = argument;
    Haul *answered, *due;
    while (wait_for_work(worker, &answered, &due)) {
        if (due)
            extend(worker, due);
        if (answered)
            give_back(worker, answered);
    }
    return NULL;
}

/* ---- open and close ---- */

static void init_lock(SqsWorker *worker)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static Status look_up(const SqsWorker *worker, SqsQueue *queue, Fault *fault)
{
    Status status = sqs_look_up(worker->keeping, queue, fault);
    if (status)
        return status;
    if (queue->visibility_ms < 1000)
        return fault_set(fault, STATUS_REJECT, "queue_visibility", "the queue %.80s hides no message while it is worked on: set its VisibilityTimeout, 30 s or more",
                         queue->name.at);
    log_line(LOG_INFO, "receiving", LOG_TEXT("queue", queue->name), LOG_TEXT("topic", queue->topic),
             LOG_NUMBER("visibility_s", queue->visibility_ms / 1000), LOG_NUMBER("fifo", queue->is_fifo));
    if (!queue->has_dead_letters)
        log_line(LOG_WARN, "the queue has no redrive policy: what can never be applied comes again until it expires", LOG_TEXT("queue", queue->name));
    return STATUS_OK;
}

static Status start_threads(SqsWorker *worker, Fault *fault)
{
    worker->has_keeper = !pthread_create(&worker->keeper, NULL, keep_messages, worker);
    worker->has_receiver = worker->has_keeper && !pthread_create(&worker->receiver, NULL, receive_messages, worker);
    return worker->has_receiver ? STATUS_OK : fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started for a queue");
}

Status sqs_worker_open(SqsQueue *queue, const SqsBackoff *backoff, Intake *intake, SqsWorker **ret, Fault *fault)
{
    SqsWorker *worker = calloc(1, sizeof *worker);
    if (!worker)
        abort();
    *worker = (SqsWorker){.queue = queue, .backoff = *backoff, .intake = intake, .receiving = sqs_client(queue), .keeping = sqs_client(queue)};
    breaker_init(&worker->breaker, queue->name.at);
    init_lock(worker);
    *ret = worker;
    Status status = look_up(worker, queue, fault);
    return status ? status : start_threads(worker, fault);
}

Breaker *sqs_worker_breaker(SqsWorker *worker) { return &worker->breaker; }

static void stop_receiving(SqsWorker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    aws_client_cancel(worker->receiving); /* its answer may be 20 s away */
}

void sqs_workers_quiesce(SqsWorker *const *workers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        stop_receiving(workers[i]);
    for (size_t i = 0; i < count; i++) {
        if (workers[i]->has_receiver)
            pthread_join(workers[i]->receiver, NULL);
        workers[i]->has_receiver = false;
    }
}

void sqs_worker_close(SqsWorker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->is_closing = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    if (worker->has_keeper)
        pthread_join(worker->keeper, NULL);
    aws_client_free(worker->receiving);
    aws_client_free(worker->keeping);
    breaker_done(&worker->breaker);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
