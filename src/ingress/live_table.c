#include "ingress/live_table.h"

#include <search.h>
#include <stdlib.h>

/* ---- trees ---- */

static int compare(const void *a, const void *b) { return slice_compare(*(const Slice *)a, *(const Slice *)b); }

static void *find(void *const *root, Slice key)
{
    void *const *node = tfind(&key, root, compare);
    return node ? *node : NULL;
}

static void enter(void **root, void *entry)
{
    if (!tsearch(entry, root, compare))
        abort();
}

static LiveCall *call_named(void *const *root, Slice name)
{
    const CallName *found = slice_empty(name) ? NULL : find(root, name);
    return found ? found->call : NULL;
}

LiveChannel *live_channel_find(const LiveCalls *calls, Slice uniqueid) { return find(&calls->channels, uniqueid); }
LiveCall *live_call_by_linkedid(const LiveCalls *calls, Slice linkedid) { return call_named(&calls->by_linkedid, linkedid); }
LiveCall *live_call_by_id(const LiveCalls *calls, Slice call_id) { return call_named(&calls->by_id, call_id); }

static Slice text_copy(Slice text)
{
    char *copy = malloc(text.bytes + 1);
    if (!copy)
        abort();
    if (text.bytes)
        memcpy(copy, text.at, text.bytes);
    copy[text.bytes] = 0;
    return (Slice){copy, text.bytes};
}

static void text_free(Slice text) { free((void *)(uintptr_t)text.at); }

/* ---- calls ---- */

static LiveCall *call_new(LiveCalls *calls, Slice linkedid)
{
    LiveCall *call = calloc(1, sizeof *call);
    if (!call)
        abort();
    call->news = (CallNews){.system = {calls->system, strlen(calls->system)}, .linkedid = text_copy(linkedid)};
    call->by_linkedid = (CallName){call->news.linkedid, call};
    LIST_INIT(&call->channels);
    enter(&calls->by_linkedid, &call->by_linkedid);
    return call;
}

static void wait_no_more(LiveCalls *calls, LiveCall *call)
{
    if (!call->close_at_ms)
        return;
    TAILQ_REMOVE(&calls->waiting, call, waiting);
    call->close_at_ms = 0;
}

void live_call_free(LiveCalls *calls, LiveCall *call)
{
    tdelete(&call->by_linkedid, &calls->by_linkedid, compare);
    if (call->is_claimed)
        tdelete(&call->by_id, &calls->by_id, compare);
    wait_no_more(calls, call);
    text_free(call->news.linkedid);
    text_free(call->news.call_id);
    for (size_t i = 0; i < CALL_VARIABLES; i++)
        text_free(call->news.variables[i]);
    free(call);
}

void live_call_name(LiveCalls *calls, LiveCall *call, Slice call_id)
{
    const LiveChannel *channel;
    call->is_claimed = true;
    call->news.call_id = text_copy(call_id);
    call->by_id = (CallName){call->news.call_id, call};
    enter(&calls->by_id, &call->by_id);
    LIST_FOREACH(channel, &call->channels, beside)
    {
        if (calls->settings.map)
            channel_map_put(calls->settings.map, call->news.call_id, channel->id);
    }
}

/* It seemed to be over, and has a channel again. */
static void reopen(LiveCalls *calls, LiveCall *call)
{
    wait_no_more(calls, call);
    call->news.ended_ms = 0;
}

static void move_channel(LiveCalls *calls, LiveChannel *channel, LiveCall *call)
{
    if (channel->call)
        LIST_REMOVE(channel, beside);
    reopen(calls, call);
    channel->call = call;
    LIST_INSERT_HEAD(&call->channels, channel, beside);
    if (call->is_claimed && calls->settings.map)
        channel_map_put(calls->settings.map, call->news.call_id, channel->id);
}

void live_call_set_variable(LiveCall *call, size_t variable, Slice value)
{
    Slice *kept = &call->news.variables[variable];
    if (slice_empty(value) || slice_equal(*kept, value))
        return;
    text_free(*kept);
    *kept = text_copy(value);
}

void live_call_join(LiveCalls *calls, LiveCall *into, LiveCall *from)
{
    call_news_join(&into->news, &from->news);
    for (size_t i = 0; i < CALL_VARIABLES; i++) {
        if (slice_empty(into->news.variables[i]))
            live_call_set_variable(into, i, from->news.variables[i]);
    }
    into->knows_variables |= from->knows_variables;
    into->is_settled |= from->is_settled;
    into->has_vanished |= from->has_vanished;
    into->gone_ms = from->gone_ms > into->gone_ms ? from->gone_ms : into->gone_ms;
    while (!LIST_EMPTY(&from->channels))
        move_channel(calls, LIST_FIRST(&from->channels), into);
    live_call_free(calls, from);
}

/* ---- channels ---- */

/* The other half of a Local pair, whose names differ in their last digit. */
static LiveChannel *other_half(const LiveCalls *calls, Slice name)
{
    LiveChannel *channel;
    if (!slice_starts_with(name, SLICE("Local/")))
        return NULL;
    LIST_FOREACH(channel, &calls->all, following)
    {
        bool is_like_it = channel->name.bytes == name.bytes && !memcmp(channel->name.at, name.at, name.bytes - 1);
        if (is_like_it && channel->name.at[name.bytes - 2] == ';')
            return channel;
    }
    return NULL;
}

static LiveCall *call_for(LiveCalls *calls, const ChannelEvent *event)
{
    char status[DIAL_STATUS_BYTES];
    Slice linkedid = slice_empty(event->linkedid) ? event->uniqueid : event->linkedid;
    LiveCall *call = live_call_by_linkedid(calls, linkedid);
    const LiveChannel *half = call || !slice_empty(event->linkedid) ? NULL : other_half(calls, event->name);
    if (call || half)
        return call ? call : half->call;
    call = call_new(calls, linkedid);
    if (call_orders_take(calls->orders, linkedid, status))
        call_ending_add_status(&call->news.ending, slice_of(status));
    return call;
}

LiveChannel *live_channel_new(LiveCalls *calls, const ChannelEvent *event)
{
    bool is_fit = event->uniqueid.bytes >= 1 && event->uniqueid.bytes <= UNIQUEID_BYTES_MAX && event->linkedid.bytes <= UNIQUEID_BYTES_MAX;
    if (!is_fit || calls->channel_count == LIVE_CHANNELS_MAX)
        return NULL;
    LiveChannel *channel = calloc(1, sizeof *channel);
    if (!channel)
        abort();
    *channel = (LiveChannel){.id = text_copy(event->uniqueid), .name = text_copy(event->name), .serial = ++calls->serial};
    move_channel(calls, channel, call_for(calls, event));
    LIST_INSERT_HEAD(&calls->all, channel, following);
    enter(&calls->channels, channel);
    calls->channel_count++;
    return channel;
}

void live_channel_free(LiveCalls *calls, LiveChannel *channel)
{
    if (calls->settings.map && channel->call->is_claimed)
        channel_map_drop(calls->settings.map, channel->id);
    LIST_REMOVE(channel, beside);
    LIST_REMOVE(channel, following);
    tdelete(channel, &calls->channels, compare);
    calls->channel_count--;
    text_free(channel->id);
    text_free(channel->name);
    free(channel);
}
