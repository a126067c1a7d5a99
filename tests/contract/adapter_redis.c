#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "adapter/redis.h"
#include "adapters.h"

/* ---- redis: a database of a number of its own, emptied before and after ---- */

enum { REDIS_DATABASE = 14 };

typedef struct RedisUnderTest {
    Redis *redis;
    Breaker breaker;
} RedisUnderTest;

static int64_t noon(void) { return NOON_MS; }

static void empty_redis(void)
{
    char host[256];
    int port = 0;
    if (sscanf(getenv("TEST_REDIS_URL"), "redis://%255[^:]:%d", host, &port) != 2)
        fail_msg("TEST_REDIS_URL is not redis://host:port");
    redisContext *server = redisConnect(host, port);
    if (!server || server->err)
        fail_msg("TEST_REDIS_URL: there is no Redis");
    freeReplyObject(redisCommand(server, "SELECT %d", REDIS_DATABASE));
    freeReplyObject(redisCommand(server, "FLUSHDB"));
    redisFree(server);
}

static void open_redis(Contract *contract)
{
    char url[300];
    RedisUnderTest *under_test = calloc(1, sizeof *under_test);
    empty_redis();
    breaker_init(&under_test->breaker, "redis");
    snprintf(url, sizeof url, "%s/%d", getenv("TEST_REDIS_URL"), REDIS_DATABASE);
    RedisSettings settings = {.url = url, .breaker = &under_test->breaker, .now_ms = noon};
    must(contract, redis_open(&settings, &under_test->redis, &contract->fault));
    contract->stores = under_test;
    contract->ports = (Ports){.unit = contract_no_unit, .live = redis_live(under_test->redis), .effects = redis_effects(under_test->redis)};
}

static void close_redis(Contract *contract)
{
    RedisUnderTest *under_test = contract->stores;
    redis_close(under_test->redis);
    breaker_done(&under_test->breaker);
    free(under_test);
    empty_redis();
}

const ContractAdapter contract_redis = {"redis", open_redis, close_redis, "TEST_REDIS_URL"};

