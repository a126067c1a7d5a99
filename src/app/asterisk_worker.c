#include "adapter/pbx_worker.h"
#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->asterisk_worker_url; }

static Status open_worker(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    PbxWorker *worker = NULL;
    Status status = pbx_worker_open(config->asterisk_worker_url, config->asterisk_worker_token, breaker, &worker, fault);
    *ret = worker;
    return status;
}

static void close_worker(void *self) { pbx_worker_close(self); }

/* Who only looks ends no calls. */
static void wire(void *self, bool is_reader, Ports *ports)
{
    if (!is_reader)
        ports->calls = pbx_worker_calls(self);
}

const BackEnd asterisk_worker_back_end = {.name = "asterisk_worker", .is_set = is_set, .open = open_worker, .close = close_worker,
                                          .wire = wire};
