/* Call detail records: load, save guarded by the revision, lists, sums, age. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- looking ---- */

typedef struct Seen {
    Arena *arena;
    Slice ids[700];
    CdrCursor cursor;
    size_t count, stop_after;
} Seen;

static bool see_id(void *context, const Cdr *cdr)
{
    Seen *seen = context;
    seen->ids[seen->count++] = arena_copy(seen->arena, cdr->call_id);
    return seen->count != seen->stop_after;
}

static Status go_on(void *context, Fault *fault)
{
    (void)context, (void)fault;
    return STATUS_OK;
}

static bool see_listed(void *context, const Cdr *cdr, CdrCursor cursor)
{
    Seen *seen = context;
    cursor.call_id = arena_copy(seen->arena, cursor.call_id);
    seen->cursor = cursor;
    return see_id(context, cdr);
}

static Seen query(Contract *c, CdrFilter filter)
{
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.cdrs.query(c->ports.cdrs.self, &filter, &contract_rating, see_listed, &seen, &c->fault));
    return seen;
}

static void assert_ids(const Seen *seen, const char *expected)
{
    char found[200] = "";
    size_t bytes = 0;
    for (size_t i = 0; i < seen->count && bytes < sizeof found; i++)
        bytes += (size_t)snprintf(found + bytes, sizeof found - bytes, "%s%.*s", i ? " " : "", SLICE_ARG(seen->ids[i]));
    assert_string_equal(found, expected);
}

static bool sum_up(void *context, const CampaignStats *stats)
{
    CampaignStats **next = context;
    **next = *stats;
    (*next)->campaign_id.at = strndup(stats->campaign_id.at, stats->campaign_id.bytes);
    ++*next;
    return true;
}

/* ---- arranging ---- */

static void store(Contract *c, const char *call_id, const char *campaign_id, CallEventType type, int64_t at_ms)
{
    Event event = contract_call_event(call_id, campaign_id, type, at_ms);
    contract_store(c, &event);
}

static void store_ended(Contract *c, const char *call_id, const char *campaign_id, const char *outcome, int64_t start_ms, int64_t seconds)
{
    Event end = contract_call_event(call_id, campaign_id, CALL_ENDED, start_ms + seconds * 1000);
    end.outcome = slice_of(outcome);
    store(c, call_id, campaign_id, CALL_INITIATED, start_ms);
    contract_store(c, &end);
}

static bool save(Contract *c, Cdr *cdr)
{
    bool conflict = true;
    must(c, c->ports.cdrs.save(c->ports.cdrs.self, &cdr, 1, NOON_MS, &conflict, &c->fault));
    return !conflict;
}

static Cdr *fold(Contract *c, Cdr *cdr, const char *campaign_id, CallEventType type, int64_t at_ms)
{
    Event event = contract_call_event("", campaign_id, type, at_ms);
    event.key = cdr_key(&event, (Slice){0}, &c->arena);
    cdr_fold(cdr, &event, &c->arena);
    cdr_derive(cdr, &contract_rating, &c->arena);
    return cdr;
}

/* ---- load and save ---- */

static void unknown_call_is_loaded_empty(void **state)
{
    Contract *c = *state;
    Cdr *cdr = contract_load(c, "nobody");
    assert_slice(cdr->call_id, "nobody");
    assert_int_equal(cdr->rev, 0);
    assert_int_equal(cdr->fact_count, 0);
}

static void stored_record_is_loaded_as_it_was(void **state)
{
    Contract *c = *state;
    store_ended(c, "call-1", "winter", "converted", NOON_MS, 61);
    Cdr *cdr = contract_load(c, "call-1");
    assert_int_equal(cdr->rev, 2);
    assert_int_equal(cdr->fact_count, 2);
    assert_slice(cdr->campaign_id, "winter");
    assert_slice(cdr->phone, "+12125550100");
    assert_slice(cdr->outcome, "converted");
    assert_int_equal(cdr->start_ms, NOON_MS);
    assert_int_equal(cdr->duration_s, 61);
    assert_int_equal(cdr->cost_micros, 20000);
    assert_false(cdr->open);
}

