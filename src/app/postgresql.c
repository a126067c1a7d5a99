#include "adapter/postgres.h"
#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->database_url; }

static Status open_postgres(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    PostgresSettings settings = {.url = config->database_url, .breaker = breaker};
    Postgres *postgres = NULL;
    Status status = postgres_open(&settings, &postgres, fault);
    *ret = postgres;
    return status;
}

static void close_postgres(void *self) { postgres_close(self); }

/* Who only looks gets one view of it. */
static void wire(void *self, bool is_reader, Ports *ports)
{
    ports->registry = postgres_registry(self);
    ports->effects = postgres_effects(self);
    ports->gifts = postgres_gifts(self);
    ports->sms = postgres_sms(self);
    if (is_reader)
        ports->unit = postgres_view(self);
}

const BackEnd postgresql_back_end = {.name = "postgresql", .holds_data = true, .is_set = is_set, .open = open_postgres,
                                     .close = close_postgres, .wire = wire};
