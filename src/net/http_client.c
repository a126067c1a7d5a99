/* libcurl behind two functions: one request, or many at once with another try for those that fail. Redirects are not followed. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024, CONNECT_MS = 5000 };
enum { FLIGHTS_MAX = 16, PAUSE_FIRST_MS = 50, PAUSE_MOST_MS = 1000 };

/* What has come of an answer. */
typedef struct Received {
    Text body;
    size_t bytes_max;
} Received;

/* A request on its way. */
typedef struct Flight {
    CURL *curl;
    HttpExchange *exchange; /* NULL = free */
    Received received;
    struct curl_slist *headers;
} Flight;

struct HttpClient {
    CURL *curl;
    atomic_bool is_cancelled;
    CURLM *many;             /* made at first use, with the flights */
    Flight flights[FLIGHTS_MAX];
    Slice authorization; /* "Authorization: Bearer …" */
    const char *ca_bundle;   /* "" = the system's */
    Arena arena;
};

static void init_library(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

HttpClient *http_client_new(const char *token)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    HttpClient *client = calloc(1, sizeof *client);
    if (!client || !(client->curl = curl_easy_init()))
        abort();
    client->ca_bundle = "";
    if (token && *token)
        client->authorization = arena_printf(&client->arena, "Authorization: Bearer %s", token);
    return client;
}

void http_client_free(HttpClient *client)
{
    if (!client)
        return;
    for (size_t i = 0; client->many && i < FLIGHTS_MAX; i++)
        curl_easy_cleanup(client->flights[i].curl);
    if (client->many)
        curl_multi_cleanup(client->many);
    curl_easy_cleanup(client->curl);
    arena_done(&client->arena);
    free(client);
}

void http_client_trust(HttpClient *client, const char *ca_bundle) { client->ca_bundle = ca_bundle; }
void http_client_cancel(HttpClient *client) { atomic_store(&client->is_cancelled, true); }

/* libcurl asks at least once a second, also while nothing comes. */
static int stop_if_cancelled(void *context, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    (void)to_get, (void)got, (void)to_send, (void)sent;
    HttpClient *client = context;
    return atomic_load(&client->is_cancelled);
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    Received *received = context;
    if (received->body.bytes + size * count > received->bytes_max)
        return 0;
    text_add(&received->body, (Slice){bytes, size * count});
    return size * count;
}

static struct curl_slist *headers_of(const HttpClient *client, const char *content_type, Arena *arena)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); /* no pause before the body */
    if (!slice_empty(client->authorization))
        headers = curl_slist_append(headers, client->authorization.at);
    if (content_type)
        headers = curl_slist_append(headers, arena_printf(arena, "Content-Type: %s", content_type).at);
    return headers;
}

/* The caller's, or one file for all of the program's TLS, as OpenSSL has it for Redis and MongoDB; libcurl would not look there. */
static void trust_authorities(const HttpClient *client, CURL *curl)
{
    const char *file = *client->ca_bundle ? client->ca_bundle : getenv("SSL_CERT_FILE");
    if (file && *file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, file);
}

static void set_request(const HttpClient *client, CURL *curl, const char *method, const char *url, Slice body, int64_t timeout_ms)
{
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    trust_authorities(client, curl);
    if (!strcmp(method, "GET"))
        return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at ? body.at : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.bytes);
}

static void set_answer(CURL *curl, struct curl_slist *headers, Received *received)
{
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, received);
}

static void read_answer(CURL *curl, const Text *body, HttpAnswer *ret)
{
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->code);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    ret->retry_after_s = retry_after;
    ret->body = text_slice(body);
}

/* The body of a request that goes out at most once. libcurl sends a request again by itself when a kept connection breaks before
 * the answer begins, unless it would have to rewind a body that it cannot rewind. */
static size_t give_bytes(char *at, size_t size, size_t count, void *context)
{
    Slice *left = context;
    size_t bytes = left->bytes < size * count ? left->bytes : size * count;
    memcpy(at, left->at, bytes);
    left->at += bytes;
    left->bytes -= bytes;
    return bytes;
}

/* A connection that rested long may be half closed by then, and nobody could say whether the request arrived. */
enum { REST_MOST_S = 10 };

static void send_once(CURL *curl, Slice *left)
{
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)REST_MOST_S);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(curl, CURLOPT_READDATA, left);
}

static void set_cancellable(HttpClient *client, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_if_cancelled);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

/* What a person reads. Whether the other side may have had the request is told by has_left and never_left, not by these words. */
static const char *words_of(CURLcode code)
{
    bool is_broken = code == CURLE_SEND_FAIL_REWIND || code == CURLE_GOT_NOTHING;
    return is_broken ? "the connection broke before an answer" : curl_easy_strerror(code);
}

