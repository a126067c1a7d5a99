/* Counters on Redis, beside a client that does nothing but send the same bytes and count the answers. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/redis_link.h"
#include "measure.h"
#include "typed_events.h"

enum { IN_FLIGHT = 4 }; /* what the bare client has sent before it looks at the first answer */

/* ---- what the adapter sends ---- */

typedef struct Heard {
    bool listens;
    Arena arena;
    Slice *commands;
    size_t count, capacity;
} Heard;

static Heard heard;

Status __real_stream_write(Stream *stream, Slice bytes, int64_t deadline_ms, Fault *fault);
Status __wrap_stream_write(Stream *stream, Slice bytes, int64_t deadline_ms, Fault *fault);

Status __wrap_stream_write(Stream *stream, Slice bytes, int64_t deadline_ms, Fault *fault)
{
    if (heard.listens && heard.count < heard.capacity)
        heard.commands[heard.count++] = arena_copy(&heard.arena, bytes);
    return __real_stream_write(stream, bytes, deadline_ms, fault);
}

/* ---- the same batches for both ---- */

typedef struct Work {
    const char *url;
    size_t batches;
    Arena arena;
    Projection *items; /* batches of MEASURE_BATCH: calls that are new, then the same when they have ended */
    long long keys;    /* that the server holds afterwards */
} Work;

static const Contribution *share_of(const Cdr *cdr, Arena *arena)
{
    Contribution *share = ARENA_NEW(arena, Contribution);
    cdr_contribution(cdr, arena, share);
    return share;
}

static void make_batches(Work *work)
{
    Arena *arena = &work->arena;
    Mix *mix = mix_new(5, 1);
    Event next = {0};
    CallStages stages;
    work->items = ARENA_ARRAY(arena, Projection, work->batches * MEASURE_BATCH);
    for (size_t batch = 0; batch + 1 < work->batches; batch += 2) {
        Projection *begun = work->items + batch * MEASURE_BATCH, *ended = begun + MEASURE_BATCH;
        for (size_t i = 0; i < MEASURE_BATCH; i++) {
            call_stages_next(mix, &next, arena, &stages);
            begun[i] = (Projection){.key = stages.ended.call_id, .rev = 1, .after = share_of(&stages.begun, arena), .changed_ms = INT64_MAX};
            ended[i] = (Projection){.key = stages.ended.call_id, .rev = 2, .before = begun[i].after, .after = share_of(&stages.ended, arena),
                                    .changed_ms = INT64_MAX};
        }
    }
    mix_free(mix);
}

/* ---- the server ---- */

static long long ask(redisContext *bare, const char *command)
{
    redisReply *reply = redisCommand(bare, command);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        give_up(reply ? reply->str : bare->errstr);
    long long number = reply->integer;
    freeReplyObject(reply);
    return number;
}

static redisContext *connect_bare(const Work *work)
{
    int port = 6379;
    char host[256];
    if (sscanf(work->url, "redis://%255[^:/]:%d", host, &port) != 2)
        give_up("TEST_REDIS_URL must be redis://host:port");
    redisContext *bare = redisConnect(host, port);
    if (!bare || bare->err)
        give_up("Redis is not there");
    return bare;
}

static void empty_server(const Work *work)
{
    redisContext *bare = connect_bare(work);
    ask(bare, "FLUSHALL");
    redisFree(bare);
}

static void check_same(Work *work)
{
    redisContext *bare = connect_bare(work);
    long long keys = ask(bare, "DBSIZE");
    redisFree(bare);
    if (work->keys && keys != work->keys)
        give_up("the sides have left other keys");
    work->keys = keys;
}

/* ---- the sides ---- */

static void run_ours(void *context)
{
    Work *work = context;
    Redis *redis;
    Fault fault;
    Breaker breaker;
    breaker_init(&breaker, "redis");
    RedisSettings settings = {.url = work->url, .breaker = &breaker};
    empty_server(work);
    if (redis_open(&settings, &redis, &fault))
        give_up(fault.text);
    LivePort live = redis_live(redis);
    if (live.project(live.self, work->items, 1, &fault)) /* connects, and loads the script */
        give_up(fault.text);
    heard.listens = heard.capacity > 0 && !heard.count;
    Stopwatch watch = stopwatch_start();
    for (size_t batch = 0; batch < work->batches; batch++) {
        if (live.project(live.self, work->items + batch * MEASURE_BATCH, MEASURE_BATCH, &fault))
            give_up(fault.text);
    }
    if (!heard.listens)
        stopwatch_report(watch, "redis.ours", work->batches * MEASURE_BATCH);
    heard.listens = false;
    redis_close(redis);
    breaker_done(&breaker);
    check_same(work);
}

static void take_answer(redisContext *bare)
{
    redisReply *reply;
    if (redisGetReply(bare, (void **)&reply) != REDIS_OK || reply->type != REDIS_REPLY_INTEGER || reply->integer != 1)
        give_up("the bare client got an error");
    freeReplyObject(reply);
}

static void run_ceiling(void *context)
{
    Work *work = context;
    empty_server(work);
    redisContext *bare = connect_bare(work);
    Stopwatch watch = stopwatch_start();
    for (size_t i = 0; i < heard.count; i++) {
        redisAppendFormattedCommand(bare, heard.commands[i].at, heard.commands[i].bytes);
        int done = 0;
        while (!done && redisBufferWrite(bare, &done) == REDIS_OK) {
        }
        if (i >= IN_FLIGHT - 1)
            take_answer(bare);
    }
    for (size_t i = 1; i < IN_FLIGHT; i++)
        take_answer(bare);
    stopwatch_report(watch, "redis.ceiling", heard.count * MEASURE_BATCH);
    redisFree(bare);
    check_same(work);
}

int main(int argc, char **argv)
{
    Work work = {.url = getenv("TEST_REDIS_URL"), .batches = (size_t)option_number(argc, argv, "batches", 100) & ~(size_t)1};
    if (!work.url || work.batches < IN_FLIGHT)
        give_up("usage: TEST_REDIS_URL=… redis [--batches=N] [--rounds=N]; empties that server");
    make_batches(&work);
    heard.capacity = work.batches;
    heard.commands = ARENA_ARRAY(&heard.arena, Slice, heard.capacity);
    run_ours(&work);
    if (heard.count != work.batches)
        give_up("the adapter has not sent one command a batch");
    for (int64_t rounds = option_number(argc, argv, "rounds", 3); rounds > 0; rounds--) {
        run_apart(run_ours, &work);
        run_apart(run_ceiling, &work);
    }
    arena_done(&heard.arena);
    arena_done(&work.arena);
    return 0;
}
