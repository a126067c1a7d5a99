/* The adapters under contract, each in a file of its own; adapters.c says which ports each has. */
#pragma once

#include "contract.h"

extern const ContractAdapter contract_sqlite, contract_sqlite_guarded, contract_redis, contract_redis_ledger, contract_redis_registry,
    contract_mongo, contract_postgres, contract_http;

/* For stores without a unit of work: each verb stands for itself. */
extern const UnitPort contract_no_unit;
