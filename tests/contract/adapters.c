/* The adapters under contract. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/postgres.h"
#include "adapter/sqlite.h"
#include "contract.h"

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

/* ---- PostgreSQL: each test in a schema of its own ---- */

typedef struct PostgresStore {
    Postgres *store;
    Breaker breaker;
    char schema[40], url[600];
} PostgresStore;

void contract_postgres_url(char *url, size_t bytes, const char *schema)
{
    const char *server = getenv("TEST_DATABASE_URL");
    snprintf(url, bytes, "%s%coptions=-csearch_path%%3D%s", server, strchr(server, '?') ? '&' : '?', schema);
}

void contract_postgres_run(const char *sql)
{
    PGconn *connection = PQconnectdb(getenv("TEST_DATABASE_URL"));
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        print_error("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

static void open_postgres(Contract *contract)
{
    static int number;
    PostgresStore *mine = calloc(1, sizeof *mine);
    snprintf(mine->schema, sizeof mine->schema, "test_%d_%d", (int)getpid(), ++number);
    contract_postgres_url(mine->url, sizeof mine->url, mine->schema);
    breaker_init(&mine->breaker, "postgres");
    PostgresSettings settings = {.url = mine->url, .breaker = &mine->breaker};
    must(contract, postgres_open(&settings, &mine->store, &contract->fault));
    contract->stores = mine;
    contract->ports = (Ports){.registry = postgres_registry(mine->store), .effects = postgres_effects(mine->store),
                              .sms = postgres_sms(mine->store)};
}

static void close_postgres(Contract *contract)
{
    PostgresStore *mine = contract->stores;
    char sql[120];
    postgres_close(mine->store);
    breaker_done(&mine->breaker);
    snprintf(sql, sizeof sql, "SET client_min_messages = error; DROP SCHEMA IF EXISTS %s CASCADE", mine->schema);
    contract_postgres_run(sql);
    free(mine);
}

const char *contract_postgres_schema(const Contract *contract) { return ((const PostgresStore *)contract->stores)->schema; }

static const ContractAdapter postgres = {"postgres", open_postgres, close_postgres, "TEST_DATABASE_URL"};

/* ---- lists ---- */

const ContractAdapter *const contract_adapters[] = {&sqlite_joined, NULL};
const ContractAdapter *const contract_live_adapters[] = {&sqlite_joined, &sqlite_guarded, NULL};
const ContractAdapter *const contract_registry_adapters[] = {&sqlite_joined, &postgres, NULL};
const ContractAdapter *const contract_effects_adapters[] = {&sqlite_joined, &postgres, NULL};
const ContractAdapter *const contract_sms_adapters[] = {&sqlite_joined, &postgres, NULL};
const ContractAdapter *const contract_postgres_adapters[] = {&postgres, NULL};
