#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mongoc/mongoc.h>

#include "adapter/mongo.h"
#include "adapters.h"

/* ---- MongoDB: a database of its own for each test ---- */

typedef struct MongoStore {
    Mongo *mongo;
    Breaker breaker;
    char database[48];
} MongoStore;

static void open_mongo(Contract *contract)
{
    static int tests;
    MongoStore *store = calloc(1, sizeof *store);
    snprintf(store->database, sizeof store->database, "contract_%d_%d", getpid(), tests++);
    breaker_init(&store->breaker, "mongodb");
    MongoSettings settings = {.uri = getenv("TEST_MONGODB_URI"), .database = store->database, .breaker = &store->breaker};
    must(contract, mongo_open(&settings, &store->mongo, &contract->fault));
    contract->stores = store;
    contract->ports = (Ports){.unit = contract_no_unit, .cdrs = mongo_cdrs(store->mongo)};
}

static void drop_database(const char *name)
{
    mongoc_client_t *client = mongoc_client_new(getenv("TEST_MONGODB_URI"));
    mongoc_database_t *database = mongoc_client_get_database(client, name);
    bson_error_t error;
    if (!mongoc_database_drop(database, &error))
        print_message("the database %s stays: %s\n", name, error.message);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}

static void close_mongo(Contract *contract)
{
    MongoStore *store = contract->stores;
    mongo_close(store->mongo);
    drop_database(store->database);
    breaker_done(&store->breaker);
    free(store);
}

const ContractAdapter contract_mongo = {"mongodb", open_mongo, close_mongo, "TEST_MONGODB_URI"};

