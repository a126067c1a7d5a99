#include "adapter/redis.h"

#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->redis_url || *config->redis_host; }

static Status open_redis(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    RedisSettings settings = {.url = config->redis_url, .host = config->redis_host, .port = (int)config->redis_port, .breaker = breaker};
    Redis *redis = NULL;
    Status status = redis_open(&settings, &redis, fault);
    *ret = redis;
    return status;
}

static void close_redis(void *self) { redis_close(self); }

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->live = redis_live(self);
}

/* Without a database it is the ledger, and without a registry the list itself, of which there is no cache then. */
static void wire_missing(void *self, Ports *ports)
{
    if (!ports->effects.self)
        ports->effects = redis_effects(self);
    if (ports->registry.self)
        return;
    ports->registry = redis_registry(self);
    ports->live = redis_counters(self);
}

static Status secret(void *self, Arena *arena, Slice *ret, Fault *fault) { return redis_link_key(self, arena, ret, fault); }

const BackEnd redis_back_end = {.name = "redis", .holds_data = true, .is_set = is_set, .open = open_redis, .close = close_redis, .wire = wire,
                                .wire_missing = wire_missing, .secret = secret};
