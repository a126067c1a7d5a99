#include "ingress/live_calls.h"

#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/metrics.h"
#include "ingress/call_news.h"
#include "ingress/call_orders.h"

/* How long after the last channel the word of whoever ordered the call may come, and after a list the end that it knew already. */
enum { LATE_WORD_MS = 2000, LOOK_UPS_MAX = 2 };

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
    int64_t close_at_ms; /* its channels are gone, and one more word may come until then */
    LIST_HEAD(, LiveChannel) channels;
    LIST_ENTRY(LiveCall) waiting;
};

struct LiveCalls {
    LiveCallsSettings settings;
    char system[SYSTEM_BYTES_MAX + 1];
    void *channels, *by_linkedid, *by_id; /* trees; by_id of those that are claimed */
    size_t channel_count;
    uint32_t serial;
    LIST_HEAD(, LiveChannel) all;
    LIST_HEAD(, LiveCall) waiting;
    CallOrders *orders;
    uint64_t list;
    int64_t heard_ms, now_ms;
    bool misses_some;
    Arena arena; /* of what is told now */
};

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

static void call_free(LiveCalls *calls, LiveCall *call)
{
    tdelete(&call->by_linkedid, &calls->by_linkedid, compare);
    if (call->is_claimed)
        tdelete(&call->by_id, &calls->by_id, compare);
    if (call->close_at_ms)
        LIST_REMOVE(call, waiting);
    text_free(call->news.linkedid);
    text_free(call->news.call_id);
    for (size_t i = 0; i < CALL_VARIABLES; i++)
        text_free(call->news.variables[i]);
    free(call);
}

static void move_channel(LiveCalls *calls, LiveChannel *channel, LiveCall *call)
{
    if (channel->call)
        LIST_REMOVE(channel, beside);
    channel->call = call;
    LIST_INSERT_HEAD(&call->channels, channel, beside);
    if (call->is_claimed && calls->settings.map)
        channel_map_put(calls->settings.map, call->news.call_id, channel->id);
}

static void set_variable(LiveCall *call, size_t variable, Slice value)
{
    Slice *kept = &call->news.variables[variable];
    if (slice_empty(value) || slice_equal(*kept, value))
        return;
    text_free(*kept);
    *kept = text_copy(value);
}

/* They are one call; nothing of `from` was told. */
static void join(LiveCalls *calls, LiveCall *into, LiveCall *from)
{
    call_news_join(&into->news, &from->news);
    for (size_t i = 0; i < CALL_VARIABLES; i++) {
        if (slice_empty(into->news.variables[i]))
            set_variable(into, i, from->news.variables[i]);
    }
    into->knows_variables |= from->knows_variables;
    into->is_settled |= from->is_settled;
    into->has_vanished |= from->has_vanished;
    while (!LIST_EMPTY(&from->channels))
        move_channel(calls, LIST_FIRST(&from->channels), into);
    call_free(calls, from);
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
    LiveCall *call = call_named(&calls->by_linkedid, linkedid);
    const LiveChannel *half = call || !slice_empty(event->linkedid) ? NULL : other_half(calls, event->name);
    if (call || half)
        return call ? call : half->call;
    call = call_new(calls, linkedid);
    if (call_orders_take(calls->orders, linkedid, status))
        call_ending_add_status(&call->news.ending, slice_of(status));
    return call;
}

static LiveChannel *channel_new(LiveCalls *calls, const ChannelEvent *event)
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

static void channel_free(LiveCalls *calls, LiveChannel *channel)
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

/* ---- whose call it is ---- */

static bool is_ours(const LiveCall *call)
{
    return !slice_empty(call->news.variables[VARIABLE_CALL_ID]) || !slice_empty(call->news.variables[VARIABLE_CAMPAIGN_ID]);
}

/* When it is settled, and once more when it is answered: an inbound call may be given its campaign by the dialplan. */
static void look_up(LiveCalls *calls, LiveCall *call)
{
    int allowed = call->news.answered_ms ? LOOK_UPS_MAX : LOOK_UPS_MAX - 1;
    const LiveChannel *channel = LIST_FIRST(&call->channels);
    Slice variables[CALL_VARIABLES] = {{0}};
    if (call->knows_variables || is_ours(call) || call->look_ups >= allowed || !channel || !calls->settings.look_up)
        return;
    call->look_ups++;
    if (!calls->settings.look_up(calls->settings.context, channel->id, &calls->arena, variables))
        return;
    for (size_t i = 0; i < CALL_VARIABLES; i++)
        set_variable(call, i, variables[i]);
}

static void close_call(LiveCalls *calls, LiveCall *call);

/* The call that has this id now. One that waits for a last word only is over: its id is used again. */
static LiveCall *call_of_id(LiveCalls *calls, Slice call_id)
{
    LiveCall *same = call_named(&calls->by_id, call_id);
    if (same && same->close_at_ms) {
        close_call(calls, same);
        return NULL;
    }
    return same;
}

