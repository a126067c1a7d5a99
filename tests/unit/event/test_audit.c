/* What entries of the audit chain say, also those that go from one chain into another. */
#include "../check.h"

#include "event/audit_entries.h"

static AuditEntry sealed(int64_t seq, Slice detail)
{
    static const uint8_t previous[DIGEST_BYTES] = {7};
    AuditEntry entry = {.seq = seq, .at_ms = 1736942400000, .kind = SLICE("block"), .subject = SLICE("+12125550100"), .action_id = SLICE("a"),
                        .actor = SLICE("caller"), .reason = SLICE("key 9"), .detail = detail};
    audit_seal(&entry, previous);
    return entry;
}

static void carried_entry_tells_what_it_was(void **state)
{
    (void)state;
    const Slice details[] = {{0}, SLICE("{}"), SLICE("{\"source\":\"user_optout\"}"), SLICE("{\"origin\":{\"chain\":\"x")};
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        Arena arena;
        arena_init(&arena);
        AuditEntry entry = sealed(17, details[i]), carried = audit_carried(&entry, SLICE("0a1b"), &arena), original;
        Slice chain;
        carried.seq = 99;
        assert_true(audit_origin(&carried, &chain, &original));
        assert_slice(chain, "0a1b");
        assert_int_equal(original.seq, 17);
        assert_true(slice_equal(original.detail, details[i]));
        assert_memory_equal(original.hash, entry.hash, DIGEST_BYTES);
        arena_done(&arena);
    }
}

static void entry_is_known_by_every_chain_it_came_through(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    AuditEntry entry = sealed(1, SLICE("{\"source\":\"x\"}")), once = audit_carried(&entry, SLICE("aa"), &arena), twice = audit_carried(&once, SLICE("bb"), &arena);
    assert_false(audit_is_from(&entry, SLICE("aa")));
    assert_true(audit_is_from(&once, SLICE("aa")));
    assert_true(audit_is_from(&twice, SLICE("aa")) && audit_is_from(&twice, SLICE("bb")));
    assert_false(audit_is_from(&twice, SLICE("cc")));
    arena_done(&arena);
}

static void other_details_are_no_origin(void **state)
{
    (void)state;
    const Slice details[] = {SLICE("{\"origin\":{\"chain\":\"a\",\"seq\":x,\"hash\":\"00\"}}"), SLICE("{\"origin\":{\"chain\":\"a\",\"seq\":1,\"hash\":\"00\"}}"),
                             SLICE("{\"origin\":{\"chain\":\""), SLICE("{\"detail\":{\"origin\":{}}}")};
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        AuditEntry entry = sealed(1, details[i]), original;
        Slice chain;
        assert_false(audit_origin(&entry, &chain, &original));
    }
}

/* Whatever a publisher calls its call. */
static void entry_says_since_when_a_number_is_blocked(void **state)
{
    (void)state;
    const struct { int64_t added_ms, recorded_ms; } rows[] = {{1736942400000, 0}, {1736942400000, 1736942400000}, {1600000000000, 1736942400000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena arena;
        arena_init(&arena);
        BlockEntry block = {.phone = SLICE("+12125550100"), .call_id = SLICE("\"addedAt\":\"2020-01-01T00:00:00Z\""),
                            .added_ms = rows[i].added_ms, .recorded_ms = rows[i].recorded_ms};
        AuditEntry entry = audit_entry_of_block(&block, false, &arena);
        assert_int_equal(entry.at_ms, 1736942400000);
        assert_int_equal(audit_blocked_since_ms(&entry), rows[i].added_ms);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carried_entry_tells_what_it_was), cmocka_unit_test(entry_is_known_by_every_chain_it_came_through),
        cmocka_unit_test(other_details_are_no_origin), cmocka_unit_test(entry_says_since_when_a_number_is_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
