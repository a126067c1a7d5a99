#include "ingress/call_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "ingress/live_calls.h"
#include "ingress/outbox.h"
#include "ingress/pbx_source.h"

/* A link that dropped without a word is noticed within 15 s: a sign of life is asked for every 3 s, and may take 10 s at most. What no
 * event told is found by the list that is asked for every minute. */
enum { CONNECT_MS = 5000, LIST_MS = 5000, TICK_MS = 250, CHECK_EVERY_MS = 3000, CHECK_MS = 5000, LIST_EVERY_MS = 60 * 1000, AWAY_TICK_MS = 100 };

struct CallFeed {
    PbxSource source;
    const char *setting; /* that says where it is */
    LiveCalls *calls;
    Outbox *outbox;
    Breaker breaker;
    pthread_t thread;
    bool is_open; /* it has a thread */
    atomic_bool is_stopping, follows;
    int64_t heard_ms; /* wall time of the last sign of life */
};

static void put(void *context, Slice topic, Slice body)
{
    const CallFeed *feed = context;
    outbox_put(feed->outbox, topic, body);
}

static bool look_up(void *context, Slice uniqueid, Arena *arena, Slice ret_variables[CALL_VARIABLES])
{
    const CallFeed *feed = context;
    return feed->source.look_up(feed->source.self, uniqueid, arena, ret_variables);
}

static void take(void *context, const ChannelEvent *event)
{
    const CallFeed *feed = context;
    live_calls_take(feed->calls, event, clock_elapsed_ms());
}

/* ---- one connection ---- */

static void say_whether_it_follows(CallFeed *feed, bool follows)
{
    feed->follows = follows;
    metric_set(METRIC_ASTERISK_FOLLOWED, follows);
}

static Status list(CallFeed *feed, Fault *fault)
{
    const PbxSource *source = &feed->source;
    live_calls_list_begins(feed->calls, feed->heard_ms);
    Status status = source->list(source->self, clock_elapsed_ms() + LIST_MS, take, feed, fault);
    if (status)
        return status;
    live_calls_list_ends(feed->calls, clock_elapsed_ms());
    feed->heard_ms = clock_wall_ms();
    return STATUS_OK;
}

static Status connect_and_list(CallFeed *feed, Fault *fault)
{
    const PbxSource *source = &feed->source;
    Slice system = {0};
    Status status = source->connect(source->self, clock_elapsed_ms() + CONNECT_MS, &system, fault);
    if (status)
        return status;
    live_calls_set_system(feed->calls, system);
    say_whether_it_follows(feed, true); /* it hears from now on, while the list comes, too */
    return list(feed, fault);
}

static Status check(CallFeed *feed, int64_t *check_at_ms, Fault *fault)
{
    const PbxSource *source = &feed->source;
    int64_t now_ms = clock_elapsed_ms();
    if (now_ms < *check_at_ms)
        return STATUS_OK;
    *check_at_ms = now_ms + CHECK_EVERY_MS;
    Status status = source->check(source->self, now_ms + CHECK_MS, fault);
    if (!status)
        feed->heard_ms = clock_wall_ms();
    return status;
}

static Status list_anew(CallFeed *feed, int64_t *list_at_ms, Fault *fault)
{
    if (clock_elapsed_ms() < *list_at_ms)
        return STATUS_OK;
    *list_at_ms = clock_elapsed_ms() + LIST_EVERY_MS;
    return list(feed, fault);
}

/* Until the connection is lost, or it is time to leave. */
static Status follow(CallFeed *feed, Fault *fault)
{
    const PbxSource *source = &feed->source;
    int64_t check_at_ms = clock_elapsed_ms() + CHECK_EVERY_MS, list_at_ms = clock_elapsed_ms() + LIST_EVERY_MS;
    Status status = STATUS_OK;
    while (!status && !feed->is_stopping) {
        ChannelEvent event;
        status = source->next(source->self, clock_elapsed_ms() + TICK_MS, &event, fault);
        if (!status && event.kind != CHANNEL_OTHER)
            take(feed, &event);
        live_calls_tick(feed->calls, clock_elapsed_ms());
        status = status ? status : check(feed, &check_at_ms, fault);
        status = status ? status : list_anew(feed, &list_at_ms, fault);
    }
    return status;
}