/* Its id is known from here on. Returns the call that it is: another one, when that id is taken. */
static LiveCall *claim(LiveCalls *calls, LiveCall *call)
{
    Slice said = call->news.variables[VARIABLE_CALL_ID], call_id = slice_empty(said) ? call->news.linkedid : said;
    LiveCall *same = call_of_id(calls, call_id);
    LiveChannel *channel;
    if (same) {
        join(calls, same, call);
        return same;
    }
    call->is_claimed = true;
    call->news.call_id = text_copy(call_id);
    call->by_id = (CallName){call->news.call_id, call};
    enter(&calls->by_id, &call->by_id);
    LIST_FOREACH(channel, &call->channels, beside)
    {
        if (calls->settings.map)
            channel_map_put(calls->settings.map, call->news.call_id, channel->id);
    }
    return call;
}

/* ---- what is told ---- */

static LiveCall *tell(LiveCalls *calls, LiveCall *call)
{
    if (!call->is_settled)
        return call;
    look_up(calls, call);
    if (!call->is_claimed && is_ours(call))
        call = claim(calls, call);
    if (call->is_claimed)
        call_news_tell(&call->news, &calls->arena, calls->settings.tell, calls->settings.context);
    arena_reset(&calls->arena);
    return call;
}

static void close_call(LiveCalls *calls, LiveCall *call)
{
    call->is_settled = true;
    call->news.is_inferred = call->has_vanished;
    call = tell(calls, call);
    if (!LIST_EMPTY(&call->channels)) /* it was another leg of a call that goes on */
        return;
    metric_add(call->is_claimed ? METRIC_ASTERISK_CALLS_OURS : METRIC_ASTERISK_CALLS_OTHERS, 1);
    call_orders_close(calls->orders, call->news.linkedid);
    call_free(calls, call);
}

/* The last of its channels is gone. */
static void end_call(LiveCalls *calls, LiveCall *call, int64_t at_ms)
{
    const CallNews *news = &call->news;
    bool is_open = call_ending_is_open(&news->ending, news->ringing_ms != 0, news->answered_ms != 0) && !call->has_vanished;
    call->news.ended_ms = at_ms;
    if (!is_open) {
        close_call(calls, call);
        return;
    }
    call->close_at_ms = calls->now_ms + LATE_WORD_MS;
    LIST_INSERT_HEAD(&calls->waiting, call, waiting);
}

/* ---- what is said of a channel ---- */

static void keep_first(int64_t *kept, int64_t value) { *kept = *kept ? *kept : value; }

static void keep_earlier(int64_t *kept, int64_t value) { *kept = !*kept || value < *kept ? value : *kept; }

/* What the event shows of the channel as it is now. */
static void note_state(LiveCall *call, const ChannelEvent *event)
{
    CallNews *news = &call->news;
    bool is_birth = event->kind == CHANNEL_CREATED || event->kind == CHANNEL_LISTED;
    if (is_birth)
        keep_earlier(&news->created_ms, event->created_ms ? event->created_ms : event->at_ms);
    if (event->state == CHANNEL_DIALING || (event->kind == CHANNEL_DIALLED && slice_empty(event->status)))
        keep_first(&news->dialled_ms, event->at_ms);
    if (event->state == CHANNEL_RINGING)
        keep_first(&news->ringing_ms, event->at_ms);
    if (event->state == CHANNEL_UP)
        keep_first(&news->answered_ms, event->at_ms);
    for (size_t i = 0; i < CALL_VARIABLES; i++)
        set_variable(call, i, event->variables[i]);
    call->knows_variables |= event->knows_variables;
    call->is_settled |= event->state != CHANNEL_IDLE || event->kind == CHANNEL_DIALLED || event->kind == CHANNEL_DIGIT || event->kind == CHANNEL_GONE;
}

/* Who dials it is a leg of the same call. */
static LiveCall *call_of_dial(LiveCalls *calls, LiveCall *call, const ChannelEvent *event)
{
    const LiveChannel *caller = slice_empty(event->dialled_by) ? NULL : find(&calls->channels, event->dialled_by);
    if (!caller || caller->call == call || call->is_claimed)
        return call;
    LiveCall *into = caller->call;
    join(calls, into, call);
    return into;
}

static void take_gone(LiveCalls *calls, LiveChannel *channel, const ChannelEvent *event)
{
    LiveCall *call = channel->call;
    call_ending_add_cause(&call->news.ending, event->cause, event->cause_text);
    channel_free(calls, channel);
    if (LIST_EMPTY(&call->channels))
        end_call(calls, call, event->at_ms);
    else
        tell(calls, call);
}

static void take_originated(LiveCalls *calls, const ChannelEvent *event)
{
    LiveCall *call = call_named(&calls->by_linkedid, event->uniqueid);
    if (!call && event->has_failed)
        call_orders_keep(calls->orders, event, calls->now_ms + LATE_WORD_MS);
    if (!call)
        return;
    call_ending_add_status(&call->news.ending, event->status);
    if (call->close_at_ms)
        close_call(calls, call);
}

static void tell_refused(void *context, Slice uniqueid, int64_t at_ms)
{
    LiveCalls *calls = context;
    call_news_tell_refused(uniqueid, at_ms, &calls->arena, calls->settings.tell, calls->settings.context);
    arena_reset(&calls->arena);
}

