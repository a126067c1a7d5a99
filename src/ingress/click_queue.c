/* A ring, and a thread that lets clicks gather for a second and gives them to the worker as one task. A batch that the store did not
 * take is given again as it was, so that a commit whose answer was lost counts nothing twice. */
#include "ingress/click_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"

enum { WAITING_MAX = 8192, GATHER_MS = 1000 };

typedef struct Click {
    char ref[REF_BYTES];
    ClickKind kind;
    int64_t at_ms;
} Click;

struct ClickQueue {
    Intake *intake;
    pthread_t thread;
    Task task;
    Click batch[BATCH_MAX];       /* the thread's own, as are clicks */
    LinkClicks clicks[BATCH_MAX]; /* of the batch, by link and kind */
    size_t batch_count, clicks_count;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    Click waiting[WAITING_MAX];
    size_t first, count;
    bool is_stopping, task_is_done, is_stored;
};

/* ---- a batch ---- */

static int compare_clicks(const void *a, const void *b)
{
    const Click *one = a, *other = b;
    int order = memcmp(one->ref, other->ref, REF_BYTES);
    order = order ? order : (one->kind > other->kind) - (one->kind < other->kind);
    return order ? order : (one->at_ms > other->at_ms) - (one->at_ms < other->at_ms);
}

static bool is_same(const LinkClicks *clicks, const Click *click)
{
    return clicks->kind == click->kind && slice_equal(clicks->ref, (Slice){click->ref, REF_BYTES});
}

static void merge_batch(ClickQueue *queue)
{
    qsort(queue->batch, queue->batch_count, sizeof *queue->batch, compare_clicks);
    queue->clicks_count = 0;
    for (size_t i = 0; i < queue->batch_count; i++) {
        const Click *click = &queue->batch[i];
        LinkClicks *last = queue->clicks_count ? &queue->clicks[queue->clicks_count - 1] : NULL;
        if (!last || !is_same(last, click)) {
            last = &queue->clicks[queue->clicks_count++];
            *last = (LinkClicks){.ref = {click->ref, REF_BYTES}, .kind = click->kind, .first_ms = click->at_ms};
        }
        last->last_ms = click->at_ms;
        last->count++;
    }
}

/* Under the lock. */
static void take_batch(ClickQueue *queue)
{
    for (queue->batch_count = 0; queue->batch_count < BATCH_MAX && queue->count; queue->count--) {
        queue->batch[queue->batch_count++] = queue->waiting[queue->first];
        queue->first = (queue->first + 1) % WAITING_MAX;
    }
}

/* ---- on the worker's thread ---- */

static void write_batch(Task *task, Pipeline *line, const Ports *ports)
{
    (void)line;
    ClickQueue *queue = task->context;
    Fault ignored; /* it is tried again, and the store's health is the worker's business */
    queue->is_stored = false;
    if (ports->unit.begin(ports->unit.self, &ignored))
        return;
    if (ports->gifts.click(ports->gifts.self, queue->clicks, queue->clicks_count, &ignored))
        ports->unit.rollback(ports->unit.self);
    else
        queue->is_stored = !ports->unit.commit(ports->unit.self, &ignored);
}

static void batch_written(Task *task)
{
    ClickQueue *queue = task->context;
    pthread_mutex_lock(&queue->lock);
    queue->task_is_done = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* ---- the thread ---- */

static void gather(ClickQueue *queue, int64_t for_ms)
{
    int64_t until_ms = clock_elapsed_ms() + for_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (!queue->is_stopping && clock_elapsed_ms() < until_ms)
        pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

/* False when the worker takes nothing any more. */
static bool give_batch(ClickQueue *queue)
{
    Fault ignored;
    queue->task = (Task){.run = write_batch, .finished = batch_written, .context = queue};
    queue->task_is_done = false;
    pthread_mutex_unlock(&queue->lock);
    bool is_taken = !intake_do(queue->intake, &queue->task, &ignored);
    pthread_mutex_lock(&queue->lock);
    while (is_taken && !queue->task_is_done)
        pthread_cond_wait(&queue->changed, &queue->lock);
    return is_taken && queue->is_stored;
}

/* Under the lock. While it stops there is one try. */
static void store_batch(ClickQueue *queue)
{
    merge_batch(queue);
    while (!give_batch(queue)) {
        if (queue->is_stopping) {
            metric_add(METRIC_CLICKS_LOST, (int64_t)queue->batch_count);
            return;
        }
        gather(queue, GATHER_MS);
    }
}

static void *run(void *context)
{
    ClickQueue *queue = context;
    pthread_mutex_lock(&queue->lock);
    while (queue->count || !queue->is_stopping) {
        while (!queue->count && !queue->is_stopping)
            pthread_cond_wait(&queue->changed, &queue->lock);
        if (queue->count < BATCH_MAX)
            gather(queue, GATHER_MS);
        take_batch(queue);
        if (queue->batch_count)
            store_batch(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- for who clicks ---- */

void click_queue_add(ClickQueue *queue, Slice ref, ClickKind kind, int64_t at_ms)
{
    pthread_mutex_lock(&queue->lock);
    bool takes = queue->count < WAITING_MAX && !queue->is_stopping;
    if (takes) {
        Click *click = &queue->waiting[(queue->first + queue->count++) % WAITING_MAX];
        *click = (Click){.kind = kind, .at_ms = at_ms};
        memcpy(click->ref, ref.at, REF_BYTES);
        if (queue->count == 1)
            pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!takes)
        metric_add(METRIC_CLICKS_LOST, 1);
}

/* ---- life ---- */

ClickQueue *click_queue_open(Intake *intake, Fault *fault)
{
    ClickQueue *queue = calloc(1, sizeof *queue);
    if (!queue)
        abort();
    queue->intake = intake;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!pthread_create(&queue->thread, NULL, run, queue))
        return queue;
    fault_set(fault, STATUS_FATAL, "no_thread", "no thread can be started for the clicks on links");
    click_queue_free(queue);
    return NULL;
}

void click_queue_stop(ClickQueue *queue)
{
    if (!queue)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->is_stopping = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
}

void click_queue_free(ClickQueue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}
