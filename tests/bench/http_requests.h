/* Publish requests, made beforehand so that the load generator only has to send them. */
#pragma once

#include "mix.h"

typedef enum RequestKind {
    REQUEST_PUBLISH,       /* SNS Publish: one message a form */
    REQUEST_PUBLISH_BATCH, /* SNS PublishBatch: ten */
    REQUEST_NDJSON,        /* 500 lines to /v1/events */
} RequestKind;

typedef struct Requests {
    Slice *items;       /* head and body */
    size_t count;
    size_t events_each;
    Arena arena;
} Requests;

void requests_make(Requests *requests, Mix *mix, RequestKind kind, size_t count);
void requests_done(Requests *requests);
