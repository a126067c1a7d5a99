/* Ends calls by threads of its own, so that nobody waits for a telephone exchange: what both the Asterisk Worker and an exchange itself have
 * in common.
 *
 * hang_up only hands over; one call that is slow to end delays no other. At most CALL_ENDER_MAX calls are known at a time; beyond that
 * hang_up is RETRY "calls_busy" for the rest. A call that is asked for again while it is being ended, or was over within the last two
 * seconds, is not asked again: an id may be that of another call later. A call is known until each who asked was told that it is over, or has
 * released it; half a minute at most. */
#pragma once

#include "ports.h"

enum { CALL_ENDER_MAX = 1024, CALL_END_DEADLINE_MS = 3000 };

typedef struct CallMeans {
    void *context;
    size_t threads;                        /* CALL_THREADS_MAX at most */
    void *(*open_link)(void *context);     /* what one thread talks by; need not connect */
    void (*close_link)(void *link);
    /* Returns at deadline_ms (elapsed time) at the latest. */
    CallEnd (*end_call)(void *context, void *link, Slice call_id, int64_t deadline_ms, Arena *arena);
} CallMeans;

enum { CALL_THREADS_MAX = 8 };

typedef struct CallEnder CallEnder;

/* Starts no thread before the first call. */
CallEnder *call_ender_new(const CallMeans *means);
/* Waits for what was started, at most 3 s. NULL is fine. */
void call_ender_free(CallEnder *ender);

/* Lives as long as the ender. Its verbs may be called on any thread. */
CallsPort call_ender_port(CallEnder *ender);
