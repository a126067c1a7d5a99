/* HTTP requests to a server of ours or of others (libcurl). One client belongs to one thread and keeps its connection. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct HttpClient HttpClient;

typedef struct HttpAnswer {
    long code;           /* 200 */
    Slice body;          /* in arena, at most 64 MiB */
    int64_t retry_after_s; /* of Retry-After; 0 = not said */
    bool maybe_taken;    /* nobody answered, and the request may have been carried out */
} HttpAnswer;

/* token: bearer token, NULL or "" = none. */
HttpClient *http_client_new(const char *token);
void http_client_free(HttpClient *client);
/* Any thread: the http_client_ask that waits, and every later one, ends with RETRY "cancelled", within a second or so. */
void http_client_cancel(HttpClient *client);

/* Servers are verified with the authorities in this PEM file from now on; "" = the system's. Borrowed. */
void http_client_trust(HttpClient *client, const char *ca_bundle);

typedef struct HttpRequest {
    const char *method, *url;
    const char *content_type;   /* NULL = none */
    const char *const *headers; /* more of them as "Name: value", ended by NULL; NULL = none */
    Slice body;                 /* may be empty */
    int64_t timeout_ms;         /* of all of it; connecting takes 5 s at most */
    size_t answer_bytes_max;    /* of its body: beyond it nobody has answered; 0 = 64 MiB */
    bool once;                  /* never goes out twice; else again when a kept connection breaks. Needs a body */
    bool is_direct;             /* not through a proxy that the environment names */
} HttpRequest;

/* Blocks for at most timeout_ms. OK: there is an answer, whatever its code. RETRY "unreachable": nobody answered;
 * ret->maybe_taken says whether the request may have been carried out. */
Status http_client_ask(HttpClient *client, const HttpRequest *request, Arena *arena, HttpAnswer *ret, Fault *fault);

/* A header of the last answer to http_client_ask, in arena; the name in any case. Empty: it had none. */
Slice http_client_header(const HttpClient *client, const char *name, Arena *arena);

/* A request and what came of it. */
typedef struct HttpExchange {
    const char *method, *url;
    Slice body;                /* JSON; empty = none */
    struct HttpExchange *after; /* goes out when that one is over; NULL = at once */

    HttpAnswer answer;   /* of the last try; code 0: nobody answered */
    const char *error;   /* why nobody did */
    bool maybe_taken;    /* a try may have been carried out although its answer does not say so */
    int tries;
    bool is_over;
    int64_t due_ms;      /* of the next try */
} HttpExchange;

/* All of them, several at a time. What nobody answers, or is answered 408, 425, 429 or 5xx (501 is for good), is tried again
 * with jitter, not before its Retry-After, while there is time; with `once` nothing is. Returns when all are over, at
 * deadline_ms (elapsed time) at the latest. */
void http_client_send_all(HttpClient *client, HttpExchange *exchanges, size_t count, int64_t deadline_ms, bool once, Arena *arena);

/* Percent-encodes one part of a path or query (RFC 3986). */
Slice http_client_escape(Slice text, Arena *arena);
