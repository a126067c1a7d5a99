/* Runs suites against adapters, each test on a fresh store, and holds what the suites arrange alike. */
#include "contract.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/handlers.h"

static const ContractAdapter *current;

/* ---- folders ---- */

void contract_make_folder(char folder[64])
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, 64, "%.32s/pledgeline-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        fail_msg("no folder for the test: %s", folder);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

void contract_remove_folder(const char *folder) { nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* ---- suites ---- */

int contract_setup_folder(void **state)
{
    Contract *contract = calloc(1, sizeof *contract);
    arena_init(&contract->arena);
    contract_make_folder(contract->folder);
    *state = contract;
    return 0;
}

int contract_setup(void **state)
{
    contract_setup_folder(state);
    current->open(*state);
    return 0;
}

int contract_teardown(void **state)
{
    current->close(*state);
    return contract_teardown_folder(state);
}

int contract_teardown_folder(void **state)
{
    Contract *contract = *state;
    contract_remove_folder(contract->folder);
    arena_done(&contract->arena);
    free(contract);
    return 0;
}

static void its_server_is_not_here(void **state)
{
    (void)state;
    print_message("%s is not set, so there is no server to ask\n", current->server);
    skip();
}

/* Each test counts, also as skipped. */
static int run_skipped(const char *name, const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest skipped[128] = {{0}};
    for (size_t i = 0; i < count && i < 128; i++)
        skipped[i] = (struct CMUnitTest){.name = tests[i].name, .test_func = its_server_is_not_here};
    return _cmocka_run_group_tests(name, skipped, count, NULL, NULL);
}

/* TEST_CASE alone, where it is set. */
static void choose_cases(void)
{
    if (getenv("TEST_CASE"))
        cmocka_set_test_filter(getenv("TEST_CASE"));
}

int contract_run(const char *port, const ContractAdapter *const *adapters, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    choose_cases();
    for (; *adapters; adapters++) {
        char name[80];
        current = *adapters;
        snprintf(name, sizeof name, "%s on %s", port, current->name);
        bool has_server = !current->server || getenv(current->server);
        failed += has_server ? _cmocka_run_group_tests(name, tests, count, NULL, NULL) : run_skipped(name, tests, count);
    }
    return failed;
}

int contract_run_beside(const char *name, const char *server, const struct CMUnitTest *tests, size_t count)
{
    const ContractAdapter adapter = {.name = name, .server = server};
    current = &adapter;
    choose_cases();
    return getenv(server) ? _cmocka_run_group_tests(name, tests, count, NULL, NULL) : run_skipped(name, tests, count);
}

void contract_must(Contract *contract, Status status, const char *what)
{
    if (status)
        fail_msg("%s: %s (%s)", what, contract->fault.text, contract->fault.code);
}

void contract_begin(Contract *contract) { must(contract, contract->ports.unit.begin(contract->ports.unit.self, &contract->fault)); }
void contract_commit(Contract *contract) { must(contract, contract->ports.unit.commit(contract->ports.unit.self, &contract->fault)); }
void contract_rollback(Contract *contract) { contract->ports.unit.rollback(contract->ports.unit.self); }

/* ---- arrangements ---- */

const Rating contract_rating = {.micros_per_minute = 10000, .currency = {"USD", 3}};

BlockEntry contract_optout(const char *phone, const char *action_id)
{
    return (BlockEntry){.phone = slice_of(phone), .added_ms = NOON_MS, .pressed_ms = NOON_MS, .reason = SLICE("DTMF opt-out (key 9)"), .source = SLICE("user_optout"),
                        .call_id = SLICE("call-1"), .campaign_id = SLICE("winter"), .contact_id = SLICE("contact-1"),
                        .timestamp = SLICE("2025-01-15T12:00:00Z"), .actor = SLICE("caller"), .action_id = slice_of(action_id)};
}

BlockResult contract_block(Contract *contract, const BlockEntry *entry)
{
    const RegistryPort *registry = &contract->ports.registry;
    BlockResult result;
    must(contract, registry->block(registry->self, entry, 1, &result, &contract->fault));
    return result;
}

bool contract_is_blocked(Contract *contract, const char *phone)
{
    const RegistryPort *registry = &contract->ports.registry;
    Slice number = slice_of(phone);
    bool blocked;
    must(contract, registry->is_blocked(registry->self, &number, 1, &blocked, &contract->fault));
    return blocked;
}

typedef struct ChainCheck { AuditCheck check; Status status; Fault fault; } ChainCheck;

static bool check_entry(void *context, const AuditEntry *entry)
{
    ChainCheck *chain = context;
    chain->status = audit_check_next(&chain->check, entry, &chain->fault);
    return !chain->status;
}

int64_t contract_check_chain(Contract *contract)
{
    const RegistryPort *registry = &contract->ports.registry;
    ChainCheck chain = {0};
    int64_t entries = -1;
    uint8_t hash[DIGEST_BYTES];
    audit_check_init(&chain.check);
    must(contract, registry->audit(registry->self, 1, (Slice){0}, check_entry, &chain, &contract->fault));
    must(contract, registry->audit_head(registry->self, &entries, hash, &contract->fault));
    if (chain.status)
        fail_msg("%s", chain.fault.text);
    assert_int_equal(entries, chain.check.entries);
    assert_memory_equal(hash, chain.check.head, DIGEST_BYTES);
    return entries;
}

SpoolItem contract_spooled(Contract *contract, int64_t id)
{
    const SpoolPort *spool = &contract->ports.spool;
    SpoolItem item;
    bool found = false;
    must(contract, spool->show(spool->self, id, &contract->arena, &item, &found, &contract->fault));
    assert_true(found);
    return item;
}

Event contract_call_event(const char *call_id, const char *campaign_id, CallEventType type, int64_t at_ms)
{
    return (Event){.handler = &call_handler, .call_id = slice_of(call_id), .campaign_id = slice_of(campaign_id), .contact_id = SLICE("contact-1"),
                   .phone = SLICE("+12125550100"), .type = type, .at_ms = at_ms, .received_ms = at_ms + 50, .at_known = true,
                   .timestamp = SLICE("said"), .duration_s = -1, .billsec_s = -1};
}

Cdr *contract_load(Contract *contract, const char *call_id)
{
    const CdrsPort *cdrs = &contract->ports.cdrs;
    Slice id = slice_of(call_id);
    Cdr *cdr;
    must(contract, cdrs->load(cdrs->self, &id, 1, &contract->arena, &cdr, &contract->fault));
    cdr_derive(cdr, &contract_rating, &contract->arena);
    return cdr;
}

/* The fold copies what it keeps from a parsed event, which here is a literal with its key left to cdr_key. */
Cdr *contract_store(Contract *contract, const Event *event)
{
    const CdrsPort *cdrs = &contract->ports.cdrs;
    Arena *arena = &contract->arena;
    Event keyed = *event;
    keyed.key = cdr_key(event, (Slice){0}, arena);
    Cdr *cdr = contract_load(contract, arena_copy(arena, event->call_id).at);
    bool conflict = true;
    cdr_fold(cdr, &keyed, arena);
    cdr_derive(cdr, &contract_rating, arena);
    must(contract, cdrs->save(cdrs->self, &cdr, 1, NOON_MS, &conflict, &contract->fault));
    assert_false(conflict);
    return cdr;
}

Effect contract_donation(const char *action_id, const char *phone)
{
    return (Effect){.action_id = slice_of(action_id), .call_id = SLICE("call-1"), .campaign_id = SLICE("winter"), .contact_id = SLICE("contact-1"),
                    .phone = slice_of(phone), .campaign_name = SLICE("Winter"), .donation_link = SLICE("https://donate.example.org?ref=x"),
                    .message = SLICE("Thank you from {{campaignName}}: {{donationLink}}"), .created_ms = NOON_MS};
}

Effect contract_sending(Contract *contract, const char *action_id, const char *phone)
{
    const EffectsPort *ledger = &contract->ports.effects;
    Effect effect = contract_donation(action_id, phone);
    bool is_ours = false;
    must(contract, ledger->claim(ledger->self, &effect, 1, NOON_MS, 30000, GATEWAY(REPEAT_ALWAYS), &contract->arena, &is_ours, &contract->fault));
    assert_true(is_ours);
    must(contract, ledger->sending(ledger->self, &effect, 1, NOON_MS, NOON_MS + 30000, &is_ours, &contract->fault));
    assert_true(is_ours);
    effect.state = EFFECT_SENDING;
    return effect;
}
