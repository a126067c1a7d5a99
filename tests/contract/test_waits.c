/* Times that a clock which ran ahead has written. */
#include "contract.h"

static int64_t keep(Contract *c, const char *body, SpoolState state, int64_t due_ms)
{
    SpoolItem item = {.state = state, .topic = SLICE("call-events"), .body = slice_of(body), .due_ms = due_ms, .attempts = 1};
    must(c, c->ports.spool.keep(c->ports.spool.self, &item, 1, &c->fault));
    return item.id;
}

static void message_waits_no_longer_than_the_latest_time(void **state)
{
    Contract *c = *state;
    int64_t soon = keep(c, "{\"a\":1}", SPOOL_WAITING, NOON_MS + 1000), far = keep(c, "{\"a\":2}", SPOOL_WAITING, NOON_MS * 2);
    int64_t dead = keep(c, "{\"a\":3}", SPOOL_DEAD, 0);
    for (int again = 0; again < 2; again++) {
        must(c, c->ports.spool.pull_in(c->ports.spool.self, NOON_MS + 5000, &c->fault));
        assert_int_equal(contract_spooled(c, soon).due_ms, NOON_MS + 1000);
        assert_int_equal(contract_spooled(c, far).due_ms, NOON_MS + 5000);
        assert_int_equal(contract_spooled(c, far).attempts, 1);
        assert_int_equal(contract_spooled(c, dead).state, SPOOL_DEAD);
    }
}

static void effect_waits_no_longer_than_the_latest_time(void **state)
{
    Contract *c = *state;
    Effect effect = contract_donation("a", "+12125550100"), found[2];
    effect.due_ms = NOON_MS * 2;
    bool claimed;
    size_t count;
    const EffectsPort *ledger = &c->ports.effects;
    must(c, ledger->claim(ledger->self, &effect, 1, NOON_MS, 30000, GATEWAY(REPEAT_ALWAYS), &c->arena, &claimed, &c->fault));
    assert_false(claimed);
    must(c, ledger->pull_in(ledger->self, NOON_MS + 5000, &c->fault));
    must(c, ledger->due(ledger->self, false, NOON_MS + 4999, 2, &c->arena, found, &count, &c->fault));
    assert_int_equal(count, 0);
    must(c, ledger->due(ledger->self, false, NOON_MS + 5000, 2, &c->arena, found, &count, &c->fault));
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest spool_tests[] = {CONTRACT_TEST(message_waits_no_longer_than_the_latest_time)};
    const struct CMUnitTest effects_tests[] = {CONTRACT_TEST(effect_waits_no_longer_than_the_latest_time)};
    return contract_run_tests("waits of the spool", contract_adapters, spool_tests) +
           contract_run_tests("waits of the ledger", contract_effects_adapters, effects_tests);
}
