/* An HTTP server of our own taste on libmicrohttpd: whole bodies in memory up to a limit, answers now or later, absolute
 * deadlines, strict heads. It knows nothing of Pledgeline. One thread serves all connections; handlers must not block it. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "net/http_percent.h"

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;

enum { HTTP_HEADERS_MAX = 4 };

typedef struct HttpHeader { const char *name, *value; } HttpHeader;

/* What goes back. Everything it points to lives in the request's arena, or longer. */
typedef struct HttpReply {
    unsigned code;            /* 0 = not filled yet */
    const char *content_type;
    Slice body;
    HttpHeader headers[HTTP_HEADERS_MAX];
    size_t header_count;
    bool streams;             /* the body comes by http_stream_push until http_stream_end */
    bool close;               /* the connection ends with it */
} HttpReply;

struct HttpRequest {
    const char *method;
    Slice path;               /* as sent, without the query */
    Slice body;
    Arena arena;              /* lives until the answer is sent */
    HttpReply reply;
    void *context;            /* the handler's own */

    HttpServer *server;       /* the rest is the server's own */
    struct HttpTransport *transport;
};

/* Called on the server's thread with the whole request. Fills request->reply, or calls http_defer first and http_resume
 * later, from any thread. */
typedef void (*HttpHandler)(HttpRequest *request, void *context);

typedef struct HttpSettings {
    const char *host;         /* address to listen on */
    uint16_t port;            /* 0 = any free one */
    unsigned max_connections, max_connections_per_ip;
    size_t body_bytes_max;
    HttpHandler handle;
    void *context;
} HttpSettings;

/* NULL and a fault ("port_taken", "listen_failed") when it cannot listen. */
HttpServer *http_server_open(const HttpSettings *settings, Fault *fault);
uint16_t http_server_port(const HttpServer *server);

/* Accepts no more connections; those that are open finish what they have asked for. */
void http_server_quiesce(HttpServer *server);
/* Ends all. No request may be deferred any more. Streams that did not end are cut; waits up to grace_ms for answers to leave. */
void http_server_close(HttpServer *server, int64_t grace_ms);

/* The answer comes later: from now on http_resume must be called exactly once. Server's thread only. */
void http_defer(HttpRequest *request);
/* request->reply is filled. Any thread; the request must not be touched any more. */
void http_resume(HttpRequest *request);

/* A streamed body (reply.streams). Any thread. Every stream must be ended or cut: until then its connection stays. */

/* False when the client is gone, or when more than 4 MiB would wait; where nothing waits, anything goes. */
bool http_stream_push(HttpRequest *request, Slice bytes);
/* Calls room once, on the server's thread, when all that waits was sent or the client is gone; room must not block. Returns
 * false, and never calls it, when that is so already: push on. */
bool http_stream_park(HttpRequest *request, void (*room)(void *context), void *context);
void http_stream_end(HttpRequest *request);
/* Ends it so that the client sees that something is missing. What waits is forgotten. */
void http_stream_cut(HttpRequest *request);
/* Keeps the request (its arena, its stream) alive for another thread, also when the client leaves: http_release ends it. */
void http_hold(HttpRequest *request);
void http_release(HttpRequest *request);

/* Header and query values as sent (query percent-decoded); empty when absent. Server's thread, or before http_resume. */
Slice http_header(const HttpRequest *request, const char *name);
Slice http_query(HttpRequest *request, const char *name);
/* Each query parameter as sent, in order, until take returns false. Server's thread, or before http_resume. */
void http_query_each(HttpRequest *request, bool (*take)(void *context, const char *name, Slice sent), void *context);

enum { HTTP_ADDRESS_BYTES = 46 };
/* The address that the connection comes from, without its port: "192.0.2.7", "2001:db8::7". Server's thread, or before http_resume. */
void http_peer_address(const HttpRequest *request, char out[HTTP_ADDRESS_BYTES]);

void http_add_header(HttpRequest *request, const char *name, const char *value);

