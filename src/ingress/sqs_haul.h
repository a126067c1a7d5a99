/* What one receive brought: its messages go down the line as one ticket, and back to their queue by their verdicts. */
#pragma once

#include "ingress/intake.h"
#include "ingress/sqs_queue.h"

typedef struct Haul {
    Ticket ticket;
    Delivery deliveries[SQS_BATCH_MAX];
    SqsMessage messages[SQS_BATCH_MAX];
    size_t count;
    Arena arena;               /* holds the messages */

    struct SqsWorker *worker;  /* the rest is the worker's own */
    struct Haul *following;
    int64_t extend_at_ms;      /* elapsed time */
    bool is_answered;
} Haul;

/* How long a message that is tried again stays hidden: anything up to first_ms, which doubles with each receive up to most_ms. */
typedef struct SqsBackoff { int64_t first_ms, most_ms; } SqsBackoff;

/* The one that holds nothing yet. */
Haul *haul_new(void);
void haul_free(Haul *haul);

/* Makes deliveries of its messages. */
void haul_deliver(Haul *haul, const SqsQueue *queue);

/* True when none of it could be applied, because a store or our disk is away, and all of it will be tried again. */
bool haul_has_failed(const Haul *haul);

/* Deletes what is done and gives the rest back, of all hauls in the list: what could not be run at once, what will be tried again
 * after a while, what can never succeed at once again, so that the queue's redrive policy soon takes it to the dead letters. A call
 * that fails costs a line in the log and a repeat of its messages. */
void hauls_settle(const Haul *first, AwsClient *client, const SqsQueue *queue, const SqsBackoff *backoff);

/* Keeps its messages hidden for the queue's visibility time-out from now on. False when the queue did not hear of it. */
bool haul_extend(const Haul *haul, AwsClient *client, const SqsQueue *queue);