/* ---- the thread ---- */

static void wait_a_moment(void)
{
    struct timespec pause = {.tv_nsec = AWAY_TICK_MS * 1000000L};
    nanosleep(&pause, NULL);
}

static void *run(void *argument)
{
    CallFeed *feed = argument;
    while (!feed->is_stopping) {
        Fault fault;
        live_calls_tick(feed->calls, clock_elapsed_ms());
        if (breaker_enter(&feed->breaker, &fault)) {
            wait_a_moment();
            continue;
        }
        Status status = connect_and_list(feed, &fault);
        if (!status) {
            breaker_answered(&feed->breaker);
            status = follow(feed, &fault);
        }
        say_whether_it_follows(feed, false);
        if (status && fault_place(&fault, feed->setting))
            breaker_failed(&feed->breaker, &fault);
        feed->source.disconnect(feed->source.self);
    }
    return NULL;
}

/* ---- open and close ---- */

static Status open_source(const CallFeedSettings *settings, PbxSource *ret, Fault *fault)
{
    return *settings->ari_url ? ari_source_open(settings->ari_url, ret, fault) : ami_source_open(settings->ami_url, ret, fault);
}

static Status start(CallFeed *feed, Intake *intake, Fault *fault)
{
    feed->outbox = outbox_open(intake, fault);
    if (!feed->outbox)
        return STATUS_FATAL;
    feed->is_open = !pthread_create(&feed->thread, NULL, run, feed);
    return feed->is_open ? STATUS_OK : fault_set(fault, STATUS_FATAL, "no_thread", "no thread can be started to follow Asterisk");
}

/* A link that was never there is not well, however long the first attempt takes. */
static void init_breaker(Breaker *breaker)
{
    Fault fault;
    (void)fault_set(&fault, STATUS_RETRY, "not_connected", "Asterisk has not answered yet");
    breaker_init(breaker, "asterisk_events");
    breaker_await(breaker, &fault);
}

Status call_feed_open(const CallFeedSettings *settings, Intake *intake, CallFeed **ret, Fault *fault)
{
    PbxSource source;
    *ret = NULL;
    if (!*settings->ami_url && !*settings->ari_url)
        return STATUS_OK;
    Status status = open_source(settings, &source, fault);
    if (status)
        return status;
    CallFeed *feed = calloc(1, sizeof *feed);
    if (!feed)
        abort();
    *feed = (CallFeed){.source = source, .setting = *settings->ari_url ? "PLEDGELINE_ARI_URL" : "PLEDGELINE_AMI_URL", .heard_ms = clock_wall_ms()};
    LiveCallsSettings live = {.map = settings->map, .tell = put, .look_up = look_up, .context = feed};
    feed->calls = live_calls_new(&live);
    init_breaker(&feed->breaker);
    status = start(feed, intake, fault);
    if (!status) {
        *ret = feed;
        return STATUS_OK;
    }
    call_feed_stop(feed);
    call_feed_free(feed);
    return status;
}

void call_feed_stop(CallFeed *feed)
{
    if (!feed)
        return;
    feed->is_stopping = true;
    if (feed->outbox)
        outbox_leave(feed->outbox);
    if (feed->is_open)
        pthread_join(feed->thread, NULL);
    feed->is_open = false;
    outbox_close(feed->outbox);
    feed->outbox = NULL;
}

void call_feed_free(CallFeed *feed)
{
    if (!feed)
        return;
    live_calls_free(feed->calls);
    feed->source.close(feed->source.self);
    breaker_done(&feed->breaker);
    free(feed);
}

bool call_feed_follows(const CallFeed *feed) { return feed && feed->follows; }

Breaker *call_feed_breaker(CallFeed *feed) { return &feed->breaker; }