static void batch_is_loaded_in_its_order(void **state)
{
    Contract *c = *state;
    store(c, "b", "winter", CALL_INITIATED, NOON_MS);
    store(c, "a", "winter", CALL_INITIATED, NOON_MS);
    const Slice ids[] = {SLICE("a"), SLICE("none"), SLICE("b")};
    Cdr *cdrs[3];
    must(c, c->ports.cdrs.load(c->ports.cdrs.self, ids, 3, &c->arena, cdrs, &c->fault));
    assert_slice(cdrs[0]->call_id, "a");
    assert_int_equal(cdrs[0]->rev, 1);
    assert_int_equal(cdrs[1]->rev, 0);
    assert_slice(cdrs[2]->call_id, "b");
    assert_int_equal(cdrs[2]->rev, 1);
}

static void save_against_an_old_revision_conflicts(void **state)
{
    Contract *c = *state;
    store(c, "call-1", "winter", CALL_INITIATED, NOON_MS);
    Cdr *mine = contract_load(c, "call-1"), *theirs = contract_load(c, "call-1");
    assert_true(save(c, fold(c, theirs, "winter", CALL_ANSWERED, NOON_MS + 5000)));
    assert_int_equal(theirs->rev, 2);
    assert_false(save(c, fold(c, mine, "winter", CALL_ENDED, NOON_MS + 9000)));
    assert_int_equal(mine->rev, 1);
    assert_true(save(c, fold(c, contract_load(c, "call-1"), "winter", CALL_ENDED, NOON_MS + 9000)));
    assert_int_equal(contract_load(c, "call-1")->fact_count, 3);
}

static void second_first_save_conflicts(void **state)
{
    Contract *c = *state;
    for (int in_unit = 0; in_unit < 2; in_unit++) {
        const char *id = in_unit ? "call-in-unit" : "call";
        if (in_unit)
            contract_begin(c);
        Cdr *mine = contract_load(c, id), *theirs = contract_load(c, id);
        assert_true(save(c, fold(c, theirs, "winter", CALL_INITIATED, NOON_MS)));
        assert_false(save(c, fold(c, mine, "winter", CALL_ANSWERED, NOON_MS)));
        if (in_unit)
            contract_commit(c);
    }
    int64_t records;
    must(c, c->ports.cdrs.count(c->ports.cdrs.self, &records, &c->fault));
    assert_int_equal(records, 2);
}

static void record_that_is_gone_conflicts(void **state)
{
    Contract *c = *state;
    store(c, "call-1", "winter", CALL_INITIATED, NOON_MS);
    Cdr *mine = contract_load(c, "call-1");
    Seen seen = {.arena = &c->arena};
    size_t deleted;
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, NOON_MS + 1, 10, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    store(c, "call-2", "winter", CALL_INITIATED, NOON_MS);
    assert_false(save(c, fold(c, mine, "winter", CALL_ENDED, NOON_MS)));
    assert_int_equal(contract_load(c, "call-2")->fact_count, 1);
}

static void record_from_a_list_can_be_saved(void **state)
{
    Contract *c = *state;
    store(c, "call-1", "winter", CALL_INITIATED, NOON_MS);
    Cdr *cdr = contract_load(c, "call-1");
    cdr->store_row = 0;
    assert_true(save(c, fold(c, cdr, "winter", CALL_ENDED, NOON_MS + 1000)));
    assert_int_equal(contract_load(c, "call-1")->rev, 2);
}

/* What an index orders by may move with a late event. */
static void late_first_event_moves_start_and_campaign(void **state)
{
    Contract *c = *state;
    store(c, "call-1", "", CALL_ENDED, NOON_MS + 60000);
    assert_int_equal(query(c, (CdrFilter){.campaign_id = SLICE("winter")}).count, 0);
    store(c, "call-1", "winter", CALL_INITIATED, NOON_MS);
    Seen seen = query(c, (CdrFilter){.campaign_id = SLICE("winter"), .from_ms = NOON_MS, .until_ms = NOON_MS + 1});
    assert_ids(&seen, "call-1");
    assert_int_equal(query(c, (CdrFilter){0}).count, 1);
}

