/* libmicrohttpd 0.9.75 times out only on idle connections and lets doubtful heads pass, so deadlines and checks are ours:
 * a watchdog shuts down the socket of whoever is too slow, and http_head.c looks at every head. */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/http_head.h"
#include "net/http_watch.h"

/* A head within 5 s, a body within 15 s, absolutely. Between requests a connection may rest for a minute. */
enum {
    HEAD_MS = 5000, BODY_MS = 15000, REST_MS = 60000, SEND_MS = 60000,
    SPARE_REQUESTS_MAX = 64, SPARE_BODY_BYTES_MAX = 64 * 1024, TRUSTED_LENGTH_BYTES = 64 * 1024,
    DISCARDED_BYTES_MAX = 16 * 1024 * 1024, /* what is too large is read to its end up to here, so that the answer is read, too */
    STREAM_PENDING_MAX = 4 * 1024 * 1024, STREAM_BLOCK_BYTES = 32 * 1024,
};

/* Whom to call when a parked stream may go on. */
typedef struct Room { void (*call)(void *context); void *context; } Room;

typedef enum Phase { PHASE_BODY, PHASE_DEFERRED, PHASE_ANSWERED } Phase;

struct HttpTransport {
    struct MHD_Connection *connection;
    HttpWatched *watched;
    Phase phase;
    bool too_large;
    Text body;
    /* streaming; guarded by lock */
    pthread_mutex_t lock;
    bool streams, waits, ended, cut, gone;
    int holds; /* the server's own among them, from the head to request_ended */
    Room room;
    char *pending; /* NULL when nothing waits */
    size_t pending_from, pending_bytes, pending_capacity;
    HttpRequest *next_spare;
    HttpRequest *previous_open, *next_open; /* guarded by the server's lock */
};

struct HttpServer {
    HttpSettings settings;
    struct MHD_Daemon *daemon;
    int listener;
    uint16_t port;
    HttpRequest *spares; /* server's thread only */
    size_t spare_count;

    HttpWatch *watch;
    pthread_mutex_t lock; /* guards what follows; taken before a request's */
    HttpRequest *first_open;
    atomic_bool closing;
};

/* ---- deadlines ---- */

static void set_deadline(HttpServer *server, HttpWatched *watched, int64_t in_ms) { http_watch_set(server->watch, watched, in_ms); }

static void connection_turned(void *context, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    HttpServer *server = context;
    bool started = code == MHD_CONNECTION_NOTIFY_STARTED;
    metric_add(METRIC_HTTP_CONNECTIONS, started ? 1 : -1);
    if (started)
        *socket_context = http_watch_add(server->watch, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, HEAD_MS);
    else
        http_watch_remove(server->watch, *socket_context);
}

static HttpWatched *watched_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The request line is in: the head has its own time, also on a connection that rested. */
static void *request_begins(void *context, const char *uri, struct MHD_Connection *connection)
{
    (void)uri;
    set_deadline(context, watched_of(connection), HEAD_MS);
    return NULL;
}

/* ---- requests ---- */

static HttpRequest *request_new(HttpServer *server, struct MHD_Connection *connection)
{
    HttpRequest *request = server->spares;
    if (request) {
        server->spares = request->transport->next_spare;
        server->spare_count--;
    } else {
        request = calloc(1, sizeof *request);
        struct HttpTransport *transport = request ? calloc(1, sizeof *transport) : NULL;
        if (!transport)
            abort();
        pthread_mutex_init(&transport->lock, NULL);
        request->transport = transport;
        request->server = server;
    }
    request->transport->connection = connection;
    request->transport->watched = watched_of(connection);
    request->transport->body = text_in(&request->arena);
    request->transport->holds = 1;
    return request;
}

static void request_free(HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    pthread_mutex_destroy(&transport->lock);
    arena_done(&request->arena);
    free(transport->pending);
    free(transport);
    free(request);
}

/* Requests are kept for the next one, unless they grew large. */
static void request_recycle(HttpServer *server, HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    bool large = transport->body.capacity > SPARE_BODY_BYTES_MAX || transport->pending || request->reply.body.bytes > SPARE_BODY_BYTES_MAX;
    if (large || server->spare_count == SPARE_REQUESTS_MAX) {
        request_free(request);
        return;
    }
    arena_reset(&request->arena);
    request->reply = (HttpReply){0};
    request->context = NULL;
    transport->phase = PHASE_BODY;
    transport->too_large = transport->streams = transport->waits = transport->ended = transport->cut = transport->gone = false;
    transport->next_spare = server->spares;
    server->spares = request;
    server->spare_count++;
}

