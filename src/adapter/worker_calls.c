/* Calls are handed to threads through a table of bounded size. Each has a client of its own and asks for one call at a time: with
 * a worker that answers within milliseconds that is enough for hundreds of calls a second, and nothing waits behind a slow one. */
#include "adapter/worker_calls.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/http_client.h"

enum { THREADS = 8, FORGET_MS = 30 * 1000 };

typedef enum CallState { CALL_NONE, CALL_WAITING, CALL_ASKED, CALL_OVER } CallState;

typedef struct HangUp {
    CallState state;
    bool is_ended;
    int64_t since_ms; /* elapsed time when it was asked for, or when it was over */
    char id[CALL_ID_BYTES_MAX];
    size_t id_bytes;
} HangUp;

struct WorkerCalls {
    char *url;
    Breaker *breaker;
    pthread_mutex_t lock;
    pthread_cond_t asked, over; /* there is a call to ask for; one is over */
    pthread_t threads[THREADS];
    size_t thread_count;
    bool is_stopping;
    size_t waiting;
    HangUp calls[WORKER_CALLS_MAX];
};

static Slice id_of(const HangUp *call) { return (Slice){call->id, call->id_bytes}; }

/* ---- asking the worker ---- */

static Fault fault_of(const WorkerCalls *worker, const HttpExchange *exchange)
{
    Fault fault;
    if (exchange->answer.code)
        fault_set(&fault, STATUS_RETRY, "asterisk_worker_answer", "%.100s/terminate-call answers %ld", worker->url, exchange->answer.code);
    else
        fault_set(&fault, STATUS_RETRY, "asterisk_worker_silent", "%.100s does not answer: %.100s", worker->url,
                  exchange->error ? exchange->error : "no reason given");
    return fault;
}

static bool is_ended(long code) { return (code >= 200 && code <= 299) || code == 404 || code == 410; }

static bool tell_breaker(const WorkerCalls *worker, const HttpExchange *exchange)
{
    long code = exchange->answer.code;
    Fault why = fault_of(worker, exchange);
    if (is_ended(code))
        breaker_answered(worker->breaker);
    else if (!code || code == 408 || code == 429 || code >= 500)
        breaker_failed(worker->breaker, &why);
    else
        breaker_refused(worker->breaker, &why);
    return is_ended(code);
}

static Slice print_call(Slice call_id, Arena *arena)
{
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "callId", call_id);
    text_add_byte(&body, '}');
    return text_slice(&body);
}

/* Whether the call is over. A worker that was away is asked as long as it takes to see that it is back. */
static bool end_call(const WorkerCalls *worker, HttpClient *client, Slice call_id, int64_t deadline_ms, Arena *arena)
{
    Fault ignored;
    if (clock_elapsed_ms() >= deadline_ms || breaker_enter(worker->breaker, &ignored))
        return false;
    int64_t patience_end_ms = clock_elapsed_ms() + breaker_patience_ms(worker->breaker, WORKER_DEADLINE_MS);
    HttpExchange exchange = {.method = "POST", .url = arena_printf(arena, "%s/terminate-call", worker->url).at, .body = print_call(call_id, arena)};
    http_client_send_all(client, &exchange, 1, deadline_ms < patience_end_ms ? deadline_ms : patience_end_ms, false, arena);
    return tell_breaker(worker, &exchange);
}

/* ---- the threads ---- */

/* The one that has waited longest. */
static HangUp *take_waiting(WorkerCalls *worker)
{
    HangUp *first = NULL;
    for (size_t i = 0; i < WORKER_CALLS_MAX; i++) {
        HangUp *call = &worker->calls[i];
        if (call->state == CALL_WAITING && (!first || call->since_ms < first->since_ms))
            first = call;
    }
    first->state = CALL_ASKED;
    worker->waiting--;
    return first;
}

/* With the lock, which it leaves while it asks: nobody else touches a call that is asked for. */
static void work_off(WorkerCalls *worker, HttpClient *client, Arena *arena)
{
    HangUp *call = take_waiting(worker);
    pthread_mutex_unlock(&worker->lock);
    arena_reset(arena);
    bool is_over = end_call(worker, client, id_of(call), call->since_ms + WORKER_DEADLINE_MS, arena);
    pthread_mutex_lock(&worker->lock);
    call->is_ended = is_over;
    call->state = CALL_OVER;
    call->since_ms = clock_elapsed_ms();
    pthread_cond_broadcast(&worker->over);
}