static void rollback_leaves_no_record_and_no_campaign(void **state)
{
    Contract *c = *state;
    contract_begin(c);
    store(c, "call-1", "winter", CALL_INITIATED, NOON_MS);
    contract_rollback(c);
    assert_int_equal(contract_load(c, "call-1")->rev, 0);
    contract_begin(c);
    store(c, "call-2", "spring", CALL_INITIATED, NOON_MS);
    store(c, "call-3", "winter", CALL_INITIATED, NOON_MS);
    contract_commit(c);
    Seen seen = query(c, (CdrFilter){.campaign_id = SLICE("winter")});
    assert_ids(&seen, "call-3");
    seen = query(c, (CdrFilter){.campaign_id = SLICE("spring")});
    assert_ids(&seen, "call-2");
}

/* More than any cache of campaigns holds. */
static void six_hundred_campaigns_are_kept_apart(void **state)
{
    Contract *c = *state;
    contract_begin(c);
    for (int i = 0; i < 600; i++) {
        Slice name = arena_printf(&c->arena, "campaign-%d", i);
        store(c, name.at, name.at, CALL_INITIATED, NOON_MS + i);
    }
    contract_commit(c);
    Seen seen = query(c, (CdrFilter){.campaign_id = SLICE("campaign-17")});
    assert_ids(&seen, "campaign-17");
    seen = query(c, (CdrFilter){.limit = 3});
    assert_ids(&seen, "campaign-599 campaign-598 campaign-597");
}

/* ---- lists ---- */

static void arrange_list(Contract *c)
{
    store_ended(c, "a", "winter", "busy", NOON_MS, 0);
    store_ended(c, "b", "spring", "converted", NOON_MS + 1000, 30);
    store_ended(c, "c", "winter", "converted", NOON_MS + 2000, 30);
    store_ended(c, "d", "spring", "no_answer", NOON_MS + 2000, 0);
    store(c, "e", "winter", CALL_INITIATED, NOON_MS + 3000);
}

