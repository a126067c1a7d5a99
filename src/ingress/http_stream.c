/* One look at the counters serves all listeners: a reader prints them, and who listens gets them when they changed. */
#include "ingress/http_stream.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "service/print.h"

enum { LOOK_EVERY_MS = 500, PING_EVERY_MS = 15000, LISTENERS_MAX = 200 };

typedef struct Listener {
    HttpRequest *request;
    bool is_new; /* gets the counters also when they did not change */
} Listener;

struct Streams {
    ReaderJob job;
    Api *api;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Listener listeners[LISTENERS_MAX];
    size_t count;
    bool looking, closing;
    Arena arenas[2]; /* the last event, and the one being printed */
    Slice last;
    int current;
    int64_t pinged_at_ms;
};

/* ---- printing ---- */

typedef struct Printing {
    Text text;
    size_t count;
} Printing;

static bool add_campaign(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Printing *printing = context;
    if (printing->count++)
        text_add_byte(&printing->text, ',');
    print_live(&printing->text, campaign_id, last_activity_ms, counters, count);
    return true;
}

static void push_to(Streams *streams, Slice event, bool only_new)
{
    for (size_t i = streams->count; i-- > 0;) {
        Listener *listener = &streams->listeners[i];
        bool wanted = !only_new || listener->is_new;
        listener->is_new = false;
        if (!wanted || http_stream_push(listener->request, event))
            continue;
        http_release(listener->request); /* gone, or too slow to keep up */
        *listener = streams->listeners[--streams->count];
    }
}

static void publish_event(Streams *streams, Slice event)
{
    pthread_mutex_lock(&streams->lock);
    push_to(streams, event, slice_equal(event, streams->last));
    if (clock_elapsed_ms() - streams->pinged_at_ms > PING_EVERY_MS) {
        push_to(streams, SLICE(": still here\n\n"), false);
        streams->pinged_at_ms = clock_elapsed_ms();
    }
    streams->last = event;
    streams->current = !streams->current;
    streams->looking = false;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
}

static void look(ReaderJob *job, const Ports *ports)
{
    Streams *streams = (Streams *)(void *)job;
    Arena *arena = &streams->arenas[!streams->current];
    Fault fault;
    arena_reset(arena);
    Printing printing = {.text = text_in(arena)};
    text_add_literal(&printing.text, "event: live\ndata: {\"campaigns\":[");
    Status status = ports->live.read(ports->live.self, (Slice){0}, add_campaign, &printing, &fault);
    text_add_literal(&printing.text, "]}\n\n");
    publish_event(streams, status ? SLICE("event: trouble\ndata: {\"detail\":\"the counters cannot be read\"}\n\n") : text_slice(&printing.text));
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
    for (size_t i = 0; i < streams->count; i++) {
        http_stream_end(streams->listeners[i].request);
        http_release(streams->listeners[i].request);
    }
    streams->count = 0;
    pthread_mutex_unlock(&streams->lock);
    pthread_join(streams->thread, NULL);
}

void streams_free(Streams *streams)
{
    arena_done(&streams->arenas[0]);
    arena_done(&streams->arenas[1]);
    pthread_cond_destroy(&streams->changed);
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}

void live_stream(Call *call, const Ports *ports)
{
    (void)ports;
    Streams *streams = call->api->streams;
    pthread_mutex_lock(&streams->lock);
    bool takes = !streams->closing && streams->count < LISTENERS_MAX;
    if (takes) {
        http_hold(call->request);
        streams->listeners[streams->count++] = (Listener){call->request, true};
    }
    pthread_mutex_unlock(&streams->lock);
    if (!takes) {
        answer_problem(call, 503, "overloaded", "%d streams are open already", LISTENERS_MAX);
        return;
    }
    call->request->reply.streams = true;
    answer_text(call, 200, "text/event-stream", (Slice){0});
    http_stream_push(call->request, SLICE("retry: 2000\n\n"));
}