static void *run(void *context)
{
    WorkerCalls *worker = context;
    HttpClient *client = http_client_new(NULL);
    Arena arena = {0};
    pthread_mutex_lock(&worker->lock);
    while (worker->waiting || !worker->is_stopping) {
        if (worker->waiting)
            work_off(worker, client, &arena);
        else
            pthread_cond_wait(&worker->asked, &worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    arena_done(&arena);
    http_client_free(client);
    return NULL;
}

/* A process that ends no call has none. */
static Status start_threads(WorkerCalls *worker, Fault *fault)
{
    while (worker->thread_count < THREADS && !pthread_create(&worker->threads[worker->thread_count], NULL, run, worker))
        worker->thread_count++;
    return worker->thread_count ? STATUS_OK : fault_set(fault, STATUS_RETRY, "no_thread", "no thread could be started to end calls");
}

/* ---- the port ---- */

static HangUp *find(WorkerCalls *worker, Slice call_id)
{
    for (size_t i = 0; i < WORKER_CALLS_MAX; i++) {
        if (worker->calls[i].state != CALL_NONE && slice_equal(id_of(&worker->calls[i]), call_id))
            return &worker->calls[i];
    }
    return NULL;
}

static HangUp *find_room(WorkerCalls *worker, int64_t now_ms)
{
    for (size_t i = 0; i < WORKER_CALLS_MAX; i++) {
        const HangUp *call = &worker->calls[i];
        if (call->state == CALL_NONE || (call->state == CALL_OVER && now_ms - call->since_ms > FORGET_MS))
            return &worker->calls[i];
    }
    return NULL;
}

static Status start_one(WorkerCalls *worker, Slice call_id, int64_t now_ms, Fault *fault)
{
    HangUp *call = find(worker, call_id);
    bool is_known = call && (call->state != CALL_OVER || call->is_ended);
    if (is_known || call_id.bytes > CALL_ID_BYTES_MAX)
        return STATUS_OK;
    call = call ? call : find_room(worker, now_ms);
    if (!call)
        return fault_set(fault, STATUS_RETRY, "calls_busy", "%d calls are being ended already", WORKER_CALLS_MAX);
    *call = (HangUp){.state = CALL_WAITING, .since_ms = now_ms, .id_bytes = call_id.bytes};
    if (call_id.bytes)
        memcpy(call->id, call_id.at, call_id.bytes);
    worker->waiting++;
    return STATUS_OK;
}

static Status hang_up(void *self, const Slice *call_ids, size_t count, Fault *fault)
{
    WorkerCalls *worker = self;
    int64_t now_ms = clock_elapsed_ms();
    pthread_mutex_lock(&worker->lock);
    Status status = start_threads(worker, fault);
    for (size_t i = 0; !status && i < count; i++)
        status = start_one(worker, call_ids[i], now_ms, fault);
    pthread_cond_broadcast(&worker->asked);
    pthread_mutex_unlock(&worker->lock);
    return status;
}

static bool are_over(WorkerCalls *worker, const Slice *call_ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const HangUp *call = find(worker, call_ids[i]);
        if (call && call->state != CALL_OVER)
            return false;
    }
    return true;
}

static void wait_until_over(WorkerCalls *worker, const Slice *call_ids, size_t count, int64_t deadline_ms)
{
    int64_t end_ms = clock_elapsed_ms() + deadline_ms;
    struct timespec until = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
    while (clock_elapsed_ms() < end_ms && !are_over(worker, call_ids, count))
        pthread_cond_timedwait(&worker->over, &worker->lock, &until);
}

static Status collect(void *self, const Slice *call_ids, size_t count, int64_t deadline_ms, bool *ret_ended, Fault *fault)
{
    (void)fault;
    WorkerCalls *worker = self;
    pthread_mutex_lock(&worker->lock);
    wait_until_over(worker, call_ids, count, deadline_ms);
    for (size_t i = 0; i < count; i++) {
        HangUp *call = find(worker, call_ids[i]);
        ret_ended[i] = call && call->state == CALL_OVER && call->is_ended;
        if (call && call->state == CALL_OVER)
            call->state = CALL_NONE;
    }
    pthread_mutex_unlock(&worker->lock);
    return STATUS_OK;
}

/* ---- open and close ---- */

static Status check_url(Slice url, Fault *fault)
{
    bool is_http = slice_starts_with(url, SLICE("http://")) || slice_starts_with(url, SLICE("https://"));
    if (!is_http || memchr(url.at, '?', url.bytes) || memchr(url.at, '#', url.bytes) || memchr(url.at, '@', url.bytes))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "ASTERISK_WORKER_URL must be a URL like http://host:3000, without a query or a login");
    return STATUS_OK;
}

Status worker_calls_open(const char *url, Breaker *breaker, WorkerCalls **ret, Fault *fault)
{
    Slice base = slice_of(url);
    while (base.bytes && base.at[base.bytes - 1] == '/')
        base.bytes--;
    Status status = check_url(base, fault);
    if (status)
        return status;
    WorkerCalls *worker = calloc(1, sizeof *worker);
    if (!worker || !(worker->url = strndup(base.at, base.bytes)))
        abort();
    worker->breaker = breaker;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->asked, &attributes);
    pthread_cond_init(&worker->over, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret = worker;
    return STATUS_OK;
}

void worker_calls_close(WorkerCalls *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_broadcast(&worker->asked);
    pthread_mutex_unlock(&worker->lock);
    for (size_t i = 0; i < worker->thread_count; i++)
        pthread_join(worker->threads[i], NULL);
    pthread_cond_destroy(&worker->asked);
    pthread_cond_destroy(&worker->over);
    pthread_mutex_destroy(&worker->lock);
    free(worker->url);
    free(worker);
}

CallsPort worker_calls(WorkerCalls *worker) { return (CallsPort){.self = worker, .hang_up = hang_up, .collect = collect}; }
