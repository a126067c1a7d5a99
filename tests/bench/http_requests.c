/* A form is for one topic, so events wait by topic until a request of theirs is full. */
#include "http_requests.h"

#include "lines.h"
#include "measure.h"

enum { TOPICS_MAX = 4, SNS_BATCH = 10, NDJSON_LINES = 500 };

typedef struct Pending {
    const char *topic;
    Text body;
    size_t events;
} Pending;

typedef struct Shape {
    size_t events_each;
    bool by_topic;
    const char *path, *type;
    void (*add)(Pending *pending, const MixEvent *event);
} Shape;

/* RFC 3986: all but unreserved characters, as AWS SDKs do it. */
static void add_encoded(Text *out, Slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
        if (unreserved)
            text_add_byte(out, (char)c);
        else
            text_add(out, (Slice){(const char[]){'%', hex[c >> 4], hex[c & 15]}, 3});
    }
}

static void add_form_head(Pending *pending, const char *action)
{
    text_printf(&pending->body, "Action=%s&Version=2010-03-31&TopicArn=arn%%3Aaws%%3Asns%%3Aus-east-1%%3A123456789012%%3A%s", action, pending->topic);
}

static void add_publish(Pending *pending, const MixEvent *event)
{
    add_form_head(pending, "Publish");
    text_add_literal(&pending->body, "&Message=");
    add_encoded(&pending->body, event->body);
}

static void add_batch_entry(Pending *pending, const MixEvent *event)
{
    if (!pending->events)
        add_form_head(pending, "PublishBatch");
    size_t member = pending->events + 1;
    text_printf(&pending->body, "&PublishBatchRequestEntries.member.%zu.Id=m%zu&PublishBatchRequestEntries.member.%zu.Message=", member, member,
                member);
    add_encoded(&pending->body, event->body);
}

static void add_line(Pending *pending, const MixEvent *event)
{
    carrier_ndjson(&pending->body, event);
    text_add_byte(&pending->body, '\n');
}

static const Shape shapes[] = {
    [REQUEST_PUBLISH] = {1, true, "/", "application/x-www-form-urlencoded; charset=utf-8", add_publish},
    [REQUEST_PUBLISH_BATCH] = {SNS_BATCH, true, "/", "application/x-www-form-urlencoded; charset=utf-8", add_batch_entry},
    [REQUEST_NDJSON] = {NDJSON_LINES, false, "/v1/events", "application/x-ndjson", add_line},
};

static Pending *pending_of(Pending *all, const char *topic)
{
    size_t i = 0;
    while (i < TOPICS_MAX && all[i].topic && strcmp(all[i].topic, topic))
        i++;
    if (i == TOPICS_MAX)
        give_up("the mix has more topics than expected");
    all[i].topic = topic;
    return &all[i];
}

static Slice finish(const Shape *shape, Pending *pending, Arena *arena)
{
    Slice request = arena_printf(arena, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%.*s", shape->path,
                                 shape->type, pending->body.bytes, SLICE_ARG(text_slice(&pending->body)));
    pending->body.bytes = pending->events = 0;
    return request;
}

void requests_make(Requests *requests, Mix *mix, RequestKind kind, size_t count)
{
    const Shape *shape = &shapes[kind];
    Arena scratch;
    arena_init(&scratch);
    arena_init(&requests->arena);
    requests->items = ARENA_ARRAY(&requests->arena, Slice, count);
    requests->events_each = shape->events_each;
    Pending all[TOPICS_MAX] = {0};
    for (size_t i = 0; i < TOPICS_MAX; i++)
        all[i].body = text_in(&scratch);
    for (requests->count = 0; requests->count < count;) {
        MixEvent event = mix_next(mix);
        Pending *pending = pending_of(all, shape->by_topic ? event.topic : "any");
        shape->add(pending, &event);
        if (++pending->events == shape->events_each)
            requests->items[requests->count++] = finish(shape, pending, &requests->arena);
    }
    arena_done(&scratch);
}

void requests_done(Requests *requests) { arena_done(&requests->arena); }
