/* A recount: counters and guards of a generation of their own, counted from what is stored while project() adds to both. The
 * lease in pledgeline:recount says which generation that is, and who counts it; without it nobody adds to one any more. */
#include <stdlib.h>

#include "adapter/redis_link.h"

Status redis_generation_begin(void *self, int64_t now_ms, Fault *fault)
{
    Redis *redis = self;
    (void)now_ms; /* leases are the server's time */
    redis_begin(redis);
    Slice words[] = {slice_of(redis->owner), redis_print_number(redis, REDIS_LEASE_MS)};
    redis_add_script(redis, &redis_script_generation_begin, words, 2);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    arena_reset(&redis->recount_arena);
    redis->recount = arena_copy(&redis->recount_arena, redis_text(redis->replies[0]));
    return STATUS_OK;
}

typedef bool VisitDifference(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted);

Status redis_generation_compare(void *self, bool every, VisitDifference *visit, void *context, Fault *fault)
{
    Redis *redis = self;
    if (slice_empty(redis->recount))
        return fault_set(fault, STATUS_RETRY, "recount_lost", "no recount was begun here");
    redis_begin(redis);
    Slice words[] = {redis->recount, redis_print_number(redis, REDIS_LEASE_MS), every ? SLICE("1") : SLICE("0")};
    redis_add_script(redis, &redis_script_generation_compare, words, 3);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    const redisReply *found = redis->replies[0];
    bool goes_on = true;
    for (size_t i = 0; i < found->elements && goes_on; i++) {
        redisReply *const *row = found->element[i]->element;
        goes_on = visit(context, redis_text(row[0]), redis_text(row[1]), redis_number(row[2]), redis_number(row[3]));
    }
    return STATUS_OK;
}

/* ---- guards of no use any more ---- */

/* A walk over all keys. A later recount has a higher number, so what it counts meanwhile is not among those that go. */
typedef struct Sweep {
    char cursor[24];
    int64_t ended, current; /* generations up to `ended` go, except the one that is read */
} Sweep;

static const Slice guard_prefix = SLICE_INIT("pledgeline:");

static bool is_useless_guard(const Sweep *sweep, const redisReply *key)
{
    char *end;
    int64_t generation = strtoll(key->str + guard_prefix.bytes, &end, 10);
    return *end == ':' && generation <= sweep->ended && generation != sweep->current;
}

static Status unlink_guards(Redis *redis, const Sweep *sweep, const redisReply *keys)
{
    Arena arena = {0};
    Slice *words = ARENA_ARRAY(&arena, Slice, keys->elements + 1);
    size_t count = 0;
    words[count++] = SLICE("UNLINK");
    for (size_t i = 0; i < keys->elements; i++) {
        if (is_useless_guard(sweep, keys->element[i]))
            words[count++] = arena_copy(&arena, redis_text(keys->element[i]));
    }
    Fault ignored;
    redis_begin(redis);
    if (count > 1)
        redis_add(redis, words, count);
    Status status = redis_run(redis, &ignored);
    arena_done(&arena);
    return status;
}

/* True while there is more. After a flush generations have the same numbers again, and are not ours. */
static bool sweep_round(Redis *redis, Sweep *sweep)
{
    Fault ignored;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("GET"), SLICE("pledgeline:generations"));
    REDIS_ADD(redis, SLICE("SCAN"), slice_of(sweep->cursor), SLICE("MATCH"), SLICE("pledgeline:[0-9]*:*"), SLICE("COUNT"), SLICE("1000"));
    if (redis_run(redis, &ignored) || redis_number(redis->replies[0]) < sweep->ended)
        return false;
    const redisReply *found = redis->replies[1];
    snprintf(sweep->cursor, sizeof sweep->cursor, "%s", found->element[0]->str);
    return unlink_guards(redis, sweep, found->element[1]) == STATUS_OK && strcmp(sweep->cursor, "0") != 0;
}

/* Rounds, so that others get their turn in between. What a failure leaves goes by itself after a week. */
static void sweep_guards(Redis *redis, int64_t ended)
{
    Fault ignored;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("GET"), SLICE("pledgeline:generation"));
    if (redis_run(redis, &ignored))
        return;
    Sweep sweep = {.cursor = "0", .ended = ended, .current = redis_number(redis->replies[0])};
    while (sweep_round(redis, &sweep))
        ;
}

/* ---- the end ---- */

static Status finish(Redis *redis, const RedisScript *script, Fault *fault)
{
    redis_begin(redis);
    redis_add_script(redis, script, &redis->recount, 1);
    return redis_run(redis, fault);
}

/* The end may be repeated while its answer is not known: the recount stays ours until then. */
Status redis_generation_end(void *self, bool keep, Fault *fault)
{
    Redis *redis = self;
    if (slice_empty(redis->recount))
        return keep ? fault_set(fault, STATUS_RETRY, "recount_lost", "no recount was begun here") : STATUS_OK;
    Status status = finish(redis, keep ? &redis_script_generation_swap : &redis_script_generation_drop, fault);
    if (status)
        return status;
    bool is_swept = keep || redis_number(redis->replies[0]) == 1;
    int64_t ended = strtoll(redis->recount.at, NULL, 10);
    redis->recount = (Slice){0};
    if (is_swept)
        sweep_guards(redis, ended);
    return STATUS_OK;
}

Status redis_is_whole(void *self, bool *ret_counters, bool *ret_list, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_add_script(redis, &redis_script_is_whole, NULL, 0);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    const redisReply *answer = redis->replies[0];
    *ret_counters = answer->elements == 2 && redis_number(answer->element[0]) == 1;
    *ret_list = answer->elements == 2 && redis_number(answer->element[1]) == 1;
    return STATUS_OK;
}
