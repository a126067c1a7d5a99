/* Each bucket is one number: the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371). */
#include "ingress/rate_limit.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/digest.h"

enum { SETS = 1024, WAYS = 4, NETWORK_BYTES = 8, SEED_BYTES = 16 };

#define MINUTE_US INT64_C(60000000)

typedef struct Bucket {
    uint64_t owner;
    int64_t full_us; /* elapsed time */
} Bucket;

struct RateLimit {
    int64_t each_us, all_us; /* for which a token stands */
    char seed[SEED_BYTES];   /* so that nobody can choose whose bucket he gets */
    Bucket all[RATE_CLASSES];
    Bucket buckets[SETS][WAYS];
};

RateLimit *rate_limit_new(int64_t per_minute, int64_t all_per_minute)
{
    RateLimit *limit = calloc(1, sizeof *limit);
    if (!limit)
        abort();
    limit->each_us = MINUTE_US / per_minute;
    limit->all_us = MINUTE_US / all_per_minute;
    digest_random(limit->seed, sizeof limit->seed);
    return limit;
}

void rate_limit_free(RateLimit *limit) { free(limit); }

/* What is no address has one bucket with all that is none. */
static uint64_t owner_of(const RateLimit *limit, const char *address)
{
    uint8_t wide[16] = {0};
    char text[SEED_BYTES + NETWORK_BYTES];
    if (inet_pton(AF_INET6, address, wide) != 1)
        inet_pton(AF_INET, address, wide);
    memcpy(text, limit->seed, SEED_BYTES);
    memcpy(text + SEED_BYTES, wide, NETWORK_BYTES);
    return slice_hash((Slice){text, sizeof text});
}

static Bucket *bucket_of(RateLimit *limit, uint64_t owner)
{
    Bucket *set = limit->buckets[owner % SETS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].owner == owner)
            return &set[i];
        if (set[i].full_us < oldest->full_us)
            oldest = &set[i];
    }
    *oldest = (Bucket){.owner = owner};
    return oldest;
}

/* How long until it has a token. */
static int64_t wait_us(const Bucket *bucket, int64_t token_us, int64_t now_us)
{
    int64_t wait = bucket->full_us - now_us - (MINUTE_US - token_us);
    return wait > 0 ? wait : 0;
}

static void take(Bucket *bucket, int64_t token_us, int64_t now_us)
{
    bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + token_us;
}

int64_t rate_limit_take(RateLimit *limit, RateClass class, const char *address, int64_t elapsed_ms)
{
    int64_t now_us = elapsed_ms * 1000;
    Bucket *own = bucket_of(limit, owner_of(limit, address)), *all = &limit->all[class];
    int64_t own_wait = wait_us(own, limit->each_us, now_us), all_wait = wait_us(all, limit->all_us, now_us);
    int64_t wait = own_wait > all_wait ? own_wait : all_wait;
    if (wait)
        return (wait + 999999) / 1000000;
    take(own, limit->each_us, now_us);
    take(all, limit->all_us, now_us);
    return 0;
}
