/* consume: SQS queues through the line until a signal; then nothing more is received, what runs finishes, and everything else goes
 * back to its queue at once, for the next process. */
#include <string.h>

#include "base/log.h"
#include "ingress/sqs_worker.h"
#include "verb/functions.h"
#include "verb/serve.h"

typedef struct Consumer {
    Service service;
    SqsQueue *queues;
    size_t queue_count;
    SqsWorker **workers; /* of the queues, in their order */
    size_t worker_count;
} Consumer;

/* A worker listens only where somebody chose the port: many of them share a machine. */
static bool wants_http(const Config *config)
{
    const ConfigRow *row = &config_rows[0];
    while (row->offset != offsetof(Config, port))
        row++;
    return strcmp(config_source(config, row), "default") != 0;
}

static Status open_workers(Consumer *consumer, Arena *arena, Fault *fault)
{
    const PipelineSettings *settings = &consumer->service.app.settings;
    SqsBackoff backoff = {.first_ms = settings->backoff_first_ms, .most_ms = settings->backoff_most_ms};
    consumer->workers = ARENA_ARRAY(arena, SqsWorker *, consumer->queue_count);
    Status status = STATUS_OK;
    for (size_t i = 0; !status && i < consumer->queue_count; i++) {
        status = sqs_worker_open(&consumer->queues[i], &backoff, consumer->service.intake, &consumer->workers[i], fault);
        consumer->worker_count++;
    }
    return status;
}

/* The stores and the queues, by name. */
static Breaker *const *all_breakers(const Consumer *consumer, Arena *arena)
{
    Breaker *const *stores = app_breakers(&consumer->service.app);
    size_t count = 0;
    while (stores[count])
        count++;
    Breaker **all = ARENA_ARRAY(arena, Breaker *, count + consumer->worker_count + 1);
    memcpy(all, stores, sizeof *all * count);
    for (size_t i = 0; i < consumer->worker_count; i++)
        all[count + i] = sqs_worker_breaker(consumer->workers[i]);
    return all;
}

static Status consumer_open(Consumer *consumer, const char *urls, Arena *arena, Fault *fault)
{
    Service *service = &consumer->service;
    const Config *config = service->config;
    bool has_http = wants_http(config);
    Status status = sqs_parse_queues(urls, config, arena, &consumer->queues, &consumer->queue_count, fault);
    status = status || !has_http ? status : service_check_http(config, fault);
    status = status ? status : service_open_line(service, fault);
    status = status ? status : open_workers(consumer, arena, fault);
    if (status || !has_http)
        return status;
    service->breakers = all_breakers(consumer, arena);
    return service_open_http(service, fault);
}

static void consumer_close(Consumer *consumer)
{
    if (consumer->service.intake)
        intake_give_back(consumer->service.intake);
    sqs_workers_quiesce(consumer->workers, consumer->worker_count);
    service_close(&consumer->service);
    for (size_t i = 0; i < consumer->worker_count; i++)
        sqs_worker_close(consumer->workers[i]);
}

int consume_verb(const Invocation *invocation)
{
    sigset_t signals;
    Consumer consumer = {.service = {.config = invocation->config, .is_worker = true}};
    const char *urls = invocation_option(invocation, "queue-url");
    Fault fault = {0};
    service_block_signals(&signals);
    service_warn_of_strays();
    if (consumer_open(&consumer, urls ? urls : invocation->config->queue_urls, invocation->arena, &fault)) {
        consumer_close(&consumer);
        return verb_fail(&fault);
    }
    service_wait_for_signal(&signals);
    consumer_close(&consumer);
    log_line(LOG_INFO, "stopped", LOG_NUMBER("exit", EXIT_OK));
    return EXIT_OK;
}
