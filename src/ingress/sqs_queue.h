/* An SQS queue and the calls that a worker makes to it (AWS's JSON protocol). */
#pragma once

#include "base/config.h"
#include "net/aws.h"

/* AWS takes ten entries in a batch and gives ten messages at once. */
enum { SQS_BATCH_MAX = 10, SQS_VISIBILITY_MAX_S = 12 * 60 * 60 };

typedef struct SqsQueue {
    Slice url;      /* as AWS wrote it */
    Slice name;     /* its last part */
    Slice topic;    /* what comes there where a message does not say it in our words; empty = each says it */
    AwsSettings aws;

    /* as the queue has them, after sqs_look_up */
    int64_t visibility_ms;
    bool is_fifo;
    bool has_dead_letters; /* a redrive policy takes what is received too often to another queue */
} SqsQueue;

typedef struct SqsMessage {
    Slice id, receipt, body;
    Slice group;      /* MessageGroupId; empty on a queue without order */
    int receives;     /* this one included */
    int64_t sent_ms;  /* when the queue got it; 0 = not said */
} SqsMessage;

/* "URL,topic=URL" as queues, in arena. REJECT "usage_queue" says what is wrong with one. config is borrowed. */
Status sqs_parse_queues(const char *text, const Config *config, Arena *arena, SqsQueue **ret, size_t *ret_count, Fault *fault);

/* A client for this queue; one thread's. */
AwsClient *sqs_client(const SqsQueue *queue);

/* Asks the queue for its visibility time-out, order and redrive policy. */
Status sqs_look_up(AwsClient *client, SqsQueue *queue, Fault *fault);

/* Up to max messages (SQS_BATCH_MAX at most), in arena; waits for the first one, up to 20 s. */
Status sqs_receive(AwsClient *client, const SqsQueue *queue, size_t max, Arena *arena, SqsMessage *ret, size_t *ret_count, Fault *fault);

/* Up to SQS_BATCH_MAX entries; *ret_done of them were done, also when another one failed. */
Status sqs_delete(AwsClient *client, const SqsQueue *queue, const Slice *receipts, size_t count, int64_t deadline_ms, Arena *arena,
                  size_t *ret_done, Fault *fault);
/* From now on each stays hidden for its number of seconds; 0 = anybody may have it at once. */
Status sqs_hide(AwsClient *client, const SqsQueue *queue, const Slice *receipts, const int64_t *seconds, size_t count, int64_t deadline_ms,
                Arena *arena, size_t *ret_done, Fault *fault);
