/* The do-not-call list, the record of actions and the audit chain. */
#include "contract.h"

#include "service/dnc_cache.h"

/* ---- looking ---- */

typedef struct Seen {
    Arena *arena;
    Slice texts[600];
    size_t count, stop_after;
} Seen;

static bool see(Seen *seen, Slice text)
{
    seen->texts[seen->count++] = arena_copy(seen->arena, text);
    return seen->count != seen->stop_after;
}

static bool see_phone(void *context, const BlockEntry *entry) { return see(context, entry->phone); }
static bool see_action(void *context, const ActionRecord *record) { return see(context, record->id); }
static bool see_kind(void *context, const AuditEntry *entry) { return see(context, entry->kind); }

static Seen list(Contract *c, RegistryFilter filter)
{
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.registry.list(c->ports.registry.self, &filter, see_phone, &seen, &c->fault));
    return seen;
}

static Seen audit_of(Contract *c, const char *phone)
{
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.registry.audit(c->ports.registry.self, 1, slice_of(phone), see_kind, &seen, &c->fault));
    return seen;
}

/* Where it can be seen: the kinds of the number's entries. */
static void assert_history(Contract *c, const char *phone, const char *const *kinds, size_t count)
{
    if (c->has_no_history)
        return;
    Seen seen = audit_of(c, phone);
    assert_int_equal(seen.count, count);
    for (size_t i = 0; i < count; i++)
        assert_slice(seen.texts[i], kinds[i]);
}
#define ASSERT_HISTORY(c, phone, ...) \
    assert_history((c), (phone), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int64_t count_blocked(Contract *c)
{
    int64_t count = -1;
    must(c, c->ports.registry.count(c->ports.registry.self, &count, &c->fault));
    return count;
}

/* Where the chain can be seen. */
static void assert_chain(Contract *c, int64_t expected)
{
    if (!c->audit_is_elsewhere)
        assert_int_equal(contract_check_chain(c), expected);
}

static bool unblock(Contract *c, const char *phone)
{
    bool was_blocked = false;
    must(c, c->ports.registry.unblock(c->ports.registry.self, slice_of(phone), SLICE("jane"), SLICE("asked to be called"), NOON_MS,
                                      &was_blocked, &c->fault));
    return was_blocked;
}

/* ---- block ---- */

static void optout_twice_blocks_once(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "call-1_optout");
    assert_int_equal(contract_block(c, &entry), BLOCK_ADDED);
    assert_int_equal(contract_block(c, &entry), BLOCK_REPEATED);
    assert_true(contract_is_blocked(c, "+12125550100"));
    assert_false(contract_is_blocked(c, "+12125550101"));
    assert_int_equal(count_blocked(c), 1);
    assert_chain(c, 1);
}

static void another_optout_of_a_blocked_number_is_audited(void **state)
{
    Contract *c = *state;
    BlockEntry first = contract_optout("+12125550100", "call-1_optout"), second = contract_optout("+12125550100", "call-2_optout");
    second.added_ms = NOON_MS + 1000;
    contract_block(c, &first);
    assert_int_equal(contract_block(c, &second), BLOCK_KNOWN);
    assert_int_equal(contract_block(c, &second), BLOCK_REPEATED);

    BlockEntry shown;
    bool found;
    must(c, c->ports.registry.show(c->ports.registry.self, first.phone, &c->arena, &shown, &found, &c->fault));
    assert_true(found);
    assert_int_equal(shown.added_ms, NOON_MS);
    assert_slice(shown.action_id, "call-1_optout");
    ASSERT_HISTORY(c, "+12125550100", "block", "block_again");
}

static void repeats_in_one_batch_are_told_apart(void **state)
{
    Contract *c = *state;
    BlockEntry entries[] = {contract_optout("+12125550100", "call-1_optout"), contract_optout("+12125550100", "call-1_optout"),
                            contract_optout("+12125550100", "call-2_optout"), contract_optout("+12125550101", "call-1_optout")};
    BlockResult results[4];
    must(c, c->ports.registry.block(c->ports.registry.self, entries, 4, results, &c->fault));
    assert_int_equal(results[0], BLOCK_ADDED);
    assert_int_equal(results[1], BLOCK_REPEATED);
    assert_int_equal(results[2], BLOCK_KNOWN);
    assert_int_equal(results[3], BLOCK_ADDED); /* one message may mean several numbers */
    assert_chain(c, 3);
}

