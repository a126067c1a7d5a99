/* Counters: a projection of what was stored, whatever is repeated. Run joined to the records and guarded beside them. */
#include "contract.h"

#include <stdlib.h>

/* ---- looking ---- */

typedef struct Wanted {
    Slice campaign_id, counter;
    int64_t value, last_activity_ms;
    size_t campaigns;
} Wanted;

static bool find_counter(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Wanted *wanted = context;
    wanted->campaigns++;
    if (!slice_equal(campaign_id, wanted->campaign_id))
        return true;
    wanted->last_activity_ms = last_activity_ms;
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(counters[i].name, wanted->counter))
            wanted->value = counters[i].value;
    }
    return true;
}

static Wanted read_counter(Contract *c, const char *campaign_id, const char *counter)
{
    Wanted wanted = {.campaign_id = slice_of(campaign_id), .counter = slice_of(counter)};
    must(c, c->ports.live.read(c->ports.live.self, (Slice){0}, find_counter, &wanted, &c->fault));
    return wanted;
}

static int64_t counter(Contract *c, const char *campaign_id, const char *name) { return read_counter(c, campaign_id, name).value; }

/* ---- arranging ---- */

static Contribution share(const char *campaign_id, int64_t at_ms, const char *first, const char *second)
{
    Contribution made = {.campaign_id = slice_of(campaign_id), .last_activity_ms = at_ms};
    contribution_add(&made, slice_of(first), 1);
    if (second)
        contribution_add(&made, slice_of(second), 1);
    return made;
}

static void project(Contract *c, const char *key, int64_t rev, const Contribution *before, const Contribution *after)
{
    Projection item = {slice_of(key), rev, before, after, NOON_MS, 0, 0};
    must(c, c->ports.live.project(c->ports.live.self, &item, 1, &c->fault));
}

/* ---- project ---- */

static void first_share_is_added(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "total_attempts", "active_calls");
    project(c, "call-1", 1, NULL, &first);
    assert_int_equal(counter(c, "winter", "total_attempts"), 1);
    assert_int_equal(counter(c, "winter", "active_calls"), 1);
    assert_int_equal(read_counter(c, "winter", "").last_activity_ms, NOON_MS);
}

static void newer_share_replaces_the_one_before(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "total_attempts", "active_calls"), second = share("winter", NOON_MS, "total_attempts", "busy");
    project(c, "call-1", 1, NULL, &first);
    project(c, "call-1", 2, &first, &second);
    assert_int_equal(counter(c, "winter", "total_attempts"), 1);
    assert_int_equal(counter(c, "winter", "active_calls"), 0);
    assert_int_equal(counter(c, "winter", "busy"), 1);
}

/* A duplicate is read at the revision that is stored, so nothing lies between before and after. */
static void duplicate_changes_nothing(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "total_attempts", "busy");
    project(c, "call-1", 1, NULL, &first);
    project(c, "call-1", 1, &first, &first);
    assert_int_equal(counter(c, "winter", "total_attempts"), 1);
    assert_int_equal(counter(c, "winter", "busy"), 1);
}

static void older_revision_that_comes_late_is_not_counted(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "total_attempts", "active_calls"), second = share("winter", NOON_MS, "total_attempts", "busy");
    project(c, "call-1", 2, NULL, &second);
    project(c, "call-1", 1, NULL, &first);
    assert_int_equal(counter(c, "winter", "total_attempts"), 1);
    assert_int_equal(counter(c, "winter", "active_calls"), 0);
    assert_int_equal(counter(c, "winter", "busy"), 1);
}

static void call_that_changes_its_campaign_moves(void **state)
{
    Contract *c = *state;
    Contribution first = share("", NOON_MS, "total_attempts", NULL), second = share("winter", NOON_MS, "total_attempts", NULL),
                 third = share("spring", NOON_MS, "total_attempts", "busy");
    first.count = 0;
    project(c, "call-1", 1, NULL, &first);
    project(c, "call-1", 2, &first, &second);
    project(c, "call-1", 3, &second, &third);
    assert_int_equal(counter(c, "winter", "total_attempts"), 0);
    assert_int_equal(counter(c, "spring", "total_attempts"), 1);
    assert_int_equal(counter(c, "spring", "busy"), 1);
}

