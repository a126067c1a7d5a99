#include "ingress/lambda.h"

#include <signal.h>
#include <unistd.h>

#include "base/breaker.h"
#include "base/clock.h"
#include "base/emf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/trace.h"
#include "ingress/lambda_event.h"

enum {
    PART = 64,             /* messages between two looks at the clock */
    ANSWER_PART = 10,      /* of the time, this part is kept for the answer … */
    ANSWER_MOST_MS = 1000, /* … and no more than this */
    LONGEST_MS = 15 * 60 * 1000, /* that a function may take */
};

/* ---- time ---- */

/* When to stop working, in elapsed time: a wall clock that is set meanwhile changes nothing. */
static int64_t end_of_work(const LambdaInvocation *invocation)
{
    int64_t now_ms = clock_wall_ms(), latest_ms = now_ms + LONGEST_MS;
    int64_t deadline_ms = invocation->deadline_ms > now_ms && invocation->deadline_ms < latest_ms ? invocation->deadline_ms : latest_ms;
    int64_t left_ms = deadline_ms - now_ms, kept_ms = left_ms / ANSWER_PART;
    return clock_elapsed_ms() + left_ms - (kept_ms < ANSWER_MOST_MS ? kept_ms : ANSWER_MOST_MS);
}

/* ---- the messages ---- */

static void leave(LambdaEvent *event, size_t from, const Fault *why)
{
    for (size_t i = from; i < event->count; i++) {
        event->deliveries[i].verdict = VERDICT_RETRY;
        event->deliveries[i].fault = *why;
        log_line(LOG_WARN, "message not applied", LOG_CSTR("verdict", verdict_name(VERDICT_RETRY)),
                 LOG_TEXT("message_id", event->deliveries[i].message_id), LOG_CSTR("code", why->code), LOG_CSTR("error", why->text));
    }
    metric_add(METRIC_EVENTS_RETRIED, (int64_t)(event->count - from));
}

static void run_part(Pipeline *line, LambdaEvent *event, size_t from, size_t count)
{
    Delivery *part[PART];
    for (size_t i = 0; i < count; i++)
        part[i] = &event->deliveries[from + i];
    pipeline_run(line, part, count);
}

static void run_messages(Pipeline *line, LambdaEvent *event, int64_t end_ms)
{
    Fault late;
    for (size_t done = 0; done < event->count; done += PART) {
        if (done && clock_elapsed_ms() >= end_ms) {
            fault_set(&late, STATUS_RETRY, "deadline", "the function's time was over before its turn came");
            leave(event, done, &late);
            return;
        }
        size_t rest = event->count - done;
        run_part(line, event, done, rest < PART ? rest : PART);
    }
}

/* SNS gives up after a few tries, and an opt-out that the registry has needs none: a cache or counter that is away now gets it by
 * a sync or recount. A queue goes on until they have it. */
static void accept_stored(LambdaEvent *event)
{
    for (size_t i = 0; i < event->count && !event->is_partial; i++) {
        Delivery *delivery = &event->deliveries[i];
        if (!delivery->stored)
            continue;
        log_line(LOG_ERROR, "the registry has the opt-out; the cache or the counters missed it: run blacklist sync and recount",
                 LOG_TEXT("message_id", delivery->message_id), LOG_CSTR("code", delivery->fault.code));
        delivery->verdict = VERDICT_DONE;
    }
}

static const Fault *first_fault(const LambdaEvent *event)
{
    for (size_t i = 0; i < event->count; i++) {
        if (event->deliveries[i].verdict != VERDICT_DONE)
            return &event->deliveries[i].fault;
    }
    return NULL;
}

/* ---- one invocation ---- */

typedef struct Worker {
    LambdaRuntime *runtime;
    Pipeline *line;
    const LambdaSettings *settings;
    Arena arena;
} Worker;

static Status work(Worker *worker, const LambdaInvocation *invocation, LambdaEvent *event, Fault *why)
{
    Status status = lambda_event_read(invocation->event, worker->settings->topic, clock_wall_ms(), &worker->arena, event, why);
    if (status)
        return status;
    int64_t end_ms = end_of_work(invocation);
    breaker_finish_by(end_ms);
    status = worker->settings->prepare(worker->settings->context, why);
    if (status)
        leave(event, 0, why);
    else
        run_messages(worker->line, event, end_ms);
    breaker_finish_by(0);
    accept_stored(event);
    return STATUS_OK;
}

static Status answer(Worker *worker, const LambdaInvocation *invocation, const LambdaEvent *event, Fault *fault)
{
    size_t failures = lambda_event_failures(event);
    log_line(LOG_INFO, "invocation", LOG_TEXT("request_id", invocation->request_id), LOG_NUMBER("messages", (int64_t)event->count),
             LOG_NUMBER("failed", (int64_t)failures));
    if (event->is_partial)
        return lambda_runtime_respond(worker->runtime, invocation, lambda_event_answer(event, &worker->arena), &worker->arena, fault);
    if (failures)
        return lambda_runtime_fail(worker->runtime, invocation, first_fault(event), &worker->arena, fault);
    Slice done = arena_printf(&worker->arena, "{\"done\":%zu}", event->count);
    return lambda_runtime_respond(worker->runtime, invocation, done, &worker->arena, fault);
}

static Status invoke(Worker *worker, const LambdaInvocation *invocation, Fault *fault)
{
    LambdaEvent event;
    Fault why;
    trace_set_xray(invocation->trace_id);
    Status status = work(worker, invocation, &event, &why);
    emf_flush(worker->settings->service, stdout); /* before the answer: after it the process may stand still */
    if (!status)
        return answer(worker, invocation, &event, fault);
    log_line(LOG_ERROR, "the event cannot be read", LOG_TEXT("request_id", invocation->request_id), LOG_CSTR("code", why.code),
             LOG_CSTR("error", why.text));
    return lambda_runtime_fail(worker->runtime, invocation, &why, &worker->arena, fault);
}

/* ---- all of them ---- */

static void end_process(int signal_number)
{
    (void)signal_number;
    _exit(0); /* nothing is in hand between two invocations */
}

static void hold_signal(int how)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(how, &signals, NULL);
}

Status lambda_serve(LambdaRuntime *runtime, Pipeline *line, const LambdaSettings *settings, Fault *fault)
{
    Worker worker = {.runtime = runtime, .line = line, .settings = settings};
    Status status = STATUS_OK;
    signal(SIGTERM, end_process);
    while (!status) {
        LambdaInvocation invocation;
        arena_reset(&worker.arena);
        hold_signal(SIG_UNBLOCK);
        status = lambda_runtime_next(runtime, &worker.arena, &invocation, fault);
        hold_signal(SIG_BLOCK);
        status = status ? status : invoke(&worker, &invocation, fault);
    }
    arena_done(&worker.arena);
    return status;
}
