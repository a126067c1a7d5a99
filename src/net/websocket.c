#include "net/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "net/websocket_handshake.h"

enum {
    CONTROL_BYTES_MAX = 125, HEADER_BYTES_MAX = 10, MASK_BYTES = 4, READ_BYTES = 16 * 1024, ANSWER_MS = 2000,
    OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10,
    CLOSE_NORMAL = 1000, CLOSE_PROTOCOL = 1002, CLOSE_NOT_UTF8 = 1007, CLOSE_TOO_LONG = 1009, /* RFC 6455 section 7.4.1 */
};

/* Bytes that grow, up to what was agreed on. */
typedef struct Bytes {
    char *at;
    size_t used, capacity;
} Bytes;

struct WebSocket {
    Stream *stream;
    size_t message_bytes_max;
    int64_t heard_ms;
    Bytes in;       /* what came and was not looked at yet */
    Bytes message;  /* the fragments of a message so far */
    bool has_begun; /* a message has */
    bool is_given;  /* the message was given to the caller, who is through with it at the next call */
    uint16_t close_code;
};

static void bytes_need(Bytes *bytes, size_t more)
{
    if (bytes->capacity - bytes->used >= more)
        return;
    size_t capacity = bytes->capacity ? bytes->capacity : READ_BYTES;
    while (capacity - bytes->used < more)
        capacity *= 2;
    bytes->at = realloc(bytes->at, capacity);
    if (!bytes->at)
        abort();
    bytes->capacity = capacity;
}

static void bytes_drop(Bytes *bytes, size_t count)
{
    bytes->used -= count;
    memmove(bytes->at, bytes->at + count, bytes->used);
}

static Status refuse(WebSocket *socket, uint16_t close_code, const char *what, Fault *fault)
{
    socket->close_code = close_code;
    return fault_set(fault, STATUS_RETRY, close_code == CLOSE_TOO_LONG ? "websocket_too_long" : "websocket_protocol",
                     "the WebSocket was given up: the server sent %s", what);
}

/* ---- frames out: each is masked, with a mask that nobody can guess (RFC 6455 section 5.3) ---- */

static Status send_frame(WebSocket *socket, uint8_t opcode, Slice payload, int64_t deadline_ms, Fault *fault)
{
    uint8_t frame[2 + MASK_BYTES + CONTROL_BYTES_MAX];
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (uint8_t)payload.bytes;
    digest_random(frame + 2, MASK_BYTES);
    for (size_t i = 0; i < payload.bytes; i++)
        frame[2 + MASK_BYTES + i] = (uint8_t)payload.at[i] ^ frame[2 + i % MASK_BYTES];
    return stream_write(socket->stream, (Slice){(const char *)frame, 2 + MASK_BYTES + payload.bytes}, deadline_ms, fault);
}

/* ---- frames in ---- */

typedef struct Frame {
    bool is_final;
    uint8_t opcode;
    size_t header_bytes;
    uint64_t payload_bytes;
} Frame;

static uint64_t read_big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

/* The header at the start of what came; header_bytes 0: it is not whole yet. */
static Status read_header(WebSocket *socket, Frame *ret, Fault *fault)
{
    const uint8_t *at = (const uint8_t *)socket->in.at;
    *ret = (Frame){0};
    if (socket->in.used < 2)
        return STATUS_OK;
    if (at[0] & 0x70)
        return refuse(socket, CLOSE_PROTOCOL, "a frame of an extension", fault);
    if (at[1] & 0x80)
        return refuse(socket, CLOSE_PROTOCOL, "a masked frame", fault);
    uint8_t length = at[1] & 0x7f;
    size_t length_bytes = length == 127 ? 8 : length == 126 ? 2 : 0;
    Frame frame = {.is_final = at[0] & 0x80, .opcode = at[0] & 0x0f, .payload_bytes = length};
    if (socket->in.used < 2 + length_bytes)
        return STATUS_OK;
    if (length_bytes)
        frame.payload_bytes = read_big_endian(at + 2, length_bytes);
    if ((length == 126 && frame.payload_bytes < 126) || (length == 127 && frame.payload_bytes <= UINT16_MAX))
        return refuse(socket, CLOSE_PROTOCOL, "a length in more bytes than it needs", fault);
    frame.header_bytes = 2 + length_bytes;
    *ret = frame;
    return STATUS_OK;
}

