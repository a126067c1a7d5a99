/* Calls are handed to threads through a table of bounded size. Each has a link of its own and asks for one call at a time: with
 * answers within milliseconds that is enough for hundreds of calls a second, and nothing waits behind a slow one. */
#include "adapter/pbx_ender.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

enum { FRESH_MS = 2000, FORGET_MS = 30 * 1000 };

typedef enum CallState { CALL_NONE, CALL_WAITING, CALL_ASKED, CALL_OVER } CallState;

typedef struct HangUp {
    CallState state;
    CallEnd end;
    int askers;       /* who may still come to collect it */
    int64_t since_ms; /* elapsed time when it was asked for, or when it was over */
    char id[CALL_ID_BYTES_MAX];
    size_t id_bytes;
} HangUp;

struct CallEnder {
    CallMeans means;
    pthread_mutex_t lock;
    pthread_cond_t asked, over; /* there is a call to ask for; one is over */
    pthread_t threads[CALL_THREADS_MAX];
    size_t thread_count;
    bool is_stopping;
    size_t waiting;
    HangUp calls[CALL_ENDER_MAX];
};

static Slice id_of(const HangUp *call) { return (Slice){call->id, call->id_bytes}; }

static void forget_if_nobody_comes(HangUp *call)
{
    if (call->state == CALL_OVER && call->askers <= 0)
        call->state = CALL_NONE;
}

/* ---- the threads ---- */

/* The one that has waited longest. */
static HangUp *take_waiting(CallEnder *ender)
{
    HangUp *first = NULL;
    for (size_t i = 0; i < CALL_ENDER_MAX; i++) {
        HangUp *call = &ender->calls[i];
        if (call->state == CALL_WAITING && (!first || call->since_ms < first->since_ms))
            first = call;
    }
    first->state = CALL_ASKED;
    ender->waiting--;
    return first;
}

/* With the lock, which it leaves while it asks: nobody else touches a call that is asked for. */
static void work_off(CallEnder *ender, void *link, Arena *arena)
{
    HangUp *call = take_waiting(ender);
    int64_t deadline_ms = call->since_ms + CALL_END_DEADLINE_MS;
    pthread_mutex_unlock(&ender->lock);
    arena_reset(arena);
    bool is_late = clock_elapsed_ms() >= deadline_ms;
    CallEnd end = is_late ? CALL_UNENDED : ender->means.end_call(ender->means.context, link, id_of(call), deadline_ms, arena);
    pthread_mutex_lock(&ender->lock);
    call->end = end;
    call->state = CALL_OVER;
    call->since_ms = clock_elapsed_ms();
    forget_if_nobody_comes(call);
    pthread_cond_broadcast(&ender->over);
}

static void *run(void *context)
{
    CallEnder *ender = context;
    void *link = ender->means.open_link(ender->means.context);
    Arena arena = {0};
    pthread_mutex_lock(&ender->lock);
    while (ender->waiting || !ender->is_stopping) {
        if (ender->waiting)
            work_off(ender, link, &arena);
        else
            pthread_cond_wait(&ender->asked, &ender->lock);
    }
    pthread_mutex_unlock(&ender->lock);
    arena_done(&arena);
    ender->means.close_link(link);
    return NULL;
}

/* A process that ends no call has none. */
static Status start_threads(CallEnder *ender, Fault *fault)
{
    while (ender->thread_count < ender->means.threads && !pthread_create(&ender->threads[ender->thread_count], NULL, run, ender))
        ender->thread_count++;
    return ender->thread_count ? STATUS_OK : fault_set(fault, STATUS_RETRY, "no_thread", "no thread could be started to end calls");
}

/* ---- the port ---- */

static HangUp *find(CallEnder *ender, Slice call_id)
{
    for (size_t i = 0; i < CALL_ENDER_MAX; i++) {
        if (ender->calls[i].state != CALL_NONE && slice_equal(id_of(&ender->calls[i]), call_id))
            return &ender->calls[i];
    }
    return NULL;
}

/* Of a call that is not known, the answer is UNENDED, too. */
static bool is_forgettable(const HangUp *call, int64_t now_ms)
{
    if (call->state != CALL_OVER)
        return call->state == CALL_NONE;
    return call->end == CALL_UNENDED || now_ms - call->since_ms > FORGET_MS;
}

static HangUp *find_room(CallEnder *ender, int64_t now_ms)
{
    for (size_t i = 0; i < CALL_ENDER_MAX; i++) {
        if (is_forgettable(&ender->calls[i], now_ms))
            return &ender->calls[i];
    }
    return NULL;
}

