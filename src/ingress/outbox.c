#include "ingress/outbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

enum { BATCH = 64, PAUSE_FIRST_MS = 50, PAUSE_MOST_MS = 5000, GRACE_MS = 2000 };

typedef struct Letter {
    STAILQ_ENTRY(Letter) behind;
    Slice topic, body;
    int64_t received_ms;
    char texts[];
} Letter;

struct Outbox {
    Intake *intake;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    STAILQ_HEAD(, Letter) letters;
    size_t count;
    bool is_leaving, is_closing, is_answered;
    int64_t give_up_at_ms;
};

static void wait_until(Outbox *outbox, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(&outbox->changed, &outbox->lock, &until);
}

/* ---- into the line: one ticket at a time, so that the order stays ---- */

static void take_verdicts(Ticket *ticket)
{
    Outbox *outbox = ticket->context;
    pthread_mutex_lock(&outbox->lock);
    outbox->is_answered = true;
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
}

/* The first of what is held; false when it is time to leave. */
static bool wait_for_letters(Outbox *outbox, Delivery deliveries[BATCH], size_t *ret_count)
{
    const Letter *letter;
    *ret_count = 0;
    pthread_mutex_lock(&outbox->lock);
    while (!outbox->count && !outbox->is_closing)
        wait_until(outbox, clock_elapsed_ms() + 60000);
    STAILQ_FOREACH(letter, &outbox->letters, behind)
    {
        if (*ret_count == BATCH)
            break;
        deliveries[(*ret_count)++] = (Delivery){.body = letter->body, .topic = letter->topic, .received_ms = letter->received_ms};
    }
    bool is_over = outbox->is_closing && clock_elapsed_ms() >= outbox->give_up_at_ms;
    pthread_mutex_unlock(&outbox->lock);
    return *ret_count && !is_over;
}

static bool is_safe(const Delivery *delivery)
{
    return delivery->verdict == VERDICT_DONE || delivery->verdict == VERDICT_REJECT || (delivery->verdict == VERDICT_RETRY && delivery->kept);
}

static void submit(Outbox *outbox, Delivery *deliveries, size_t count)
{
    Ticket ticket = {.deliveries = deliveries, .count = count, .finished = take_verdicts, .context = outbox};
    Fault fault;
    outbox->is_answered = false;
    if (intake_submit(outbox->intake, &ticket, &fault))
        return;
    pthread_mutex_lock(&outbox->lock);
    while (!outbox->is_answered)
        wait_until(outbox, clock_elapsed_ms() + 60000);
    pthread_mutex_unlock(&outbox->lock);
}

/* Those in the front that are safe. Returns how many; one behind them that is safe, too, is told once more, which changes nothing. */
static size_t let_go(Outbox *outbox, const Delivery *deliveries, size_t count)
{
    size_t gone = 0;
    pthread_mutex_lock(&outbox->lock);
    for (; gone < count && is_safe(&deliveries[gone]); gone++) {
        Letter *letter = STAILQ_FIRST(&outbox->letters);
        STAILQ_REMOVE_HEAD(&outbox->letters, behind);
        free(letter);
    }
    outbox->count -= gone;
    metric_set(METRIC_ASTERISK_HELD, (int64_t)outbox->count);
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
    return gone;
}

static void pause_sending(Outbox *outbox, int64_t pause_ms)
{
    int64_t until_ms = clock_elapsed_ms() + pause_ms;
    pthread_mutex_lock(&outbox->lock);
    while (clock_elapsed_ms() < until_ms && !(outbox->is_closing && clock_elapsed_ms() >= outbox->give_up_at_ms))
        wait_until(outbox, until_ms);
    pthread_mutex_unlock(&outbox->lock);
}

static void *carry(void *argument)
{
    Outbox *outbox = argument;
    Delivery deliveries[BATCH];
    size_t count;
    int64_t pause_ms = PAUSE_FIRST_MS;
    while (wait_for_letters(outbox, deliveries, &count)) {
        submit(outbox, deliveries, count);
        if (let_go(outbox, deliveries, count) == count) {
            pause_ms = PAUSE_FIRST_MS;
            continue;
        }
        pause_sending(outbox, pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
    }
    return NULL;
}

/* ---- for whoever puts ---- */

static Letter *letter_new(Slice topic, Slice body)
{
    Letter *letter = malloc(sizeof *letter + topic.bytes + body.bytes);
    if (!letter)
        abort();
    *letter = (Letter){.topic = {letter->texts, topic.bytes}, .body = {letter->texts + topic.bytes, body.bytes}, .received_ms = clock_wall_ms()};
    memcpy(letter->texts, topic.at, topic.bytes);
    memcpy(letter->texts + topic.bytes, body.at, body.bytes);
    return letter;
}

void outbox_put(Outbox *outbox, Slice topic, Slice body)
{
    Letter *letter = letter_new(topic, body);
    pthread_mutex_lock(&outbox->lock);
    while (outbox->count >= OUTBOX_MESSAGES_MAX && !outbox->is_leaving)
        wait_until(outbox, clock_elapsed_ms() + 60000);
    STAILQ_INSERT_TAIL(&outbox->letters, letter, behind);
    metric_set(METRIC_ASTERISK_HELD, (int64_t)++outbox->count);
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_leave(Outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->is_leaving = true;
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
}

static void outbox_free(Outbox *outbox)
{
    Letter *letter;
    while ((letter = STAILQ_FIRST(&outbox->letters))) {
        STAILQ_REMOVE_HEAD(&outbox->letters, behind);
        free(letter);
    }
    pthread_cond_destroy(&outbox->changed);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

Outbox *outbox_open(Intake *intake, Fault *fault)
{
    Outbox *outbox = calloc(1, sizeof *outbox);
    pthread_condattr_t attributes;
    if (!outbox)
        abort();
    outbox->intake = intake;
    STAILQ_INIT(&outbox->letters);
    pthread_mutex_init(&outbox->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!pthread_create(&outbox->thread, NULL, carry, outbox))
        return outbox;
    outbox_free(outbox);
    fault_set(fault, STATUS_FATAL, "no_thread", "no thread can be started for what Asterisk says");
    return NULL;
}

void outbox_close(Outbox *outbox)
{
    if (!outbox)
        return;
    pthread_mutex_lock(&outbox->lock);
    outbox->is_leaving = outbox->is_closing = true;
    outbox->give_up_at_ms = clock_elapsed_ms() + GRACE_MS;
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
    pthread_join(outbox->thread, NULL);
    if (outbox->count)
        log_line(LOG_WARN, "messages of Asterisk's calls could not be stored and are lost", LOG_NUMBER("messages", (int64_t)outbox->count));
    outbox_free(outbox);
}
