/* The contract of the ports, run against every adapter that claims to keep it. A suite is a list of tests over a Contract;
 * an adapter is a constructor in adapters.c. A new adapter adds one row there and nothing here. */
#pragma once

#include "../unit/check.h"

#include "ports.h"

/* What a test gets: ports on a store of its own, in a folder of its own. */
typedef struct Contract {
    Ports ports;
    Arena arena;
    Fault fault;
    char folder[64];
    bool audit_is_elsewhere; /* the registry's audit chain is its owner's: only the history of a blocked number is shown */
    bool has_no_history;     /* not even that */
    void *stores; /* the adapter's own */
} Contract;

typedef struct ContractAdapter {
    const char *name;
    void (*open)(Contract *contract);
    void (*close)(Contract *contract);
    const char *server; /* the variable that says where its server is; NULL = it needs none. Unset: its tests are skipped */
} ContractAdapter;

/* Ended by NULL. Those whose ports share one unit of work: */
extern const ContractAdapter *const contract_adapters[];
/* Those that have the port, whatever unit: */
extern const ContractAdapter *const contract_cdrs_adapters[];
extern const ContractAdapter *const contract_registry_adapters[];
extern const ContractAdapter *const contract_audit_adapters[]; /* and show the whole audit chain */
extern const ContractAdapter *const contract_effects_adapters[];
extern const ContractAdapter *const contract_sms_adapters[];
extern const ContractAdapter *const contract_gifts_adapters[];
/* Of the live port: also those that keep counters for records that are stored elsewhere. */
extern const ContractAdapter *const contract_live_adapters[];
/* Of those, the ones that remember what each thing has added, and count for themselves. */
extern const ContractAdapter *const contract_live_guarded_adapters[];
/* Of the live port: the ones whose counters are in the unit of work, and undone with it. */
extern const ContractAdapter *const contract_live_unit_adapters[];

/* PostgreSQL alone, for tests of what only a shared server can show. */
extern const ContractAdapter *const contract_postgres_adapters[];
const char *contract_postgres_schema(const Contract *contract);
/* TEST_DATABASE_URL with that schema; statements of the test's own, on a connection of their own. */
void contract_postgres_url(char *url, size_t bytes, const char *schema);
void contract_postgres_run(const char *sql);

/* Runs the tests against each adapter; returns how many failed. */
int contract_run(const char *port, const ContractAdapter *const *adapters, const struct CMUnitTest *tests, size_t count);
/* Tests that arrange their own store on the server that the variable names; without it they are skipped. */
int contract_run_beside(const char *name, const char *server, const struct CMUnitTest *tests, size_t count);
int contract_setup(void **state);
int contract_teardown(void **state);
/* The same without ports: for tests that open what they need. */
int contract_setup_folder(void **state);
int contract_teardown_folder(void **state);

#define CONTRACT_TEST(function) cmocka_unit_test_setup_teardown(function, contract_setup, contract_teardown)
#define contract_run_tests(port, adapters, tests) contract_run((port), (adapters), (tests), sizeof(tests) / sizeof *(tests))

/* Makes and removes a folder for tests that need nothing else. */
void contract_make_folder(char folder[64]);
void contract_remove_folder(const char *folder);

/* The test fails with the fault's text unless status is OK. */
void contract_must(Contract *contract, Status status, const char *what);
#define must(contract, call) contract_must((contract), (call), #call)

void contract_begin(Contract *contract);
void contract_commit(Contract *contract);
void contract_rollback(Contract *contract);

/* ---- arrangements ---- */

#define NOON_MS INT64_C(1736942400000) /* 2025-01-15T12:00:00Z */

extern const Rating contract_rating; /* 0.01 a minute */

BlockEntry contract_optout(const char *phone, const char *action_id);
BlockResult contract_block(Contract *contract, const BlockEntry *entry);
bool contract_is_blocked(Contract *contract, const char *phone);
/* Walks the audit chain and compares it with its head; returns how many entries it has. */
int64_t contract_check_chain(Contract *contract);
/* A message in the spool, which must be there. */
SpoolItem contract_spooled(Contract *contract, int64_t id);

Event contract_call_event(const char *call_id, const char *campaign_id, CallEventType type, int64_t at_ms);
Cdr *contract_load(Contract *contract, const char *call_id);
/* Loads, folds, derives and saves; must not conflict. */
Cdr *contract_store(Contract *contract, const Event *event);

/* One that knows repeats for so long. */
#define GATEWAY(repeat) (&(const Gateway){SLICE("gateway"), (repeat)})

Effect contract_donation(const char *action_id, const char *phone);
/* The same, claimed and SENDING in the ledger. */
Effect contract_sending(Contract *contract, const char *action_id, const char *phone);
