/* The client's end of a WebSocket (RFC 6455) that mostly listens: text messages come in, pings and their answers go out. For one
 * thread at a time. The server is not trusted: whatever the RFC does not allow ends the connection. */
#pragma once

#include "net/stream.h"

typedef struct WebSocket WebSocket;

typedef struct WebSocketSettings {
    StreamSettings stream;
    Slice target;             /* path and query */
    Slice authorization;      /* of that header; empty = none */
    size_t message_bytes_max; /* with more the connection ends */
} WebSocketSettings;

/* Deadlines are in clock_elapsed_ms. Faults of stream_open and of websocket_check_answer. */
Status websocket_open(const WebSocketSettings *settings, int64_t deadline_ms, WebSocket **ret, Fault *fault);
/* Says good-bye without waiting for an answer. NULL is fine. */
void websocket_close(WebSocket *socket);

/* The next message, which is UTF-8 and lives until the next call; an empty one: none came in time. Pings are answered here. After
 * anything but OK it can only be closed: RETRY "connection_lost", "websocket_closed" (by the server, which says why),
 * "websocket_protocol", "websocket_too_long". */
Status websocket_read(WebSocket *socket, int64_t deadline_ms, Slice *ret_message, Fault *fault);

Status websocket_ping(WebSocket *socket, int64_t deadline_ms, Fault *fault);

/* When anything came from the server last, in clock_elapsed_ms. */
int64_t websocket_heard_ms(const WebSocket *socket);
