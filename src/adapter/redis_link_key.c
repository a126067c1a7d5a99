#include "adapter/redis_link.h"
#include "base/digest.h"

static Slice make_key(Arena *arena)
{
    uint8_t bytes[32];
    digest_random(bytes, sizeof bytes);
    Text hex = text_in(arena);
    for (size_t i = 0; i < sizeof bytes; i++)
        text_printf(&hex, "%02x", bytes[i]);
    return text_slice(&hex);
}

/* Whoever is first makes it; everybody reads it back. */
Status redis_link_key(Redis *redis, Arena *arena, Slice *ret, Fault *fault)
{
    static const Slice KEY = SLICE_INIT("pledgeline:link_key");
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("SET"), KEY, make_key(&redis->scratch), SLICE("NX"));
    REDIS_ADD(redis, SLICE("GET"), KEY);
    Status status = redis_run(redis, fault);
    if (!status)
        *ret = arena_copy(arena, redis_text(redis->replies[1]));
    return status;
}
