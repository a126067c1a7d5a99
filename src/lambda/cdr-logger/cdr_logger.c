/* Every call event: one record a call, and the live counters. */
#include "lambda/function.h"

static const char *const required[] = {"REDIS_HOST|REDIS_URL", "MONGODB_URI", NULL};
static const BackEnd *const back_ends[] = {&redis_back_end, &mongodb_back_end, NULL};

const Function cdr_function = {.name = "cdr-logger", .topic = "call-events", .makes_links = false, .required = required, .back_ends = back_ends};
