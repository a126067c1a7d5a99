/* Threads that ask providers, each over a connection of its own: a slow answer holds up one of them. They are started when they are needed. */
#pragma once

#include "adapter/sms_provider.h"

typedef struct SmsCrew SmsCrew;

typedef struct SmsTask {
    void (*run)(struct SmsTask *task, SmsConnection *connection);
    bool is_over;              /* the crew's own */
    struct SmsTask *following; /* the crew's own */
} SmsTask;

/* aws: what a connection to it needs, borrowed; NULL = AWS is not asked. */
SmsCrew *sms_crew_new(size_t threads_max, const AwsSettings *aws);
/* Nobody waits for it any more. NULL is fine. */
void sms_crew_free(SmsCrew *crew);

/* Runs them, in their order where threads are rare, and returns when all are over. Any thread, several at once. False: there is no thread,
 * and nothing was run. */
bool sms_crew_do(SmsCrew *crew, SmsTask *const *tasks, size_t count);
