/* libcurl behind one function: a method, a URL, a body, an answer. Redirects are not followed. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024, CONNECT_MS = 5000 };

struct HttpClient {
    CURL *curl;
    Slice authorization; /* "Authorization: Bearer …" */
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
    if (token && *token)
        client->authorization = arena_printf(&client->arena, "Authorization: Bearer %s", token);
    return client;
}

void http_client_free(HttpClient *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    arena_done(&client->arena);
    free(client);
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    Text *body = context;
    if (body->bytes + size * count > ANSWER_BYTES_MAX)
        return 0;
    text_add(body, (Slice){bytes, size * count});
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

static void set_request(CURL *curl, const char *method, const char *url, Slice body, int64_t timeout_ms)
{
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    if (!strcmp(method, "GET"))
        return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at ? body.at : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.bytes);
}

Status http_client_send(HttpClient *client, const char *method, const char *url, const char *content_type, Slice body,
                        int64_t timeout_ms, Arena *arena, HttpAnswer *ret, Fault *fault)
{
    Text answer = text_in(arena);
    CURL *curl = client->curl;
    set_request(curl, method, url, body, timeout_ms);
    struct curl_slist *headers = headers_of(client, content_type, arena);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (code)
        return fault_set(fault, STATUS_RETRY, "unreachable", "%s does not answer: %s", url, curl_easy_strerror(code));
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->code);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    ret->retry_after_s = retry_after;
    ret->body = text_slice(&answer);
    return STATUS_OK;
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
