#include "ingress/sqs_queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

/* SQS waits at most 20 s for a message; the answer may take a little longer. */
enum { WAIT_S = 20, RECEIVE_MS = (WAIT_S + 10) * 1000, LOOK_UP_MS = 15000 };

AwsClient *sqs_client(const SqsQueue *queue) { return aws_client_new("sqs", &queue->aws); }

/* ---- what goes out and comes back ---- */

static Text open_request(const SqsQueue *queue, Arena *arena)
{
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "QueueUrl", queue->url);
    return body;
}

static Status call(AwsClient *client, const char *target, Text *body, int64_t deadline_ms, Arena *arena, const Json **ret, Fault *fault)
{
    AwsAnswer answer;
    text_add_byte(body, '}');
    Status status = aws_call(client, target, text_slice(body), (AwsDeadline){.elapsed_ms = deadline_ms}, arena, &answer, fault);
    if (status)
        return status;
    if (slice_empty(answer.body))
        answer.body = SLICE("{}");
    if (json_parse(answer.body, arena, ret, fault))
        return fault->status = STATUS_RETRY; /* not what SQS says */
    return STATUS_OK;
}

static int64_t number_of(const Json *object, const char *key)
{
    Slice text = json_text(json_get(object, key)); /* attributes are numbers in text */
    return slice_empty(text) ? 0 : strtoll(text.at, NULL, 10);
}

/* ---- the queue itself ---- */

static Status tell_which(const SqsQueue *queue, Fault *fault)
{
    Fault why = *fault;
    return fault_set(fault, why.status, why.code, "the queue %.110s cannot be read; check its URL, region, account and policy: %.80s", queue->url.at, why.text);
}

Status sqs_look_up(AwsClient *client, SqsQueue *queue, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    const Json *answer;
    Text body = open_request(queue, &arena);
    text_add_literal(&body, ",\"AttributeNames\":[\"All\"]"); /* FifoQueue by its name is an error where there is no order */
    Status status = call(client, "AmazonSQS.GetQueueAttributes", &body, clock_elapsed_ms() + LOOK_UP_MS, &arena, &answer, fault);
    const Json *attributes = status ? NULL : json_get(answer, "Attributes");
    if (!status) {
        queue->visibility_ms = number_of(attributes, "VisibilityTimeout") * 1000;
        queue->is_fifo = slice_equal(json_text(json_get(attributes, "FifoQueue")), SLICE("true"));
        queue->has_dead_letters = !slice_empty(json_text(json_get(attributes, "RedrivePolicy")));
    }
    arena_done(&arena);
    return status ? tell_which(queue, fault) : STATUS_OK;
}

/* ---- receive ---- */

static SqsMessage read_message(const Json *message)
{
    const Json *attributes = json_get(message, "Attributes");
    return (SqsMessage){.id = json_text(json_get(message, "MessageId")), .receipt = json_text(json_get(message, "ReceiptHandle")),
                        .body = json_text(json_get(message, "Body")), .group = json_text(json_get(attributes, "MessageGroupId")),
                        .receives = (int)number_of(attributes, "ApproximateReceiveCount"),
                        .sent_ms = number_of(attributes, "SentTimestamp")};
}

Status sqs_receive(AwsClient *client, const SqsQueue *queue, size_t max, Arena *arena, SqsMessage *ret, size_t *ret_count, Fault *fault)
{
    const Json *answer;
    Text body = open_request(queue, arena);
    text_printf(&body, ",\"MaxNumberOfMessages\":%zu,\"WaitTimeSeconds\":%d", max, WAIT_S);
    text_add_literal(&body, ",\"MessageSystemAttributeNames\":[\"ApproximateReceiveCount\",\"SentTimestamp\",\"MessageGroupId\"]");
    *ret_count = 0;
    Status status = call(client, "AmazonSQS.ReceiveMessage", &body, clock_elapsed_ms() + RECEIVE_MS, arena, &answer, fault);
    if (status)
        return status;
    json_each(message, json_get(answer, "Messages"))
    {
        if (*ret_count < max)
            ret[(*ret_count)++] = read_message(message);
    }
    return STATUS_OK;
}

/* ---- batches ---- */

static void open_entry(Text *body, size_t i, Slice receipt)
{
    text_printf(body, "%s{\"Id\":\"%zu\"", i ? "," : "", i);
    json_add_text_member(body, "ReceiptHandle", receipt);
}

/* The first entry that failed says why. */
static Status count_done(const Json *answer, const SqsQueue *queue, size_t count, size_t *ret_done, Fault *fault)
{
    const Json *first = NULL;
    size_t failed = 0;
    json_each(entry, json_get(answer, "Failed"))
    {
        first = first ? first : entry;
        failed++;
    }
    *ret_done = failed < count ? count - failed : 0;
    if (!first)
        return STATUS_OK;
    bool is_for_good = json_is_true(json_get(first, "SenderFault"));
    return fault_set(fault, is_for_good ? STATUS_REJECT : STATUS_RETRY, "sqs_entry", "%.*s: %zu of %zu failed: %.*s", SLICE_ARG(queue->name),
                     failed, count, SLICE_ARG(json_text(json_get(first, "Code"))));
}

static Status call_batch(AwsClient *client, const SqsQueue *queue, const char *target, Text *body, size_t count, int64_t deadline_ms,
                         Arena *arena, size_t *ret_done, Fault *fault)
{
    const Json *answer;
    text_add_byte(body, ']');
    *ret_done = 0;
    Status status = call(client, target, body, deadline_ms, arena, &answer, fault);
    return status ? status : count_done(answer, queue, count, ret_done, fault);
}

Status sqs_delete(AwsClient *client, const SqsQueue *queue, const Slice *receipts, size_t count, int64_t deadline_ms, Arena *arena,
                  size_t *ret_done, Fault *fault)
{
    Text body = open_request(queue, arena);
    text_add_literal(&body, ",\"Entries\":[");
    for (size_t i = 0; i < count; i++) {
        open_entry(&body, i, receipts[i]);
        text_add_byte(&body, '}');
    }
    return call_batch(client, queue, "AmazonSQS.DeleteMessageBatch", &body, count, deadline_ms, arena, ret_done, fault);
}

Status sqs_hide(AwsClient *client, const SqsQueue *queue, const Slice *receipts, const int64_t *seconds, size_t count, int64_t deadline_ms,
                Arena *arena, size_t *ret_done, Fault *fault)
{
    Text body = open_request(queue, arena);
    text_add_literal(&body, ",\"Entries\":[");
    for (size_t i = 0; i < count; i++) {
        open_entry(&body, i, receipts[i]);
        json_add_number_member(&body, "VisibilityTimeout", seconds[i]);
        text_add_byte(&body, '}');
    }
    return call_batch(client, queue, "AmazonSQS.ChangeMessageVisibilityBatch", &body, count, deadline_ms, arena, ret_done, fault);
}
