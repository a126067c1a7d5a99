#include "ingress/lambda_runtime.h"

#include <stdlib.h>

#include "base/json.h"
#include "net/http_client.h"

enum { ANSWER_MS = 10000 };

struct LambdaRuntime {
    HttpClient *client;
    Slice base; /* "http://127.0.0.1:9001/2018-06-01/runtime" */
    Arena arena;
};

LambdaRuntime *lambda_runtime_new(const char *host)
{
    LambdaRuntime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        abort();
    runtime->client = http_client_new(NULL);
    runtime->base = arena_printf(&runtime->arena, "http://%s/2018-06-01/runtime", host);
    return runtime;
}

void lambda_runtime_free(LambdaRuntime *runtime)
{
    if (!runtime)
        return;
    http_client_free(runtime->client);
    arena_done(&runtime->arena);
    free(runtime);
}

static Status ask(LambdaRuntime *runtime, const HttpRequest *request, Arena *arena, HttpAnswer *answer, Fault *fault)
{
    Status status = http_client_ask(runtime->client, request, arena, answer, fault);
    if (!status && (answer->code < 200 || answer->code > 299))
        return fault_set(fault, STATUS_RETRY, "lambda_runtime", "Lambda's Runtime API answers %ld to %s", answer->code, request->url);
    return status;
}

static int64_t header_number(const LambdaRuntime *runtime, const char *name, Arena *arena)
{
    Slice text = http_client_header(runtime->client, name, arena);
    return slice_empty(text) ? 0 : strtoll(text.at, NULL, 10);
}

Status lambda_runtime_next(LambdaRuntime *runtime, Arena *arena, LambdaInvocation *ret, Fault *fault)
{
    HttpRequest request = {.method = "GET", .url = arena_printf(arena, "%s/invocation/next", runtime->base.at).at};
    HttpAnswer answer = {0};
    Status status = ask(runtime, &request, arena, &answer, fault);
    if (status)
        return status;
    *ret = (LambdaInvocation){
        .event = answer.body, .request_id = http_client_header(runtime->client, "Lambda-Runtime-Aws-Request-Id", arena),
        .trace_id = http_client_header(runtime->client, "Lambda-Runtime-Trace-Id", arena),
        .deadline_ms = header_number(runtime, "Lambda-Runtime-Deadline-Ms", arena),
    };
    if (slice_empty(ret->request_id))
        return fault_set(fault, STATUS_RETRY, "lambda_runtime", "Lambda's Runtime API gave an invocation without a request id");
    return STATUS_OK;
}

Status lambda_runtime_respond(LambdaRuntime *runtime, const LambdaInvocation *invocation, Slice answer, Arena *arena, Fault *fault)
{
    Slice url = arena_printf(arena, "%s/invocation/%s/response", runtime->base.at, invocation->request_id.at);
    HttpRequest request = {.method = "POST", .url = url.at, .content_type = "application/json", .body = answer, .timeout_ms = ANSWER_MS};
    HttpAnswer taken;
    return ask(runtime, &request, arena, &taken, fault);
}

static Status send_error(LambdaRuntime *runtime, Slice url, const Fault *why, Arena *arena, Fault *fault)
{
    const char *type = arena_printf(arena, "Lambda-Runtime-Function-Error-Type: Pledgeline.%s", why->code).at;
    const char *const headers[] = {type, NULL};
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "errorMessage", slice_of(why->text));
    json_add_text_member(&body, "errorType", slice_of(why->code));
    text_add_literal(&body, ",\"stackTrace\":[]}");
    HttpRequest request = {.method = "POST", .url = url.at, .content_type = "application/json", .headers = headers,
                           .body = text_slice(&body), .timeout_ms = ANSWER_MS};
    HttpAnswer taken;
    return ask(runtime, &request, arena, &taken, fault);
}

Status lambda_runtime_fail(LambdaRuntime *runtime, const LambdaInvocation *invocation, const Fault *why, Arena *arena, Fault *fault)
{
    Slice url = arena_printf(arena, "%s/invocation/%s/error", runtime->base.at, invocation->request_id.at);
    return send_error(runtime, url, why, arena, fault);
}

Status lambda_runtime_fail_init(LambdaRuntime *runtime, const Fault *why, Arena *arena, Fault *fault)
{
    return send_error(runtime, arena_printf(arena, "%s/init/error", runtime->base.at), why, arena, fault);
}