static Status check_frame(WebSocket *socket, const Frame *frame, Fault *fault)
{
    if (frame->opcode >= OPCODE_CLOSE && (!frame->is_final || frame->payload_bytes > CONTROL_BYTES_MAX))
        return refuse(socket, CLOSE_PROTOCOL, "a control frame in parts, or too long", fault);
    if (frame->opcode == OPCODE_CONTINUATION && !socket->has_begun)
        return refuse(socket, CLOSE_PROTOCOL, "the continuation of nothing", fault);
    if (frame->opcode == OPCODE_TEXT && socket->has_begun)
        return refuse(socket, CLOSE_PROTOCOL, "a message within another", fault);
    bool is_known = frame->opcode == OPCODE_CONTINUATION || frame->opcode == OPCODE_TEXT || frame->opcode == OPCODE_CLOSE ||
                    frame->opcode == OPCODE_PING || frame->opcode == OPCODE_PONG;
    if (!is_known)
        return refuse(socket, CLOSE_PROTOCOL, "something that is no text", fault);
    if (frame->payload_bytes > socket->message_bytes_max - socket->message.used)
        return refuse(socket, CLOSE_TOO_LONG, "a message that is too long", fault);
    return STATUS_OK;
}

static Status closed_by_server(Slice payload, Fault *fault)
{
    int code = payload.bytes >= 2 ? (int)read_big_endian((const uint8_t *)payload.at, 2) : 0;
    Slice why = payload.bytes > 2 ? (Slice){payload.at + 2, payload.bytes - 2} : (Slice){0};
    Arena arena;
    arena_init(&arena);
    Status status = fault_set(fault, STATUS_RETRY, "websocket_closed", "the server closed the WebSocket: %d %.*s", code,
                              SLICE_ARG(utf8_plain(why, CONTROL_BYTES_MAX, &arena)));
    arena_done(&arena);
    return status;
}

static bool is_utf8(Slice text)
{
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.bytes;
    while (at < end) {
        size_t length = *at < 0x80 ? 1 : utf8_length(at, end);
        if (!length)
            return false;
        at += length;
    }
    return true;
}

/* A part of a message; *ret_message is set by its last one. */
static Status take_part(WebSocket *socket, const Frame *frame, Slice payload, Slice *ret_message, Fault *fault)
{
    Bytes *message = &socket->message;
    bytes_need(message, payload.bytes + 1);
    if (payload.bytes)
        memcpy(message->at + message->used, payload.at, payload.bytes);
    message->used += payload.bytes;
    socket->has_begun = !frame->is_final;
    if (!frame->is_final)
        return STATUS_OK;
    Slice whole = {message->at, message->used};
    if (!is_utf8(whole))
        return refuse(socket, CLOSE_NOT_UTF8, "a message that is not UTF-8", fault);
    socket->is_given = true;
    *ret_message = whole;
    return STATUS_OK;
}

/* One frame of what came, if it is whole. */
static Status take_frame(WebSocket *socket, bool *ret_took, Slice *ret_message, Fault *fault)
{
    Frame frame;
    *ret_took = false;
    Status status = read_header(socket, &frame, fault);
    if (status || !frame.header_bytes)
        return status;
    status = check_frame(socket, &frame, fault);
    if (status || socket->in.used - frame.header_bytes < frame.payload_bytes)
        return status;
    Slice payload = {socket->in.at + frame.header_bytes, (size_t)frame.payload_bytes};
    *ret_took = true;
    if (frame.opcode == OPCODE_CLOSE)
        return closed_by_server(payload, fault);
    if (frame.opcode == OPCODE_PING)
        status = send_frame(socket, OPCODE_PONG, payload, clock_elapsed_ms() + ANSWER_MS, fault);
    if (frame.opcode == OPCODE_TEXT || frame.opcode == OPCODE_CONTINUATION)
        status = take_part(socket, &frame, payload, ret_message, fault);
    bytes_drop(&socket->in, frame.header_bytes + payload.bytes);
    return status;
}

