#include "ingress/live_calls.h"

#include <stdlib.h>

#include "base/metrics.h"
#include "ingress/live_table.h"

/* How long after the last channel the word of whoever ordered the call may come, and after a list the end that it knew already. */
enum { LATE_WORD_MS = 2000, LOOK_UPS_MAX = 2 };

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
        live_call_set_variable(call, i, variables[i]);
}

static void close_call(LiveCalls *calls, LiveCall *call);

/* The call that has this id now. One that waits for a last word only is over: its id is used again. */
static LiveCall *call_of_id(LiveCalls *calls, Slice call_id)
{
    LiveCall *same = live_call_by_id(calls, call_id);
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
    if (same) {
        live_call_join(calls, same, call);
        return same;
    }
    live_call_name(calls, call, call_id);
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
    live_call_free(calls, call);
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
    TAILQ_INSERT_TAIL(&calls->waiting, call, waiting);
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
        live_call_set_variable(call, i, event->variables[i]);
    call->knows_variables |= event->knows_variables;
    call->is_settled |= event->state != CHANNEL_IDLE || event->kind == CHANNEL_DIALLED || event->kind == CHANNEL_DIGIT || event->kind == CHANNEL_GONE;
}

/* Who dials it is a leg of the same call. */
static LiveCall *call_of_dial(LiveCalls *calls, LiveCall *call, const ChannelEvent *event)
{
    const LiveChannel *caller = slice_empty(event->dialled_by) ? NULL : live_channel_find(calls, event->dialled_by);
    if (!caller || caller->call == call || call->is_claimed)
        return call;
    LiveCall *into = caller->call;
    live_call_join(calls, into, call);
    return into;
}

static void take_gone(LiveCalls *calls, LiveChannel *channel, const ChannelEvent *event)
{
    LiveCall *call = channel->call;
    call_ending_add_cause(&call->news.ending, event->cause, event->cause_text);
    call->gone_ms = event->at_ms > call->gone_ms ? event->at_ms : call->gone_ms;
    call->has_vanished = false; /* how it goes on is seen again */
    live_channel_free(calls, channel);
    if (LIST_EMPTY(&call->channels))
        end_call(calls, call, call->gone_ms);
    else
        tell(calls, call);
}

static void take_originated(LiveCalls *calls, const ChannelEvent *event)
{
    LiveCall *call = live_call_by_linkedid(calls, event->uniqueid);
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
    LiveChannel *channel = live_channel_find(calls, event->uniqueid);
    bool is_birth = event->kind == CHANNEL_CREATED || event->kind == CHANNEL_LISTED;
    if (!channel && is_birth)
        channel = live_channel_new(calls, event);
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
    live_channel_free(calls, channel);
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
    LiveCall *call;
    calls->now_ms = now_ms;
    call_orders_expire(calls->orders, now_ms, tell_refused, calls);
    if (calls->misses_some)
        give_up_missed(calls, now_ms);
    while ((call = TAILQ_FIRST(&calls->waiting)) && now_ms >= call->close_at_ms) /* closing one may close the next, whose id it takes */
        close_call(calls, call);
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
    TAILQ_INIT(&calls->waiting);
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
    while ((call = TAILQ_FIRST(&calls->waiting)))
        live_call_free(calls, call);
    while ((channel = LIST_FIRST(&calls->all))) {
        call = channel->call;
        live_channel_free(calls, channel);
        if (LIST_EMPTY(&call->channels))
            live_call_free(calls, call);
    }
    call_orders_free(calls->orders);
    arena_done(&calls->arena);
    free(calls);
}
