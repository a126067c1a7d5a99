/* Follows the calls of one PBX: what it says becomes messages of `call-events`, and which channels a call has goes into the channel
 * map. A PBX keeps no events, so after each connection all channels are listed. */
#pragma once

#include "base/breaker.h"
#include "base/channel_map.h"
#include "ingress/intake.h"

typedef struct CallFeed CallFeed;

typedef struct CallFeedSettings {
    const char *ami_url, *ari_url; /* "" = not set; ARI wins */
    ChannelMap *map;
} CallFeedSettings;

/* *ret NULL where no PBX is set. Connects on a thread of its own. intake and map outlive it. */
Status call_feed_open(const CallFeedSettings *settings, Intake *intake, CallFeed **ret, Fault *fault);
/* Follows no more; what is known by then goes in. Before intake_stop. NULL is fine. */
void call_feed_stop(CallFeed *feed);
/* Once nobody looks at its breaker any more. NULL is fine. */
void call_feed_free(CallFeed *feed);

/* Any thread: whether what happens now is heard. A connection that dropped without a word is found out after a while. NULL follows nothing. */
bool call_feed_follows(const CallFeed *feed);

/* For readyz: "asterisk_events". */
Breaker *call_feed_breaker(CallFeed *feed);
