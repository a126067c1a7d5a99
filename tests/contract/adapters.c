/* Which adapters have which port. A new adapter is a file and its name here. */
#include "adapters.h"

static Status begin_nothing(void *self, Fault *fault)
{
    (void)self, (void)fault;
    return STATUS_OK;
}

static void roll_nothing_back(void *self) { (void)self; }

const UnitPort contract_no_unit = {.begin = begin_nothing, .commit = begin_nothing, .rollback = roll_nothing_back, .probe = begin_nothing};

const ContractAdapter *const contract_adapters[] = {&contract_sqlite, NULL};
const ContractAdapter *const contract_cdrs_adapters[] = {&contract_sqlite, &contract_mongo, NULL};
const ContractAdapter *const contract_registry_adapters[] = {&contract_sqlite, &contract_postgres, &contract_http, &contract_redis_registry, NULL};
const ContractAdapter *const contract_audit_adapters[] = {&contract_sqlite, &contract_postgres, NULL};
const ContractAdapter *const contract_effects_adapters[] = {&contract_sqlite, &contract_postgres, &contract_redis_ledger, NULL};
const ContractAdapter *const contract_sms_adapters[] = {&contract_sqlite, &contract_postgres, NULL};
const ContractAdapter *const contract_gifts_adapters[] = {&contract_sqlite, &contract_postgres, NULL};
const ContractAdapter *const contract_postgres_adapters[] = {&contract_postgres, NULL};
const ContractAdapter *const contract_live_adapters[] = {&contract_sqlite, &contract_sqlite_guarded, &contract_redis, NULL};
const ContractAdapter *const contract_live_guarded_adapters[] = {&contract_sqlite_guarded, &contract_redis, NULL};
const ContractAdapter *const contract_live_unit_adapters[] = {&contract_sqlite, &contract_sqlite_guarded, NULL};