static void add_open(HttpServer *server, HttpRequest *request)
{
    pthread_mutex_lock(&server->lock);
    request->transport->previous_open = NULL;
    request->transport->next_open = server->first_open;
    if (server->first_open)
        server->first_open->transport->previous_open = request;
    server->first_open = request;
    pthread_mutex_unlock(&server->lock);
}

static void remove_open(HttpServer *server, HttpRequest *request)
{
    pthread_mutex_lock(&server->lock);
    HttpRequest *previous = request->transport->previous_open, *next = request->transport->next_open;
    *(previous ? &previous->transport->next_open : &server->first_open) = next;
    if (next)
        next->transport->previous_open = previous;
    pthread_mutex_unlock(&server->lock);
}

/* ---- holds, and streams that are parked ---- */

/* True for the last one. */
static bool let_go(struct HttpTransport *transport)
{
    pthread_mutex_lock(&transport->lock);
    bool last = --transport->holds == 0;
    pthread_mutex_unlock(&transport->lock);
    return last;
}

static Room take_room(struct HttpTransport *transport)
{
    Room room = transport->room;
    transport->room = (Room){0};
    return room;
}

/* Under no lock, since who is called pushes. */
static void call_room(Room room)
{
    if (room.call)
        room.call(room.context);
}

static void tell_gone(struct HttpTransport *transport)
{
    pthread_mutex_lock(&transport->lock);
    transport->gone = true;
    Room room = take_room(transport);
    pthread_mutex_unlock(&transport->lock);
    call_room(room);
}

static void request_ended(void *context, struct MHD_Connection *connection, void **request_context, enum MHD_RequestTerminationCode code)
{
    (void)connection, (void)code;
    HttpServer *server = context;
    HttpRequest *request = *request_context;
    if (!request)
        return;
    set_deadline(server, request->transport->watched, REST_MS);
    remove_open(server, request);
    tell_gone(request->transport);
    if (let_go(request->transport))
        request_recycle(server, request);
    *request_context = NULL;
}

/* ---- answers ---- */

static void forget_pending(struct HttpTransport *transport)
{
    free(transport->pending);
    transport->pending = NULL;
    transport->pending_from = transport->pending_bytes = transport->pending_capacity = 0;
}

static size_t take_pending(struct HttpTransport *transport, char *buffer, size_t most)
{
    size_t bytes = transport->pending_bytes < most ? transport->pending_bytes : most;
    if (bytes)
        memcpy(buffer, transport->pending + transport->pending_from, bytes);
    transport->pending_from += bytes;
    transport->pending_bytes -= bytes;
    if (!transport->pending_bytes)
        forget_pending(transport);
    return bytes;
}

/* Nothing waits: is it over, or does the connection rest until something is pushed? Nobody would wake it in a server that closes. */
static ssize_t end_or_rest(HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    if (transport->ended && !transport->cut)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (transport->cut || request->server->closing)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    transport->waits = true;
    MHD_suspend_connection(transport->connection);
    return 0;
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t most)
{
    (void)position;
    HttpRequest *request = context;
    struct HttpTransport *transport = request->transport;
    Room room = {0};
    pthread_mutex_lock(&transport->lock);
    ssize_t bytes = (ssize_t)take_pending(transport, buffer, most);
    set_deadline(request->server, transport->watched, bytes ? SEND_MS : HTTP_NO_DEADLINE);
    if (!bytes)
        bytes = end_or_rest(request);
    else if (!transport->pending)
        room = take_room(transport);
    pthread_mutex_unlock(&transport->lock);
    call_room(room);
    return bytes;
}

static struct MHD_Response *response_of(HttpRequest *request)
{
    HttpReply *reply = &request->reply;
    if (reply->streams)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, request, NULL);
    return MHD_create_response_from_buffer(reply->body.bytes, (void *)(uintptr_t)reply->body.at, MHD_RESPMEM_PERSISTENT);
}