/* What was said of a call counts for who asks now, too. */
static bool is_answered_for(const HangUp *call, int64_t now_ms)
{
    if (call->state != CALL_OVER)
        return true;
    return call->end != CALL_UNENDED && now_ms - call->since_ms <= FRESH_MS;
}

static Status start_one(CallEnder *ender, Slice call_id, int64_t now_ms, Fault *fault)
{
    HangUp *call = find(ender, call_id);
    bool is_answered = call && is_answered_for(call, now_ms);
    if (is_answered)
        call->askers++;
    if (is_answered || call_id.bytes > CALL_ID_BYTES_MAX)
        return STATUS_OK;
    int askers = call ? call->askers : 0;
    call = call ? call : find_room(ender, now_ms);
    if (!call)
        return fault_set(fault, STATUS_RETRY, "calls_busy", "%d calls are being ended already", CALL_ENDER_MAX);
    *call = (HangUp){.state = CALL_WAITING, .askers = askers + 1, .since_ms = now_ms, .id_bytes = call_id.bytes};
    if (call_id.bytes)
        memcpy(call->id, call_id.at, call_id.bytes);
    ender->waiting++;
    return STATUS_OK;
}

static Status hang_up(void *self, const Slice *call_ids, size_t count, Fault *fault)
{
    CallEnder *ender = self;
    int64_t now_ms = clock_elapsed_ms();
    pthread_mutex_lock(&ender->lock);
    Status status = start_threads(ender, fault);
    for (size_t i = 0; !status && i < count; i++)
        status = start_one(ender, call_ids[i], now_ms, fault);
    pthread_cond_broadcast(&ender->asked);
    pthread_mutex_unlock(&ender->lock);
    return status;
}

static bool are_over(CallEnder *ender, const Slice *call_ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const HangUp *call = find(ender, call_ids[i]);
        if (call && call->state != CALL_OVER)
            return false;
    }
    return true;
}

static void wait_until_over(CallEnder *ender, const Slice *call_ids, size_t count, int64_t deadline_ms)
{
    int64_t end_ms = clock_elapsed_ms() + deadline_ms;
    struct timespec until = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
    while (clock_elapsed_ms() < end_ms && !are_over(ender, call_ids, count))
        pthread_cond_timedwait(&ender->over, &ender->lock, &until);
}

static CallEnd collect_one(HangUp *call)
{
    if (!call || call->state != CALL_OVER || call->end == CALL_UNENDED)
        return CALL_UNENDED;
    call->askers--;
    forget_if_nobody_comes(call);
    return call->end;
}

static Status collect(void *self, const Slice *call_ids, size_t count, int64_t deadline_ms, CallEnd *ret, Fault *fault)
{
    (void)fault;
    CallEnder *ender = self;
    pthread_mutex_lock(&ender->lock);
    wait_until_over(ender, call_ids, count, deadline_ms);
    for (size_t i = 0; i < count; i++)
        ret[i] = collect_one(find(ender, call_ids[i]));
    pthread_mutex_unlock(&ender->lock);
    return STATUS_OK;
}

static void release_one(HangUp *call)
{
    if (!call || call->askers <= 0)
        return;
    call->askers--;
    forget_if_nobody_comes(call);
}

/* A call that is waiting is ended all the same. */
static void release(void *self, const Slice *call_ids, size_t count)
{
    CallEnder *ender = self;
    pthread_mutex_lock(&ender->lock);
    for (size_t i = 0; i < count; i++)
        release_one(find(ender, call_ids[i]));
    pthread_mutex_unlock(&ender->lock);
}

CallsPort call_ender_port(CallEnder *ender)
{
    return (CallsPort){.self = ender, .hang_up = hang_up, .collect = collect, .release = release};
}

/* ---- open and close ---- */

CallEnder *call_ender_new(const CallMeans *means)
{
    CallEnder *ender = calloc(1, sizeof *ender);
    if (!ender)
        abort();
    ender->means = *means;
    pthread_mutex_init(&ender->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&ender->asked, &attributes);
    pthread_cond_init(&ender->over, &attributes);
    pthread_condattr_destroy(&attributes);
    return ender;
}

void call_ender_free(CallEnder *ender)
{
    if (!ender)
        return;
    pthread_mutex_lock(&ender->lock);
    ender->is_stopping = true;
    pthread_cond_broadcast(&ender->asked);
    pthread_mutex_unlock(&ender->lock);
    for (size_t i = 0; i < ender->thread_count; i++)
        pthread_join(ender->threads[i], NULL);
    pthread_cond_destroy(&ender->asked);
    pthread_cond_destroy(&ender->over);
    pthread_mutex_destroy(&ender->lock);
    free(ender);
}
