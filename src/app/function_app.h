/* The same wiring for a function that has no data folder: what it keeps is in its back ends, and the broker is its spool. */
#pragma once

#include "app/back_end.h"
#include "pipeline.h"

typedef struct FunctionApp {
    PipelineSettings settings;
    Ports ports;
    BackEnds back_ends;
    Arena arena; /* what the settings point to */
} FunctionApp;

/* Does not connect. rows ends with NULL, and config sets those that the line cannot do without: Redis at least. config outlives
 * app. REJECT names the setting that is wrong. After a failure only
 * function_app_close is left. */
Status function_app_open(FunctionApp *app, const Config *config, const BackEnd *const *rows, Fault *fault);
void function_app_close(FunctionApp *app);

/* Before links are made, once it returned OK: the key of their signatures is DONATION_LINK_SECRET, or the one that all functions
 * on the same back end share. RETRY while that cannot be asked. */
Status function_app_find_secret(FunctionApp *app, Fault *fault);
