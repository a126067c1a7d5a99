#include "ingress/lambda_event.h"

#include <stdlib.h>

#include "base/clock.h"

/* ---- records ---- */

/* What the broker says of the time, so that a message that comes again is as old as it was. */
static void take_time(Delivery *delivery, Slice rfc3339)
{
    int64_t sent_ms;
    if (time_parse(rfc3339, &sent_ms) && sent_ms < delivery->received_ms)
        delivery->received_ms = sent_ms;
}

static Slice print_json(const Json *value, Arena *arena)
{
    Text text = text_in(arena);
    json_add_canonical(&text, value);
    return text_slice(&text);
}

/* The record is the notification itself; one that was made by hand may not say its topic. */
static bool take_sns_record(const Json *record, Arena *arena, Delivery *delivery)
{
    const Json *sns = json_get(record, "Sns");
    if (!json_is_string(json_get(sns, "Message")))
        return false;
    delivery->body = json_get(sns, "TopicArn") ? print_json(sns, arena) : json_text(json_get(sns, "Message"));
    delivery->message_id = json_text(json_get(sns, "MessageId"));
    take_time(delivery, json_text(json_get(sns, "Timestamp")));
    return true;
}

/* SQS writes its numbers as text. */
static int64_t number_of(const Json *text)
{
    Slice digits = json_text(text);
    return slice_empty(digits) ? 0 : strtoll(digits.at, NULL, 10);
}

static bool take_sqs_record(const Json *record, Delivery *delivery, Slice *ret_item_id)
{
    const Json *attributes = json_get(record, "attributes");
    *ret_item_id = json_text(json_get(record, "messageId"));
    if (slice_empty(*ret_item_id) || !json_is_string(json_get(record, "body")))
        return false;
    delivery->body = json_text(json_get(record, "body"));
    delivery->message_id = *ret_item_id;
    int64_t sent_ms = number_of(json_get(attributes, "SentTimestamp"));
    int64_t receives = number_of(json_get(attributes, "ApproximateReceiveCount"));
    if (sent_ms > 0 && sent_ms < delivery->received_ms)
        delivery->received_ms = sent_ms;
    delivery->attempts = receives > 0 && receives < INT32_MAX ? (int)receives - 1 : 0;
    return true;
}

static bool is_fifo(const Json *record)
{
    Slice arn = json_text(json_get(record, "eventSourceARN")), suffix = SLICE(".fifo");
    return arn.bytes > suffix.bytes && !memcmp(arn.at + arn.bytes - suffix.bytes, suffix.at, suffix.bytes);
}

static size_t count_of(const Json *array)
{
    size_t count = 0;
    json_each(member, array)
        count++;
    return count;
}

static Status read_records(const Json *records, Delivery blank, Arena *arena, LambdaEvent *ret, Fault *fault)
{
    size_t count = count_of(records);
    ret->deliveries = ARENA_ARRAY(arena, Delivery, count);
    ret->item_ids = ARENA_ARRAY(arena, Slice, count);
    json_each(record, records)
    {
        Delivery *delivery = &ret->deliveries[ret->count];
        Slice *item_id = &ret->item_ids[ret->count];
        *delivery = blank;
        *item_id = (Slice){0};
        bool is_sqs = take_sqs_record(record, delivery, item_id);
        if (!is_sqs && !take_sns_record(record, arena, delivery))
            return fault_set(fault, STATUS_REJECT, "event_unknown", "record %zu is neither of SNS nor of SQS", ret->count);
        if (ret->count && is_sqs != ret->is_partial)
            return fault_set(fault, STATUS_REJECT, "event_unknown", "records of SNS and of SQS are mixed");
        ret->is_partial = is_sqs;
        ret->is_ordered = ret->is_ordered || (is_sqs && is_fifo(record));
        ret->count++;
    }
    return STATUS_OK;
}

Status lambda_event_read(Slice event, Slice topic, int64_t now_ms, Arena *arena, LambdaEvent *ret, Fault *fault)
{
    Delivery blank = {.body = event, .topic = topic, .topic_wins = true, .received_ms = now_ms};
    const Json *json = NULL;
    *ret = (LambdaEvent){0};
    Status status = json_parse(event, arena, &json, fault);
    if (status)
        return status;
    const Json *records = json_get(json, "Records");
    if (json_is_array(records))
        return read_records(records, blank, arena, ret, fault);
    if (!json_is_object(json) || records)
        return fault_set(fault, STATUS_REJECT, "event_unknown", "the event is none of SNS, SQS or EventBridge, nor a message");
    ret->deliveries = ARENA_ARRAY(arena, Delivery, 1);
    ret->deliveries[0] = blank;
    ret->count = 1;
    return STATUS_OK;
}

/* ---- the answer ---- */

size_t lambda_event_failures(const LambdaEvent *event)
{
    size_t failures = 0;
    for (size_t i = 0; i < event->count; i++)
        failures += event->deliveries[i].verdict != VERDICT_DONE;
    return failures;
}

Slice lambda_event_answer(const LambdaEvent *event, Arena *arena)
{
    Text json = text_in(arena);
    bool is_behind = false;
    text_add_literal(&json, "{\"batchItemFailures\":[");
    for (size_t i = 0; i < event->count; i++) {
        if (event->deliveries[i].verdict == VERDICT_DONE && !is_behind)
            continue;
        is_behind = is_behind || event->is_ordered;
        if (json.at[json.bytes - 1] != '[')
            text_add_byte(&json, ',');
        text_add_literal(&json, "{\"itemIdentifier\":");
        json_add_string(&json, event->item_ids[i]);
        text_add_byte(&json, '}');
    }
    text_add_literal(&json, "]}");
    return text_slice(&json);
}