static void list_says_which_optout_put_a_number_on_it(void **state)
{
    Contract *c = *state;
    BlockEntry first = contract_optout("+12125550101", "a"), second = contract_optout("+12125550101", "b"), entry;
    bool found = false;
    contract_block(c, &first);
    BlockResult results[2];
    for (size_t i = 0; i < 2; i++)
        must(c, c->ports.registry.block(c->ports.registry.self, &second, 1, &results[i], &c->fault));
    assert_int_equal(results[0], BLOCK_KNOWN);
    assert_int_equal(results[1], BLOCK_REPEATED);
    must(c, c->ports.registry.show(c->ports.registry.self, second.phone, &c->arena, &entry, &found, &c->fault));
    assert_true(found && slice_equal(entry.action_id, first.action_id));
}

static void entries_by_hand_are_never_repeats(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "");
    assert_int_equal(contract_block(c, &entry), BLOCK_ADDED);
    assert_int_equal(contract_block(c, &entry), BLOCK_KNOWN);
}

static void shown_entry_says_all_that_was_stored(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "call-1_optout"), shown;
    bool found = false;
    contract_block(c, &entry);
    must(c, c->ports.registry.show(c->ports.registry.self, entry.phone, &c->arena, &shown, &found, &c->fault));
    assert_true(found);
    assert_slice(shown.phone, "+12125550100");
    assert_slice(shown.reason, "DTMF opt-out (key 9)");
    assert_slice(shown.source, "user_optout");
    assert_slice(shown.call_id, "call-1");
    assert_slice(shown.campaign_id, "winter");
    assert_slice(shown.contact_id, "contact-1");
    assert_slice(shown.timestamp, "2025-01-15T12:00:00Z");
    assert_slice(shown.actor, "caller");
    must(c, c->ports.registry.show(c->ports.registry.self, SLICE("+12125550199"), &c->arena, &shown, &found, &c->fault));
    assert_false(found);
}

static void is_blocked_answers_each_number(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550101", "a");
    Slice phones[] = {SLICE("+12125550100"), SLICE("+12125550101"), SLICE("+12125550102"), SLICE("+12125550101")};
    bool blocked[4];
    contract_block(c, &entry);
    must(c, c->ports.registry.is_blocked(c->ports.registry.self, phones, 4, blocked, &c->fault));
    assert_false(blocked[0]);
    assert_true(blocked[1]);
    assert_false(blocked[2]);
    assert_true(blocked[3]);
}

/* ---- two spellings of one phone ---- */

static void block_as_written(Contract *c, const char *phone)
{
    BlockEntry entry = contract_optout(phone, "a");
    BlockResult result;
    must(c, dnc_block(&c->ports, &entry, 1, &result, &c->fault));
    assert_int_equal(result, BLOCK_ADDED);
}

/* As every check asks: before a call, before a text, and for a batch. */
static void assert_blocked_to_all(Contract *c, const char *phone, bool is_blocked)
{
    Slice number = slice_of(phone), why;
    bool blocked = !is_blocked;
    must(c, dnc_are_blocked(&c->ports, &number, 1, &blocked, &c->fault));
    assert_true(blocked == is_blocked);
    assert_true((dnc_ask(&c->ports, number, &c->arena, &why) == DNC_BLOCKED) == is_blocked);
}

static void optout_of_a_number_with_trunk_zero_blocks_it_as_it_is_dialled(void **state)
{
    Contract *c = *state;
    Slice dialled = SLICE("+972501234567");
    bool is_listed = false;
    block_as_written(c, "+9720501234567");
    must(c, c->ports.registry.is_blocked(c->ports.registry.self, &dialled, 1, &is_listed, &c->fault));
    assert_true(is_listed);
    assert_blocked_to_all(c, "+972501234567", true);
    assert_blocked_to_all(c, "+9720501234567", true);
    assert_blocked_to_all(c, "+9720501234568", false);
}

static void optout_of_a_number_blocks_it_with_trunk_zero(void **state)
{
    Contract *c = *state;
    block_as_written(c, "+972501234567");
    assert_blocked_to_all(c, "+972501234567", true);
    assert_blocked_to_all(c, "+9720501234567", true);
}

static void number_that_others_put_on_the_list_with_trunk_zero_is_blocked_as_it_is_dialled(void **state)
{
    Contract *c = *state;
    BlockEntry entry = {.phone = SLICE("+9720501234567"), .added_ms = 1, .source = SLICE("compliance")};
    BlockResult result;
    must(c, c->ports.registry.block(c->ports.registry.self, &entry, 1, &result, &c->fault));
    assert_blocked_to_all(c, "+972501234567", true);
    assert_blocked_to_all(c, "+972501234568", false);
}

