#include "ingress/sqs_haul.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"

/* A quarter of the visibility time-out, within these, so that other messages are extended in time. */
enum { PATIENCE_LEAST_MS = 2000, PATIENCE_MOST_MS = 10000 };

Haul *haul_new(void)
{
    Haul *haul = calloc(1, sizeof *haul);
    if (!haul)
        abort();
    arena_init(&haul->arena);
    return haul;
}

void haul_free(Haul *haul)
{
    arena_done(&haul->arena);
    free(haul);
}

/* ---- to the line ---- */

/* When the queue got it is the same each time that it comes. */
static int64_t received_ms(const SqsMessage *message)
{
    int64_t now_ms = clock_wall_ms();
    return message->sent_ms > 0 && message->sent_ms < now_ms ? message->sent_ms : now_ms;
}

void haul_deliver(Haul *haul, const SqsQueue *queue)
{
    for (size_t i = 0; i < haul->count; i++) {
        const SqsMessage *message = &haul->messages[i];
        haul->deliveries[i] = (Delivery){.body = message->body, .topic = queue->topic, .topic_wins = !slice_empty(queue->topic), .message_id = message->id,
                                         .received_ms = received_ms(message), .attempts = message->receives > 0 ? message->receives - 1 : 0};
    }
    haul->ticket.deliveries = haul->deliveries;
    haul->ticket.count = haul->count;
}

static bool comes_again(const Delivery *delivery) { return delivery->verdict == VERDICT_RETRY || delivery->verdict == VERDICT_FATAL; }

/* A message that waits for reasons of its own, like its campaign, says nothing about the stores. */
bool haul_has_failed(const Haul *haul)
{
    bool has_outage = false;
    for (size_t i = 0; i < haul->count; i++) {
        const Delivery *delivery = &haul->deliveries[i];
        if (!comes_again(delivery))
            return false;
        has_outage = has_outage || delivery->outage || delivery->verdict == VERDICT_FATAL;
    }
    return has_outage;
}

/* ---- back to the queue ---- */

/* What is asked of a queue for some of its messages, ten at a time. */
typedef struct Errand {
    AwsClient *client;
    const SqsQueue *queue;
    bool deletes;      /* else hides */
    Metric metric;
    Slice receipts[SQS_BATCH_MAX];
    int64_t seconds[SQS_BATCH_MAX];
    size_t count;
    bool has_failed;
} Errand;

static int64_t patience_ms(const SqsQueue *queue)
{
    int64_t patience_ms = queue->visibility_ms / 4;
    patience_ms = patience_ms > PATIENCE_LEAST_MS ? patience_ms : PATIENCE_LEAST_MS;
    return patience_ms < PATIENCE_MOST_MS ? patience_ms : PATIENCE_MOST_MS;
}

static void errand_run(Errand *errand)
{
    size_t done = 0;
    Fault fault;
    Arena arena;
    if (!errand->count)
        return;
    arena_init(&arena);
    int64_t deadline_ms = clock_elapsed_ms() + patience_ms(errand->queue);
    Status status = errand->deletes
        ? sqs_delete(errand->client, errand->queue, errand->receipts, errand->count, deadline_ms, &arena, &done, &fault)
        : sqs_hide(errand->client, errand->queue, errand->receipts, errand->seconds, errand->count, deadline_ms, &arena, &done, &fault);
    arena_done(&arena);
    metric_add(errand->metric, (int64_t)done);
    errand->count = 0;
    if (!status)
        return;
    errand->has_failed = true;
    log_line(LOG_WARN, errand->deletes ? "messages could not be deleted, and come again" : "messages could not be given back or kept hidden",
             LOG_TEXT("queue", errand->queue->name), LOG_CSTR("code", fault.code), LOG_CSTR("error", fault.text));
}

static void errand_add(Errand *errand, Slice receipt, int64_t seconds)
{
    errand->receipts[errand->count] = receipt;
    errand->seconds[errand->count++] = seconds;
    if (errand->count == SQS_BATCH_MAX)
        errand_run(errand);
}

/* Full jitter, in the whole seconds that SQS knows. */
static int64_t backoff_s(const SqsBackoff *backoff, int receives)
{
    int64_t most_ms = backoff->first_ms;
    for (int i = 1; i < receives && most_ms < backoff->most_ms; i++)
        most_ms *= 2;
    most_ms = most_ms < backoff->most_ms ? most_ms : backoff->most_ms;
    uint32_t random;
    digest_random((uint8_t *)&random, sizeof random);
    int64_t seconds = ((int64_t)(random % ((uint64_t)most_ms + 1)) + 999) / 1000;
    return seconds < SQS_VISIBILITY_MAX_S ? seconds : SQS_VISIBILITY_MAX_S;
}

static int64_t hidden_s(const Delivery *delivery, const SqsMessage *message, const SqsQueue *queue, const SqsBackoff *backoff)
{
    bool leaves_soon = delivery->verdict == VERDICT_REJECT && queue->has_dead_letters;
    bool was_not_begun = delivery->verdict == VERDICT_NONE;
    return leaves_soon || was_not_begun ? 0 : backoff_s(backoff, message->receives);
}

/* In a queue with an order, what stands behind a message of its group that comes again comes again behind it. A rejected one never
 * comes to anything, so nothing has to wait for it. */
static bool stands_behind(const Haul *haul, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        bool is_open = haul->deliveries[k].verdict != VERDICT_DONE && haul->deliveries[k].verdict != VERDICT_REJECT;
        if (is_open && slice_equal(haul->messages[k].group, haul->messages[i].group))
            return true;
    }
    return false;
}

static void settle_message(const Haul *haul, size_t i, const SqsBackoff *backoff, Errand *deletions, Errand *returns)
{
    const Delivery *delivery = &haul->deliveries[i];
    const SqsMessage *message = &haul->messages[i];
    if (deletions->queue->is_fifo && stands_behind(haul, i))
        errand_add(returns, message->receipt, 0);
    else if (delivery->verdict == VERDICT_DONE)
        errand_add(deletions, message->receipt, 0);
    else
        errand_add(returns, message->receipt, hidden_s(delivery, message, returns->queue, backoff));
}

void hauls_settle(const Haul *first, AwsClient *client, const SqsQueue *queue, const SqsBackoff *backoff)
{
    Errand deletions = {.client = client, .queue = queue, .deletes = true, .metric = METRIC_SQS_DELETED};
    Errand returns = {.client = client, .queue = queue, .metric = METRIC_SQS_GIVEN_BACK};
    for (const Haul *haul = first; haul; haul = haul->following) {
        for (size_t i = 0; i < haul->count; i++)
            settle_message(haul, i, backoff, &deletions, &returns);
    }
    errand_run(&deletions);
    errand_run(&returns);
}

bool haul_extend(const Haul *haul, AwsClient *client, const SqsQueue *queue)
{
    Errand extension = {.client = client, .queue = queue, .metric = METRIC_SQS_EXTENDED};
    for (size_t i = 0; i < haul->count; i++)
        errand_add(&extension, haul->messages[i].receipt, queue->visibility_ms / 1000);
    errand_run(&extension);
    return !extension.has_failed;
}
