/* The calls that a PBX has now, and what is to be told of them: channel events in, messages of `call-events` (and receipts of calls
 * that should have spoken a text) out. No I/O and no clock. Several channels are one call: those with one PLEDGELINE_CALL_ID, else
 * those with one linkedid, else the halves of a Local pair and who dials whom. A call that has neither PLEDGELINE_CALL_ID nor
 * PLEDGELINE_CAMPAIGN_ID is none of ours, and nothing is told of it.
 *
 * Whoever else follows the same PBX tells the same, under the same event ids: they are made of what Asterisk says alone. */
#pragma once

#include "base/arena.h"
#include "base/channel_map.h"
#include "ingress/channel_event.h"

typedef struct LiveCalls LiveCalls;

enum { LIVE_CHANNELS_MAX = 100 * 1000, UNIQUEID_BYTES_MAX = 160, SYSTEM_BYTES_MAX = 64 };

typedef struct LiveCallsSettings {
    ChannelMap *map; /* told which channels our calls have; NULL = nobody asks */
    /* A message to be published; bytes live for the call. */
    void (*tell)(void *context, Slice topic, Slice body);
    /* Asks the PBX for the variables of a channel whose events do not show them. NULL = cannot be asked. */
    bool (*look_up)(void *context, Slice uniqueid, Arena *arena, Slice ret_variables[CALL_VARIABLES]);
    void *context;
} LiveCallsSettings;

LiveCalls *live_calls_new(const LiveCallsSettings *settings);
void live_calls_free(LiveCalls *calls); /* NULL is fine */

/* The name of the PBX, for the records; empty = it has none. */
void live_calls_set_system(LiveCalls *calls, Slice system);

/* now_ms: any clock that goes on, the same for all of these. */
void live_calls_take(LiveCalls *calls, const ChannelEvent *event, int64_t now_ms);

/* A list of all channels comes, as events of kind LISTED. Calls that it does not have were over by its end: heard_ms is the last
 * that is known of them. They are closed a moment later, so that their real ends, which may be on their way, come first. */
void live_calls_list_begins(LiveCalls *calls, int64_t heard_ms);
void live_calls_list_ends(LiveCalls *calls, int64_t now_ms);

/* Now and then: what waits for a word that may not come. */
void live_calls_tick(LiveCalls *calls, int64_t now_ms);
