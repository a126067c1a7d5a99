/* Events as plain HTTP: one JSON body, or NDJSON lines, for a topic or with a topic in each line. */
#include <strings.h>

#include "base/clock.h"
#include "event/envelope.h"
#include "ingress/http_handlers.h"

enum { ERRORS_LISTED_MAX = 100, LINES_MAX = 20000 }; /* each line costs a few hundred bytes while it is worked */

typedef struct Batch {
    Delivery *deliveries;
    size_t *lines; /* the number of each, from 1 */
    size_t count;
} Batch;

/* ---- one event ---- */

static void add_dead_letter(Text *json, const Delivery *delivery)
{
    if (delivery->dead_letter)
        text_printf(json, ",\"deadLetterId\":%lld", (long long)delivery->dead_letter);
}

static void answer_rejected(Call *call, const Delivery *delivery)
{
    Text json = text_in(call->arena);
    text_printf(&json, "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,\"code\":\"%s\",\"detail\":", delivery->fault.code);
    json_add_string(&json, slice_of(delivery->fault.text));
    add_dead_letter(&json, delivery);
    text_add_literal(&json, "}\n");
    answer_text(call, 422, "application/problem+json", text_slice(&json));
}

static void one_finished(Call *call)
{
    const Batch *batch = call->context;
    const Delivery *delivery = &batch->deliveries[0];
    if (!delivery_is_taken(delivery)) {
        Fault fault = delivery->fault;
        fault.status = STATUS_RETRY;
        answer_fault(call, 503, &fault);
        return;
    }
    if (delivery->verdict == VERDICT_REJECT) {
        answer_rejected(call, delivery);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"verdict\":\"%s\",\"duplicate\":%s}\n", verdict_name(delivery->verdict), delivery->duplicate ? "true" : "false");
    answer_json(call, delivery->verdict == VERDICT_DONE ? 200 : 202, &json);
}

/* ---- many ---- */

typedef struct Tally {
    size_t accepted, duplicates, rejected, failed, first_failed_line;
    const Fault *failure;
} Tally;

static Tally tally_of(const Batch *batch)
{
    Tally tally = {0};
    for (size_t i = 0; i < batch->count; i++) {
        const Delivery *delivery = &batch->deliveries[i];
        if (!delivery_is_taken(delivery)) {
            if (!tally.failed++) {
                tally.first_failed_line = batch->lines[i];
                tally.failure = &delivery->fault;
            }
            continue;
        }
        tally.rejected += delivery->verdict == VERDICT_REJECT;
        tally.accepted += delivery->verdict != VERDICT_REJECT;
        tally.duplicates += delivery->duplicate;
    }
    return tally;
}

static void add_errors(Text *json, const Batch *batch)
{
    size_t listed = 0;
    text_add_literal(json, ",\"errors\":[");
    for (size_t i = 0; i < batch->count && listed < ERRORS_LISTED_MAX; i++) {
        const Delivery *delivery = &batch->deliveries[i];
        if (delivery->verdict != VERDICT_REJECT)
            continue;
        text_printf(json, "%s{\"line\":%zu,\"code\":\"%s\",\"detail\":", listed++ ? "," : "", batch->lines[i], delivery->fault.code);
        json_add_string(json, slice_of(delivery->fault.text));
        add_dead_letter(json, delivery);
        text_add_byte(json, '}');
    }
    text_add_byte(json, ']');
}

static void many_finished(Call *call)
{
    const Batch *batch = call->context;
    Tally tally = tally_of(batch);
    if (tally.failed) {
        answer_problem(call, 503, tally.failure->code, "%zu of %zu lines were not stored, the first is line %zu: %s; send all again, repeating is harmless",
                       tally.failed, batch->count, tally.first_failed_line, tally.failure->text);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"accepted\":%zu,\"duplicates\":%zu,\"rejected\":%zu", tally.accepted, tally.duplicates, tally.rejected);
    add_errors(&json, batch);
    text_add_literal(&json, "}\n");
    answer_json(call, 200, &json);
}

/* ---- taking them ---- */

static bool is_blank(Slice line)
{
    for (size_t i = 0; i < line.bytes; i++) {
        if (!strchr(" \t\r", line.at[i]))
            return false;
    }
    return true;
}

static bool is_ndjson(const Call *call)
{
    Slice type = http_header(call->request, "Content-Type");
    return type.bytes >= 20 && !strncasecmp(type.at, "application/x-ndjson", 20);
}

static bool take_line(Slice *rest, Slice *ret_line)
{
    const char *newline = rest->bytes ? memchr(rest->at, '\n', rest->bytes) : NULL;
    *ret_line = (Slice){rest->at, newline ? (size_t)(newline - rest->at) : rest->bytes};
    size_t taken = ret_line->bytes + (newline != NULL);
    bool is_line = rest->bytes > 0;
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return is_line;
}

static size_t count_lines(Slice body)
{
    size_t lines = 0;
    for (Slice line; take_line(&body, &line);)
        lines += !is_blank(line);
    return lines;
}

static Batch *split(Call *call, Slice topic, size_t lines)
{
    Slice body = call->request->body, line;
    Batch *batch = ARENA_NEW(call->arena, Batch);
    batch->deliveries = ARENA_ARRAY(call->arena, Delivery, lines);
    batch->lines = ARENA_ARRAY(call->arena, size_t, lines);
    int64_t now_ms = clock_wall_ms();
    for (size_t number = 1; take_line(&body, &line); number++) {
        if (is_blank(line))
            continue;
        batch->deliveries[batch->count] = (Delivery){.body = line, .topic = topic, .received_ms = now_ms};
        batch->lines[batch->count++] = number;
    }
    return batch;
}

static void take_many(Call *call, Slice topic)
{
    size_t lines = count_lines(call->request->body);
    if (lines > LINES_MAX) {
        answer_problem(call, 413, "too_many_lines", "the body has %zu lines; send at most %d at a time", lines, LINES_MAX);
        return;
    }
    Batch *batch = split(call, topic, lines);
    call->context = batch;
    if (batch->count)
        call_submit(call, batch->deliveries, batch->count, many_finished);
    else
        many_finished(call);
}

static void take_one(Call *call, Slice topic)
{
    Batch *batch = ARENA_NEW(call->arena, Batch);
    batch->deliveries = ARENA_NEW(call->arena, Delivery);
    batch->deliveries[0] = (Delivery){.body = call->request->body, .topic = topic, .received_ms = clock_wall_ms()};
    batch->count = 1;
    call->context = batch;
    call_submit(call, batch->deliveries, 1, one_finished);
}

void events_of_topic(Call *call, const Ports *ports)
{
    (void)ports;
    Slice topic = envelope_topic_name(call->parts[0]);
    char topics[EVENT_TOPICS_BYTES];
    if (!event_handler_of(topic))
        answer_problem(call, 404, "topic_unknown", "there is no such topic; there are %s", event_topics(topics));
    else if (is_ndjson(call))
        take_many(call, topic);
    else
        take_one(call, topic);
}

void events_of_any_topic(Call *call, const Ports *ports)
{
    (void)ports;
    take_many(call, (Slice){0});
}