static void take(LiveCalls *calls, LiveChannel *channel, const ChannelEvent *event)
{
    channel->list = event->kind == CHANNEL_LISTED || event->kind == CHANNEL_CREATED ? calls->list : channel->list;
    channel->missed_at_ms = event->kind == CHANNEL_LISTED ? 0 : channel->missed_at_ms;
    note_state(channel->call, event);
    if (event->kind == CHANNEL_DIALLED) {
        LiveCall *call = call_of_dial(calls, channel->call, event);
        call_ending_add_status(&call->news.ending, event->status);
    }
    if (event->kind == CHANNEL_DIGIT)
        call_news_add_press(&channel->call->news, event->digit, event->at_ms, channel->serial);
    if (event->kind == CHANNEL_GONE)
        take_gone(calls, channel, event);
    else
        tell(calls, channel->call);
}

void live_calls_take(LiveCalls *calls, const ChannelEvent *event, int64_t now_ms)
{
    calls->now_ms = now_ms;
    if (event->kind == CHANNEL_ORIGINATED) {
        take_originated(calls, event);
        return;
    }
    LiveChannel *channel = find(&calls->channels, event->uniqueid);
    bool is_birth = event->kind == CHANNEL_CREATED || event->kind == CHANNEL_LISTED;
    if (!channel && is_birth)
        channel = channel_new(calls, event);
    if (channel)
        take(calls, channel, event);
}

/* ---- lists, and time ---- */

void live_calls_list_begins(LiveCalls *calls, int64_t heard_ms)
{
    calls->list++;
    calls->heard_ms = heard_ms;
}

void live_calls_list_ends(LiveCalls *calls, int64_t now_ms)
{
    LiveChannel *channel;
    LIST_FOREACH(channel, &calls->all, following)
    {
        if (channel->list == calls->list || channel->missed_at_ms)
            continue;
        channel->missed_at_ms = now_ms;
        calls->misses_some = true;
    }
}

static int64_t last_known_ms(const LiveCalls *calls, const CallNews *news)
{
    const int64_t times[] = {news->created_ms, news->dialled_ms, news->ringing_ms, news->answered_ms,
                             news->press_count ? news->presses[news->press_count - 1].at_ms : 0};
    int64_t last_ms = calls->heard_ms;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        last_ms = times[i] > last_ms ? times[i] : last_ms;
    return last_ms;
}

static void vanish(LiveCalls *calls, LiveChannel *channel)
{
    LiveCall *call = channel->call;
    call->has_vanished = true;
    channel_free(calls, channel);
    if (LIST_EMPTY(&call->channels))
        end_call(calls, call, last_known_ms(calls, &call->news));
}

static void give_up_missed(LiveCalls *calls, int64_t now_ms)
{
    LiveChannel *channel = LIST_FIRST(&calls->all), *following;
    calls->misses_some = false;
    for (; channel; channel = following) {
        following = LIST_NEXT(channel, following);
        bool is_missed = channel->missed_at_ms != 0, is_over = is_missed && now_ms - channel->missed_at_ms >= LATE_WORD_MS;
        calls->misses_some |= is_missed && !is_over;
        if (is_over)
            vanish(calls, channel);
    }
}

void live_calls_tick(LiveCalls *calls, int64_t now_ms)
{
    LiveCall *call = LIST_FIRST(&calls->waiting), *following;
    calls->now_ms = now_ms;
    call_orders_expire(calls->orders, now_ms, tell_refused, calls);
    if (calls->misses_some)
        give_up_missed(calls, now_ms);
    for (; call; call = following) {
        following = LIST_NEXT(call, waiting);
        if (now_ms >= call->close_at_ms)
            close_call(calls, call);
    }
}

/* ---- all of them ---- */

LiveCalls *live_calls_new(const LiveCallsSettings *settings)
{
    LiveCalls *calls = calloc(1, sizeof *calls);
    if (!calls)
        abort();
    calls->settings = *settings;
    calls->orders = call_orders_new();
    LIST_INIT(&calls->all);
    LIST_INIT(&calls->waiting);
    arena_init(&calls->arena);
    return calls;
}

void live_calls_set_system(LiveCalls *calls, Slice system)
{
    size_t bytes = system.bytes < SYSTEM_BYTES_MAX ? system.bytes : SYSTEM_BYTES_MAX;
    memset(calls->system, 0, sizeof calls->system);
    if (bytes)
        memcpy(calls->system, system.at, bytes);
}

void live_calls_free(LiveCalls *calls)
{
    LiveChannel *channel;
    LiveCall *call;
    if (!calls)
        return;
    while ((call = LIST_FIRST(&calls->waiting)))
        call_free(calls, call);
    while ((channel = LIST_FIRST(&calls->all))) {
        call = channel->call;
        channel_free(calls, channel);
        if (LIST_EMPTY(&call->channels))
            call_free(calls, call);
    }
    call_orders_free(calls->orders);
    arena_done(&calls->arena);
    free(calls);
}
