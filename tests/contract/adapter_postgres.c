/* PostgreSQL under contract: each test in a schema of its own. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/postgres.h"
#include "adapters.h"

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
    contract->ports = (Ports){.unit = contract_no_unit, .registry = postgres_registry(mine->store),
                              .effects = postgres_effects(mine->store), .gifts = postgres_gifts(mine->store),
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

const ContractAdapter contract_postgres = {"postgres", open_postgres, close_postgres, "TEST_DATABASE_URL"};

