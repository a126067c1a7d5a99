/* The Runtime API of AWS Lambda, version 2018-06-01: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. For one
 * thread. The server is on this machine; between two invocations the process may be frozen for hours. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct LambdaRuntime LambdaRuntime;

typedef struct LambdaInvocation {
    Slice event;         /* in arena, as all of it */
    Slice request_id;
    Slice trace_id;      /* X-Ray's header; empty = none */
    int64_t deadline_ms; /* wall time at which Lambda ends the process */
} LambdaInvocation;

/* host: "127.0.0.1:9001", AWS_LAMBDA_RUNTIME_API. */
LambdaRuntime *lambda_runtime_new(const char *host);
void lambda_runtime_free(LambdaRuntime *runtime); /* NULL is fine */

/* Waits, for any time, until there is work. RETRY when the API does not answer as it should. */
Status lambda_runtime_next(LambdaRuntime *runtime, Arena *arena, LambdaInvocation *ret, Fault *fault);
/* Exactly one of these for each invocation. answer is JSON. */
Status lambda_runtime_respond(LambdaRuntime *runtime, const LambdaInvocation *invocation, Slice answer, Arena *arena, Fault *fault);
Status lambda_runtime_fail(LambdaRuntime *runtime, const LambdaInvocation *invocation, const Fault *why, Arena *arena, Fault *fault);
/* Instead of the first next: this process cannot start. */
Status lambda_runtime_fail_init(LambdaRuntime *runtime, const Fault *why, Arena *arena, Fault *fault);
