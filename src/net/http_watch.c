/* A list of sockets with a time each, and a thread that looks at it five times a second. */
#include "net/http_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"

enum { LOOK_EVERY_MS = 200 };

struct HttpWatched {
    HttpWatched *previous, *following;
    int socket;
    int64_t deadline_ms; /* elapsed time; HTTP_NO_DEADLINE = none */
};

struct HttpWatch {
    pthread_mutex_t lock; /* guards the list and what is in it */
    pthread_cond_t stopped;
    pthread_t thread;
    HttpWatched *first;
    bool stopping;
};

static void cut_late_ones(HttpWatch *watch)
{
    int64_t now_ms = clock_elapsed_ms();
    for (HttpWatched *watched = watch->first; watched; watched = watched->following) {
        if (watched->deadline_ms == HTTP_NO_DEADLINE || now_ms < watched->deadline_ms)
            continue;
        shutdown(watched->socket, SHUT_RDWR);
        watched->deadline_ms = HTTP_NO_DEADLINE;
        metric_add(METRIC_HTTP_DEADLINES, 1);
    }
}

static void *run(void *context)
{
    HttpWatch *watch = context;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        int64_t until_ms = clock_elapsed_ms() + LOOK_EVERY_MS;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&watch->stopped, &watch->lock, &until);
        cut_late_ones(watch);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

HttpWatch *http_watch_open(void)
{
    HttpWatch *watch = calloc(1, sizeof *watch);
    if (!watch)
        abort();
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!pthread_create(&watch->thread, NULL, run, watch))
        return watch;
    free(watch);
    return NULL;
}

void http_watch_close(HttpWatch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->stopped);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->stopped);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

HttpWatched *http_watch_add(HttpWatch *watch, int socket, int64_t in_ms)
{
    HttpWatched *watched = calloc(1, sizeof *watched);
    if (!watched)
        abort();
    watched->socket = socket;
    watched->deadline_ms = clock_elapsed_ms() + in_ms;
    pthread_mutex_lock(&watch->lock);
    watched->following = watch->first;
    if (watched->following)
        watched->following->previous = watched;
    watch->first = watched;
    pthread_mutex_unlock(&watch->lock);
    return watched;
}

void http_watch_remove(HttpWatch *watch, HttpWatched *watched)
{
    pthread_mutex_lock(&watch->lock);
    *(watched->previous ? &watched->previous->following : &watch->first) = watched->following;
    if (watched->following)
        watched->following->previous = watched->previous;
    pthread_mutex_unlock(&watch->lock);
    free(watched);
}

void http_watch_set(HttpWatch *watch, HttpWatched *watched, int64_t in_ms)
{
    pthread_mutex_lock(&watch->lock);
    watched->deadline_ms = in_ms == HTTP_NO_DEADLINE ? HTTP_NO_DEADLINE : clock_elapsed_ms() + in_ms;
    pthread_mutex_unlock(&watch->lock);
}
