/* What we depend on beyond a network, a store or a telephone exchange, and that may be away. After a failure it is left alone for a
 * while, which doubles with each further one and is never shorter than the failure took, so that a dead store does not cost a time-out for every event. One line in the
 * log when it goes, one when it comes back. Every function may be called on any thread; none blocks. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct Breaker {
    const char *name; /* "redis": for the log and for readyz */
    pthread_mutex_t lock;
    bool is_away, is_awaited;
    int failures;         /* in a row */
    int64_t away_since_ms;/* wall time */
    int64_t asked_at_ms;  /* elapsed time before which nobody asks */
    int64_t entered_at_ms;/* elapsed time when the last caller was let through */
    Fault why;
    int64_t refused_at_ms;/* elapsed time when it last said that it cannot; 0 = never */
    Fault refusal;
    struct Breaker *heeded; /* NULL = none */
} Breaker;

/* name is borrowed. */
void breaker_init(Breaker *breaker, const char *name);
void breaker_done(Breaker *breaker);

/* It is unwell, for this reason, until it has answered for the first time; it may be asked. */
void breaker_await(Breaker *breaker, const Fault *why);

/* OK: ask it, and tell how it went. RETRY "store_away": it was away a moment ago. While it is away one caller at a time is let
 * through, when the pause is over. */
Status breaker_enter(Breaker *breaker, Fault *fault);
/* How long that caller may take, of its deadline: a quarter while the store is away, which it needs to say that it is back; now
 * and then all of it, for a store that has much to do at first. */
int64_t breaker_patience_ms(Breaker *breaker, int64_t deadline_ms);

/* On this thread no caller is given more time than until then (elapsed time); 0 = no such limit. */
void breaker_finish_by(int64_t at_ms);
void breaker_answered(Breaker *breaker);
bool breaker_is_away(Breaker *breaker);
void breaker_failed(Breaker *breaker, const Fault *why);

/* It answered that it cannot do what it is there for: its memory or disk is full. It is asked on. */
void breaker_refused(Breaker *breaker, const Fault *why);

/* For readyz, before others know of it: it is unwell while the other one is, which asks the same place and more often. That outlives it. */
void breaker_heed(Breaker *breaker, Breaker *other);

/* For readyz: true and why while it is away or awaited, and for a quarter of a minute after it refused something. */
bool breaker_is_unwell(Breaker *breaker, Fault *ret_why);