static void whoever_takes_one_spelling_off_takes_off_both(void **state)
{
    Contract *c = *state;
    bool was_blocked = false;
    block_as_written(c, "+9720501234567");
    must(c, dnc_unblock(&c->ports, SLICE("+972501234567"), SLICE("ann"), SLICE("asked to"), 5000, &was_blocked, &c->fault));
    assert_true(was_blocked);
    assert_blocked_to_all(c, "+972501234567", false);
    assert_blocked_to_all(c, "+9720501234567", false);
}

/* ---- unblock ---- */

static void removal_leaves_history_and_a_late_duplicate_does_not_block_again(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "call-1_optout"), later = contract_optout("+12125550100", "call-7_optout");
    contract_block(c, &entry);
    assert_true(unblock(c, "+12125550100"));
    assert_false(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_block(c, &entry), BLOCK_REPEATED);
    assert_false(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_block(c, &later), BLOCK_ADDED);
    assert_true(contract_is_blocked(c, "+12125550100"));
    ASSERT_HISTORY(c, "+12125550100", "block", "unblock", "block");
    assert_chain(c, 3);
}

/* A call id that comes again, as some telephony systems do it. */
static void a_press_after_the_removal_blocks_again_and_only_once(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "call-1_optout"), later = entry;
    later.pressed_ms = NOON_MS + 3000;
    contract_block(c, &entry);
    bool was_blocked;
    must(c, c->ports.registry.unblock(c->ports.registry.self, entry.phone, SLICE("jane"), SLICE("asked"), NOON_MS + 2000, &was_blocked, &c->fault));
    assert_int_equal(contract_block(c, &entry), BLOCK_REPEATED);
    assert_int_equal(contract_block(c, &later), BLOCK_ADDED);
    assert_int_equal(contract_block(c, &later), BLOCK_REPEATED);
    assert_int_equal(contract_block(c, &entry), BLOCK_REPEATED);
    assert_true(contract_is_blocked(c, "+12125550100"));
    assert_chain(c, 3);
}

static void removal_of_a_clear_number_changes_nothing(void **state)
{
    Contract *c = *state;
    assert_false(unblock(c, "+12125550100"));
    assert_chain(c, 0);
}

static void removal_needs_actor_and_reason(void **state)
{
    Contract *c = *state;
    const RegistryPort *registry = &c->ports.registry;
    bool was_blocked;
    assert_int_equal(registry->unblock(registry->self, SLICE("+12125550100"), (Slice){0}, SLICE("why"), NOON_MS, &was_blocked, &c->fault),
                     STATUS_REJECT);
    assert_int_equal(registry->unblock(registry->self, SLICE("+12125550100"), SLICE("jane"), (Slice){0}, NOON_MS, &was_blocked, &c->fault),
                     STATUS_REJECT);
}

/* ---- list ---- */

static void list_is_in_order_of_number_and_pages_by_cursor(void **state)
{
    Contract *c = *state;
    const char *const phones[] = {"+33123456789", "+12125550102", "+12125550100", "+441234567890", "+12125550101"};
    for (size_t i = 0; i < 5; i++) {
        BlockEntry entry = contract_optout(phones[i], phones[i]);
        contract_block(c, &entry);
    }
    Seen first = list(c, (RegistryFilter){.limit = 3});
    assert_int_equal(first.count, 3);
    assert_slice(first.texts[0], "+12125550100");
    assert_slice(first.texts[2], "+12125550102");
    Seen rest = list(c, (RegistryFilter){.limit = 3, .after = first.texts[2]});
    assert_int_equal(rest.count, 2);
    assert_slice(rest.texts[0], "+33123456789");
    assert_int_equal(list(c, (RegistryFilter){0}).count, 5);
}

static void list_filters_and_stops_when_told(void **state)
{
    Contract *c = *state;
    BlockEntry winter = contract_optout("+12125550100", "a"), spring = contract_optout("+12125550101", "b");
    spring.campaign_id = SLICE("spring");
    spring.call_id = SLICE("call-2");
    contract_block(c, &winter);
    contract_block(c, &spring);
    assert_slice(list(c, (RegistryFilter){.campaign_id = SLICE("spring")}).texts[0], "+12125550101");
    assert_slice(list(c, (RegistryFilter){.call_id = SLICE("call-1")}).texts[0], "+12125550100");
    assert_int_equal(list(c, (RegistryFilter){.phone = SLICE("+12125550101")}).count, 1);
    Seen one = {.arena = &c->arena, .stop_after = 1};
    must(c, c->ports.registry.list(c->ports.registry.self, &(RegistryFilter){0}, see_phone, &one, &c->fault));
    assert_int_equal(one.count, 1);
}

