/* Which channels of the telephone exchange a call has: told by whoever follows the exchange, asked by whoever ends calls. Any thread; no
 * function blocks for long. Of calls whose channels are all gone the last 4,096 are remembered. */
#pragma once

#include "base/arena.h"

typedef struct ChannelMap ChannelMap;

/* Channels of calls that are on; what is beyond is not taken. */
enum { CHANNEL_MAP_MAX = 100 * 1000, CALL_CHANNELS_MAX = 16 };

ChannelMap *channel_map_new(void);
void channel_map_free(ChannelMap *map); /* NULL is fine */

/* The channel, by its unique id, is one of this call's from now on, and of no other's. */
void channel_map_put(ChannelMap *map, Slice call_id, Slice channel_id);
/* The channel is gone. */
void channel_map_drop(ChannelMap *map, Slice channel_id);

typedef enum ChannelsPlace {
    CHANNELS_STRANGE, /* nobody told of it */
    CHANNELS_GONE,    /* it had channels, and they are gone */
    CHANNELS_THERE,
} ChannelsPlace;

/* Up to CALL_CHANNELS_MAX unique ids of the call's channels, in arena. */
ChannelsPlace channel_map_find(ChannelMap *map, Slice call_id, Arena *arena, Slice ret_channels[CALL_CHANNELS_MAX], size_t *ret_count);