static void batch_adds_up(void **state)
{
    Contract *c = *state;
    Contribution winter = share("winter", NOON_MS, "total_attempts", "busy"), spring = share("spring", NOON_MS, "total_attempts", NULL);
    Projection items[BATCH_MAX];
    for (int i = 0; i < BATCH_MAX; i++)
        items[i] = (Projection){arena_printf(&c->arena, "call-%d", i), 1, NULL, i % 4 ? &winter : &spring, NOON_MS, 0, 0};
    must(c, c->ports.live.project(c->ports.live.self, items, BATCH_MAX, &c->fault));
    assert_int_equal(counter(c, "winter", "busy"), BATCH_MAX * 3 / 4);
    assert_int_equal(counter(c, "spring", "total_attempts"), BATCH_MAX / 4);
}

static void last_activity_is_the_latest_whatever_the_order(void **state)
{
    Contract *c = *state;
    Contribution late = share("winter", NOON_MS + 5000, "total_attempts", NULL), early = share("winter", NOON_MS, "total_attempts", NULL);
    project(c, "call-1", 1, NULL, &late);
    project(c, "call-2", 1, NULL, &early);
    assert_int_equal(read_counter(c, "winter", "").last_activity_ms, NOON_MS + 5000);
}

/* As when a record has been deleted for its age. */
static void thing_that_is_gone_counts_for_nothing(void **state)
{
    Contract *c = *state;
    Contribution stays = share("winter", NOON_MS, "busy", NULL), was = share("winter", NOON_MS, "busy", "failed");
    Contribution nothing = {.campaign_id = SLICE("winter")};
    project(c, "call-1", 1, NULL, &stays);
    project(c, "call-2", 4, NULL, &was);
    project(c, "call-2", 5, &was, &nothing);
    assert_int_equal(counter(c, "winter", "busy"), 1);
    assert_int_equal(counter(c, "winter", "failed"), 0);
}

/* Two processes delete it; then a late event makes it anew, at the first revision. */
static void thing_that_is_gone_goes_once_and_may_come_again(void **state)
{
    Contract *c = *state;
    Contribution stays = share("winter", NOON_MS, "busy", NULL), was = share("winter", NOON_MS, "busy", "failed");
    Contribution nothing = {.campaign_id = SLICE("winter")};
    project(c, "call-1", 1, NULL, &stays);
    project(c, "call-2", 4, NULL, &was);
    project(c, "call-2", 5, &was, &nothing);
    project(c, "call-2", 5, &was, &nothing);
    assert_int_equal(counter(c, "winter", "busy"), 1);
    project(c, "call-2", 1, NULL, &was);
    assert_int_equal(counter(c, "winter", "busy"), 2);
    assert_int_equal(counter(c, "winter", "failed"), 1);
}

static void adjust_adds_what_was_missing(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "busy", NULL), delta = {.campaign_id = SLICE("winter")};
    project(c, "call-1", 1, NULL, &first);
    contribution_add(&delta, SLICE("busy"), -3);
    contribution_add(&delta, SLICE("failed"), 7);
    must(c, c->ports.live.adjust(c->ports.live.self, &delta, 1, &c->fault));
    assert_int_equal(counter(c, "winter", "busy"), -2);
    assert_int_equal(counter(c, "winter", "failed"), 7);
}

static void read_shows_one_campaign_or_all(void **state)
{
    Contract *c = *state;
    Contribution winter = share("winter", NOON_MS, "busy", "failed"), spring = share("spring", NOON_MS, "busy", NULL);
    project(c, "call-1", 1, NULL, &winter);
    project(c, "call-2", 1, NULL, &spring);
    Wanted wanted = {.campaign_id = SLICE("spring"), .counter = SLICE("busy")};
    must(c, c->ports.live.read(c->ports.live.self, SLICE("spring"), find_counter, &wanted, &c->fault));
    assert_int_equal(wanted.campaigns, 1);
    assert_int_equal(wanted.value, 1);
    assert_int_equal(read_counter(c, "winter", "failed").campaigns, 2);
}

