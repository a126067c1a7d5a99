/* How often strangers may ask: a bucket of tokens for each address, and one for all of them together. Memory is bounded: where more
 * addresses ask than there are buckets, those that asked least recently start anew. One thread. */
#pragma once

#include "base/slice.h"

typedef struct RateLimit RateLimit;

/* What is asked of us, with a bucket for all addresses each, so that guesses do not keep people out. */
typedef enum RateClass { RATE_PROVEN, RATE_GUESS, RATE_CLASSES } RateClass;

/* So many a minute; a minute's worth may come at once. */
RateLimit *rate_limit_new(int64_t per_minute, int64_t all_per_minute);
void rate_limit_free(RateLimit *limit); /* NULL is fine */

/* Takes a token for this address ("192.0.2.7", "2001:db8::7"; of IPv6 the network counts, as one line has 2^64 addresses). 0: it has
 * one. Otherwise nothing was taken, and in so many seconds there is one again. */
int64_t rate_limit_take(RateLimit *limit, RateClass class, const char *address, int64_t elapsed_ms);