static void note_stream(struct HttpTransport *transport, bool streams)
{
    pthread_mutex_lock(&transport->lock);
    transport->streams = streams;
    pthread_mutex_unlock(&transport->lock);
}

static enum MHD_Result send_reply(HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    HttpReply *reply = &request->reply;
    struct MHD_Response *response = response_of(request);
    if (!response)
        return MHD_NO;
    if (reply->content_type)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < reply->header_count; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (reply->close)
        MHD_add_response_header(response, "Connection", "close");
    note_stream(transport, reply->streams);
    transport->phase = PHASE_ANSWERED;
    set_deadline(request->server, transport->watched, SEND_MS);
    enum MHD_Result queued = MHD_queue_response(transport->connection, reply->code, response);
    MHD_destroy_response(response);
    metric_add(METRIC_HTTP_REQUESTS, 1);
    return queued;
}

static enum MHD_Result refuse(HttpRequest *request, unsigned code, const char *name, const char *detail)
{
    request->reply.code = code;
    request->reply.close = true;
    request->reply.content_type = "application/problem+json";
    request->reply.body = arena_printf(&request->arena, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\",\"detail\":\"%s\"}\n",
                                       code == 413 ? "Content Too Large" : "Bad Request", code, name, detail);
    return send_reply(request);
}

/* ---- from libmicrohttpd ---- */

static enum MHD_Result head_is_in(HttpServer *server, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, void **request_context)
{
    HttpRequest *request = request_new(server, connection);
    *request_context = request;
    add_open(server, request);
    set_deadline(server, request->transport->watched, BODY_MS);
    request->method = method;
    request->path = slice_of(url);
    HttpHead head = http_head_read(connection, version);
    if (head.wrong)
        return refuse(request, 400, "head_malformed", head.wrong);
    if (head.content_length > DISCARDED_BYTES_MAX)
        return refuse(request, 413, "body_too_large", "the body is over the limit of 2 MiB; send less at a time");
    if (head.content_length > 0)
        text_grow(&request->transport->body, head.content_length < TRUSTED_LENGTH_BYTES ? (size_t)head.content_length + 1 : TRUSTED_LENGTH_BYTES);
    return MHD_YES;
}

static void take_body(HttpRequest *request, const char *bytes, size_t count)
{
    struct HttpTransport *transport = request->transport;
    if (transport->body.bytes + count > request->server->settings.body_bytes_max)
        transport->too_large = true; /* the rest is read and forgotten, the answer comes behind it */
    if (!transport->too_large)
        text_add(&transport->body, (Slice){bytes, count});
}

static enum MHD_Result body_is_in(HttpServer *server, HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    if (transport->too_large)
        return refuse(request, 413, "body_too_large", "the body is over the limit of 2 MiB; send less at a time");
    request->body = text_slice(&transport->body);
    set_deadline(server, transport->watched, HTTP_NO_DEADLINE); /* it is our turn now */
    server->settings.handle(request, server->settings.context);
    return transport->phase == PHASE_DEFERRED ? MHD_YES : send_reply(request);
}

