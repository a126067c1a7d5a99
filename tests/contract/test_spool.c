/* The spool: messages to try again, and dead letters. */
#include "contract.h"

static SpoolItem item_of(const char *body, SpoolState state, int64_t due_ms)
{
    return (SpoolItem){.state = state, .topic = SLICE("call-events"), .message_id = SLICE("m-1"), .body = slice_of(body), .received_ms = NOON_MS,
                       .due_ms = due_ms, .attempts = 1, .code = SLICE("json_malformed"), .reason = SLICE("byte 3")};
}

static int64_t keep(Contract *c, SpoolItem *item)
{
    must(c, c->ports.spool.keep(c->ports.spool.self, item, 1, &c->fault));
    return item->id;
}

static int64_t kept(Contract *c, const char *body, SpoolState state, int64_t due_ms)
{
    SpoolItem item = item_of(body, state, due_ms);
    return keep(c, &item);
}

static int64_t count(Contract *c, SpoolState state)
{
    int64_t rows = -1;
    must(c, c->ports.spool.count(c->ports.spool.self, state, &rows, &c->fault));
    return rows;
}

static int64_t next_due(Contract *c)
{
    int64_t due_ms = -1;
    must(c, c->ports.spool.next_due(c->ports.spool.self, &due_ms, &c->fault));
    return due_ms;
}

static size_t due(Contract *c, int64_t now_ms, size_t max, SpoolItem *out)
{
    size_t found = 99;
    must(c, c->ports.spool.due(c->ports.spool.self, now_ms, max, &c->arena, out, &found, &c->fault));
    return found;
}

/* ---- waiting ---- */

static void kept_item_is_shown_as_it_was(void **state)
{
    Contract *c = *state;
    SpoolItem item = item_of("{\"a\":1}", SPOOL_WAITING, NOON_MS + 1000);
    SpoolItem shown = contract_spooled(c, keep(c, &item));
    assert_int_equal(shown.state, SPOOL_WAITING);
    assert_slice(shown.topic, "call-events");
    assert_slice(shown.message_id, "m-1");
    assert_slice(shown.body, "{\"a\":1}");
    assert_int_equal(shown.received_ms, NOON_MS);
    assert_int_equal(shown.due_ms, NOON_MS + 1000);
    assert_int_equal(shown.attempts, 1);
    assert_slice(shown.code, "json_malformed");
    assert_slice(shown.reason, "byte 3");
}

static void body_may_be_any_bytes(void **state)
{
    Contract *c = *state;
    SpoolItem item = item_of("", SPOOL_DEAD, 0);
    item.body = SLICE("\xff\0\x01" "{");
    SpoolItem shown = contract_spooled(c, keep(c, &item));
    assert_int_equal(shown.body.bytes, 4);
    assert_memory_equal(shown.body.at, "\xff\0\x01{", 4);
    SpoolItem empty = item_of("", SPOOL_DEAD, 0);
    assert_int_equal(contract_spooled(c, keep(c, &empty)).body.bytes, 0);
}

static void due_come_oldest_first_and_stay(void **state)
{
    Contract *c = *state;
    SpoolItem found[4];
    kept(c, "late", SPOOL_WAITING, NOON_MS + 2000);
    kept(c, "early", SPOOL_WAITING, NOON_MS + 1000);
    kept(c, "dead", SPOOL_DEAD, 0);
    assert_int_equal(due(c, NOON_MS, 4, found), 0);
    assert_int_equal(due(c, NOON_MS + 1000, 4, found), 1);
    assert_int_equal(due(c, NOON_MS + 2000, 4, found), 2);
    assert_slice(found[0].body, "early");
    assert_slice(found[1].body, "late");
    assert_int_equal(due(c, NOON_MS + 2000, 1, found), 1);
}

static void next_due_is_the_earliest_that_waits(void **state)
{
    Contract *c = *state;
    assert_true(next_due(c) == INT64_MAX);
    kept(c, "dead", SPOOL_DEAD, 0);
    assert_true(next_due(c) == INT64_MAX);
    kept(c, "late", SPOOL_WAITING, NOON_MS + 2000);
    kept(c, "early", SPOOL_WAITING, NOON_MS + 1000);
    assert_int_equal(next_due(c), NOON_MS + 1000);
}

