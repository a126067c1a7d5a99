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

/* Where the list is here itself, a cache of it would be asked about what it holds. */
static void wire_missing(void *self, Ports *ports)
{
    if (!ports->effects.claim)
        ports->effects = redis_effects(self);
    if (ports->registry.block)
        return;
    ports->registry = redis_registry(self);
    ports->live = redis_counters(self);
}

static Status secret(void *self, Arena *arena, Slice *ret, Fault *fault) { return redis_link_key(self, arena, ret, fault); }

const BackEnd redis_back_end = {.name = "redis", .holds_data = true, .is_set = is_set, .open = open_redis, .close = close_redis, .wire = wire,
                                .wire_missing = wire_missing, .secret = secret};
