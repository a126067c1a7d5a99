/* The do-not-call list and its cache, together: the registry is the truth, the cache answers fast and is allowed to say too
 * much, never too little. Where a store has no cache (ports->live.block is NULL) only the registry is asked. A number with the trunk prefix of
 * its country behind the country code is the same phone as the one without, and either answers for both (phone_has_trunk). */
#pragma once

#include "ports.h"

#define FAULT_CACHE_MISSED "cache_missed"

/* Blocks in the registry, and in the cache as well as it can be reached. At most BATCH_MAX. RETRY FAULT_CACHE_MISSED: the registry
 * has them all, but never says who is blocked, and the cache has not heard of it. */
Status dnc_block(const Ports *ports, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault);
/* Numbers of an opt-out that is kept here until the list can take it: from now on every check of this process says blocked. */
void dnc_hold(const BlockEntry *entries, size_t count);
/* The list has them, or never will. */
void dnc_let_go(const BlockEntry *entries, size_t count);
/* Puts numbers of a list that only others have into the cache, which must be there. At most BATCH_MAX. */
Status dnc_give_cache(const Ports *ports, const BlockEntry *entries, size_t count, Fault *fault);
/* Whether dnc_block that ended so put them on the list. */
bool dnc_has_stored(Status status, const Fault *fault);

/* The number's entry, or that of its other spelling. */
Status dnc_show(const Ports *ports, Slice phone, Arena *arena, BlockEntry *ret, bool *ret_found, Fault *fault);

/* Off the registry's list first, then out of the cache. RETRY "cache_missed": it is still in there; repeat. */
Status dnc_unblock(const Ports *ports, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault);

typedef enum DncAnswer {
    DNC_CLEAR,
    DNC_BLOCKED,
    DNC_UNKNOWN, /* nobody can say now: take it for blocked */
} DncAnswer;

/* Blocked is who the registry or the cache says is. RETRY when the registry cannot be asked now; one that never answers leaves
 * it to a cache that knows all numbers. At most BATCH_MAX. */
Status dnc_are_blocked(const Ports *ports, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault);

/* Whether the number may be called. Who is on the registry's list or in the cache may not: an opt-out that came while the
 * registry was away is in the cache alone until it is tried again. That somebody is not in the cache means nothing while the
 * registry is away; only where that never answers, a cache that knows all numbers is believed.
 * *ret_why is a sentence in arena, empty when it is clear. */
DncAnswer dnc_ask(const Ports *ports, Slice phone, Arena *arena, Slice *ret_why);

/* Gives the cache every number of the registry's list: *ret_numbers of them, of which *ret_missing were not there. Traffic may
 * go on. */
Status dnc_sync(const Ports *ports, int64_t *ret_numbers, int64_t *ret_missing, Fault *fault);