/* ---- actions ---- */

static ActionRecord action_of(const char *id, const char *type)
{
    return (ActionRecord){.id = slice_of(id), .call_id = SLICE("call-1"), .campaign_id = SLICE("winter"), .contact_id = SLICE("contact-1"),
                          .phone = SLICE("+12125550100"), .action_type = slice_of(type), .donation_link = SLICE("https://x"),
                          .sms_message_id = SLICE("m-1"), .timestamp_ms = NOON_MS, .status = SLICE("success")};
}

static bool record(Contract *c, const ActionRecord *action)
{
    bool is_new;
    must(c, c->ports.registry.record_actions(c->ports.registry.self, action, 1, &is_new, &c->fault));
    return is_new;
}

static bool keep_action(void *context, const ActionRecord *found)
{
    *(ActionRecord *)context = *found;
    return false;
}

static void first_record_of_an_action_stands(void **state)
{
    Contract *c = *state;
    ActionRecord first = action_of("call-1_donation", "donation_sms_sent"), second = first;
    second.status = SLICE("failed");
    assert_true(record(c, &first));
    assert_false(record(c, &second));
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.registry.actions(c->ports.registry.self, &(RegistryFilter){0}, see_action, &seen, &c->fault));
    assert_int_equal(seen.count, 1);
    ActionRecord found;
    must(c, c->ports.registry.actions(c->ports.registry.self, &(RegistryFilter){0}, keep_action, &found, &c->fault));
    assert_int_equal(found.timestamp_ms, NOON_MS);
    assert_false(found.tts_fallback_triggered);
    assert_chain(c, 1);
}

static void new_action_is_audited_except_optouts(void **state)
{
    Contract *c = *state;
    ActionRecord donation = action_of("call-1_donation", "donation_sms_failed"), optout = action_of("call-1_optout", "optout_blacklist_added");
    record(c, &donation);
    record(c, &optout);
    Seen seen = audit_of(c, "+12125550100");
    assert_int_equal(seen.count, 1);
    assert_slice(seen.texts[0], "donation_sms_failed");
}

static void actions_page_and_filter(void **state)
{
    Contract *c = *state;
    ActionRecord a = action_of("a", "donation_sms_sent"), b = action_of("b", "optout_blacklist_added"), d = action_of("d", "donation_sms_sent");
    d.campaign_id = SLICE("spring");
    record(c, &d);
    record(c, &b);
    record(c, &a);
    const RegistryFilter filters[] = {{.limit = 2}, {.after = SLICE("b")}, {.action_type = SLICE("donation_sms_sent")}, {.campaign_id = SLICE("spring")}};
    const char *const expected[][2] = {{"a", "b"}, {"d", NULL}, {"a", "d"}, {"d", NULL}};
    for (size_t i = 0; i < 4; i++) {
        Seen seen = {.arena = &c->arena};
        must(c, c->ports.registry.actions(c->ports.registry.self, &filters[i], see_action, &seen, &c->fault));
        assert_int_equal(seen.count, expected[i][1] ? 2 : 1);
        assert_slice(seen.texts[0], expected[i][0]);
    }
}

/* ---- batches ---- */

static void block_all(Contract *c, const BlockEntry *entries, BlockResult expected)
{
    BlockResult results[BATCH_MAX];
    must(c, c->ports.registry.block(c->ports.registry.self, entries, BATCH_MAX, results, &c->fault));
    for (int i = 0; i < BATCH_MAX; i++)
        assert_int_equal(results[i], expected);
}

static void record_all(Contract *c, const ActionRecord *records, bool expected)
{
    bool is_new[BATCH_MAX];
    must(c, c->ports.registry.record_actions(c->ports.registry.self, records, BATCH_MAX, is_new, &c->fault));
    for (int i = 0; i < BATCH_MAX; i++)
        assert_int_equal(is_new[i], expected);
}

