#include "ingress/ari_channels.h"

#include "base/clock.h"

const Slice ari_channels_filter =
    SLICE_INIT("{\"allowed\":[{\"type\":\"ChannelCreated\"},{\"type\":\"ChannelStateChange\"},{\"type\":\"ChannelVarset\"},{\"type\":\"Dial\"},"
               "{\"type\":\"ChannelDtmfReceived\"},{\"type\":\"ChannelDestroyed\"},{\"type\":\"ApplicationReplaced\"}]}");

static const struct AriEvent {
    Slice type;
    ChannelEventKind kind;
    const char *channel; /* the member that it is about */
} ari_events[] = {
    {SLICE_INIT("ChannelCreated"), CHANNEL_CREATED, "channel"},   {SLICE_INIT("ChannelStateChange"), CHANNEL_CHANGED, "channel"},
    {SLICE_INIT("ChannelVarset"), CHANNEL_CHANGED, "channel"},    {SLICE_INIT("Dial"), CHANNEL_DIALLED, "peer"},
    {SLICE_INIT("ChannelDtmfReceived"), CHANNEL_DIGIT, "channel"}, {SLICE_INIT("ChannelDestroyed"), CHANNEL_GONE, "channel"},
};

/* "2026-11-21T17:08:25.110+0000": RFC 3339 wants a colon in the zone. */
static int64_t time_of(const Json *value, int64_t otherwise_ms, Arena *arena)
{
    Slice text = json_text(value);
    int64_t ms;
    bool has_zone = text.bytes > 5 && strchr("+-", text.at[text.bytes - 5]);
    if (has_zone)
        text = arena_printf(arena, "%.*s:%.2s", (int)(text.bytes - 2), text.at, text.at + text.bytes - 2);
    return time_parse(text, &ms) ? ms : otherwise_ms;
}

/* channelvars are those that ari.conf names; CHANNEL(linkedid) may be one of them. */
static void read_channel(const Json *channel, int64_t now_ms, Arena *arena, ChannelEvent *ret)
{
    const Json *variables = json_get(channel, "channelvars");
    ret->uniqueid = json_text(json_get(channel, "id"));
    ret->name = json_text(json_get(channel, "name"));
    ret->state = channel_state_of(json_text(json_get(channel, "state")));
    ret->created_ms = time_of(json_get(channel, "creationtime"), now_ms, arena);
    ret->linkedid = json_text(json_get(variables, "CHANNEL(linkedid)"));
    for (size_t i = 0; i < CALL_VARIABLES; i++)
        ret->variables[i] = json_text(json_get(variables, call_variable_names[i].at));
    ret->knows_variables = json_get(variables, call_variable_names[VARIABLE_CALL_ID].at) != NULL;
}

static void read_specials(const Json *json, ChannelEvent *event)
{
    const Json *cause = json_get(json, "cause");
    CallVariable variable = call_variable_of(json_text(json_get(json, "variable")));
    Slice digit = json_text(json_get(json, "digit"));
    if (variable < CALL_VARIABLES)
        event->variables[variable] = json_text(json_get(json, "value"));
    if (event->kind == CHANNEL_DIALLED) {
        event->dialled_by = json_text(json_get(json_get(json, "caller"), "id"));
        event->status = json_text(json_get(json, "dialstatus"));
    }
    if (event->kind == CHANNEL_DIGIT && digit.bytes == 1)
        event->digit = digit.at[0];
    if (event->kind == CHANNEL_GONE && json_is_number(cause))
        event->cause = cause->valueint;
    event->cause_text = json_text(json_get(json, "cause_txt"));
}

ChannelEvent ari_channel_event(const Json *json, int64_t now_ms, Arena *arena)
{
    ChannelEvent event = {.kind = CHANNEL_OTHER};
    Slice type = json_text(json_get(json, "type"));
    for (size_t i = 0; i < sizeof ari_events / sizeof *ari_events; i++) {
        if (!slice_equal(ari_events[i].type, type))
            continue;
        event.kind = ari_events[i].kind;
        event.at_ms = time_of(json_get(json, "timestamp"), now_ms, arena);
        read_channel(json_get(json, ari_events[i].channel), event.at_ms, arena, &event);
        read_specials(json, &event);
    }
    if (event.kind == CHANNEL_DIGIT && !event.digit)
        event.kind = CHANNEL_OTHER;
    return event;
}

ChannelEvent ari_listed_channel(const Json *channel, int64_t now_ms, Arena *arena)
{
    ChannelEvent event = {.kind = CHANNEL_LISTED, .at_ms = now_ms};
    read_channel(channel, now_ms, arena, &event);
    return event;
}
