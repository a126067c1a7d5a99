/* HTTP requests to a server of ours or of others (libcurl). One client belongs to one thread and keeps its connection. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct HttpClient HttpClient;

typedef struct HttpAnswer {
    long code;           /* 200 */
    Slice body;          /* in arena, at most 64 MiB */
    int64_t retry_after_s; /* of Retry-After; 0 = not said */
} HttpAnswer;

/* token: bearer token, NULL or "" = none. */
HttpClient *http_client_new(const char *token);
void http_client_free(HttpClient *client);

/* Blocks for at most timeout_ms. OK: there is an answer, whatever its code. RETRY "unreachable": nobody answered; whether
 * the request was taken is not known. body may be empty; content_type NULL = none. */
Status http_client_send(HttpClient *client, const char *method, const char *url, const char *content_type, Slice body,
                        int64_t timeout_ms, Arena *arena, HttpAnswer *ret, Fault *fault);

/* Percent-encodes one part of a path or query (RFC 3986). */
Slice http_client_escape(Slice text, Arena *arena);
