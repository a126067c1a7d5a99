#include "ingress/caretaker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/dnc_cache.h"
#include "service/recount.h"

enum { LOOK_EVERY_MS = 2000, LOOK_AGAIN_MS = 100 };

struct Caretaker {
    const Ports *ports;
    const Rating *rating;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    bool missed_list; /* the cache may have missed numbers: at our start, and whenever it was away */
    bool waits_for_turn; /* somebody else recounts, to look only perhaps */
    bool cannot_list, cannot_count; /* the registry never tells us all that it holds: others may give it to the cache */
};

/* ---- giving back ---- */

static void log_failure(const char *what, const Fault *fault)
{
    log_line(LOG_WARN, what, LOG_CSTR("code", fault->code), LOG_CSTR("error", fault->text));
}

static void give_list(Caretaker *caretaker)
{
    Fault fault;
    int64_t numbers, missing;
    Status status = dnc_sync(caretaker->ports, &numbers, &missing, &fault);
    if (status) {
        caretaker->cannot_list = status == STATUS_REJECT;
        caretaker->missed_list = caretaker->missed_list && !caretaker->cannot_list;
        log_failure("the do-not-call cache could not be given its list", &fault);
        return;
    }
    caretaker->missed_list = false;
    log_line(LOG_INFO, "the do-not-call cache has its list", LOG_NUMBER("numbers", numbers), LOG_NUMBER("missing", missing));
}

static void give_counters(Caretaker *caretaker)
{
    Fault fault;
    int64_t drifts = 0;
    Status status = recount_fix(caretaker->ports, caretaker->rating, &drifts, &fault);
    caretaker->cannot_count = status == STATUS_REJECT;
    caretaker->waits_for_turn = recount_is_running(status, &fault);
    if (caretaker->waits_for_turn)
        return;
    if (status)
        log_failure("the counters could not be recounted", &fault);
    else
        log_line(LOG_INFO, "the counters were recounted", LOG_NUMBER("drifts", drifts));
}

static void look(Caretaker *caretaker)
{
    const LivePort *live = &caretaker->ports->live;
    Fault fault;
    bool has_counters, has_list;
    if (live->is_whole(live->self, &has_counters, &has_list, &fault)) {
        caretaker->missed_list = true;
        return;
    }
    if ((!has_list && !caretaker->cannot_list) || caretaker->missed_list)
        give_list(caretaker);
    if (!has_counters && !caretaker->cannot_count)
        give_counters(caretaker);
}

/* ---- the thread ---- */

static void wait_for_the_next_look(Caretaker *caretaker)
{
    int64_t until_ms = clock_elapsed_ms() + (caretaker->waits_for_turn ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
    caretaker->waits_for_turn = false;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (!caretaker->is_stopping && clock_elapsed_ms() < until_ms)
        pthread_cond_timedwait(&caretaker->changed, &caretaker->lock, &until);
}

static void *run(void *context)
{
    Caretaker *caretaker = context;
    pthread_mutex_lock(&caretaker->lock);
    while (!caretaker->is_stopping) {
        pthread_mutex_unlock(&caretaker->lock);
        look(caretaker);
        pthread_mutex_lock(&caretaker->lock);
        wait_for_the_next_look(caretaker);
    }
    pthread_mutex_unlock(&caretaker->lock);
    return NULL;
}

static void caretaker_free(Caretaker *caretaker)
{
    pthread_cond_destroy(&caretaker->changed);
    pthread_mutex_destroy(&caretaker->lock);
    free(caretaker);
}

Status caretaker_open(const Ports *ports, const Rating *rating, Caretaker **ret, Fault *fault)
{
    *ret = NULL;
    if (!ports->live.is_whole)
        return STATUS_OK;
    Caretaker *caretaker = calloc(1, sizeof *caretaker);
    if (!caretaker)
        abort();
    *caretaker = (Caretaker){.ports = ports, .rating = rating, .missed_list = true};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&caretaker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&caretaker->lock, NULL);
    if (pthread_create(&caretaker->thread, NULL, run, caretaker)) {
        caretaker_free(caretaker);
        return fault_set(fault, STATUS_FATAL, "no_thread", "no thread can be started for the care of the counters");
    }
    *ret = caretaker;
    return STATUS_OK;
}

void caretaker_close(Caretaker *caretaker)
{
    if (!caretaker)
        return;
    pthread_mutex_lock(&caretaker->lock);
    caretaker->is_stopping = true;
    pthread_cond_signal(&caretaker->changed);
    pthread_mutex_unlock(&caretaker->lock);
    pthread_join(caretaker->thread, NULL);
    caretaker_free(caretaker);
}
