/* A recount: counters and guards of a generation of their own, counted from what is stored while project() adds to both. The
 * lease in pledgeline:recount says which generation that is, and who counts it; without it nobody adds to one any more. */
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
    if (!status)
        redis->recount = (Slice){0};
    return status;
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
