/* Counters on Redis: one script a batch, which compares each thing's share with what it added before. */
#include <stdlib.h>

#include "adapter/redis_link.h"
#include "base/clock.h"

enum {
    SECOND_MS = 1000, DAY_S = 24 * 60 * 60,
    GUARD_LIFE_S = 7 * DAY_S,
    TRUSTED_S = 6 * DAY_S,   /* a day less: clocks differ, and batches wait */
    READ_CAMPAIGNS = 64,     /* a script's part of `read`; others get their turn between two */
};

/* ---- project ---- */

/* With its length before it. */
static void add_text(Text *out, Slice text)
{
    redis_add_number(out, (int64_t)text.bytes);
    text_add_byte(out, ':');
    text_add(out, text);
}

/* The word is made in room, which is used again for the next one. */
static void add_share(Redis *redis, const Contribution *share, Text *room)
{
    room->bytes = 0;
    add_text(room, share->campaign_id);
    for (size_t i = 0; i < share->count; i++) {
        redis_add_number(room, share->counters[i].value);
        text_add_byte(room, ' ');
        add_text(room, share->counters[i].name);
    }
    redis_add_word(redis, text_slice(room));
}

static void add_time(Redis *redis, int64_t at_ms)
{
    char text[TIME_TEXT_BYTES] = "";
    if (at_ms > 0)
        time_print(at_ms, text);
    redis_add_word(redis, slice_of(text));
}

/* Whether what a thing said before was so long ago that its guard may be gone. */
static bool is_forgotten(const Projection *item, int64_t trusted_ms)
{
    return item->before && item->before->count && item->before_ms < trusted_ms;
}

/* Whether it may be counted where it has no guard, in the words of the script. An old thing whose share is young may have been
 * counted or not: its guard may have gone, or never have been. */
static Slice may_count(const Projection *item, int64_t trusted_ms)
{
    bool was_there = item->before && item->before->count;
    if (!was_there && !item->after->count)
        return SLICE("2");
    if (item->changed_ms < trusted_ms)
        return SLICE("0");
    if (!was_there)
        return SLICE("2");
    return item->before_ms < trusted_ms || item->created_ms >= trusted_ms ? SLICE("1") : SLICE("0");
}

static void add_projection(Redis *redis, const Projection *item, int64_t trusted_ms, Text *room)
{
    redis_add_word(redis, item->key);
    redis_add_number_word(redis, item->rev);
    redis_add_word(redis, may_count(item, trusted_ms));
    if (is_forgotten(item, trusted_ms))
        add_share(redis, item->before, room);
    else
        redis_add_word(redis, SLICE(""));
    add_share(redis, item->after, room);
    add_time(redis, slice_empty(item->after->campaign_id) ? 0 : item->after->last_activity_ms);
}

static Status project_for(Redis *redis, Slice recount, const Projection *items, size_t count, Fault *fault)
{
    enum { HEAD = 3, WIDTH = 6 };
    redis_begin(redis);
    Text room = text_in(&redis->scratch);
    int64_t trusted_ms = redis->now_ms() - (int64_t)TRUSTED_S * SECOND_MS;
    redis_open_script(redis, &redis_script_project, HEAD + WIDTH * count);
    redis_add_number_word(redis, GUARD_LIFE_S);
    redis_add_word(redis, recount);
    redis_add_number_word(redis, REDIS_LEASE_MS);
    for (size_t i = 0; i < count; i++)
        add_projection(redis, &items[i], trusted_ms, &room);
    return redis_run(redis, fault);
}

static Status project(void *self, const Projection *items, size_t count, Fault *fault)
{
    Status status = redis_own_up(self, fault);
    return status || !count ? status : project_for(self, (Slice){0}, items, count, fault);
}