static void settled_item_is_gone(void **state)
{
    Contract *c = *state;
    int64_t id = kept(c, "a", SPOOL_WAITING, NOON_MS);
    kept(c, "b", SPOOL_WAITING, NOON_MS);
    must(c, c->ports.spool.settle(c->ports.spool.self, &id, 1, &c->fault));
    must(c, c->ports.spool.settle(c->ports.spool.self, &id, 1, &c->fault));
    assert_int_equal(count(c, SPOOL_WAITING), 1);
}

static void known_row_gets_new_state_time_and_attempts(void **state)
{
    Contract *c = *state;
    SpoolItem item = item_of("a", SPOOL_WAITING, NOON_MS);
    int64_t id = keep(c, &item);
    item.due_ms = NOON_MS + 9000;
    item.attempts = 2;
    item.reason = SLICE("again");
    assert_int_equal(keep(c, &item), id);
    SpoolItem shown = contract_spooled(c, id);
    assert_int_equal(shown.due_ms, NOON_MS + 9000);
    assert_int_equal(shown.attempts, 2);
    assert_slice(shown.reason, "again");
    assert_int_equal(count(c, SPOOL_WAITING), 1);
}

/* ---- dead letters ---- */

static void same_dead_letter_is_one_row_whose_attempts_count_on(void **state)
{
    Contract *c = *state;
    int64_t first = kept(c, "poison", SPOOL_DEAD, 0);
    assert_int_equal(kept(c, "poison", SPOOL_DEAD, 0), first);
    assert_int_equal(kept(c, "poison", SPOOL_DEAD, 0), first);
    assert_int_equal(count(c, SPOOL_DEAD), 1);
    assert_int_equal(contract_spooled(c, first).attempts, 3);

    SpoolItem other_topic = item_of("poison", SPOOL_DEAD, 0);
    other_topic.topic = SLICE("optout-events");
    assert_int_not_equal(keep(c, &other_topic), first);
    assert_int_not_equal(kept(c, "poison ", SPOOL_DEAD, 0), first);
    assert_int_equal(count(c, SPOOL_DEAD), 3);
}

static void a_repeat_of_what_waits_changes_nothing(void **state)
{
    Contract *c = *state;
    int64_t first = kept(c, "later", SPOOL_WAITING, NOON_MS);
    for (int i = 0; i < 20; i++)
        assert_int_equal(kept(c, "later", SPOOL_WAITING, NOON_MS + i), first);
    assert_int_equal(count(c, SPOOL_WAITING), 1);
    assert_int_equal(contract_spooled(c, first).attempts, 1);
    assert_int_equal(contract_spooled(c, first).due_ms, NOON_MS);
}

static void waiting_item_that_dies_stands_in_one_place(void **state)
{
    Contract *c = *state;
    int64_t dead = kept(c, "poison", SPOOL_DEAD, 0);
    SpoolItem waiting = item_of("poison", SPOOL_WAITING, NOON_MS);
    assert_int_not_equal(keep(c, &waiting), dead);
    waiting.state = SPOOL_DEAD;
    waiting.attempts = 12;
    assert_int_equal(keep(c, &waiting), dead);
    assert_int_equal(count(c, SPOOL_WAITING), 0);
    assert_int_equal(count(c, SPOOL_DEAD), 1);
    assert_int_equal(contract_spooled(c, dead).attempts, 13);
}

static void redriven_dead_letter_waits_again(void **state)
{
    Contract *c = *state;
    SpoolItem found[4];
    int64_t ids[] = {kept(c, "a", SPOOL_DEAD, 0), kept(c, "b", SPOOL_DEAD, 0), 999};
    size_t changed;
    must(c, c->ports.spool.redrive(c->ports.spool.self, ids, 1, NOON_MS, &changed, &c->fault));
    assert_int_equal(changed, 1);
    assert_int_equal(due(c, NOON_MS, 4, found), 1);
    assert_slice(found[0].body, "a");
    assert_int_equal(found[0].attempts, 0);
    must(c, c->ports.spool.redrive(c->ports.spool.self, ids, 3, NOON_MS, &changed, &c->fault));
    assert_int_equal(changed, 1);
    must(c, c->ports.spool.redrive(c->ports.spool.self, NULL, 0, NOON_MS, &changed, &c->fault));
    assert_int_equal(changed, 0);
}