/* Any byte of it may have been all of it. */
static bool has_left(CURL *curl)
{
    long bytes = 0;
    curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

Status http_client_ask(HttpClient *client, const HttpRequest *request, Arena *arena, HttpAnswer *ret, Fault *fault)
{
    Received received = {text_in(arena), request->answer_bytes_max ? request->answer_bytes_max : ANSWER_BYTES_MAX};
    Slice left = request->body;
    CURL *curl = client->curl;
    set_request(client, curl, request->method, request->url, request->body, request->timeout_ms);
    if (request->once && left.bytes)
        send_once(curl, &left);
    if (request->is_direct)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    struct curl_slist *headers = headers_of(client, request->content_type, arena);
    for (const char *const *header = request->headers; header && *header; header++)
        headers = curl_slist_append(headers, *header);
    set_answer(curl, headers, &received);
    set_cancellable(client, curl);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    *ret = (HttpAnswer){.maybe_taken = code && has_left(curl)};
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return fault_set(fault, STATUS_RETRY, "cancelled", "%s was not waited for any longer", request->url);
    if (code)
        return fault_set(fault, STATUS_RETRY, "unreachable", "%s does not answer: %s", request->url, words_of(code));
    read_answer(curl, &received.body, ret);
    return STATUS_OK;
}

Slice http_client_header(const HttpClient *client, const char *name, Arena *arena)
{
    struct curl_header *header;
    if (curl_easy_header(client->curl, name, 0, CURLH_HEADER, -1, &header))
        return (Slice){0};
    return arena_copy(arena, slice_of(header->value));
}

/* ---- many at once ---- */

static void open_flights(HttpClient *client)
{
    if (client->many)
        return;
    client->many = curl_multi_init();
    for (size_t i = 0; i < FLIGHTS_MAX; i++)
        client->flights[i].curl = curl_easy_init();
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (!client->many || !client->flights[i].curl)
            abort();
    }
}

static Flight *free_flight(HttpClient *client)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (!client->flights[i].exchange)
            return &client->flights[i];
    }
    return NULL;
}

static void start(HttpClient *client, Flight *flight, HttpExchange *exchange, int64_t timeout_ms, Arena *arena)
{
    flight->exchange = exchange;
    flight->received = (Received){text_in(arena), ANSWER_BYTES_MAX};
    flight->headers = headers_of(client, slice_empty(exchange->body) ? NULL : "application/json", arena);
    set_request(client, flight->curl, exchange->method, exchange->url, exchange->body, timeout_ms);
    set_answer(flight->curl, flight->headers, &flight->received);
    curl_easy_setopt(flight->curl, CURLOPT_PRIVATE, flight);
    exchange->tries++;
    exchange->due_ms = INT64_MAX; /* not while it is on its way */
    curl_multi_add_handle(client->many, flight->curl);
}

static void give_up(HttpExchange *exchange)
{
    exchange->is_over = true;
    if (!exchange->error)
        exchange->error = "there was no time left to ask";
}

/* Starts what is due while a flight is free; returns when something will be due, INT64_MAX when nothing will. */
static int64_t start_due(HttpClient *client, HttpExchange *exchanges, size_t count, int64_t deadline_ms, Arena *arena)
{
    int64_t now_ms = clock_elapsed_ms(), next_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        HttpExchange *exchange = &exchanges[i];
        if (exchange->is_over || exchange->due_ms == INT64_MAX || (exchange->after && !exchange->after->is_over))
            continue;
        bool is_due = exchange->due_ms <= now_ms;
        Flight *flight = is_due ? free_flight(client) : NULL;
        if (now_ms >= deadline_ms)
            give_up(exchange);
        else if (flight)
            start(client, flight, exchange, deadline_ms - now_ms, arena);
        else if (!is_due && exchange->due_ms < next_ms)
            next_ms = exchange->due_ms;
    }
    return next_ms;
}

static bool is_temporary(long code)
{
    return code == 0 || code == 408 || code == 425 || code == 429 || (code >= 500 && code != 501);
}

static bool never_left(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
}

/* What the server asks for, and half of our pause to all of it. */
static int64_t pause_ms(const HttpExchange *exchange)
{
    uint16_t random;
    digest_random(&random, sizeof random);
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << (exchange->tries < 5 ? exchange->tries : 5);
    most_ms = most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS;
    return exchange->answer.retry_after_s * 1000 + most_ms / 2 + random % (most_ms / 2);
}

static void land(HttpClient *client, Flight *flight, CURLcode code, int64_t deadline_ms, bool once)
{
    HttpExchange *exchange = flight->exchange;
    exchange->answer = (HttpAnswer){0};
    exchange->error = code ? words_of(code) : NULL;
    if (!code)
        read_answer(flight->curl, &flight->received.body, &exchange->answer);
    curl_multi_remove_handle(client->many, flight->curl);
    curl_slist_free_all(flight->headers);
    flight->exchange = NULL;

    long said = exchange->answer.code;
    exchange->maybe_taken = exchange->maybe_taken || said >= 500 || (code && !never_left(code));
    exchange->due_ms = clock_elapsed_ms() + pause_ms(exchange);
    exchange->is_over = !is_temporary(said) || once || exchange->due_ms >= deadline_ms;
}

static bool land_arrived(HttpClient *client, int64_t deadline_ms, bool once)
{
    int left;
    bool any = false;
    for (CURLMsg *message; (message = curl_multi_info_read(client->many, &left)) != NULL; any = true) {
        Flight *flight;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
        land(client, flight, code, deadline_ms, once);
    }
    return any;
}

void http_client_send_all(HttpClient *client, HttpExchange *exchanges, size_t count, int64_t deadline_ms, bool once, Arena *arena)
{
    open_flights(client);
    for (;;) {
        int64_t next_ms = start_due(client, exchanges, count, deadline_ms, arena);
        int flying = 0;
        curl_multi_perform(client->many, &flying);
        if (land_arrived(client, deadline_ms, once))
            continue;
        if (!flying && next_ms == INT64_MAX)
            return;
        int64_t until_ms = next_ms < deadline_ms ? next_ms : deadline_ms, wait_ms = until_ms - clock_elapsed_ms();
        curl_multi_poll(client->many, NULL, 0, wait_ms > 0 ? (int)wait_ms : 1, NULL);
    }
}

Slice http_client_escape(Slice text, Arena *arena)
{
    Text out = text_in(arena);
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
        if (plain)
            text_add_byte(&out, (char)c);
        else
            text_printf(&out, "%%%02X", c);
    }
    return text_slice(&out);
}