static void list_is_newest_first_and_filters(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    const struct { CdrFilter filter; const char *expected; } cases[] = {
        {{.limit = 0}, "e d c b a"},
        {{.limit = 2}, "e d"},
        {{.campaign_id = SLICE("winter")}, "e c a"},
        {{.campaign_id = SLICE("autumn")}, ""},
        {{.outcome = SLICE("converted")}, "c b"},
        {{.campaign_id = SLICE("spring"), .outcome = SLICE("converted")}, "b"},
        {{.from_ms = NOON_MS + 1000, .until_ms = NOON_MS + 3000}, "d c b"},
        {{.until_ms = NOON_MS + 1000}, "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Seen seen = query(c, cases[i].filter);
        assert_ids(&seen, cases[i].expected);
    }
}

static void list_pages_by_cursor_without_gap_or_repeat(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    const char *const pages[] = {"e d", "c b", "a", ""};
    CdrFilter filter = {.limit = 2};
    for (size_t i = 0; i < 4; i++) {
        Seen seen = query(c, filter);
        assert_ids(&seen, pages[i]);
        filter.after = seen.cursor;
    }
}

static void list_stops_when_told(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    Seen seen = {.arena = &c->arena, .stop_after = 3};
    must(c, c->ports.cdrs.query(c->ports.cdrs.self, &(CdrFilter){0}, &contract_rating, see_listed, &seen, &c->fault));
    assert_ids(&seen, "e d c");
}

/* Against a plain sort: many campaigns, equal starts, pages of every size. */
static void random_lists_agree_with_a_sort(void **state)
{
    Contract *c = *state;
    enum { CALLS = 200 };
    int64_t starts[CALLS];
    srandom(7);
    contract_begin(c);
    for (int i = 0; i < CALLS; i++) {
        starts[i] = NOON_MS + random() % 50;
        store(c, arena_printf(&c->arena, "%03d", i).at, arena_printf(&c->arena, "c%ld", random() % 9).at, CALL_INITIATED, starts[i]);
    }
    contract_commit(c);
    for (size_t limit = 1; limit < 40; limit += 7) {
        CdrFilter filter = {.limit = limit};
        int64_t last_start = INT64_MAX;
        size_t total = 0;
        for (Seen seen = query(c, filter); seen.count; seen = query(c, filter)) {
            for (size_t i = 0; i < seen.count; i++) {
                int64_t start = starts[atoi(seen.ids[i].at)];
                assert_true(start <= last_start);
                last_start = start;
            }
            total += seen.count;
            filter.after = seen.cursor;
        }
        assert_int_equal(total, CALLS);
    }
}

/* All that is known of its times is implausible. */
static void store_timeless(Contract *c, const char *call_id)
{
    Event event = contract_call_event(call_id, "winter", CALL_INITIATED, NOON_MS);
    event.at_known = false;
    contract_store(c, &event);
}

static void record_without_a_start_is_listed_behind_the_oldest(void **state)
{
    Contract *c = *state;
    store_timeless(c, "n1");
    store_ended(c, "a", "winter", "busy", NOON_MS, 0);
    store_timeless(c, "n2");
    store_ended(c, "b", "winter", "busy", NOON_MS + 1000, 0);
    CdrFilter filter = {.limit = 1};
    const char *const pages[] = {"b", "a", "n2", "n1", ""};
    for (size_t i = 0; i < 5; i++) {
        Seen seen = query(c, filter);
        assert_ids(&seen, pages[i]);
        filter.after = seen.cursor;
    }
    Seen seen = query(c, (CdrFilter){.until_ms = NOON_MS + 1});
    assert_ids(&seen, "a n2 n1");
    seen = query(c, (CdrFilter){.from_ms = NOON_MS});
    assert_ids(&seen, "b a");
}

static void scan_visits_every_record(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    Seen seen = {.arena = &c->arena};
    must(c, c->ports.cdrs.scan(c->ports.cdrs.self, &contract_rating, see_id, &seen, &c->fault));
    assert_int_equal(seen.count, 5);
}

/* ---- sums ---- */

static void stats_are_sums_by_campaign_in_order_of_name(void **state)
{
    Contract *c = *state;
    store_ended(c, "a", "winter", "busy", NOON_MS, 0);
    store_ended(c, "b", "winter", "converted", NOON_MS, 61);
    store_ended(c, "c", "winter", "opted_out", NOON_MS, 20);
    store_ended(c, "d", "spring", "no_answer", NOON_MS, 0);
    store_ended(c, "e", "spring", "failed", NOON_MS, 0);
    store(c, "f", "", CALL_INITIATED, NOON_MS); /* of no campaign yet */
    CampaignStats found[3], *next = found;
    must(c, c->ports.cdrs.stats(c->ports.cdrs.self, &(CdrFilter){0}, sum_up, &next, &c->fault));
    assert_int_equal(next - found, 2);
    assert_slice(found[0].campaign_id, "spring");
    assert_int_equal(found[0].total_attempts, 2);
    assert_int_equal(found[0].no_answer, 1);
    assert_int_equal(found[0].failed, 1);
    assert_int_equal(found[0].answered, 0);
    assert_slice(found[1].campaign_id, "winter");
    assert_int_equal(found[1].total_attempts, 3);
    assert_int_equal(found[1].answered, 2);
    assert_int_equal(found[1].busy, 1);
    assert_int_equal(found[1].converted, 1);
    assert_int_equal(found[1].opt_outs, 1);
    assert_int_equal(found[1].total_duration_s, 81);
    assert_int_equal(found[1].total_cost_micros, 30000);
    for (CampaignStats *each = found; each < next; each++)
        free((void *)(uintptr_t)each->campaign_id.at);
}

static void stats_filter_by_campaign_and_time(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    CampaignStats found[3], *next = found;
    CdrFilter filter = {.campaign_id = SLICE("winter"), .from_ms = NOON_MS + 1, .until_ms = NOON_MS + 3000};
    must(c, c->ports.cdrs.stats(c->ports.cdrs.self, &filter, sum_up, &next, &c->fault));
    assert_int_equal(next - found, 1);
    assert_int_equal(found[0].total_attempts, 1);
    assert_int_equal(found[0].converted, 1);
    free((void *)(uintptr_t)found[0].campaign_id.at);
}

static void started_since_counts_a_campaign_or_all(void **state)
{
    Contract *c = *state;
    arrange_list(c);
    int64_t calls;
    must(c, c->ports.cdrs.started_since(c->ports.cdrs.self, SLICE("winter"), NOON_MS + 2000, &calls, &c->fault));
    assert_int_equal(calls, 2);
    must(c, c->ports.cdrs.started_since(c->ports.cdrs.self, (Slice){0}, NOON_MS + 2000, &calls, &c->fault));
    assert_int_equal(calls, 3);
}

/* ---- age ---- */

static size_t stale(Contract *c, int64_t before_ms, size_t max, Slice *out)
{
    size_t count = 99;
    CdrCursor after = {0};
    must(c, c->ports.cdrs.stale(c->ports.cdrs.self, before_ms, &after, max, &c->arena, out, &count, &c->fault));
    return count;
}

static void stale_finds_open_calls_that_went_quiet(void **state)
{
    Contract *c = *state;
    Slice found[8];
    store(c, "quiet", "winter", CALL_INITIATED, NOON_MS);
    store(c, "talking", "winter", CALL_INITIATED, NOON_MS);
    store(c, "talking", "winter", CALL_ANSWERED, NOON_MS + 9000);
    store_ended(c, "ended", "winter", "busy", NOON_MS, 0);
    assert_int_equal(stale(c, NOON_MS, 8, found), 0);
    assert_int_equal(stale(c, NOON_MS + 5000, 8, found), 1);
    assert_slice(found[0], "quiet");
    assert_int_equal(stale(c, NOON_MS + 10000, 8, found), 2);
    assert_int_equal(stale(c, NOON_MS + 10000, 1, found), 1);
    store(c, "quiet", "winter", CALL_TIMEOUT, NOON_MS + 20000);
    assert_int_equal(stale(c, NOON_MS + 5000, 8, found), 0);
}

static void stale_goes_on_behind_what_it_showed(void **state)
{
    Contract *c = *state;
    Slice found[2];
    CdrCursor after = {0};
    size_t count;
    const char *const ids[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++)
        store(c, ids[i], "winter", CALL_INITIATED, NOON_MS + (i + 1) / 2 * 1000); /* two and two start together */
    for (int i = 0; i < 5; i += (int)count) {
        must(c, c->ports.cdrs.stale(c->ports.cdrs.self, NOON_MS + 9000, &after, 2, &c->arena, found, &count, &c->fault));
        assert_int_equal(count, i < 4 ? 2 : 1);
        assert_slice(found[0], ids[i]);
    }
    must(c, c->ports.cdrs.stale(c->ports.cdrs.self, NOON_MS + 9000, &after, 2, &c->arena, found, &count, &c->fault));
    assert_int_equal(count, 0);
}

static void stale_finds_calls_without_a_start_first(void **state)
{
    Contract *c = *state;
    Slice found[1];
    CdrCursor after = {0};
    size_t count;
    store(c, "a", "winter", CALL_INITIATED, NOON_MS);
    store_timeless(c, "n1");
    store_timeless(c, "n2");
    const char *const ids[] = {"n1", "n2", "a"};
    for (int i = 0; i < 3; i++) {
        must(c, c->ports.cdrs.stale(c->ports.cdrs.self, NOON_MS + 9000, &after, 1, &c->arena, found, &count, &c->fault));
        assert_int_equal(count, 1);
        assert_slice(found[0], ids[i]);
    }
}

static void expire_shows_and_deletes_the_oldest(void **state)
{
    Contract *c = *state;
    const char *const ids[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        bool conflict;
        Cdr *cdr = fold(c, contract_load(c, ids[i]), "winter", CALL_INITIATED, NOON_MS);
        must(c, c->ports.cdrs.save(c->ports.cdrs.self, &cdr, 1, NOON_MS + i * 1000, &conflict, &c->fault));
    }
    Seen seen = {.arena = &c->arena};
    size_t deleted;
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, NOON_MS + 3000, 2, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    assert_int_equal(deleted, 2);
    assert_ids(&seen, "a b");
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, NOON_MS + 3000, 2, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    assert_int_equal(deleted, 1);
    assert_int_equal(query(c, (CdrFilter){0}).count, 1);
    assert_int_equal(contract_load(c, "a")->rev, 0);
    assert_int_equal(contract_load(c, "d")->rev, 1);
}

static void record_that_moves_in_keeps_its_age(void **state)
{
    Contract *c = *state;
    bool conflict;
    size_t deleted;
    Seen seen = {.arena = &c->arena};
    Cdr *cdr = fold(c, contract_load(c, "a"), "winter", CALL_INITIATED, NOON_MS);
    must(c, c->ports.cdrs.save(c->ports.cdrs.self, &cdr, 1, 0, &conflict, &c->fault));
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, cdr->created_ms, 10, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    assert_int_equal(deleted, 0);
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, cdr->created_ms + 1, 10, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    assert_int_equal(deleted, 1);
}

static Status note_and_fail(void *context, Fault *fault)
{
    Seen *seen = context;
    seen->stop_after = seen->count; /* how many there were when it was called */
    return fault_set(fault, STATUS_RETRY, "counters_away", "the counters are away");
}

static void expire_deletes_nothing_that_the_counters_have_not_let_go(void **state)
{
    Contract *c = *state;
    Seen seen = {.arena = &c->arena};
    size_t deleted = 0;
    store(c, "a", "winter", CALL_INITIATED, NOON_MS);
    store(c, "b", "winter", CALL_INITIATED, NOON_MS);
    assert_int_equal(c->ports.cdrs.expire(c->ports.cdrs.self, NOON_MS + 1, 10, &contract_rating, see_id, note_and_fail, &seen, &deleted, &c->fault),
                     STATUS_RETRY);
    assert_string_equal(c->fault.code, "counters_away");
    assert_int_equal(seen.stop_after, 2);
    assert_int_equal(deleted, 0);
    assert_int_equal(contract_load(c, "a")->rev, 1);
    assert_int_equal(contract_load(c, "b")->rev, 1);
}

static void expire_keeps_what_the_visitor_refuses(void **state)
{
    Contract *c = *state;
    store(c, "a", "winter", CALL_INITIATED, NOON_MS);
    Seen seen = {.arena = &c->arena, .stop_after = 1};
    size_t deleted;
    must(c, c->ports.cdrs.expire(c->ports.cdrs.self, NOON_MS + 1, 10, &contract_rating, see_id, go_on, &seen, &deleted, &c->fault));
    assert_int_equal(deleted, 0);
    assert_int_equal(contract_load(c, "a")->rev, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(unknown_call_is_loaded_empty),
        CONTRACT_TEST(stored_record_is_loaded_as_it_was),
        CONTRACT_TEST(batch_is_loaded_in_its_order),
        CONTRACT_TEST(save_against_an_old_revision_conflicts),
        CONTRACT_TEST(second_first_save_conflicts),
        CONTRACT_TEST(record_that_is_gone_conflicts),
        CONTRACT_TEST(record_from_a_list_can_be_saved),
        CONTRACT_TEST(late_first_event_moves_start_and_campaign),
        CONTRACT_TEST(six_hundred_campaigns_are_kept_apart),
        CONTRACT_TEST(list_is_newest_first_and_filters),
        CONTRACT_TEST(list_pages_by_cursor_without_gap_or_repeat),
        CONTRACT_TEST(list_stops_when_told),
        CONTRACT_TEST(random_lists_agree_with_a_sort),
        CONTRACT_TEST(record_without_a_start_is_listed_behind_the_oldest),
        CONTRACT_TEST(scan_visits_every_record),
        CONTRACT_TEST(stats_are_sums_by_campaign_in_order_of_name),
        CONTRACT_TEST(stats_filter_by_campaign_and_time),
        CONTRACT_TEST(started_since_counts_a_campaign_or_all),
        CONTRACT_TEST(stale_finds_open_calls_that_went_quiet),
        CONTRACT_TEST(stale_goes_on_behind_what_it_showed),
        CONTRACT_TEST(stale_finds_calls_without_a_start_first),
        CONTRACT_TEST(expire_shows_and_deletes_the_oldest),
        CONTRACT_TEST(expire_deletes_nothing_that_the_counters_have_not_let_go),
        CONTRACT_TEST(expire_keeps_what_the_visitor_refuses),
        CONTRACT_TEST(record_that_moves_in_keeps_its_age),
    };
    const struct CMUnitTest joined_tests[] = {CONTRACT_TEST(rollback_leaves_no_record_and_no_campaign)};
    return contract_run_tests("cdrs", contract_cdrs_adapters, tests) + contract_run_tests("cdrs in a unit", contract_adapters, joined_tests);
}
