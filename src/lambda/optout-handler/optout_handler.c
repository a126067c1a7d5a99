/* Key 9: on the do-not-call list, and the call ends. */
#include "lambda/function.h"

static const char *const required[] = {"REDIS_HOST|REDIS_URL", "DATABASE_API_URL|DATABASE_URL", "ASTERISK_WORKER_URL", NULL};
static const BackEnd *const back_ends[] = {&redis_back_end, &postgresql_back_end, &database_api_back_end,
                                           &asterisk_worker_back_end, NULL};

const Function optout_function = {.name = "optout-handler", .topic = "optout-events", .makes_links = false, .required = required, .back_ends = back_ends};