/* False: nothing came in time. */
static Status hear(WebSocket *socket, int64_t deadline_ms, bool *ret_heard, Fault *fault)
{
    size_t bytes = 0;
    bytes_need(&socket->in, READ_BYTES);
    Status status = stream_read(socket->stream, socket->in.at + socket->in.used, READ_BYTES, deadline_ms, &bytes, fault);
    *ret_heard = !status;
    if (status)
        return strcmp(fault->code, "timeout") ? status : STATUS_OK;
    socket->in.used += bytes;
    socket->heard_ms = clock_elapsed_ms();
    return STATUS_OK;
}

Status websocket_read(WebSocket *socket, int64_t deadline_ms, Slice *ret_message, Fault *fault)
{
    *ret_message = (Slice){0};
    if (socket->is_given)
        socket->message.used = 0;
    socket->is_given = false;
    for (;;) {
        bool took, heard;
        Status status = take_frame(socket, &took, ret_message, fault);
        if (status || !slice_empty(*ret_message))
            return status;
        if (took) { /* an empty message says nothing */
            socket->message.used = socket->is_given ? 0 : socket->message.used;
            socket->is_given = false;
            continue;
        }
        status = hear(socket, deadline_ms, &heard, fault);
        if (status || !heard)
            return status;
    }
}

Status websocket_ping(WebSocket *socket, int64_t deadline_ms, Fault *fault) { return send_frame(socket, OPCODE_PING, SLICE(""), deadline_ms, fault); }

int64_t websocket_heard_ms(const WebSocket *socket) { return socket->heard_ms; }

/* ---- open and close ---- */

/* Up to the blank line; what comes behind it is the first frame's. */
static Status hear_head(WebSocket *socket, int64_t deadline_ms, Slice *ret_head, Fault *fault)
{
    for (;;) {
        bool heard;
        const char *end = socket->in.used ? memmem(socket->in.at, socket->in.used, "\r\n\r\n", 4) : NULL;
        if (end) {
            *ret_head = (Slice){socket->in.at, (size_t)(end + 4 - socket->in.at)};
            return STATUS_OK;
        }
        if (socket->in.used > WEBSOCKET_HEAD_BYTES_MAX)
            return refuse(socket, CLOSE_PROTOCOL, "no end of its answer", fault);
        Status status = hear(socket, deadline_ms, &heard, fault);
        if (status || !heard)
            return status ? status : STATUS_RETRY;
    }
}

static Status shake_hands(WebSocket *socket, const WebSocketSettings *settings, Arena *arena, int64_t deadline_ms, Fault *fault)
{
    bool is_ipv6 = strchr(settings->stream.host, ':') != NULL;
    WebSocketRequest request = {.host = arena_printf(arena, is_ipv6 ? "[%s]:%d" : "%s:%d", settings->stream.host, settings->stream.port),
                                .target = settings->target, .authorization = settings->authorization};
    digest_random(request.key, sizeof request.key);
    Slice head;
    Status status = stream_write(socket->stream, websocket_request(&request, arena), deadline_ms, fault);
    status = status ? status : hear_head(socket, deadline_ms, &head, fault);
    status = status ? status : websocket_check_answer(head, request.key, arena, fault);
    if (!status)
        bytes_drop(&socket->in, head.bytes);
    return status;
}

static void free_socket(WebSocket *socket)
{
    stream_close(socket->stream);
    free(socket->in.at);
    free(socket->message.at);
    free(socket);
}

Status websocket_open(const WebSocketSettings *settings, int64_t deadline_ms, WebSocket **ret, Fault *fault)
{
    WebSocket *socket = calloc(1, sizeof *socket);
    if (!socket)
        abort();
    *socket = (WebSocket){.message_bytes_max = settings->message_bytes_max, .close_code = CLOSE_NORMAL};
    Arena arena;
    arena_init(&arena);
    Status status = stream_open(&settings->stream, deadline_ms, &socket->stream, fault);
    status = status ? status : shake_hands(socket, settings, &arena, deadline_ms, fault);
    arena_done(&arena);
    if (status)
        free_socket(socket);
    else
        *ret = socket;
    return status;
}

void websocket_close(WebSocket *socket)
{
    if (!socket)
        return;
    const char code[] = {(char)(socket->close_code >> 8), (char)(socket->close_code & 0xff)};
    Fault ignored;
    send_frame(socket, OPCODE_CLOSE, (Slice){code, sizeof code}, clock_elapsed_ms() + ANSWER_MS, &ignored);
    free_socket(socket);
}
