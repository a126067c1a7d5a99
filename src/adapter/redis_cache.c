/* What others read beside us: the do-not-call list and the last day's actions. */
#include "adapter/redis_link.h"
#include "event/print.h"

Slice redis_key(Redis *redis, const char *prefix, Slice name)
{
    return arena_printf(&redis->scratch, "%s%.*s", prefix, SLICE_ARG(name));
}

Slice redis_print_entry(Redis *redis, const BlockEntry *entry)
{
    Text json = text_in(&redis->scratch);
    print_block_entry(&json, entry);
    return text_slice(&json);
}

Slice redis_print_action(Redis *redis, const ActionRecord *record)
{
    Text json = text_in(&redis->scratch);
    print_action(&json, record);
    return text_slice(&json);
}

Slice redis_action_key(Redis *redis, const ActionRecord *record)
{
    bool is_optout = slice_starts_with(record->action_type, SLICE("optout_"));
    return redis_key(redis, is_optout ? REDIS_OPTOUT_ACTION : REDIS_DONATION_ACTION, record->id);
}

/* ---- the do-not-call list ---- */

/* Who is blocked by the registry and not here is not "clear" here, even when the registry is away later: the first thing that
 * a server hears from us after a block that it missed is that it does not know the list. */
Status redis_own_up(Redis *redis, Fault *fault)
{
    if (!redis->missed_block)
        return STATUS_OK;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("DEL"), SLICE("pledgeline:list_complete"));
    Status status = redis_run(redis, fault);
    redis->missed_block = status != STATUS_OK;
    return status;
}

/* The first entry of a number stays, as in the registry; the set alone decides who is blocked, and is written first. */
static Status give(Redis *redis, const BlockEntry *entries, size_t count, Fault *fault)
{
    redis_begin(redis);
    Slice *words = ARENA_ARRAY(&redis->scratch, Slice, count + 2);
    words[0] = SLICE("SADD");
    words[1] = SLICE("blacklist:numbers");
    for (size_t i = 0; i < count; i++)
        words[2 + i] = entries[i].phone;
    if (count)
        redis_add(redis, words, count + 2);
    for (size_t i = 0; i < count; i++)
        REDIS_ADD(redis, SLICE("SET"), redis_key(redis, "blacklist:", entries[i].phone), redis_print_entry(redis, &entries[i]), SLICE("NX"));
    return redis_run(redis, fault);
}

Status redis_block(void *self, const BlockEntry *entries, size_t count, Fault *fault)
{
    Redis *redis = self;
    Status status = redis_own_up(redis, fault);
    status = status ? status : give(redis, entries, count, fault);
    redis->missed_block |= status != STATUS_OK;
    return status;
}

Status redis_unblock(void *self, Slice phone, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("SREM"), SLICE("blacklist:numbers"), phone);
    REDIS_ADD(redis, SLICE("DEL"), redis_key(redis, "blacklist:", phone));
    return redis_run(redis, fault);
}

Status redis_find_blocked(Redis *redis, const Slice *phones, size_t count, const redisReply **ret_found, Fault *fault)
{
    redis_begin(redis);
    redis_add_script(redis, &redis_script_is_blocked, phones, count);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    if (redis->replies[0]->elements != count + 1)
        return fault_set(fault, STATUS_RETRY, "redis_protocol", "Redis did not answer for each number");
    *ret_found = redis->replies[0];
    return STATUS_OK;
}

Status redis_is_blocked(void *self, const Slice *phones, size_t count, CacheAnswer *ret, Fault *fault)
{
    Redis *redis = self;
    const redisReply *found;
    Status status = redis_own_up(redis, fault);
    if (status || !count)
        return status;
    status = redis_find_blocked(redis, phones, count, &found, fault);
    if (status)
        return status;
    CacheAnswer otherwise = redis_number(found->element[0]) == 1 ? CACHE_CLEAR : CACHE_UNKNOWN;
    for (size_t i = 0; i < count; i++)
        ret[i] = redis_number(found->element[1 + i]) == 1 ? CACHE_BLOCKED : otherwise;
    return STATUS_OK;
}

enum { GIVING_MS = 60 * 60 * 1000 };

Status redis_list_complete(void *self, Fault *fault)
{
    Redis *redis = self;
    Slice owner = slice_of(redis->owner);
    redis_begin(redis);
    redis_add_script(redis, &redis_script_list_complete, &owner, 1);
    return redis_run(redis, fault);
}

Status redis_list_incomplete(void *self, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    Slice words[] = {slice_of(redis->owner), redis_print_number(redis, GIVING_MS)};
    redis_add_script(redis, &redis_script_list_incomplete, words, 2);
    return redis_run(redis, fault);
}

/* ---- actions ---- */

Status redis_remember(void *self, const ActionRecord *records, size_t count, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    Slice life = redis_print_number(redis, REDIS_ACTION_LIFE_S);
    for (size_t i = 0; i < count; i++)
        REDIS_ADD(redis, SLICE("SET"), redis_action_key(redis, &records[i]), redis_print_action(redis, &records[i]), SLICE("EX"), life);
    return redis_run(redis, fault);
}