static void rollback_leaves_the_counters(void **state)
{
    Contract *c = *state;
    Contribution first = share("winter", NOON_MS, "busy", NULL);
    contract_begin(c);
    project(c, "call-1", 1, NULL, &first);
    contract_rollback(c);
    assert_int_equal(counter(c, "winter", "busy"), 0);
    contract_begin(c);
    project(c, "call-1", 1, NULL, &first);
    contract_commit(c);
    assert_int_equal(counter(c, "winter", "busy"), 1);
}

/* ---- a model: whatever happens to the calls, the counters are the sums of their last shares ---- */

enum { CALLS = 60, STEPS = 800 };

typedef struct Model {
    Contribution shares[CALLS];
    int64_t revs[CALLS];
} Model;

static const char *const campaigns[] = {"winter", "spring", "autumn"};
static const char *const names[] = {"total_attempts", "busy", "failed", "donations", "sms_sent"};

static Contribution random_share(void)
{
    Contribution made = {.campaign_id = slice_of(campaigns[random() % 3]), .last_activity_ms = NOON_MS + random() % 1000};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (random() % 2)
            contribution_add(&made, slice_of(names[i]), 1 + random() % 3);
    }
    return made;
}

static int64_t sum(const Model *model, const char *campaign_id, const char *name)
{
    int64_t total = 0;
    for (size_t call = 0; call < CALLS; call++) {
        const Contribution *made = &model->shares[call];
        for (size_t i = 0; slice_equal(made->campaign_id, slice_of(campaign_id)) && i < made->count; i++)
            total += slice_equal(made->counters[i].name, slice_of(name)) ? made->counters[i].value : 0;
    }
    return total;
}

/* A change of one call; a third of them are sent twice. */
static void step(Contract *c, Model *model)
{
    size_t call = (size_t)random() % CALLS;
    Contribution before = model->shares[call], after = random_share();
    Slice key = arena_printf(&c->arena, "call-%zu", call);
    model->revs[call]++;
    project(c, key.at, model->revs[call], model->revs[call] > 1 ? &before : NULL, &after);
    if (random() % 3 == 0)
        project(c, key.at, model->revs[call], &after, &after);
    model->shares[call] = after;
}

static void run_unit(Contract *c, Model *model)
{
    for (int i = 0; i < 20; i++)
        step(c, model);
}

static void check_sums(Contract *c, const Model *model)
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            assert_int_equal(counter(c, campaigns[i], names[k]), sum(model, campaigns[i], names[k]));
    }
}

static void counters_equal_the_sums_of_random_shares(void **state)
{
    Model model = {0};
    srandom(1705);
    for (int units = 0; units < STEPS / 20; units++)
        run_unit(*state, &model);
    check_sums(*state, &model);
}

static void counters_equal_the_sums_of_random_shares_with_units_undone(void **state)
{
    Contract *c = *state;
    Model model = {0};
    srandom(1705);
    for (int units = 0; units < STEPS / 20; units++) {
        Model before = model;
        bool undone = random() % 5 == 0;
        contract_begin(c);
        run_unit(c, &model);
        if (undone) {
            contract_rollback(c);
            model = before;
        } else {
            contract_commit(c);
        }
    }
    check_sums(c, &model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(first_share_is_added),
        CONTRACT_TEST(newer_share_replaces_the_one_before),
        CONTRACT_TEST(duplicate_changes_nothing),
        CONTRACT_TEST(call_that_changes_its_campaign_moves),
        CONTRACT_TEST(batch_adds_up),
        CONTRACT_TEST(last_activity_is_the_latest_whatever_the_order),
        CONTRACT_TEST(thing_that_is_gone_counts_for_nothing),
        CONTRACT_TEST(read_shows_one_campaign_or_all),
        CONTRACT_TEST(counters_equal_the_sums_of_random_shares),
    };
    const struct CMUnitTest guarded_tests[] = {
        CONTRACT_TEST(older_revision_that_comes_late_is_not_counted),
        CONTRACT_TEST(thing_that_is_gone_goes_once_and_may_come_again),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(adjust_adds_what_was_missing),
        CONTRACT_TEST(rollback_leaves_the_counters),
        CONTRACT_TEST(counters_equal_the_sums_of_random_shares_with_units_undone),
    };
    return contract_run_tests("live", contract_live_adapters, tests) +
           contract_run_tests("live beside the records", contract_live_guarded_adapters, guarded_tests) +
           contract_run_tests("live in a unit", contract_live_unit_adapters, unit_tests);
}
