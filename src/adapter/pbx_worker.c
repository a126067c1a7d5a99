/* One request a call; those who wait for it are another file's business (pbx_ender.c). */
#include "adapter/pbx_worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/http_client.h"

enum { THREADS = 8 };

struct PbxWorker {
    char *url;
    const char *token;
    Breaker *breaker;
    CallEnder *ender;
};

/* ---- asking the worker ---- */

static Fault fault_of(const PbxWorker *worker, const HttpExchange *exchange)
{
    Fault fault;
    if (exchange->answer.code)
        fault_set(&fault, STATUS_RETRY, "asterisk_worker_answer", "%.100s/terminate-call answers %ld", worker->url, exchange->answer.code);
    else
        fault_set(&fault, STATUS_RETRY, "asterisk_worker_silent", "%.100s does not answer: %.100s", worker->url,
                  exchange->error ? exchange->error : "no reason given");
    return fault;
}

static CallEnd end_of(long code)
{
    if (code == 404 || code == 410)
        return CALL_WAS_OVER;
    return code >= 200 && code <= 299 ? CALL_HUNG_UP : CALL_UNENDED;
}

static CallEnd tell_breaker(const PbxWorker *worker, const HttpExchange *exchange)
{
    long code = exchange->answer.code;
    Fault why = fault_of(worker, exchange);
    if (end_of(code) != CALL_UNENDED)
        breaker_answered(worker->breaker);
    else if (!code || code == 408 || code == 429 || code >= 500)
        breaker_failed(worker->breaker, &why);
    else
        breaker_refused(worker->breaker, &why);
    return end_of(code);
}

static Slice print_call(Slice call_id, Arena *arena)
{
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "callId", call_id);
    text_add_byte(&body, '}');
    return text_slice(&body);
}

/* A worker that was away is asked as long as it takes to see that it is back. */
static CallEnd end_call(void *context, void *link, Slice call_id, int64_t deadline_ms, Arena *arena)
{
    const PbxWorker *worker = context;
    Fault ignored;
    if (breaker_enter(worker->breaker, &ignored))
        return CALL_UNENDED;
    int64_t patience_end_ms = clock_elapsed_ms() + breaker_patience_ms(worker->breaker, CALL_END_DEADLINE_MS);
    HttpExchange exchange = {.method = "POST", .url = arena_printf(arena, "%s/terminate-call", worker->url).at, .body = print_call(call_id, arena)};
    http_client_send_all(link, &exchange, 1, deadline_ms < patience_end_ms ? deadline_ms : patience_end_ms, false, arena);
    return tell_breaker(worker, &exchange);
}

static void *open_link(void *context)
{
    const PbxWorker *worker = context;
    return http_client_new(worker->token);
}

static void close_link(void *link) { http_client_free(link); }

/* ---- open and close ---- */

static Status check_url(Slice url, Fault *fault)
{
    bool is_http = slice_starts_with(url, SLICE("http://")) || slice_starts_with(url, SLICE("https://"));
    if (!is_http || memchr(url.at, '?', url.bytes) || memchr(url.at, '#', url.bytes) || memchr(url.at, '@', url.bytes))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "ASTERISK_WORKER_URL must be a URL like http://host:3000, without a query or a login");
    return STATUS_OK;
}

Status pbx_worker_open(const char *url, const char *token, Breaker *breaker, PbxWorker **ret, Fault *fault)
{
    Slice base = slice_of(url);
    while (base.bytes && base.at[base.bytes - 1] == '/')
        base.bytes--;
    Status status = check_url(base, fault);
    if (status)
        return status;
    PbxWorker *worker = calloc(1, sizeof *worker);
    if (!worker || !(worker->url = strndup(base.at, base.bytes)))
        abort();
    worker->token = token;
    worker->breaker = breaker;
    worker->ender = call_ender_new(&(CallMeans){.context = worker, .threads = THREADS, .open_link = open_link, .close_link = close_link,
                                                .end_call = end_call});
    *ret = worker;
    return STATUS_OK;
}

void pbx_worker_close(PbxWorker *worker)
{
    if (!worker)
        return;
    call_ender_free(worker->ender);
    free(worker->url);
    free(worker);
}

CallsPort pbx_worker_calls(PbxWorker *worker) { return call_ender_port(worker->ender); }
