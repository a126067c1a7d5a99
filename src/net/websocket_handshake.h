/* How a WebSocket begins: an HTTP/1.1 request that asks for it, and the answer that must prove that it was understood (RFC 6455
 * section 4.1). Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

enum { WEBSOCKET_KEY_BYTES = 16, WEBSOCKET_HEAD_BYTES_MAX = 8192 };

typedef struct WebSocketRequest {
    Slice host;          /* "name:port" */
    Slice target;        /* path and query */
    Slice authorization; /* of that header; empty = none */
    uint8_t key[WEBSOCKET_KEY_BYTES];
} WebSocketRequest;

Slice websocket_request(const WebSocketRequest *request, Arena *arena);

/* What the answer's Sec-WebSocket-Accept must be. */
Slice websocket_accept(const uint8_t key[WEBSOCKET_KEY_BYTES], Arena *arena);

/* head: from the status line to the blank line, with it. RETRY "websocket_unauthorized" (401 or 403), "websocket_refused" (any other
 * status), "websocket_protocol" (it agrees to something that nobody asked for, or does not prove that it understood). */
Status websocket_check_answer(Slice head, const uint8_t key[WEBSOCKET_KEY_BYTES], Arena *arena, Fault *fault);
