/* Asterisk through its manager interface. https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/ */
#include <stdlib.h>

#include "base/clock.h"
#include "ingress/ami_channels.h"
#include "ingress/pbx_source.h"
#include "net/pbx_url.h"

enum { LOOK_UP_MS = 1000 };

#define FIELD(name, value) ((AmiField){SLICE(name), (value)})

typedef struct AmiSource {
    Arena place, arena; /* the second: of what was read last */
    AmiSettings settings;
    Ami *ami;
    char system[SYSTEM_BYTES_MAX + 1];
} AmiSource;

static int64_t in_ms(int64_t patience_ms) { return clock_elapsed_ms() + patience_ms; }

/* An action that a user may have no right to: nothing hangs on it. */
static Status ask_favour(AmiSource *source, const AmiField *fields, size_t count, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    Status status = ami_ask(source->ami, fields, count, deadline_ms, ret, fault);
    if (!status && !ami_is_success(ret))
        ret->count = 0;
    return status;
}

static Status connect_anew(void *self, int64_t deadline_ms, Slice *ret_system, Fault *fault)
{
    AmiSource *source = self;
    const AmiField settings[] = {FIELD("Action", SLICE("CoreSettings"))};
    const AmiField filter[] = {FIELD("Action", SLICE("Filter")), FIELD("Operation", SLICE("Add")), FIELD("Filter", ami_channels_filter)};
    AmiMessage answer = {0};
    Status status = ami_connect(source->ami, deadline_ms, fault);
    status = status ? status : ask_favour(source, filter, 3, deadline_ms, &answer, fault);
    status = status ? status : ask_favour(source, settings, 1, deadline_ms, &answer, fault);
    if (status)
        return status;
    Slice system = ami_value(&answer, "SystemName");
    size_t bytes = system.bytes < SYSTEM_BYTES_MAX ? system.bytes : SYSTEM_BYTES_MAX;
    memset(source->system, 0, sizeof source->system);
    if (bytes)
        memcpy(source->system, system.at, bytes);
    *ret_system = (Slice){source->system, bytes};
    return STATUS_OK;
}

/* The connection is made anew by the next connect. */
static void disconnect(void *self) { (void)self; }

static Status list(void *self, int64_t deadline_ms, void (*visit)(void *context, const ChannelEvent *event), void *context, Fault *fault)
{
    AmiSource *source = self;
    const AmiField fields[] = {FIELD("Action", SLICE("CoreShowChannels"))};
    AmiMessage message;
    Status status = ami_ask(source->ami, fields, 1, deadline_ms, &message, fault);
    if (!status && !ami_is_success(&message))
        status = fault_set(fault, STATUS_RETRY, "asterisk_refuses", "AMI on %s:%d does not list its channels to us: %.*s",
                           source->settings.host, source->settings.port, SLICE_ARG(ami_value(&message, "Message")));
    for (bool is_complete = false; !status && !is_complete;) {
        status = ami_next_event(source->ami, deadline_ms, &message, fault);
        if (status)
            return status;
        is_complete = ami_says(&message, "Event", "CoreShowChannelsComplete"); /* a visitor may ask, and the message is gone then */
        arena_reset(&source->arena);
        ChannelEvent event = ami_channel_event(&message, clock_wall_ms(), &source->arena);
        if (event.kind != CHANNEL_OTHER)
            visit(context, &event);
    }
    return status;
}

static Status next(void *self, int64_t deadline_ms, ChannelEvent *ret, Fault *fault)
{
    AmiSource *source = self;
    AmiMessage message;
    *ret = (ChannelEvent){.kind = CHANNEL_OTHER};
    Status status = ami_next_event(source->ami, deadline_ms, &message, fault);
    if (status)
        return strcmp(fault->code, "timeout") ? status : STATUS_OK;
    arena_reset(&source->arena);
    *ret = ami_channel_event(&message, clock_wall_ms(), &source->arena);
    return STATUS_OK;
}

static Status check(void *self, int64_t deadline_ms, Fault *fault)
{
    const AmiSource *source = self;
    return ami_ping(source->ami, deadline_ms, fault);
}

static bool look_up(void *self, Slice uniqueid, Arena *arena, Slice ret_variables[CALL_VARIABLES])
{
    AmiSource *source = self;
    Slice channel = arena_copy(arena, uniqueid);
    Fault fault;
    for (size_t i = 0; i < CALL_VARIABLES; i++) {
        const AmiField fields[] = {FIELD("Action", SLICE("Getvar")), FIELD("Channel", channel), FIELD("Variable", call_variable_names[i])};
        AmiMessage answer;
        if (ask_favour(source, fields, 3, in_ms(LOOK_UP_MS), &answer, &fault))
            return false;
        ret_variables[i] = arena_copy(arena, ami_value(&answer, "Value"));
        bool is_anothers = i == VARIABLE_CAMPAIGN_ID && slice_empty(ret_variables[VARIABLE_CALL_ID]) && slice_empty(ret_variables[i]);
        if (is_anothers)
            return true;
    }
    return true;
}

static void close_source(void *self)
{
    AmiSource *source = self;
    ami_free(source->ami);
    arena_done(&source->place);
    arena_done(&source->arena);
    free(source);
}

Status ami_source_open(const char *url, PbxSource *ret, Fault *fault)
{
    AmiSource *source = calloc(1, sizeof *source);
    if (!source)
        abort();
    Status status = ami_read_url(url, &source->place, &source->settings, fault);
    source->settings.events = "call,dtmf";
    source->ami = status ? NULL : ami_new(&source->settings);
    if (status)
        close_source(source);
    else
        *ret = (PbxSource){.self = source, .connect = connect_anew, .disconnect = disconnect, .list = list, .next = next, .check = check,
                           .look_up = look_up, .close = close_source};
    return status;
}
