/* Pauses of 100 ms to 5 s with jitter: a store that comes back is found soon, one that is dead is asked rarely. */
#include "base/breaker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MOST_MS = 5000, DOUBLINGS_MAX = 6, PATIENT_EVERY = 4 };

void breaker_init(Breaker *breaker, const char *name)
{
    *breaker = (Breaker){.name = name};
    pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_done(Breaker *breaker) { pthread_mutex_destroy(&breaker->lock); }

void breaker_await(Breaker *breaker, const Fault *why)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->is_awaited = true;
    breaker->why = *why;
    pthread_mutex_unlock(&breaker->lock);
}

/* Between half of the pause and all of it: many processes do not come back in one moment. */
static int64_t pause_ms(int failures)
{
    int doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << doublings;
    uint16_t random;
    digest_random((uint8_t *)&random, sizeof random);
    most_ms = most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS;
    return most_ms / 2 + random % (most_ms / 2);
}

/* A store that refuses is found dead at once, one that is silent at the deadline: everybody waits for that as long as it lasts,
 * so they get at least as much time without it. */
static int64_t took_ms(const Breaker *breaker, int64_t now_ms)
{
    int64_t took_ms = breaker->entered_at_ms ? now_ms - breaker->entered_at_ms : 0;
    return took_ms < PAUSE_MOST_MS ? took_ms : PAUSE_MOST_MS;
}

Status breaker_enter(Breaker *breaker, Fault *fault)
{
    Status status = STATUS_OK;
    pthread_mutex_lock(&breaker->lock);
    int64_t now_ms = clock_elapsed_ms();
    if (breaker->is_away && now_ms < breaker->asked_at_ms)
        status = fault_set(fault, STATUS_RETRY, "store_away", "%s is away: %.180s", breaker->name, breaker->why.text);
    else if (breaker->is_away)
        breaker->asked_at_ms = now_ms + PAUSE_MOST_MS; /* this one asks; the others wait for how it goes */
    if (!status)
        breaker->entered_at_ms = now_ms;
    pthread_mutex_unlock(&breaker->lock);
    return status;
}

static _Thread_local int64_t finish_by_ms;

void breaker_finish_by(int64_t at_ms) { finish_by_ms = at_ms; }

static int64_t bounded_ms(int64_t patience_ms)
{
    int64_t left_ms = finish_by_ms ? finish_by_ms - clock_elapsed_ms() : patience_ms;
    left_ms = left_ms > 1 ? left_ms : 1;
    return left_ms < patience_ms ? left_ms : patience_ms;
}

int64_t breaker_patience_ms(Breaker *breaker, int64_t deadline_ms)
{
    pthread_mutex_lock(&breaker->lock);
    bool is_short = breaker->is_away && breaker->failures % PATIENT_EVERY;
    pthread_mutex_unlock(&breaker->lock);
    return bounded_ms(is_short ? deadline_ms / 4 : deadline_ms);
}

void breaker_answered(Breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    bool came_back = breaker->is_away;
    int64_t away_ms = clock_wall_ms() - breaker->away_since_ms;
    breaker->is_away = breaker->is_awaited = false;
    breaker->failures = 0;
    pthread_mutex_unlock(&breaker->lock);
    if (came_back)
        log_line(LOG_INFO, "dependency is back", LOG_CSTR("dependency", breaker->name), LOG_NUMBER("away_ms", away_ms));
}

void breaker_failed(Breaker *breaker, const Fault *why)
{
    pthread_mutex_lock(&breaker->lock);
    bool goes = !breaker->is_away;
    if (goes)
        breaker->away_since_ms = clock_wall_ms();
    breaker->is_away = true;
    breaker->why = *why;
    int64_t now_ms = clock_elapsed_ms(), pause = pause_ms(++breaker->failures), took = took_ms(breaker, now_ms);
    breaker->asked_at_ms = now_ms + (pause > took ? pause : took);
    pthread_mutex_unlock(&breaker->lock);
    if (goes)
        log_line(LOG_ERROR, "dependency is away", LOG_CSTR("dependency", breaker->name), LOG_CSTR("code", why->code), LOG_CSTR("error", why->text));
}

bool breaker_is_away(Breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    bool is_away = breaker->is_away;
    pthread_mutex_unlock(&breaker->lock);
    return is_away;
}

static bool refused_lately(const Breaker *breaker, int64_t now_ms)
{
    enum { LATELY_MS = 15000 };
    return breaker->refused_at_ms && now_ms - breaker->refused_at_ms < LATELY_MS;
}

void breaker_refused(Breaker *breaker, const Fault *why)
{
    breaker_answered(breaker);
    pthread_mutex_lock(&breaker->lock);
    int64_t now_ms = clock_elapsed_ms();
    bool is_news = !refused_lately(breaker, now_ms);
    breaker->refused_at_ms = now_ms;
    breaker->refusal = *why;
    pthread_mutex_unlock(&breaker->lock);
    if (is_news)
        log_line(LOG_ERROR, "dependency refuses", LOG_CSTR("dependency", breaker->name), LOG_CSTR("code", why->code), LOG_CSTR("error", why->text));
}

void breaker_heed(Breaker *breaker, Breaker *other) { breaker->heeded = other; }

bool breaker_is_unwell(Breaker *breaker, Fault *ret_why)
{
    pthread_mutex_lock(&breaker->lock);
    bool is_out = breaker->is_away || breaker->is_awaited, is_unwell = is_out || refused_lately(breaker, clock_elapsed_ms());
    if (is_unwell)
        *ret_why = is_out ? breaker->why : breaker->refusal;
    pthread_mutex_unlock(&breaker->lock);
    return is_unwell || (breaker->heeded && breaker_is_unwell(breaker->heeded, ret_why));
}
