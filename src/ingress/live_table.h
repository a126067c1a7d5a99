/* The channels and calls that are there, and how they are found: what live_calls.c works on. */
#pragma once

#include <sys/queue.h>

#include "ingress/call_news.h"
#include "ingress/call_orders.h"
#include "ingress/live_calls.h"

typedef struct LiveCall LiveCall;

/* What a tree compares comes first in it. */
typedef struct LiveChannel {
    Slice id;
    Slice name;
    uint32_t serial;
    LiveCall *call;
    uint64_t list;        /* the last one that had it */
    int64_t missed_at_ms; /* since when it is in none; 0 = it is there */
    LIST_ENTRY(LiveChannel) beside, following;
} LiveChannel;

typedef struct CallName {
    Slice text;
    LiveCall *call;
} CallName;

struct LiveCall {
    CallNews news; /* with texts of its own */
    CallName by_linkedid, by_id;
    bool is_settled;  /* whoever placed it has set its variables by now, if ever */
    bool is_claimed;  /* it is ours, and its id stays what it is */
    bool knows_variables, has_vanished;
    int look_ups;
    int64_t gone_ms;     /* when the last channel of those that are gone went, which need not be the last that was told of */
    int64_t close_at_ms; /* its channels are gone, and one more word may come until then */
    LIST_HEAD(, LiveChannel) channels;
    TAILQ_ENTRY(LiveCall) waiting;
};

struct LiveCalls {
    LiveCallsSettings settings;
    char system[SYSTEM_BYTES_MAX + 1];
    void *channels, *by_linkedid, *by_id; /* trees; by_id of those that are claimed */
    size_t channel_count;
    uint32_t serial;
    LIST_HEAD(, LiveChannel) all;
    TAILQ_HEAD(, LiveCall) waiting; /* for a last word; the longest first */
    CallOrders *orders;
    uint64_t list;
    int64_t heard_ms, now_ms;
    bool misses_some;
    Arena arena; /* of what is told now */
};

/* NULL when there is none. */
LiveChannel *live_channel_find(const LiveCalls *calls, Slice uniqueid);
LiveCall *live_call_by_linkedid(const LiveCalls *calls, Slice linkedid);
LiveCall *live_call_by_id(const LiveCalls *calls, Slice call_id);

/* With its call, which may be there already. NULL when the table is full, or the event names no channel. */
LiveChannel *live_channel_new(LiveCalls *calls, const ChannelEvent *event);
/* Its call stays, with a channel less. */
void live_channel_free(LiveCalls *calls, LiveChannel *channel);

/* It can be found by this id from now on, and whoever ends calls finds its channels by it. */
void live_call_name(LiveCalls *calls, LiveCall *call, Slice call_id);
/* The two are one call; `from` is gone, and nothing of it was told. */
void live_call_join(LiveCalls *calls, LiveCall *into, LiveCall *from);
/* Without channels. */
void live_call_free(LiveCalls *calls, LiveCall *call);
void live_call_set_variable(LiveCall *call, size_t variable, Slice value);
