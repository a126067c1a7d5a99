/* One look at the counters serves all listeners: a reader prints them as messages of bounded size, and each listener gets one
 * after the other, as fast as it reads. Who is slow misses what lies between and sees the newest; nobody is dropped for it. */
#include "ingress/http_stream.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "service/print.h"

enum { LOOK_EVERY_MS = 500, PING_EVERY_MS = 5000, LISTENERS_MAX = 200, MESSAGE_BYTES = 64 * 1024 };

/* The counters as messages, one behind the other. */
typedef struct Snapshot {
    Arena arena;
    Text text;
    size_t *ends; /* of the messages */
    size_t count, capacity, started;
    bool has_campaign; /* in the message being printed */
} Snapshot;

/* Lives in the request's arena. Guarded by the lock of streams. */
typedef struct Listener {
    struct Streams *streams;
    HttpRequest *request;
    size_t next;      /* message of its round */
    uint64_t version; /* of the counters when the round began: when they changed since, another round follows */
    bool parked;      /* until the client has taken what it got */
} Listener;

struct Streams {
    ReaderJob job;
    Api *api;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Listener *listeners[LISTENERS_MAX];
    size_t count;
    bool looking, closing;
    Snapshot snapshots[2]; /* the last one, and the one being printed */
    int current;
    uint64_t version; /* of the last one; 0 = there is none */
    int64_t pinged_at_ms;
};

/* ---- printing ---- */

static void start_message(Snapshot *snapshot)
{
    snapshot->started = snapshot->text.bytes;
    snapshot->has_campaign = false;
    text_add_literal(&snapshot->text, "event: live\ndata: {\"campaigns\":[");
}

static void end_message(Snapshot *snapshot, Slice tail)
{
    text_add(&snapshot->text, tail);
    if (snapshot->count == snapshot->capacity) {
        snapshot->capacity = snapshot->capacity ? snapshot->capacity * 2 : 64;
        size_t *wider = ARENA_ARRAY(&snapshot->arena, size_t, snapshot->capacity);
        if (snapshot->count)
            memcpy(wider, snapshot->ends, sizeof *wider * snapshot->count);
        snapshot->ends = wider;
    }
    snapshot->ends[snapshot->count++] = snapshot->text.bytes;
}

static bool add_campaign(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Snapshot *snapshot = context;
    if (snapshot->text.bytes - snapshot->started > MESSAGE_BYTES) {
        end_message(snapshot, SLICE("],\"more\":true}\n\n"));
        start_message(snapshot);
    }
    if (snapshot->has_campaign)
        text_add_byte(&snapshot->text, ',');
    snapshot->has_campaign = true;
    print_live(&snapshot->text, campaign_id, last_activity_ms, counters, count);
    return true;
}

static void clear(Snapshot *snapshot)
{
    Arena arena = snapshot->arena;
    arena_reset(&arena);
    *snapshot = (Snapshot){.arena = arena};
    snapshot->text = text_in(&snapshot->arena);
}

static void print_counters(Snapshot *snapshot, const Ports *ports)
{
    Fault fault;
    clear(snapshot);
    start_message(snapshot);
    if (!ports->live.read(ports->live.self, (Slice){0}, add_campaign, snapshot, &fault)) {
        end_message(snapshot, SLICE("]}\n\n"));
        return;
    }
    clear(snapshot);
    end_message(snapshot, SLICE("event: trouble\ndata: {\"detail\":\"the counters cannot be read\"}\n\n"));
}

/* ---- listeners ---- */

static void drop(Streams *streams, Listener *listener)
{
    size_t at = 0;
    while (streams->listeners[at] != listener)
        at++;
    streams->listeners[at] = streams->listeners[--streams->count];
    http_stream_end(listener->request);
    http_release(listener->request);
}

/* False when it has heard all. */
static bool next_message(const Streams *streams, Listener *listener, Slice *ret)
{
    const Snapshot *last = &streams->snapshots[streams->current];
    if (listener->next >= last->count) {
        if (listener->version == streams->version)
            return false;
        listener->version = streams->version;
        listener->next = 0;
    }
    size_t from = listener->next ? last->ends[listener->next - 1] : 0;
    *ret = (Slice){last->text.at + from, last->ends[listener->next] - from};
    listener->next++;
    return true;
}

static void has_room(void *context);

