#include "net/websocket_handshake.h"

#include <strings.h>

#include "base/digest.h"

Slice websocket_request(const WebSocketRequest *request, Arena *arena)
{
    Text text = text_in(arena);
    Slice key = digest_base64(arena, (Slice){(const char *)request->key, WEBSOCKET_KEY_BYTES});
    text_printf(&text, "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", SLICE_ARG(request->target),
                SLICE_ARG(request->host));
    text_printf(&text, "Sec-WebSocket-Key: %.*s\r\nSec-WebSocket-Version: 13\r\n", SLICE_ARG(key));
    if (!slice_empty(request->authorization))
        text_printf(&text, "Authorization: %.*s\r\n", SLICE_ARG(request->authorization));
    text_add_literal(&text, "\r\n");
    return text_slice(&text);
}

/* RFC 6455 section 4.2.2, point 5.4: the key as it was sent, and a text that no other protocol uses. */
Slice websocket_accept(const uint8_t key[WEBSOCKET_KEY_BYTES], Arena *arena)
{
    uint8_t digest[DIGEST_SHA1_BYTES];
    Slice parts[] = {digest_base64(arena, (Slice){(const char *)key, WEBSOCKET_KEY_BYTES}), SLICE("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")};
    digest_sha1(parts, 2, digest);
    return digest_base64(arena, (Slice){(const char *)digest, sizeof digest});
}

/* ---- the answer ---- */

static Slice take_line(Slice *rest)
{
    const char *end = memmem(rest->at, rest->bytes, "\r\n", 2);
    Slice line = {rest->at, end ? (size_t)(end - rest->at) : rest->bytes};
    size_t taken = end ? line.bytes + 2 : line.bytes;
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return line;
}

static bool is_word(Slice text, Slice word) { return text.bytes == word.bytes && !strncasecmp(text.at, word.at, word.bytes); }

/* Whether one of the words between the commas is this one. */
static bool lists(Slice value, Slice word)
{
    while (value.bytes) {
        const char *comma = memchr(value.at, ',', value.bytes);
        size_t bytes = comma ? (size_t)(comma - value.at) : value.bytes;
        if (is_word(slice_trim((Slice){value.at, bytes}, " \t"), word))
            return true;
        size_t taken = comma ? bytes + 1 : bytes;
        value = (Slice){value.at + taken, value.bytes - taken};
    }
    return false;
}

typedef struct Answer {
    bool upgrades, connects, agrees_to_more;
    Slice accept;
    int accepts;
} Answer;

static void read_field(Slice line, Answer *answer)
{
    const char *colon = memchr(line.at, ':', line.bytes);
    if (!colon)
        return;
    Slice name = {line.at, (size_t)(colon - line.at)}, value = slice_trim((Slice){colon + 1, line.bytes - name.bytes - 1}, " \t");
    answer->upgrades |= is_word(name, SLICE("Upgrade")) && is_word(value, SLICE("websocket"));
    answer->connects |= is_word(name, SLICE("Connection")) && lists(value, SLICE("Upgrade"));
    answer->agrees_to_more |= is_word(name, SLICE("Sec-WebSocket-Extensions")) || is_word(name, SLICE("Sec-WebSocket-Protocol"));
    if (is_word(name, SLICE("Sec-WebSocket-Accept"))) {
        answer->accept = value;
        answer->accepts++;
    }
}

static Status check_status(Slice line, Fault *fault)
{
    Slice code = line.bytes >= 12 ? (Slice){line.at + 9, 3} : (Slice){0};
    if (!slice_starts_with(line, SLICE("HTTP/1.1 ")) || slice_empty(code))
        return fault_set(fault, STATUS_RETRY, "websocket_protocol", "the server does not speak HTTP/1.1");
    if (slice_equal(code, SLICE("101")))
        return STATUS_OK;
    if (slice_equal(code, SLICE("401")) || slice_equal(code, SLICE("403")))
        return fault_set(fault, STATUS_RETRY, "websocket_unauthorized", "the server refuses our user and password: it answered %.3s", code.at);
    return fault_set(fault, STATUS_RETRY, "websocket_refused", "the server opens no WebSocket here: it answered %.3s", code.at);
}

Status websocket_check_answer(Slice head, const uint8_t key[WEBSOCKET_KEY_BYTES], Arena *arena, Fault *fault)
{
    Answer answer = {0};
    Status status = check_status(take_line(&head), fault);
    if (status)
        return status;
    while (head.bytes)
        read_field(take_line(&head), &answer);
    if (!answer.upgrades || !answer.connects || answer.accepts != 1 || !slice_equal(answer.accept, websocket_accept(key, arena)))
        return fault_set(fault, STATUS_RETRY, "websocket_protocol", "the server does not prove that it speaks WebSocket");
    if (answer.agrees_to_more)
        return fault_set(fault, STATUS_RETRY, "websocket_protocol", "the server agrees to an extension that it was not asked for");
    return STATUS_OK;
}
