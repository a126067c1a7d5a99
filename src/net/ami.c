/* What was received and not taken yet is one run of bytes; an answer is taken out of the middle of it, so the events around it keep
 * their order and need no list of their own. */
#include "net/ami.h"

#include <stdlib.h>

#include "net/stream.h"

enum { ROOM_BYTES = 16 * 1024 };

struct Ami {
    AmiSettings settings;
    Stream *stream;           /* NULL = not connected */
    unsigned long long asked; /* the last ActionID of this connection */
    char *at;                 /* [begin, end) is held */
    size_t begin, end, capacity;
    Arena arena;              /* of the message that the caller has */
    Arena action;             /* of what is being sent: may be made of that message */
};

Ami *ami_new(const AmiSettings *settings)
{
    Ami *ami = calloc(1, sizeof *ami);
    if (!ami)
        abort();
    ami->settings = *settings;
    return ami;
}

static void disconnect(Ami *ami)
{
    stream_close(ami->stream);
    ami->stream = NULL;
    ami->begin = ami->end = 0;
    ami->asked = 0;
}

void ami_free(Ami *ami)
{
    if (!ami)
        return;
    disconnect(ami);
    arena_done(&ami->arena);
    arena_done(&ami->action);
    free(ami->at);
    free(ami);
}

bool ami_is_connected(const Ami *ami) { return ami->stream != NULL; }

/* ---- bytes ---- */

static void make_room(Ami *ami)
{
    if (ami->begin) {
        memmove(ami->at, ami->at + ami->begin, ami->end - ami->begin);
        ami->end -= ami->begin;
        ami->begin = 0;
    }
    if (ami->capacity - ami->end >= ROOM_BYTES)
        return;
    ami->capacity = ami->capacity ? ami->capacity * 2 : 4 * ROOM_BYTES;
    ami->at = realloc(ami->at, ami->capacity);
    if (!ami->at)
        abort();
}

static Status receive_more(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    size_t bytes = 0;
    if (ami->end - ami->begin > AMI_HELD_BYTES_MAX)
        return fault_set(fault, STATUS_RETRY, "ami_flood", "%s:%d: AMI sends more than is taken", ami->settings.host, ami->settings.port);
    make_room(ami);
    Status status = stream_read(ami->stream, ami->at + ami->end, ami->capacity - ami->end, deadline_ms, &bytes, fault);
    ami->end += bytes;
    return status;
}

/* The message that begins `offset` bytes behind the first that is held. *ret_bytes 0: it is not complete yet. */
static Status find_message(const Ami *ami, size_t offset, size_t *ret_bytes, Fault *fault)
{
    static const Slice end = SLICE_INIT("\r\n\r\n");
    const char *from = ami->at + ami->begin + offset;
    size_t there = ami->end - ami->begin - offset;
    const char *found = there ? memmem(from, there, end.at, end.bytes) : NULL;
    *ret_bytes = found ? (size_t)(found - from) + end.bytes : 0;
    if (found || there <= AMI_MESSAGE_BYTES_MAX)
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, "ami_flood", "%s:%d: AMI sends a message without an end", ami->settings.host, ami->settings.port);
}

/* Gives out the message at `offset`; what is before it is held on. */
static void take_message(Ami *ami, size_t offset, size_t bytes, AmiMessage *ret)
{
    char *from = ami->at + ami->begin;
    arena_reset(&ami->arena);
    ami_parse(arena_copy(&ami->arena, (Slice){from + offset, bytes}), ret);
    memmove(from + bytes, from, offset);
    ami->begin += bytes;
}

/* ---- messages ---- */

typedef bool (*Fits)(const AmiMessage *message, Slice action_id);

static bool is_answer(const AmiMessage *message, Slice action_id)
{
    return !slice_empty(ami_value(message, "Response")) && slice_empty(ami_value(message, "Event")) &&
           slice_equal(ami_value(message, "ActionID"), action_id);
}

static bool is_next(const AmiMessage *message, Slice action_id)
{
    (void)message, (void)action_id;
    return true;
}

/* The first message that fits is taken, now or when it comes. */
static Status await(Ami *ami, Fits fits, Slice action_id, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    size_t offset = 0, bytes = 0;
    for (;;) {
        Status status = find_message(ami, offset, &bytes, fault);
        if (!status && !bytes)
            status = receive_more(ami, deadline_ms, fault);
        if (status)
            return status;
        if (!bytes)
            continue;
        ami_parse((Slice){ami->at + ami->begin + offset, bytes}, ret);
        if (fits(ret, action_id)) {
            take_message(ami, offset, bytes, ret);
            return STATUS_OK;
        }
        offset += bytes;
    }
}

