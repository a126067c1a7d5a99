#include "ingress/ami_channels.h"

const Slice ami_channels_filter = SLICE_INIT("^Event: (Newchannel|Newstate|DialBegin|DialEnd|DTMFEnd|Hangup|OriginateResponse)");

static const struct AmiEvent {
    const char *name;
    ChannelEventKind kind;
    const char *prefix; /* of the fields of the channel that it is about */
} ami_events[] = {
    {"Newchannel", CHANNEL_CREATED, ""},      {"CoreShowChannel", CHANNEL_LISTED, ""}, {"Newstate", CHANNEL_CHANGED, ""},
    {"DialBegin", CHANNEL_DIALLED, "Dest"},   {"DialEnd", CHANNEL_DIALLED, "Dest"},    {"DTMFEnd", CHANNEL_DIGIT, ""},
    {"Hangup", CHANNEL_GONE, ""},             {"OriginateResponse", CHANNEL_ORIGINATED, ""},
};

static const struct AmiEvent *event_of(const AmiMessage *message)
{
    for (size_t i = 0; i < sizeof ami_events / sizeof *ami_events; i++) {
        if (ami_says(message, "Event", ami_events[i].name))
            return &ami_events[i];
    }
    return NULL;
}

/* ---- values ---- */

static int64_t number_of(Slice text)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.bytes && i < 15 && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (text.at[i] - '0');
    return number;
}

/* "1795280881.451781": seconds since 1970, and microseconds. */
static int64_t time_of(Slice text, int64_t now_ms)
{
    const char *point = text.bytes ? memchr(text.at, '.', text.bytes) : NULL;
    if (!point)
        return now_ms;
    size_t whole = (size_t)(point - text.at);
    return number_of((Slice){text.at, whole}) * 1000 + number_of((Slice){point + 1, text.bytes - whole - 1}) / 1000;
}

/* "01:02:03"; 0 when it is none. */
static int64_t duration_ms(Slice text)
{
    if (text.bytes < 8 || text.at[text.bytes - 3] != ':' || text.at[text.bytes - 6] != ':')
        return 0;
    int64_t seconds = number_of((Slice){text.at + text.bytes - 2, 2}), minutes = number_of((Slice){text.at + text.bytes - 5, 2});
    return ((number_of((Slice){text.at, text.bytes - 6}) * 60 + minutes) * 60 + seconds) * 1000;
}

/* Asterisk escapes values of channel variables as C does (ast_escape_c). */
static Slice unescaped(Slice text, Arena *arena)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    char *plain = arena_alloc(arena, text.bytes + 1);
    size_t bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        bool is_escape = text.at[i] == '\\' && i + 1 < text.bytes;
        char c = is_escape ? text.at[++i] : text.at[i];
        const char *letter = is_escape && c ? strchr(letters, c) : NULL;
        plain[bytes++] = letter ? meanings[letter - letters] : c;
    }
    return (Slice){plain, bytes};
}

static Slice field(const AmiMessage *message, const char *prefix, const char *name, Arena *arena)
{
    return ami_value(message, arena_printf(arena, "%s%s", prefix, name).at);
}

/* "ChanVariable: NAME=value" for each that channelvars of manager.conf names, also when it is not set. */
static void read_variables(const AmiMessage *message, const char *prefix, Arena *arena, ChannelEvent *ret)
{
    Slice wanted = arena_printf(arena, "%sChanVariable", prefix);
    for (size_t i = 0; i < message->count; i++) {
        Slice text = message->fields[i].value;
        const char *sign = slice_equal(message->fields[i].name, wanted) && text.bytes ? memchr(text.at, '=', text.bytes) : NULL;
        if (!sign)
            continue;
        size_t name_bytes = (size_t)(sign - text.at);
        CallVariable variable = call_variable_of((Slice){text.at, name_bytes});
        if (variable == CALL_VARIABLES)
            continue;
        ret->variables[variable] = unescaped((Slice){sign + 1, text.bytes - name_bytes - 1}, arena);
        ret->knows_variables |= variable == VARIABLE_CALL_ID;
    }
}

/* How an order to call ended; reasons are frames of control (include/asterisk/frame.h). */
static Slice status_of_reason(Slice reason)
{
    switch (number_of(reason)) {
    case 3: return SLICE("NOANSWER"); /* it rang until the time was over */
    case 5: return SLICE("BUSY");
    case 8: return SLICE("CONGESTION");
    default: return (Slice){0};
    }
}

/* ---- events ---- */

static void read_specials(const AmiMessage *message, ChannelEvent *event)
{
    if (event->kind == CHANNEL_LISTED)
        event->created_ms = event->at_ms - duration_ms(ami_value(message, "Duration"));
    if (event->kind == CHANNEL_DIALLED) {
        event->dialled_by = ami_value(message, "Uniqueid");
        event->status = ami_value(message, "DialStatus");
    }
    if (event->kind == CHANNEL_GONE) {
        event->cause = (int32_t)number_of(ami_value(message, "Cause"));
        event->cause_text = ami_value(message, "Cause-txt");
    }
    if (event->kind == CHANNEL_ORIGINATED) {
        event->has_failed = ami_says(message, "Response", "Failure");
        event->status = status_of_reason(ami_value(message, "Reason"));
    }
}

/* What is pressed towards the far end is not the far end's. */
static bool is_press(const AmiMessage *message)
{
    return ami_says(message, "Direction", "Received") && ami_value(message, "Digit").bytes == 1;
}

ChannelEvent ami_channel_event(const AmiMessage *message, int64_t now_ms, Arena *arena)
{
    const struct AmiEvent *row = event_of(message);
    if (!row || (row->kind == CHANNEL_DIGIT && !is_press(message)))
        return (ChannelEvent){.kind = CHANNEL_OTHER};
    ChannelEvent event = {.kind = row->kind, .uniqueid = field(message, row->prefix, "Uniqueid", arena),
                          .name = field(message, row->prefix, "Channel", arena), .linkedid = field(message, row->prefix, "Linkedid", arena), .at_ms = time_of(ami_value(message, "Timestamp"), now_ms),
                          .state = channel_state_of(field(message, row->prefix, "ChannelStateDesc", arena))};
    if (row->kind == CHANNEL_DIGIT)
        event.digit = ami_value(message, "Digit").at[0];
    read_variables(message, row->prefix, arena, &event);
    read_specials(message, &event);
    return event;
}
