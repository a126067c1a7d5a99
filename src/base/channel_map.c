/* Two search trees of libc, by channel and by call; a call's channels are a list, since it has two or three. */
#include "base/channel_map.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { GONE_MAX = 4096 };

typedef struct Channel Channel;
typedef struct CallEntry CallEntry;

/* Each begins with its name, by which the trees compare. */
struct Channel {
    Slice id;
    CallEntry *call;
    LIST_ENTRY(Channel) beside;
};

struct CallEntry {
    Slice id;
    LIST_HEAD(, Channel) channels;
    TAILQ_ENTRY(CallEntry) behind; /* while it is gone */
};

struct ChannelMap {
    pthread_mutex_t lock;
    void *channels, *calls; /* roots */
    size_t channel_count, gone_count;
    TAILQ_HEAD(, CallEntry) gone; /* the one that has been gone longest first */
};

static int compare(const void *a, const void *b) { return slice_compare(*(const Slice *)a, *(const Slice *)b); }

/* With its name behind it; what is not said is zero. */
static void *named_new(size_t bytes, Slice id)
{
    char *room = calloc(1, bytes + id.bytes + 1);
    if (!room)
        abort();
    *(Slice *)(void *)room = (Slice){memcpy(room + bytes, id.bytes ? id.at : "", id.bytes), id.bytes};
    return room;
}

static void *find(void *const *root, Slice id)
{
    void *const *node = tfind(&id, root, compare);
    return node ? *node : NULL;
}

static void enter(void **root, void *named)
{
    if (!tsearch(named, root, compare))
        abort();
}

static void take_out(void **root, void *named)
{
    tdelete(named, root, compare);
    free(named);
}

ChannelMap *channel_map_new(void)
{
    ChannelMap *map = calloc(1, sizeof *map);
    if (!map)
        abort();
    pthread_mutex_init(&map->lock, NULL);
    TAILQ_INIT(&map->gone);
    return map;
}

void channel_map_free(ChannelMap *map)
{
    if (!map)
        return;
    tdestroy(map->channels, free);
    tdestroy(map->calls, free);
    pthread_mutex_destroy(&map->lock);
    free(map);
}

/* ---- told ---- */

static CallEntry *call_of(ChannelMap *map, Slice call_id)
{
    CallEntry *call = find(&map->calls, call_id);
    if (call && LIST_EMPTY(&call->channels)) {
        TAILQ_REMOVE(&map->gone, call, behind);
        map->gone_count--;
    }
    if (call)
        return call;
    call = named_new(sizeof *call, call_id);
    LIST_INIT(&call->channels);
    enter(&map->calls, call);
    return call;
}

static void mark_gone(ChannelMap *map, CallEntry *call)
{
    TAILQ_INSERT_TAIL(&map->gone, call, behind);
    if (++map->gone_count <= GONE_MAX)
        return;
    CallEntry *oldest = TAILQ_FIRST(&map->gone);
    TAILQ_REMOVE(&map->gone, oldest, behind);
    map->gone_count--;
    take_out(&map->calls, oldest);
}

static void drop(ChannelMap *map, Channel *channel)
{
    CallEntry *call = channel->call;
    LIST_REMOVE(channel, beside);
    take_out(&map->channels, channel);
    map->channel_count--;
    if (LIST_EMPTY(&call->channels))
        mark_gone(map, call);
}

static void put(ChannelMap *map, Slice call_id, Slice channel_id)
{
    Channel *channel = find(&map->channels, channel_id);
    if (channel && slice_equal(channel->call->id, call_id))
        return;
    if (channel)
        drop(map, channel);
    if (map->channel_count == CHANNEL_MAP_MAX)
        return;
    channel = named_new(sizeof *channel, channel_id);
    channel->call = call_of(map, call_id);
    LIST_INSERT_HEAD(&channel->call->channels, channel, beside);
    enter(&map->channels, channel);
    map->channel_count++;
}

void channel_map_put(ChannelMap *map, Slice call_id, Slice channel_id)
{
    pthread_mutex_lock(&map->lock);
    put(map, call_id, channel_id);
    pthread_mutex_unlock(&map->lock);
}

void channel_map_drop(ChannelMap *map, Slice channel_id)
{
    pthread_mutex_lock(&map->lock);
    Channel *channel = find(&map->channels, channel_id);
    if (channel)
        drop(map, channel);
    pthread_mutex_unlock(&map->lock);
}

/* ---- asked ---- */

ChannelsPlace channel_map_find(ChannelMap *map, Slice call_id, Arena *arena, Slice ret_channels[CALL_CHANNELS_MAX], size_t *ret_count)
{
    const Channel *channel;
    *ret_count = 0;
    pthread_mutex_lock(&map->lock);
    CallEntry *call = find(&map->calls, call_id);
    if (call) {
        LIST_FOREACH(channel, &call->channels, beside)
        {
            if (*ret_count < CALL_CHANNELS_MAX)
                ret_channels[(*ret_count)++] = arena_copy(arena, channel->id);
        }
    }
    pthread_mutex_unlock(&map->lock);
    return !call ? CHANNELS_STRANGE : *ret_count ? CHANNELS_THERE : CHANNELS_GONE;
}
