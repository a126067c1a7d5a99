/* The way into the line on AWS Lambda: one invocation after the other, each a batch or a few, with an answer that says what must
 * come again. Nothing is kept between two of them but connections. */
#pragma once

#include "ingress/lambda_runtime.h"
#include "pipeline.h"

typedef struct LambdaSettings {
    const char *service; /* the function's name: what its metrics are known by in CloudWatch */
    Slice topic;         /* of every message that comes */
    /* Before the messages of an invocation; unless OK they all fail with that fault. */
    Status (*prepare)(void *context, Fault *fault);
    void *context;
} LambdaSettings;

/* Works until the process is told to end (SIGTERM, between two invocations); returns OK then, or why it cannot go on. */
Status lambda_serve(LambdaRuntime *runtime, Pipeline *line, const LambdaSettings *settings, Fault *fault);
