#include "adapter/http_registry.h"
#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->database_api_url; }

static Status open_database_api(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    HttpRegistrySettings settings = {.url = config->database_api_url, .token = config->database_api_token, .breaker = breaker};
    HttpRegistry *registry = NULL;
    Status status = http_registry_open(&settings, &registry, fault);
    *ret = registry;
    return status;
}

static void close_database_api(void *self) { http_registry_close(self); }

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->registry = http_registry(self);
}

const BackEnd database_api_back_end = {.name = "database_api", .holds_data = true, .is_set = is_set, .open = open_database_api,
                                       .close = close_database_api, .wire = wire};
