/* Events of the Asterisk Manager Interface as channel events. Pure.
 * https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Events/ */
#pragma once

#include "base/arena.h"
#include "ingress/channel_event.h"
#include "net/ami_message.h"

/* A pattern for those that become one. */
extern const Slice ami_channels_filter;

/* kind OTHER when it is none of them. now_ms stands in for a time that it does not have (timestampevents of manager.conf). */
ChannelEvent ami_channel_event(const AmiMessage *message, int64_t now_ms, Arena *arena);
