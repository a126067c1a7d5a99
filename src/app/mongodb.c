#include "adapter/mongo.h"
#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->mongodb_uri; }

/* The server's own deletion, which leaves the counters as they are, is a net for when nobody here is there to delete. */
static Status open_mongo(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    enum { NET_DAYS = 30 };
    int retention_days = config->cdr_retention_days ? (int)config->cdr_retention_days + NET_DAYS : 0;
    MongoSettings settings = {.uri = config->mongodb_uri, .database = config->mongodb_database, .retention_days = retention_days,
                              .breaker = breaker};
    Mongo *mongo = NULL;
    Status status = mongo_open(&settings, &mongo, fault);
    *ret = mongo;
    return status;
}

static void close_mongo(void *self) { mongo_close(self); }

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->cdrs = mongo_cdrs(self);
}

const BackEnd mongodb_back_end = {.name = "mongodb", .holds_data = true, .is_set = is_set, .open = open_mongo, .close = close_mongo, .wire = wire};
