/* libcurl 7.88 could sign, and does it wrong: it signs headers that it does not send, takes a query and a path as they are
 * written, and leaves the content type out. This follows AWS's description step by step. */
#include "net/aws_sign.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"

enum { HEADERS_MAX = 32, PAIRS_MAX = 64, DAY_BYTES = 8 /* 20240115 */, TIME_BYTES = 17 /* 20240115T103000Z and its NUL */ };

typedef struct Pair { Slice name, value; } Pair;

static int compare_pairs(const void *a, const void *b)
{
    const Pair *left = a, *right = b;
    int order = slice_compare(left->name, right->name);
    return order ? order : slice_compare(left->value, right->value);
}

static Slice hex_of_sha256(Slice bytes, Arena *arena)
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(&bytes, 1, digest);
    return digest_hex(arena, digest, DIGEST_BYTES);
}

/* ---- the URL ---- */

typedef struct Url { Slice host, path, query; } Url; /* host with its port, where that is not the scheme's own */

static Slice url_part(CURLU *handle, CURLUPart part, Arena *arena)
{
    char *text = NULL;
    Slice copy = {0};
    if (!curl_url_get(handle, part, &text, part == CURLUPART_PORT ? CURLU_NO_DEFAULT_PORT : 0))
        copy = arena_copy(arena, slice_of(text));
    curl_free(text);
    return copy;
}

static Status read_url(const char *text, Arena *arena, Url *ret, Fault *fault)
{
    CURLU *handle = curl_url();
    if (!handle)
        abort();
    if (curl_url_set(handle, CURLUPART_URL, text, 0)) {
        curl_url_cleanup(handle);
        return fault_set(fault, STATUS_REJECT, "aws_endpoint", "%.120s is no URL", text);
    }
    Slice host = url_part(handle, CURLUPART_HOST, arena), port = url_part(handle, CURLUPART_PORT, arena);
    ret->host = port.bytes ? arena_printf(arena, "%.*s:%.*s", SLICE_ARG(host), SLICE_ARG(port)) : host;
    ret->path = url_part(handle, CURLUPART_PATH, arena);
    ret->query = url_part(handle, CURLUPART_QUERY, arena);
    curl_url_cleanup(handle);
    return STATUS_OK;
}

/* Up to the separator or the end; *rest goes on behind it. */
static Slice take_until(Slice *rest, char separator)
{
    const char *at = rest->bytes ? memchr(rest->at, separator, rest->bytes) : NULL;
    size_t bytes = at ? (size_t)(at - rest->at) : rest->bytes, skipped = bytes + (at != NULL);
    Slice part = {rest->at, bytes};
    rest->at += skipped;
    rest->bytes -= skipped;
    return part;
}

/* Each segment is encoded once more, and empty ones are left out. */
static void add_path(Text *out, Slice path)
{
    bool ends_with_slash = path.bytes > 1 && path.at[path.bytes - 1] == '/';
    size_t before = out->bytes;
    while (path.bytes) {
        Slice segment = take_until(&path, '/');
        if (slice_empty(segment))
            continue;
        text_add_byte(out, '/');
        text_add(out, http_client_escape(segment, out->arena));
    }
    if (ends_with_slash || out->bytes == before)
        text_add_byte(out, '/');
}

static void add_query(Text *out, Slice query)
{
    Pair pairs[PAIRS_MAX];
    size_t count = 0;
    while (query.bytes && count < PAIRS_MAX) {
        Slice value = take_until(&query, '&'), name = take_until(&value, '=');
        pairs[count++] = (Pair){name, value};
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s%.*s=%.*s", i ? "&" : "", SLICE_ARG(pairs[i].name), SLICE_ARG(pairs[i].value));
}

/* ---- the headers ---- */

typedef struct Headers {
    Pair pairs[HEADERS_MAX];   /* names in small letters, values with single blanks */
    const char **lines;        /* as they go out, ended by NULL */
    size_t count, line_count;
} Headers;

static Slice small_letters(Slice name, Arena *arena)
{
    char *copy = arena_alloc(arena, name.bytes + 1);
    for (size_t i = 0; i < name.bytes; i++)
        copy[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + 32 : name.at[i]);
    return (Slice){copy, name.bytes};
}

static Slice single_blanks(Slice value, Arena *arena)
{
    Text out = text_in(arena);
    while (value.bytes) {
        Slice word = take_until(&value, ' ');
        if (word.bytes && out.bytes)
            text_add_byte(&out, ' ');
        text_add(&out, word);
    }
    return text_slice(&out);
}

static void add_signed(Headers *headers, const char *line, Arena *arena)
{
    Slice value = slice_of(line), name = take_until(&value, ':');
    if (headers->count < HEADERS_MAX)
        headers->pairs[headers->count++] = (Pair){small_letters(name, arena), single_blanks(value, arena)};
}

static void add_line(Headers *headers, Slice line) { headers->lines[headers->line_count++] = line.at; }

/* Of one name that comes more than once, the values are joined in their order. */
static void join_headers(Headers *headers, Arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        size_t k = 0;
        while (k < kept && !slice_equal(headers->pairs[k].name, headers->pairs[i].name))
            k++;
        if (k < kept)
            headers->pairs[k].value = arena_printf(arena, "%.*s,%.*s", SLICE_ARG(headers->pairs[k].value), SLICE_ARG(headers->pairs[i].value));
        else
            headers->pairs[kept++] = headers->pairs[i];
    }
    headers->count = kept;
    qsort(headers->pairs, kept, sizeof *headers->pairs, compare_pairs);
}