static void redrive_of_all_takes_every_dead_letter(void **state)
{
    Contract *c = *state;
    size_t changed;
    kept(c, "a", SPOOL_DEAD, 0);
    kept(c, "b", SPOOL_DEAD, 0);
    kept(c, "c", SPOOL_WAITING, NOON_MS);
    must(c, c->ports.spool.redrive(c->ports.spool.self, NULL, 0, NOON_MS, &changed, &c->fault));
    assert_int_equal(changed, 2);
    assert_int_equal(count(c, SPOOL_DEAD), 0);
    assert_int_equal(count(c, SPOOL_WAITING), 3);
}

static void dropped_dead_letter_is_gone_and_one_that_waits_is_not_dropped(void **state)
{
    Contract *c = *state;
    int64_t ids[] = {kept(c, "a", SPOOL_DEAD, 0), kept(c, "b", SPOOL_WAITING, NOON_MS)};
    size_t changed;
    must(c, c->ports.spool.drop(c->ports.spool.self, ids, 2, &changed, &c->fault));
    assert_int_equal(changed, 1);
    assert_int_equal(count(c, SPOOL_WAITING), 1);
    assert_int_equal(count(c, SPOOL_DEAD), 0);
}

typedef struct Seen { int64_t ids[8]; size_t count; } Seen;

static bool see(void *context, const SpoolItem *item)
{
    Seen *seen = context;
    seen->ids[seen->count++] = item->id;
    return true;
}

static void list_is_newest_first_by_state_and_topic(void **state)
{
    Contract *c = *state;
    SpoolItem optout = item_of("o", SPOOL_DEAD, 0);
    optout.topic = SLICE("optout-events");
    int64_t a = kept(c, "a", SPOOL_DEAD, 0), b = kept(c, "b", SPOOL_DEAD, 0), o = keep(c, &optout);
    kept(c, "w", SPOOL_WAITING, NOON_MS);
    Seen all = {0}, page = {0}, one = {0};
    must(c, c->ports.spool.list(c->ports.spool.self, &(SpoolFilter){.state = SPOOL_DEAD}, see, &all, &c->fault));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.ids[0], o);
    must(c, c->ports.spool.list(c->ports.spool.self, &(SpoolFilter){.state = SPOOL_DEAD, .before_id = o, .limit = 1}, see, &page, &c->fault));
    assert_int_equal(page.count, 1);
    assert_int_equal(page.ids[0], b);
    must(c, c->ports.spool.list(c->ports.spool.self, &(SpoolFilter){.state = SPOOL_DEAD, .topic = SLICE("optout-events")}, see, &one, &c->fault));
    assert_int_equal(one.count, 1);
    assert_true(a < b);
}

static void rollback_leaves_the_spool(void **state)
{
    Contract *c = *state;
    contract_begin(c);
    kept(c, "a", SPOOL_WAITING, NOON_MS);
    contract_rollback(c);
    assert_int_equal(count(c, SPOOL_WAITING), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(kept_item_is_shown_as_it_was),
        CONTRACT_TEST(body_may_be_any_bytes),
        CONTRACT_TEST(due_come_oldest_first_and_stay),
        CONTRACT_TEST(next_due_is_the_earliest_that_waits),
        CONTRACT_TEST(settled_item_is_gone),
        CONTRACT_TEST(known_row_gets_new_state_time_and_attempts),
        CONTRACT_TEST(same_dead_letter_is_one_row_whose_attempts_count_on),
        CONTRACT_TEST(a_repeat_of_what_waits_changes_nothing),
        CONTRACT_TEST(waiting_item_that_dies_stands_in_one_place),
        CONTRACT_TEST(redriven_dead_letter_waits_again),
        CONTRACT_TEST(redrive_of_all_takes_every_dead_letter),
        CONTRACT_TEST(dropped_dead_letter_is_gone_and_one_that_waits_is_not_dropped),
        CONTRACT_TEST(list_is_newest_first_by_state_and_topic),
        CONTRACT_TEST(rollback_leaves_the_spool),
    };
    return contract_run_tests("spool", contract_adapters, tests);
}
