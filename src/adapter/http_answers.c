/* Requests to the API, and what its answers mean for us. */
#include "adapter/http_store.h"

#include "base/clock.h"

/* What it says of the API, and not of one entry. */
typedef enum Away {
    HERE,
    AWAY,
    AWAY_BY_PATH, /* when the path is one that every API must have, and let us use */
} Away;

typedef struct AnswerRow {
    long from, to; /* status codes */
    Status status;
    Away away;
    const char *code, *advice;
} AnswerRow;

/* The first row that holds the code wins. A wrong token or path is no fault of the entry: it waits until somebody mends it. */
static const AnswerRow rows[] = {
    {0,   0,   STATUS_RETRY,  AWAY,         "database_api_away",    "look at DATABASE_API_URL, and whether the API runs"},
    {401, 401, STATUS_RETRY,  AWAY,         "database_api_login",   "look at DATABASE_API_TOKEN"},
    {403, 403, STATUS_RETRY,  AWAY_BY_PATH, "database_api_login",   "the DATABASE_API_TOKEN of the program that asked it (the server, where one has the folder) may not do this"},
    {404, 405, STATUS_RETRY,  AWAY_BY_PATH, "database_api_path",    "look at the path of DATABASE_API_URL"},
    {407, 407, STATUS_RETRY,  AWAY,         "database_api_login",   "a proxy stands in between and wants a login"},
    {408, 408, STATUS_RETRY,  AWAY,         "database_api_slow",    "it did not get our request in time"},
    {425, 425, STATUS_RETRY,  AWAY,         "database_api_slow",    "it is tried again"},
    {429, 429, STATUS_RETRY,  AWAY,         "database_api_busy",    "it wants fewer requests; it is tried again"},
    {400, 499, STATUS_REJECT, HERE,         "database_api_refused", "the API does not take this value"},
    {501, 501, STATUS_RETRY,  AWAY_BY_PATH, "database_api_path",    "look at the path of DATABASE_API_URL"},
    {500, 599, STATUS_RETRY,  AWAY,         "database_api_failed",  "look at the API's log"},
    {-1,  999, STATUS_RETRY,  AWAY,         "database_api_answer",  "is DATABASE_API_URL the database API? Redirects are not followed"},
};

static const AnswerRow *row_of(long code)
{
    const AnswerRow *row = rows;
    while (code < row->from || (code > row->to && row->to != 999))
        row++;
    return row;
}

static bool is_2xx(const HttpExchange *exchange) { return exchange->answer.code >= 200 && exchange->answer.code <= 299; }

bool http_path_is_missing(const HttpExchange *exchange)
{
    long code = exchange->answer.code;
    return code == 404 || code == 405 || code == 501;
}

const Json *http_body(const HttpExchange *exchange, Arena *arena)
{
    const Json *body = NULL;
    return json_parse(exchange->answer.body, arena, &body, NULL) ? NULL : body;
}

bool http_says_clear(const HttpExchange *exchange, Arena *arena)
{
    return exchange->answer.code == 404 && slice_equal(json_text(json_get(http_body(exchange, arena), "code")), SLICE("clear"));
}

/* The code of a problem document is a word of programs; its text may quote a number. */
static Slice problem_code(const HttpExchange *exchange, Arena *arena)
{
    Slice code = json_text(json_get(http_body(exchange, arena), "code"));
    for (size_t i = 0; i < code.bytes; i++) {
        if (!((code.at[i] >= 'a' && code.at[i] <= 'z') || code.at[i] == '_'))
            return (Slice){0};
    }
    return code.bytes < FAULT_CODE_BYTES ? code : (Slice){0};
}

Status http_judge(const HttpRegistry *registry, const HttpExchange *exchange, Arena *arena, Fault *fault)
{
    if (is_2xx(exchange))
        return STATUS_OK;
    const AnswerRow *row = row_of(exchange->answer.code);
    if (!exchange->answer.code)
        return fault_set(fault, row->status, row->code, "the database API %.80s: %.60s; %s", registry->url, exchange->error, row->advice);
    Slice code = problem_code(exchange, arena);
    return fault_set(fault, row->status, row->code, "the database API %.80s answered %ld%s%.*s; %s", registry->url, exchange->answer.code,
                     code.bytes ? " " : "", SLICE_ARG(code), row->advice);
}

Slice http_path_of(Slice phone, Arena *arena)
{
    return arena_printf(arena, "/blacklist/%.*s", SLICE_ARG(http_client_escape(phone, arena)));
}

HttpExchange http_exchange(const HttpRegistry *registry, const char *method, Slice path, Slice body, Arena *arena)
{
    Slice url = arena_printf(arena, "%s%.*s", registry->url, SLICE_ARG(path));
    return (HttpExchange){.method = method, .url = url.at, .body = body};
}

static bool says_away(const HttpExchange *exchange, HttpPath path)
{
    Away away = is_2xx(exchange) ? HERE : row_of(exchange->answer.code)->away;
    return away == AWAY || (away == AWAY_BY_PATH && path == HTTP_PATH_REQUIRED);
}

/* One that was refused, or went wrong among others that went well, does not make the API away. */
static void tell_breaker(HttpRegistry *registry, const HttpExchange *exchanges, size_t count, HttpPath path, Arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        if (says_away(&exchanges[i], path))
            continue;
        breaker_answered(registry->breaker);
        return;
    }
    Fault why;
    http_judge(registry, &exchanges[0], arena, &why);
    breaker_failed(registry->breaker, &why);
}

/* Whoever asks whether it is back asks once: the line waits for the answer. */
Status http_ask(HttpRegistry *registry, HttpExchange *exchanges, size_t count, HttpPath path, Arena *arena, Fault *fault)
{
    bool was_away = breaker_is_away(registry->breaker);
    Status status = breaker_enter(registry->breaker, fault);
    if (status)
        return status;
    int64_t deadline_ms = clock_elapsed_ms() + breaker_patience_ms(registry->breaker, registry->deadline_ms);
    http_client_send_all(registry->client, exchanges, count, deadline_ms, was_away, arena);
    tell_breaker(registry, exchanges, count, path, arena);
    return STATUS_OK;
}

Status http_lacks(const HttpRegistry *registry, const char *what, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "database_api_lacks",
                     "the database API %.80s cannot %s for others; do it at the database itself", registry->url, what);
}

Status http_not_understood(const HttpRegistry *registry, const char *expected, Fault *fault)
{
    return fault_set(fault, STATUS_RETRY, "database_api_answer", "the database API %.80s did not answer with %s; is it the right path?",
                     registry->url, expected);
}

Status http_get(HttpRegistry *registry, Slice path, Arena *arena, const Json **ret_body, Fault *fault)
{
    HttpExchange exchange = http_exchange(registry, "GET", path, (Slice){0}, arena);
    Status status = http_ask(registry, &exchange, 1, HTTP_PATH_OPTIONAL, arena, fault);
    *ret_body = NULL;
    if (status || http_says_clear(&exchange, arena))
        return status;
    if (http_path_is_missing(&exchange))
        return http_lacks(registry, "show what it holds", fault);
    status = http_judge(registry, &exchange, arena, fault);
    if (status)
        return status;
    *ret_body = http_body(&exchange, arena);
    return json_is_object(*ret_body) ? STATUS_OK : http_not_understood(registry, "one JSON object", fault);
}