static Headers headers_of(const AwsSigning *signing, const HttpRequest *request, Slice host, const char *time, Arena *arena)
{
    Headers headers = {.count = 0};
    size_t own = 0;
    while (request->headers && request->headers[own])
        own++;
    headers.lines = ARENA_ARRAY(arena, const char *, own + 5);
    for (size_t i = 0; i < own; i++)
        add_line(&headers, slice_of(request->headers[i]));
    add_line(&headers, arena_printf(arena, "Host: %.*s", SLICE_ARG(host)));
    add_line(&headers, arena_printf(arena, "X-Amz-Date: %s", time));
    if (signing->keys->session_token.bytes)
        add_line(&headers, arena_printf(arena, "X-Amz-Security-Token: %.*s", SLICE_ARG(signing->keys->session_token)));
    for (size_t i = 0; i < headers.line_count; i++)
        add_signed(&headers, headers.lines[i], arena);
    if (request->content_type)
        add_signed(&headers, arena_printf(arena, "Content-Type: %s", request->content_type).at, arena);
    join_headers(&headers, arena);
    return headers;
}

static Slice names_of(const Headers *headers, Arena *arena)
{
    Text names = text_in(arena);
    for (size_t i = 0; i < headers->count; i++)
        text_printf(&names, "%s%.*s", i ? ";" : "", SLICE_ARG(headers->pairs[i].name));
    return text_slice(&names);
}

/* ---- the signature ---- */

static Slice canonical_request(const HttpRequest *request, const Url *url, const Headers *headers, Slice names, Arena *arena)
{
    Text out = text_in(arena);
    text_printf(&out, "%s\n", request->method);
    add_path(&out, url->path);
    text_add_byte(&out, '\n');
    add_query(&out, url->query);
    text_add_byte(&out, '\n');
    for (size_t i = 0; i < headers->count; i++)
        text_printf(&out, "%.*s:%.*s\n", SLICE_ARG(headers->pairs[i].name), SLICE_ARG(headers->pairs[i].value));
    text_printf(&out, "\n%.*s\n%.*s", SLICE_ARG(names), SLICE_ARG(hex_of_sha256(request->body, arena)));
    return text_slice(&out);
}

static Slice sign(const AwsSigning *signing, const char *time, Slice scope, Slice canonical, Arena *arena)
{
    const Slice steps[] = {{time, DAY_BYTES}, slice_of(signing->region), slice_of(signing->service), SLICE("aws4_request"),
                           arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%.*s\n%.*s", time, SLICE_ARG(scope), SLICE_ARG(hex_of_sha256(canonical, arena)))};
    Slice key = arena_printf(arena, "AWS4%.*s", SLICE_ARG(signing->keys->secret));
    uint8_t digest[DIGEST_BYTES];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        digest_hmac_sha256(key, &steps[i], 1, digest);
        key = arena_copy(arena, (Slice){(const char *)digest, DIGEST_BYTES});
    }
    return digest_hex(arena, digest, DIGEST_BYTES);
}

/* "2024-01-15T10:30:00.000Z" without what stands between the digits. */
static void print_time(int64_t now_ms, char out[TIME_BYTES])
{
    char text[TIME_TEXT_BYTES];
    size_t count = 0;
    time_print(now_ms, text);
    for (size_t i = 0; i < 19; i++) {
        if (text[i] != '-' && text[i] != ':')
            out[count++] = text[i];
    }
    memcpy(out + count, "Z", 2);
}

Status aws_sign(const AwsSigning *signing, HttpRequest *request, Arena *arena, Fault *fault)
{
    Url url = {0};
    char time[TIME_BYTES];
    Status status = read_url(request->url, arena, &url, fault);
    if (status)
        return status;
    print_time(signing->now_ms, time);
    Headers headers = headers_of(signing, request, url.host, time, arena);
    Slice names = names_of(&headers, arena);
    Slice scope = arena_printf(arena, "%.*s/%s/%s/aws4_request", DAY_BYTES, time, signing->region, signing->service);
    Slice signature = sign(signing, time, scope, canonical_request(request, &url, &headers, names, arena), arena);
    add_line(&headers, arena_printf(arena, "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
                                    SLICE_ARG(signing->keys->id), SLICE_ARG(scope), SLICE_ARG(names), SLICE_ARG(signature)));
    request->headers = headers.lines;
    return STATUS_OK;
}