static Status closed(const Ami *ami, Fault *fault)
{
    return fault_set(fault, STATUS_RETRY, "connection_lost", "%s:%d: there is no connection to AMI", ami->settings.host, ami->settings.port);
}

static Status exchange(Ami *ami, Slice action, Slice action_id, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    Status status = stream_write(ami->stream, action, deadline_ms, fault);
    status = status ? status : await(ami, is_answer, action_id, deadline_ms, ret, fault);
    if (status)
        disconnect(ami);
    return status;
}

Status ami_ask(Ami *ami, const AmiField *fields, size_t count, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    if (!ami->stream)
        return closed(ami, fault);
    arena_reset(&ami->action);
    Slice action_id = arena_printf(&ami->action, "%llu", ++ami->asked);
    Text action = text_in(&ami->action);
    text_printf(&action, "ActionID: %.*s\r\n", SLICE_ARG(action_id));
    Status status = ami_print(fields, count, &action, fault);
    return status ? status : exchange(ami, text_slice(&action), action_id, deadline_ms, ret, fault);
}

bool ami_is_success(const AmiMessage *answer) { return ami_says(answer, "Response", "Success"); }

Status ami_ping(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    static const AmiField ping[] = {{SLICE_INIT("Action"), SLICE_INIT("Ping")}};
    AmiMessage ignored;
    return ami_ask(ami, ping, 1, deadline_ms, &ignored, fault);
}

Status ami_next_event(Ami *ami, int64_t deadline_ms, AmiMessage *ret, Fault *fault)
{
    Fault why = {0};
    if (!ami->stream)
        return closed(ami, fault);
    Status status = await(ami, is_next, (Slice){0}, deadline_ms, ret, &why);
    if (!status)
        return STATUS_OK;
    if (strcmp(why.code, "timeout"))
        disconnect(ami);
    if (fault)
        *fault = why;
    return status;
}

/* ---- connecting ---- */

/* "Asterisk Call Manager/11.0.0", a line without an empty one behind it. */
static Status read_banner(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    static const Slice banner = SLICE_INIT("Asterisk Call Manager/");
    const char *line_end = NULL;
    while (!line_end) {
        Status status = receive_more(ami, deadline_ms, fault);
        if (status)
            return status;
        Slice held = {ami->at, ami->end};
        line_end = memchr(held.at, '\n', held.bytes);
        bool is_stranger = held.bytes >= banner.bytes ? !slice_starts_with(held, banner) : memcmp(held.at, banner.at, held.bytes) != 0;
        if (is_stranger || held.bytes > AMI_LINE_BYTES_MAX)
            return fault_set(fault, STATUS_RETRY, "ami_stranger", "what answers on %s:%d is not Asterisk's AMI", ami->settings.host,
                             ami->settings.port);
    }
    ami->begin = (size_t)(line_end - ami->at) + 1;
    return STATUS_OK;
}

static Status log_in(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    const AmiSettings *settings = &ami->settings;
    const AmiField login[] = {{SLICE("Action"), SLICE("Login")},
                              {SLICE("Username"), slice_of(settings->user)},
                              {SLICE("Secret"), slice_of(settings->secret)},
                              {SLICE("Events"), slice_of(settings->events)}};
    AmiMessage answer;
    Status status = ami_ask(ami, login, settings->events ? 4 : 3, deadline_ms, &answer, fault);
    if (status || ami_is_success(&answer))
        return status;
    return fault_set(fault, STATUS_RETRY, "ami_login", "AMI on %s:%d refuses the login of %.60s: %.*s", settings->host, settings->port,
                     settings->user, SLICE_ARG(ami_value(&answer, "Message")));
}

Status ami_connect(Ami *ami, int64_t deadline_ms, Fault *fault)
{
    StreamSettings place = {.host = ami->settings.host, .port = ami->settings.port, .is_tls = ami->settings.is_tls};
    disconnect(ami);
    Status status = stream_open(&place, deadline_ms, &ami->stream, fault);
    status = status ? status : read_banner(ami, deadline_ms, fault);
    status = status ? status : log_in(ami, deadline_ms, fault);
    if (status)
        disconnect(ami);
    return status;
}