static enum MHD_Result take_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload_data, size_t *upload_data_size, void **request_context)
{
    HttpServer *server = context;
    HttpRequest *request = *request_context;
    if (!request)
        return head_is_in(server, connection, url, method, version, request_context);
    if (request->transport->phase == PHASE_ANSWERED)
        return MHD_YES;
    if (*upload_data_size) {
        take_body(request, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return MHD_YES;
    }
    return request->transport->phase == PHASE_DEFERRED ? send_reply(request) : body_is_in(server, request);
}

void http_defer(HttpRequest *request)
{
    request->transport->phase = PHASE_DEFERRED;
    MHD_suspend_connection(request->transport->connection);
}

void http_resume(HttpRequest *request) { MHD_resume_connection(request->transport->connection); }

/* ---- streams ---- */

static void make_room(struct HttpTransport *transport, size_t bytes)
{
    size_t needed = transport->pending_from + transport->pending_bytes + bytes;
    if (needed <= transport->pending_capacity)
        return;
    size_t capacity = transport->pending ? needed * 2 : needed;
    char *room = malloc(capacity);
    if (!room)
        abort();
    if (transport->pending_bytes)
        memcpy(room, transport->pending + transport->pending_from, transport->pending_bytes);
    free(transport->pending);
    transport->pending = room;
    transport->pending_from = 0;
    transport->pending_capacity = capacity;
}

static void go_on(struct HttpTransport *transport)
{
    if (transport->waits)
        MHD_resume_connection(transport->connection);
    transport->waits = false;
}

bool http_stream_push(HttpRequest *request, Slice bytes)
{
    struct HttpTransport *transport = request->transport;
    pthread_mutex_lock(&transport->lock);
    bool has_room = !transport->pending_bytes || transport->pending_bytes + bytes.bytes <= STREAM_PENDING_MAX;
    bool takes = has_room && !transport->gone && !transport->cut;
    if (takes && bytes.bytes) {
        make_room(transport, bytes.bytes);
        memcpy(transport->pending + transport->pending_from + transport->pending_bytes, bytes.at, bytes.bytes);
        transport->pending_bytes += bytes.bytes;
        go_on(transport);
    }
    pthread_mutex_unlock(&transport->lock);
    return takes;
}

bool http_stream_park(HttpRequest *request, void (*room)(void *context), void *context)
{
    struct HttpTransport *transport = request->transport;
    pthread_mutex_lock(&transport->lock);
    bool parks = transport->pending_bytes && !transport->gone;
    if (parks)
        transport->room = (Room){room, context};
    pthread_mutex_unlock(&transport->lock);
    return parks;
}

static void cut_locked(HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    transport->ended = transport->cut = true;
    forget_pending(transport);
    if (transport->gone)
        return;
    set_deadline(request->server, transport->watched, 0); /* it may be stuck in what it sends */
    go_on(transport);
}

void http_stream_cut(HttpRequest *request)
{
    pthread_mutex_lock(&request->transport->lock);
    cut_locked(request);
    pthread_mutex_unlock(&request->transport->lock);
}

void http_stream_end(HttpRequest *request)
{
    struct HttpTransport *transport = request->transport;
    pthread_mutex_lock(&transport->lock);
    transport->ended = true;
    if (!transport->gone)
        go_on(transport);
    pthread_mutex_unlock(&transport->lock);
}

void http_hold(HttpRequest *request)
{
    pthread_mutex_lock(&request->transport->lock);
    request->transport->holds++;
    pthread_mutex_unlock(&request->transport->lock);
}

void http_release(HttpRequest *request)
{
    if (let_go(request->transport))
        request_free(request);
}

/* ---- values ---- */

/* An IPv4 address that an IPv6 socket took in is shown as what it is. */
void http_peer_address(const HttpRequest *request, char out[HTTP_ADDRESS_BYTES])
{
    const struct sockaddr *peer = MHD_get_connection_info(request->transport->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    const struct sockaddr_in6 *wide = (const struct sockaddr_in6 *)(const void *)peer;
    *out = 0;
    if (peer->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, out, HTTP_ADDRESS_BYTES);
    else if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&wide->sin6_addr))
        inet_ntop(AF_INET, wide->sin6_addr.s6_addr + 12, out, HTTP_ADDRESS_BYTES);
    else if (peer->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &wide->sin6_addr, out, HTTP_ADDRESS_BYTES);
}

Slice http_header(const HttpRequest *request, const char *name)
{
    return slice_of(MHD_lookup_connection_value(request->transport->connection, MHD_HEADER_KIND, name));
}

Slice http_query(HttpRequest *request, const char *name)
{
    Slice sent = slice_of(MHD_lookup_connection_value(request->transport->connection, MHD_GET_ARGUMENT_KIND, name));
    char *decoded = arena_alloc(&request->arena, sent.bytes + 1);
    size_t bytes = 0;
    if (!http_percent_decode(sent, false, decoded, &bytes)) /* libmicrohttpd has made each '+' a blank */
        return (Slice){0};
    decoded[bytes] = 0;
    return (Slice){decoded, bytes};
}

typedef struct QueryVisit {
    bool (*take)(void *context, const char *name, Slice sent);
    void *context;
} QueryVisit;

static enum MHD_Result visit_query(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    const QueryVisit *visit = context;
    return visit->take(visit->context, name, slice_of(value)) ? MHD_YES : MHD_NO;
}

void http_query_each(HttpRequest *request, bool (*take)(void *context, const char *name, Slice sent), void *context)
{
    QueryVisit visit = {take, context};
    MHD_get_connection_values(request->transport->connection, MHD_GET_ARGUMENT_KIND, visit_query, &visit);
}

