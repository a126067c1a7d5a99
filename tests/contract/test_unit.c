/* The unit of work: what lies between begin and commit holds together or not at all. */
#include "contract.h"

static void commit_makes_all_ports_durable_together(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "a");
    Event event = contract_call_event("call-1", "winter", CALL_INITIATED, NOON_MS);
    contract_begin(c);
    contract_block(c, &entry);
    contract_store(c, &event);
    contract_commit(c);
    assert_true(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
}

static void rollback_undoes_all_ports(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "a");
    Event event = contract_call_event("call-1", "winter", CALL_INITIATED, NOON_MS);
    contract_begin(c);
    contract_block(c, &entry);
    contract_store(c, &event);
    contract_rollback(c);
    assert_false(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_load(c, "call-1")->rev, 0);
}

static void unit_sees_its_own_writes(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_begin(c);
    contract_block(c, &entry);
    assert_true(contract_is_blocked(c, "+12125550100"));
    contract_commit(c);
}

static void units_follow_each_other(void **state)
{
    Contract *c = *state;
    for (int i = 0; i < 5; i++) {
        contract_begin(c);
        if (i % 2)
            contract_rollback(c);
        else
            contract_commit(c);
    }
    contract_rollback(c); /* outside of a unit there is nothing to undo */
    contract_begin(c);
    contract_commit(c);
}

static void probe_says_that_the_store_takes_writes(void **state)
{
    Contract *c = *state;
    must(c, c->ports.unit.probe(c->ports.unit.self, &c->fault));
    contract_begin(c);
    contract_commit(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(commit_makes_all_ports_durable_together), CONTRACT_TEST(rollback_undoes_all_ports),
        CONTRACT_TEST(unit_sees_its_own_writes), CONTRACT_TEST(units_follow_each_other),
        CONTRACT_TEST(probe_says_that_the_store_takes_writes),
    };
    return contract_run_tests("unit", contract_adapters, tests);
}