static void largest_batch_is_stored_and_repeated_as_a_whole(void **state)
{
    Contract *c = *state;
    BlockEntry entries[BATCH_MAX];
    ActionRecord records[BATCH_MAX];
    for (int i = 0; i < BATCH_MAX; i++) {
        Slice phone = arena_printf(&c->arena, "+1212%07d", i);
        entries[i] = contract_optout(phone.at, phone.at);
        records[i] = action_of(phone.at, "optout_blacklist_added");
    }
    block_all(c, entries, BLOCK_ADDED);
    block_all(c, entries, BLOCK_REPEATED);
    record_all(c, records, true);
    record_all(c, records, false);
    assert_int_equal(count_blocked(c), BATCH_MAX);
    assert_chain(c, BATCH_MAX);
}

/* ---- audit ---- */

static void own_entries_join_the_chain(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_block(c, &entry);
    AuditEntry import = {.at_ms = NOON_MS, .kind = SLICE("import"), .actor = SLICE("jane"), .reason = SLICE("numbers.csv"), .detail = SLICE("{\"added\":3}")};
    must(c, c->ports.registry.audit_append(c->ports.registry.self, &import, &c->fault));
    assert_chain(c, 2);
}

static void chain_of_a_thousand_is_unbroken_and_can_be_read_from_the_middle(void **state)
{
    Contract *c = *state;
    enum { BATCHES = 4, EACH = 250 };
    for (int batch = 0; batch < BATCHES; batch++) {
        BlockEntry entries[EACH];
        BlockResult results[EACH];
        for (int i = 0; i < EACH; i++) {
            Slice phone = arena_printf(&c->arena, "+1212%07d", batch * EACH + i);
            entries[i] = contract_optout(phone.at, phone.at);
        }
        must(c, c->ports.registry.block(c->ports.registry.self, entries, EACH, results, &c->fault));
    }
    assert_chain(c, BATCHES * EACH);
    Seen last = {.arena = &c->arena};
    must(c, c->ports.registry.audit(c->ports.registry.self, 999, (Slice){0}, see_kind, &last, &c->fault));
    assert_int_equal(last.count, 2);
}

/* ---- moving in ---- */

static void numbers_are_entered_as_they_are_and_the_first_stays(void **state)
{
    Contract *c = *state;
    BlockEntry first = contract_optout("+12125550101", "a"), entries[] = {contract_optout("+12125550102", "b"), contract_optout("+12125550101", "c")};
    bool is_new[2];
    contract_block(c, &first);
    entries[0].actor = SLICE("import:old.csv");
    must(c, c->ports.registry.enter(c->ports.registry.self, entries, 2, is_new, &c->fault));
    assert_true(is_new[0]);
    assert_false(is_new[1]);
    must(c, c->ports.registry.enter(c->ports.registry.self, entries, 2, is_new, &c->fault));
    assert_false(is_new[0]);
    assert_chain(c, 1);
    BlockEntry shown;
    bool found;
    must(c, c->ports.registry.show(c->ports.registry.self, SLICE("+12125550102"), &c->arena, &shown, &found, &c->fault));
    assert_true(found);
    assert_slice(shown.actor, "import:old.csv");
    assert_int_equal(shown.added_ms, entries[0].added_ms);
}

static void actions_are_entered_without_an_audit_entry(void **state)
{
    Contract *c = *state;
    ActionRecord known = action_of("a_donation", "donation_sms_sent");
    assert_true(record(c, &known));
    ActionRecord records[] = {action_of("b_donation", "donation_sms_sent"), action_of("a_donation", "donation_sms_failed")};
    bool is_new[2];
    must(c, c->ports.registry.enter_actions(c->ports.registry.self, records, 2, is_new, &c->fault));
    assert_true(is_new[0]);
    assert_false(is_new[1]);
    assert_chain(c, 1);
    assert_false(record(c, &records[0]));
}

static void carried_entries_join_the_chain_once(void **state)
{
    Contract *c = *state;
    BlockEntry own = contract_optout("+12125550100", "a");
    contract_block(c, &own);
    AuditEntry entries[] = {
        {.at_ms = NOON_MS - 1000, .kind = SLICE("block"), .subject = SLICE("+12125550101"), .action_id = SLICE("b"), .actor = SLICE("caller"),
         .reason = SLICE("key 9"), .detail = SLICE("{\"origin\":1}")},
        {.at_ms = NOON_MS - 500, .kind = SLICE("block"), .subject = SLICE("+12125550101"), .action_id = SLICE("b"), .actor = SLICE("caller"),
         .reason = SLICE("key 9"), .detail = SLICE("{\"origin\":2}")},
    };
    bool is_new[2];
    must(c, c->ports.registry.audit_carry(c->ports.registry.self, entries, 1, is_new, &c->fault));
    assert_true(is_new[0]);
    must(c, c->ports.registry.audit_carry(c->ports.registry.self, entries, 2, is_new, &c->fault));
    assert_false(is_new[0]);
    assert_true(is_new[1]);
    assert_chain(c, 3);
}

