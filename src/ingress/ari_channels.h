/* Events and channels of the Asterisk REST Interface as channel events. Pure.
 * https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_Data_Models/ */
#pragma once

#include "base/json.h"
#include "ingress/channel_event.h"

/* What an application is to be sent alone: the body of PUT /applications/{name}/eventFilter. */
extern const Slice ari_channels_filter;

/* kind OTHER when it is none of those. */
ChannelEvent ari_channel_event(const Json *event, int64_t now_ms, Arena *arena);

/* A channel of the list of all. */
ChannelEvent ari_listed_channel(const Json *channel, int64_t now_ms, Arena *arena);