Status redis_generation_add(void *self, const Projection *items, size_t count, Fault *fault)
{
    Redis *redis = self;
    if (slice_empty(redis->recount))
        return fault_set(fault, STATUS_RETRY, "recount_lost", "no recount was begun here");
    return count ? project_for(redis, redis->recount, items, count, fault) : STATUS_OK;
}

/* ---- read ---- */

typedef bool VisitCounters(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count);

static int compare_slices(const void *a, const void *b) { return slice_compare(*(const Slice *)a, *(const Slice *)b); }
static int compare_counters(const void *a, const void *b) { return slice_compare(((const Counter *)a)->name, ((const Counter *)b)->name); }

/* *ret: the campaigns' names in order, in arena. */
static Status list_campaigns(Redis *redis, Arena *arena, Slice **ret, size_t *ret_count, Fault *fault)
{
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("SMEMBERS"), SLICE("pledgeline:campaigns"));
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    const redisReply *reply = redis->replies[0];
    *ret = ARENA_ARRAY(arena, Slice, reply->elements);
    for (size_t i = 0; i < reply->elements; i++)
        (*ret)[i] = arena_copy(arena, redis_text(reply->element[i]));
    *ret_count = reply->elements;
    if (reply->elements)
        qsort(*ret, reply->elements, sizeof **ret, compare_slices);
    return STATUS_OK;
}

/* row: last activity, name, value, name, value … */
static bool show_campaign(Slice campaign_id, const redisReply *row, VisitCounters *visit, void *context, Arena *arena)
{
    size_t count = row->elements ? (row->elements - 1) / 2 : 0;
    if (!count)
        return true;
    Counter *counters = ARENA_ARRAY(arena, Counter, count);
    for (size_t i = 0; i < count; i++)
        counters[i] = (Counter){redis_text(row->element[1 + i * 2]), redis_number(row->element[2 + i * 2])};
    qsort(counters, count, sizeof *counters, compare_counters);
    int64_t last_activity_ms = 0;
    time_parse(redis_text(row->element[0]), &last_activity_ms);
    return visit(context, campaign_id, last_activity_ms, counters, count);
}

static Status show_campaigns(Redis *redis, const Slice *campaigns, size_t count, VisitCounters *visit, void *context, Arena *arena,
                             bool *ret_goes_on, Fault *fault)
{
    redis_begin(redis);
    redis_add_script(redis, &redis_script_read, campaigns, count);
    Status status = redis_run(redis, fault);
    for (size_t i = 0; !status && i < count && i < redis->replies[0]->elements && *ret_goes_on; i++)
        *ret_goes_on = show_campaign(campaigns[i], redis->replies[0]->element[i], visit, context, arena);
    return status;
}

static Status read_counters(void *self, Slice campaign_id, VisitCounters *visit, void *context, Fault *fault)
{
    Redis *redis = self;
    Arena arena = {0};
    Slice *campaigns = &campaign_id;
    size_t count = 1;
    bool goes_on = true;
    Status status = slice_empty(campaign_id) ? list_campaigns(redis, &arena, &campaigns, &count, fault) : STATUS_OK;
    for (size_t done = 0; !status && done < count && goes_on; done += READ_CAMPAIGNS) {
        size_t part = count - done < READ_CAMPAIGNS ? count - done : READ_CAMPAIGNS;
        status = show_campaigns(redis, campaigns + done, part, visit, context, &arena, &goes_on, fault);
    }
    arena_done(&arena);
    return status;
}

LivePort redis_live(Redis *redis)
{
    return (LivePort){
        .self = redis, .project = project, .read = read_counters,
        .block = redis_block, .unblock = redis_unblock, .is_blocked = redis_is_blocked, .list_complete = redis_list_complete,
        .list_incomplete = redis_list_incomplete, .remember = redis_remember,
        .generation_begin = redis_generation_begin, .generation_add = redis_generation_add,
        .generation_compare = redis_generation_compare, .generation_end = redis_generation_end, .is_whole = redis_is_whole,
    };
}
