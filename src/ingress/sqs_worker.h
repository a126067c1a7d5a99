/* Works through one queue: a thread receives and gives the messages to the line, another deletes what is done, gives back the rest,
 * and keeps hidden what is still being worked on. The broker is the spool: nothing is deleted before its effects are durable. */
#pragma once

#include "base/breaker.h"
#include "ingress/sqs_haul.h"

typedef struct SqsWorker SqsWorker;

/* Looks the queue up and starts. REJECT: there is no such queue, or it is not for us. queue is borrowed, and filled. */
Status sqs_worker_open(SqsQueue *queue, const SqsBackoff *backoff, Intake *intake, SqsWorker **ret, Fault *fault);

/* For readyz: whether the queue answers. */
Breaker *sqs_worker_breaker(SqsWorker *worker);

/* Receives no more; returns when no receive is under way. The line may still have messages. */
void sqs_workers_quiesce(SqsWorker *const *workers, size_t count);

/* Once intake has stopped: waits until everything went back. NULL is fine. */
void sqs_worker_close(SqsWorker *worker);