void http_add_header(HttpRequest *request, const char *name, const char *value)
{
    if (request->reply.header_count < HTTP_HEADERS_MAX)
        request->reply.headers[request->reply.header_count++] = (HttpHeader){name, value};
}

/* libmicrohttpd would decode '+' in paths and split what an escape hides; paths stay as sent, and queries are decoded once. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

/* ---- open and close ---- */

static int listen_on(const HttpSettings *settings, uint16_t *ret_port, Fault *fault)
{
    char port[8];
    snprintf(port, sizeof port, "%u", settings->port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *address;
    int wrong = getaddrinfo(settings->host, port, &hints, &address);
    if (wrong)
        return fault_set(fault, STATUS_REJECT, "listen_failed", "cannot listen on %s: %s", settings->host, gai_strerror(wrong)), -1;
    int listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool listens = listener >= 0 && !bind(listener, address->ai_addr, address->ai_addrlen) && !listen(listener, 1024);
    int error = errno;
    freeaddrinfo(address);
    struct sockaddr_storage bound;
    socklen_t bytes = sizeof bound;
    if (!listens || getsockname(listener, (struct sockaddr *)&bound, &bytes)) {
        fault_set(fault, STATUS_REJECT, error == EADDRINUSE ? "port_taken" : "listen_failed", "cannot listen on %s port %s: %s; choose another PORT",
                  settings->host, port, strerror(error));
        if (listener >= 0)
            close(listener);
        return -1;
    }
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
    return listener;
}

/* What libmicrohttpd has to say about a client's bytes is in our answers and metrics. */
static void ignore_log(void *context, const char *format, va_list args) { (void)context, (void)format, (void)args; }

static struct MHD_Daemon *start_daemon(HttpServer *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG, server->port, NULL, NULL, take_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_LISTEN_SOCKET, server->listener,
        MHD_OPTION_NOTIFY_CONNECTION, connection_turned, server, MHD_OPTION_NOTIFY_COMPLETED, request_ended, server,
        MHD_OPTION_URI_LOG_CALLBACK, request_begins, server, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, server->settings.max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, server->settings.max_connections_per_ip,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024, MHD_OPTION_END);
}

HttpServer *http_server_open(const HttpSettings *settings, Fault *fault)
{
    HttpServer *server = calloc(1, sizeof *server);
    if (!server)
        abort();
    server->settings = *settings;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = listen_on(settings, &server->port, fault);
    if (server->listener < 0)
        return free(server), NULL;
    server->watch = http_watch_open();
    server->daemon = server->watch ? start_daemon(server) : NULL;
    if (!server->daemon) {
        fault_set(fault, STATUS_FATAL, "listen_failed", "the HTTP server does not start; is the limit of open files (ulimit -n) too low?");
        return free(server), NULL;
    }
    return server;
}

uint16_t http_server_port(const HttpServer *server) { return server->port; }

void http_server_quiesce(HttpServer *server)
{
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
    server->listener = -1;
}

static bool has_open_requests(HttpServer *server)
{
    pthread_mutex_lock(&server->lock);
    bool has = server->first_open;
    pthread_mutex_unlock(&server->lock);
    return has;
}

/* libmicrohttpd ends the process when a connection rests while it stops. */
static void cut_open_streams(HttpServer *server)
{
    server->closing = true;
    pthread_mutex_lock(&server->lock);
    for (HttpRequest *request = server->first_open; request; request = request->transport->next_open) {
        pthread_mutex_lock(&request->transport->lock);
        if (request->transport->streams && !request->transport->ended)
            cut_locked(request);
        pthread_mutex_unlock(&request->transport->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

void http_server_close(HttpServer *server, int64_t grace_ms)
{
    struct timespec pause = {.tv_nsec = 2000000};
    cut_open_streams(server);
    for (int64_t until_ms = clock_elapsed_ms() + grace_ms; has_open_requests(server) && clock_elapsed_ms() < until_ms;)
        nanosleep(&pause, NULL);
    MHD_stop_daemon(server->daemon);
    http_watch_close(server->watch);
    while (server->spares) {
        HttpRequest *following = server->spares->transport->next_spare;
        request_free(server->spares);
        server->spares = following;
    }
    pthread_mutex_destroy(&server->lock);
    free(server);
}