/* A message, and the next one when the client has taken it. Whoever is gone is dropped. */
static void feed(Streams *streams, Listener *listener)
{
    Slice message = {0};
    do {
        if (!http_stream_push(listener->request, message)) {
            drop(streams, listener);
            return;
        }
        listener->parked = http_stream_park(listener->request, has_room, listener);
    } while (!listener->parked && next_message(streams, listener, &message));
}

static void has_room(void *context)
{
    Listener *listener = context;
    Streams *streams = listener->streams;
    pthread_mutex_lock(&streams->lock);
    if (!streams->closing)
        feed(streams, listener);
    pthread_mutex_unlock(&streams->lock);
}

static bool ping_is_due(Streams *streams)
{
    bool due = clock_elapsed_ms() - streams->pinged_at_ms > PING_EVERY_MS;
    if (due)
        streams->pinged_at_ms = clock_elapsed_ms();
    return due;
}

/* Who still has something to take needs nothing; of the others, a ping shows who is there. */
static void feed_all(Streams *streams)
{
    bool pings = ping_is_due(streams);
    for (size_t i = streams->count; i-- > 0;) {
        Listener *listener = streams->listeners[i];
        if (listener->parked)
            continue;
        if (pings)
            http_stream_push(listener->request, SLICE(": still here\n\n"));
        feed(streams, listener);
    }
}

static bool is_news(const Streams *streams, const Snapshot *printed)
{
    return !streams->version || !slice_equal(text_slice(&printed->text), text_slice(&streams->snapshots[streams->current].text));
}

static void look(ReaderJob *job, const Ports *ports)
{
    Streams *streams = (Streams *)(void *)job;
    Snapshot *printed = &streams->snapshots[!streams->current];
    print_counters(printed, ports);
    pthread_mutex_lock(&streams->lock);
    if (is_news(streams, printed)) {
        streams->current = !streams->current;
        streams->version++;
    }
    feed_all(streams);
    streams->looking = false;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
}

/* ---- the thread ---- */

static void *run(void *argument)
{
    Streams *streams = argument;
    pthread_mutex_lock(&streams->lock);
    while (!streams->closing) {
        int64_t until_ms = clock_elapsed_ms() + LOOK_EVERY_MS;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        while (!streams->closing && clock_elapsed_ms() < until_ms)
            pthread_cond_timedwait(&streams->changed, &streams->lock, &until);
        if (streams->closing || !streams->count || streams->looking)
            continue;
        streams->looking = readers_do(streams->api->readers, &streams->job);
    }
    pthread_mutex_unlock(&streams->lock);
    return NULL;
}

Streams *streams_open(Api *api)
{
    Streams *streams = calloc(1, sizeof *streams);
    if (!streams)
        abort();
    streams->api = api;
    streams->job.run = look;
    pthread_mutex_init(&streams->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&streams->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&streams->thread, NULL, run, streams))
        abort();
    return streams;
}

void streams_stop(Streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    streams->closing = true;
    pthread_cond_broadcast(&streams->changed);
    while (streams->looking)
        pthread_cond_wait(&streams->changed, &streams->lock);
    while (streams->count)
        drop(streams, streams->listeners[0]);
    pthread_mutex_unlock(&streams->lock);
    pthread_join(streams->thread, NULL);
}

void streams_free(Streams *streams)
{
    if (!streams)
        return;
    arena_done(&streams->snapshots[0].arena);
    arena_done(&streams->snapshots[1].arena);
    pthread_cond_destroy(&streams->changed);
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}

/* Its first round begins with the next look. */
static bool add_listener(Streams *streams, Call *call)
{
    Listener *listener = ARENA_NEW(call->arena, Listener);
    *listener = (Listener){.streams = streams, .request = call->request, .next = SIZE_MAX};
    pthread_mutex_lock(&streams->lock);
    bool takes = !streams->closing && streams->count < LISTENERS_MAX;
    if (takes) {
        http_hold(call->request);
        streams->listeners[streams->count++] = listener;
    }
    pthread_mutex_unlock(&streams->lock);
    return takes;
}

void live_stream(Call *call, const Ports *ports)
{
    (void)ports;
    if (!add_listener(call->api->streams, call)) {
        answer_problem(call, 503, "overloaded", "%d streams are open already", LISTENERS_MAX);
        return;
    }
    call->request->reply.streams = true;
    answer_text(call, 200, "text/event-stream", (Slice){0});
    http_stream_push(call->request, SLICE("retry: 2000\n\n"));
}
