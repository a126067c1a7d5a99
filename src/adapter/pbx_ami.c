/* An exchange through AMI. What rights its user needs: write = call (Hangup, Status, Getvar) and originate.
 * https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/ */
#include <stdlib.h>

#include "adapter/pbx_link.h"
#include "base/clock.h"
#include "net/pbx_url.h"

/* An answer takes a millisecond: a link that is silent for a second is given up, and there is time to make it anew. */
enum { ANSWER_MS = 1000, VARIABLES_MAX = 16 };

#define FIELD(name, value) ((AmiField){SLICE(name), (value)})

static Status read_url(const char *url, Arena *arena, void **ret_place, Fault *fault)
{
    AmiSettings *settings = ARENA_NEW(arena, AmiSettings);
    *ret_place = settings;
    return ami_read_url(url, arena, settings, fault);
}

static void *open_link(const void *place) { return ami_new(place); }
static void close_link(void *link) { ami_free(link); }

static int64_t answer_by(int64_t deadline_ms)
{
    int64_t most_ms = clock_elapsed_ms() + ANSWER_MS;
    return most_ms < deadline_ms ? most_ms : deadline_ms;
}

/* What Asterisk says no to, apart from a channel, it says of us: a right, an extension that is not there. */
static PbxAnswer read_answer(const AmiMessage *answer, Fault *fault)
{
    Slice message = ami_value(answer, "Message");
    if (ami_is_success(answer))
        return PBX_DONE;
    if (slice_equal(message, SLICE("No such channel")))
        return PBX_NO_CHANNEL;
    fault_set(fault, STATUS_RETRY, "asterisk_refuses", "Asterisk's AMI answers: %.*s", SLICE_ARG(message));
    return PBX_REFUSED;
}

/* A login that is refused would be refused again. */
static PbxAnswer connect_anew(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    if (!ami_connect(ami, deadline_ms, fault))
        return PBX_DONE;
    return strcmp(fault->code, "ami_login") ? PBX_AWAY : PBX_REFUSED;
}

/* On a connection that is kept, or a new one. */
static PbxAnswer ask(Ami *ami, const AmiField *fields, size_t count, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    PbxAnswer connected = ami_is_connected(ami) ? PBX_DONE : connect_anew(ami, deadline_ms, fault);
    if (connected != PBX_DONE)
        return connected;
    Status status = ami_ask(ami, fields, count, answer_by(deadline_ms), ret, fault);
    if (status)
        return status == STATUS_REJECT ? PBX_UNFIT : PBX_SILENT;
    return read_answer(ret, fault);
}

/* Cause 16 of Q.850: normal call clearing. */
static PbxAnswer hang_up(void *link, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    (void)arena;
    const AmiField fields[] = {FIELD("Action", SLICE("Hangup")), FIELD("Channel", channel), FIELD("Cause", SLICE("16"))};
    AmiMessage answer;
    return ask(link, fields, 3, deadline_ms, &answer, fault);
}

static PbxAnswer look(void *link, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    (void)arena;
    const AmiField fields[] = {FIELD("Action", SLICE("Getvar")), FIELD("Channel", channel), FIELD("Variable", SLICE("PLEDGELINE_CALL_ID"))};
    AmiMessage answer;
    return ask(link, fields, 3, deadline_ms, &answer, fault);
}

/* ---- search ---- */

static void take_if_it_is(const AmiMessage *event, Slice wanted, Arena *arena, Slice *ret, size_t *count)
{
    for (size_t i = 0; i < event->count && *count < CALL_CHANNELS_MAX; i++) {
        if (slice_equal(event->fields[i].name, SLICE("Variable")) && slice_equal(event->fields[i].value, wanted))
            ret[(*count)++] = arena_copy(arena, ami_value(event, "Uniqueid"));
    }
}

/* Status lists every channel, with that variable of each. */
static PbxAnswer search(void *link, Slice call_id, int64_t deadline_ms, Arena *arena, Slice ret[CALL_CHANNELS_MAX], size_t *ret_count, Fault *fault)
{
    const AmiField fields[] = {FIELD("Action", SLICE("Status")), FIELD("Variables", SLICE("PLEDGELINE_CALL_ID"))};
    Slice wanted = arena_printf(arena, "PLEDGELINE_CALL_ID=%.*s", SLICE_ARG(call_id));
    AmiMessage event;
    *ret_count = 0;
    PbxAnswer answer = ask(link, fields, 2, deadline_ms, &event, fault);
    while (answer == PBX_DONE && !ami_says(&event, "Event", "StatusComplete")) {
        if (ami_next_event(link, answer_by(deadline_ms), &event, fault))
            return PBX_SILENT;
        take_if_it_is(&event, wanted, arena, ret, ret_count);
    }
    return answer;
}

/* ---- originate ---- */

/* A connection that was silent for long may have died meanwhile: what is sent on it is lost, and nobody could say whether it was. */
static PbxAnswer wake(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    if (ami_is_connected(ami) && !ami_ping(ami, answer_by(deadline_ms), fault))
        return PBX_DONE;
    return connect_anew(ami, deadline_ms, fault);
}

/* Both legs of the call inherit what begins with two underscores. */
static AmiField variable_field(const PbxVariable *variable, Arena *arena)
{
    return FIELD("Variable", arena_printf(arena, "__%s=%.*s", variable->name, SLICE_ARG(variable->value)));
}

static PbxAnswer place(Ami *ami, const PbxOrigination *call, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    AmiField fields[VARIABLES_MAX + 11] = {
        FIELD("Action", SLICE("Originate")), FIELD("Async", SLICE("true")), FIELD("Channel", call->channel), FIELD("ChannelId", call->id),
        FIELD("OtherChannelId", arena_printf(arena, "%.*s-2", SLICE_ARG(call->id))), FIELD("Context", call->context), FIELD("Exten", SLICE("s")),
        FIELD("Priority", SLICE("1")), FIELD("CallerID", call->caller_id), FIELD("Timeout", arena_printf(arena, "%d", call->ring_s * 1000)),
    };
    size_t count = 10;
    for (size_t i = 0; i < call->variable_count && i < VARIABLES_MAX; i++)
        fields[count++] = variable_field(&call->variables[i], arena);
    AmiMessage answer;
    return ask(ami, fields, count, deadline_ms, &answer, fault);
}

/* Asterisk takes a second originate of an id that is in use, and says later that it failed; so it is asked before. */
static PbxAnswer originate(void *link, const PbxOrigination *call, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    PbxAnswer answer = wake(link, deadline_ms, fault);
    answer = answer == PBX_DONE ? look(link, call->id, deadline_ms, arena, fault) : answer;
    if (answer == PBX_NO_CHANNEL)
        return place(link, call, deadline_ms, arena, fault);
    return answer == PBX_SILENT ? PBX_AWAY : answer;
}

const PbxWay pbx_ami_way = {.read_url = read_url, .open = open_link, .close = close_link, .hang_up = hang_up, .look = look, .search = search,
                            .originate = originate};