/* What was carried is history like any other: the opt-out was applied. */
static void optout_whose_entry_was_carried_is_repeated(void **state)
{
    Contract *c = *state;
    BlockEntry optout = contract_optout("+12125550100", "a");
    AuditEntry entry = {.at_ms = optout.added_ms, .kind = SLICE("block"), .subject = optout.phone, .action_id = optout.action_id};
    bool is_new;
    must(c, c->ports.registry.audit_carry(c->ports.registry.self, &entry, 1, &is_new, &c->fault));
    assert_int_equal(contract_block(c, &optout), BLOCK_REPEATED);
}

static void rollback_leaves_nothing_and_the_chain_goes_on_without_a_gap(void **state)
{
    Contract *c = *state;
    BlockEntry kept = contract_optout("+12125550100", "a"), undone = contract_optout("+12125550101", "b");
    ActionRecord action = action_of("b_donation", "donation_sms_sent");
    contract_block(c, &kept);
    contract_begin(c);
    assert_int_equal(contract_block(c, &undone), BLOCK_ADDED);
    assert_true(record(c, &action));
    contract_rollback(c);
    assert_false(contract_is_blocked(c, "+12125550101"));
    assert_chain(c, 1);

    contract_begin(c);
    assert_int_equal(contract_block(c, &undone), BLOCK_ADDED);
    assert_true(record(c, &action));
    contract_commit(c);
    assert_chain(c, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(optout_twice_blocks_once),
        CONTRACT_TEST(another_optout_of_a_blocked_number_is_audited),
        CONTRACT_TEST(repeats_in_one_batch_are_told_apart),
        CONTRACT_TEST(list_says_which_optout_put_a_number_on_it),
        CONTRACT_TEST(entries_by_hand_are_never_repeats),
        CONTRACT_TEST(shown_entry_says_all_that_was_stored),
        CONTRACT_TEST(is_blocked_answers_each_number),
        CONTRACT_TEST(optout_of_a_number_with_trunk_zero_blocks_it_as_it_is_dialled),
        CONTRACT_TEST(optout_of_a_number_blocks_it_with_trunk_zero),
        CONTRACT_TEST(number_that_others_put_on_the_list_with_trunk_zero_is_blocked_as_it_is_dialled),
        CONTRACT_TEST(whoever_takes_one_spelling_off_takes_off_both),
        CONTRACT_TEST(removal_leaves_history_and_a_late_duplicate_does_not_block_again),
        CONTRACT_TEST(a_press_after_the_removal_blocks_again_and_only_once),
        CONTRACT_TEST(removal_of_a_clear_number_changes_nothing),
        CONTRACT_TEST(removal_needs_actor_and_reason),
        CONTRACT_TEST(list_is_in_order_of_number_and_pages_by_cursor),
        CONTRACT_TEST(list_filters_and_stops_when_told),
        CONTRACT_TEST(first_record_of_an_action_stands),
        CONTRACT_TEST(actions_page_and_filter),
        CONTRACT_TEST(largest_batch_is_stored_and_repeated_as_a_whole),
    };
    const struct CMUnitTest chain_tests[] = {
        CONTRACT_TEST(new_action_is_audited_except_optouts),
        CONTRACT_TEST(numbers_are_entered_as_they_are_and_the_first_stays),
        CONTRACT_TEST(actions_are_entered_without_an_audit_entry),
        CONTRACT_TEST(carried_entries_join_the_chain_once),
        CONTRACT_TEST(optout_whose_entry_was_carried_is_repeated),
        CONTRACT_TEST(own_entries_join_the_chain),
        CONTRACT_TEST(chain_of_a_thousand_is_unbroken_and_can_be_read_from_the_middle),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(rollback_leaves_nothing_and_the_chain_goes_on_without_a_gap),
    };
    return contract_run_tests("registry", contract_registry_adapters, tests) +
           contract_run_tests("audit chain", contract_audit_adapters, chain_tests) +
           contract_run_tests("registry in a unit", contract_adapters, unit_tests);
}
