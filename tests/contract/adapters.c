/* The adapters under contract. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/mongo.h"
#include "adapter/sqlite.h"
#include "contract.h"

#include <mongoc/mongoc.h>
#include <unistd.h>

/* ---- what has no unit of work: each verb stands for itself ---- */

static Status begin_nothing(void *self, Fault *fault)
{
    (void)self, (void)fault;
    return STATUS_OK;
}

static void roll_nothing_back(void *self) { (void)self; }

static const UnitPort no_unit = {.begin = begin_nothing, .commit = begin_nothing, .rollback = roll_nothing_back, .probe = begin_nothing};

/* ---- SQLite ---- */

static void open_sqlite(Contract *contract, SqliteLiveMode mode)
{
    SqliteStore *store = NULL;
    SqliteSettings settings = {.folder = contract->folder, .mode = SQLITE_WRITER};
    must(contract, sqlite_store_open(&settings, &store, &contract->fault));
    contract->stores = store;
    contract->ports = (Ports){.unit = sqlite_unit(store), .registry = sqlite_registry(store), .effects = sqlite_effects(store),
                              .cdrs = sqlite_cdrs(store), .live = sqlite_live(store, mode), .sms = sqlite_sms(store),
                              .spool = sqlite_spool(store)};
}

static void open_joined(Contract *contract) { open_sqlite(contract, SQLITE_LIVE_JOINED); }
static void open_guarded(Contract *contract) { open_sqlite(contract, SQLITE_LIVE_GUARDED); }
static void close_sqlite(Contract *contract) { sqlite_store_close(contract->stores); }

static const ContractAdapter sqlite_joined = {"sqlite", open_joined, close_sqlite, NULL};
static const ContractAdapter sqlite_guarded = {"sqlite with guards", open_guarded, close_sqlite, NULL};

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
    contract->ports = (Ports){.unit = no_unit, .cdrs = mongo_cdrs(store->mongo)};
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

static const ContractAdapter mongodb = {"mongodb", open_mongo, close_mongo, "TEST_MONGODB_URI"};

const ContractAdapter *const contract_adapters[] = {&sqlite_joined, NULL};
const ContractAdapter *const contract_cdrs_adapters[] = {&sqlite_joined, &mongodb, NULL};
const ContractAdapter *const contract_joined_adapters[] = {&sqlite_joined, NULL};
const ContractAdapter *const contract_live_adapters[] = {&sqlite_joined, &sqlite_guarded, NULL};
