#include "base/recent_blocks.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

enum { NUMBER_BYTES = 16, SET_BACK_MS = 1000 };

/* Two long numbers that begin alike are taken for one, which asks the list once more than it had to. */
typedef struct RecentBlock {
    int64_t put_ms; /* elapsed time */
    uint8_t bytes;
    char number[NUMBER_BYTES];
} RecentBlock;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static RecentBlock ring[RECENT_BLOCKS_MAX];
static uint64_t put_count;

static RecentBlock block_of(Slice phone)
{
    RecentBlock block = {.put_ms = clock_elapsed_ms(), .bytes = phone.bytes < NUMBER_BYTES ? (uint8_t)phone.bytes : NUMBER_BYTES};
    if (block.bytes)
        memcpy(block.number, phone.at, block.bytes);
    return block;
}

void recent_blocks_put(Slice phone)
{
    pthread_mutex_lock(&lock);
    ring[put_count++ % RECENT_BLOCKS_MAX] = block_of(phone);
    pthread_mutex_unlock(&lock);
}

int64_t recent_blocks_since(int64_t wall_ms)
{
    int64_t ago_ms = clock_wall_ms() - wall_ms;
    return clock_elapsed_ms() - (ago_ms > 0 ? ago_ms : 0) - SET_BACK_MS;
}

static bool is_same(const RecentBlock *one, const RecentBlock *other)
{
    return one->bytes == other->bytes && !memcmp(one->number, other->number, one->bytes);
}

/* The newest first. One that would have been overwritten by now may be any number. */
static bool was_put(const RecentBlock *wanted, int64_t since_ms)
{
    for (uint64_t age = 1; age <= put_count; age++) {
        const RecentBlock *block = &ring[(put_count - age) % RECENT_BLOCKS_MAX];
        if (block->put_ms < since_ms)
            return false;
        if (age == RECENT_BLOCKS_MAX || is_same(block, wanted))
            return true;
    }
    return false;
}

bool recent_blocks_has(Slice phone, int64_t since_ms)
{
    RecentBlock wanted = block_of(phone);
    pthread_mutex_lock(&lock);
    bool has = was_put(&wanted, since_ms);
    pthread_mutex_unlock(&lock);
    return has;
}
