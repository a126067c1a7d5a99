/* An open-addressing table, at most half full, that grows. While nobody waits, to ask costs one look at a count. */
#include "base/waiting_blocks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 16, FIRST_PLACES = 64 };

/* bytes 0: the place is free. */
typedef struct WaitingBlock {
    uint8_t bytes;
    char number[NUMBER_BYTES];
} WaitingBlock;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static WaitingBlock *table;
static size_t places;
static _Atomic size_t waiting;

static size_t home_of(Slice phone) { return slice_hash(phone) % places; }

/* Where it is, or belongs. */
static size_t find(Slice phone)
{
    size_t at = home_of(phone);
    while (table[at].bytes && !slice_equal(phone, (Slice){table[at].number, table[at].bytes}))
        at = (at + 1) % places;
    return at;
}

static void enter(Slice phone)
{
    WaitingBlock *block = &table[find(phone)];
    waiting += !block->bytes;
    block->bytes = (uint8_t)phone.bytes;
    memcpy(block->number, phone.at, phone.bytes);
}

static void grow(void)
{
    WaitingBlock *old = table;
    size_t old_places = places;
    places = places ? places * 2 : FIRST_PLACES;
    table = calloc(places, sizeof *table);
    if (!table)
        abort();
    waiting = 0;
    for (size_t i = 0; i < old_places; i++) {
        if (old[i].bytes)
            enter((Slice){old[i].number, old[i].bytes});
    }
    free(old);
}

/* Those behind it in its run may have been pushed away from its place. */
static void leave(size_t at)
{
    table[at].bytes = 0;
    waiting--;
    for (size_t next = (at + 1) % places; table[next].bytes; next = (next + 1) % places) {
        WaitingBlock moved = table[next];
        table[next].bytes = 0;
        table[find((Slice){moved.number, moved.bytes})] = moved;
    }
}

void waiting_blocks_put(Slice phone)
{
    if (!phone.bytes || phone.bytes > NUMBER_BYTES)
        return;
    pthread_mutex_lock(&lock);
    if (2 * (waiting + 1) > places)
        grow();
    enter(phone);
    pthread_mutex_unlock(&lock);
}

void waiting_blocks_drop(Slice phone)
{
    if (!waiting)
        return;
    pthread_mutex_lock(&lock);
    size_t at = waiting ? find(phone) : 0;
    if (waiting && table[at].bytes)
        leave(at);
    pthread_mutex_unlock(&lock);
}

bool waiting_blocks_has(Slice phone)
{
    if (!waiting)
        return false;
    pthread_mutex_lock(&lock);
    bool has = waiting && table[find(phone)].bytes;
    pthread_mutex_unlock(&lock);
    return has;
}

void waiting_blocks_clear(void)
{
    pthread_mutex_lock(&lock);
    free(table);
    table = NULL;
    places = 0;
    waiting = 0;
    pthread_mutex_unlock(&lock);
}
