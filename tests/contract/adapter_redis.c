#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "adapter/redis.h"
#include "adapters.h"

/* ---- redis: a database of a number of its own for each port, emptied before and after ---- */

enum { REGISTRY_DATABASE = 12, LIVE_DATABASE = 14 };

/* Several suites are about the ledger, and run beside each other on one server. */
static int ledger_database(void)
{
    const char *given = getenv("TEST_REDIS_LEDGER_DATABASE");
    return given ? atoi(given) : 11;
}

typedef struct RedisUnderTest {
    Redis *redis;
    int database;
    Breaker breaker;
} RedisUnderTest;

static int64_t noon(void) { return NOON_MS; }

static void empty_redis(int database)
{
    char host[256];
    int port = 0;
    if (sscanf(getenv("TEST_REDIS_URL"), "redis://%255[^:]:%d", host, &port) != 2)
        fail_msg("TEST_REDIS_URL is not redis://host:port");
    redisContext *server = redisConnect(host, port);
    if (!server || server->err)
        fail_msg("TEST_REDIS_URL: there is no Redis");
    freeReplyObject(redisCommand(server, "SELECT %d", database));
    freeReplyObject(redisCommand(server, "FLUSHDB"));
    redisFree(server);
}

static Redis *open_database(Contract *contract, int database)
{
    char url[300];
    RedisUnderTest *under_test = calloc(1, sizeof *under_test);
    under_test->database = database;
    empty_redis(database);
    breaker_init(&under_test->breaker, "redis");
    snprintf(url, sizeof url, "%s/%d", getenv("TEST_REDIS_URL"), database);
    RedisSettings settings = {.url = url, .breaker = &under_test->breaker, .now_ms = noon};
    must(contract, redis_open(&settings, &under_test->redis, &contract->fault));
    contract->stores = under_test;
    return under_test->redis;
}

static void open_live(Contract *contract) { contract->ports = (Ports){.live = redis_live(open_database(contract, LIVE_DATABASE))}; }

static void open_ledger(Contract *contract)
{
    contract->ports = (Ports){.unit = contract_no_unit, .effects = redis_effects(open_database(contract, ledger_database()))};
}

static void open_registry(Contract *contract)
{
    contract->ports = (Ports){.unit = contract_no_unit, .registry = redis_registry(open_database(contract, REGISTRY_DATABASE))};
    contract->audit_is_elsewhere = contract->has_no_history = true;
}

static void close_redis(Contract *contract)
{
    RedisUnderTest *under_test = contract->stores;
    redis_close(under_test->redis);
    empty_redis(under_test->database);
    breaker_done(&under_test->breaker);
    free(under_test);
}

const ContractAdapter contract_redis = {"redis", open_live, close_redis, "TEST_REDIS_URL"};
const ContractAdapter contract_redis_ledger = {"redis", open_ledger, close_redis, "TEST_REDIS_URL"};
const ContractAdapter contract_redis_registry = {"redis", open_registry, close_redis, "TEST_REDIS_URL"};

