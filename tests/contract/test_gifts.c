/* Gifts and clicks: what is told twice, or out of order, counts once. */
#include "contract.h"

#define REF "0123456789abcdef0123456789abcdef"
#define OTHER_REF "fedcba9876543210fedcba9876543210"

/* ---- clicks ---- */

typedef struct SeenClicks { Arena *arena; LinkClicks clicks[8]; size_t count; } SeenClicks;

static bool see_clicks(void *context, const LinkClicks *clicks)
{
    SeenClicks *seen = context;
    seen->clicks[seen->count++] = clicks_copy(clicks, seen->arena);
    return true;
}

static SeenClicks clicks_of(Contract *c, const char *ref)
{
    SeenClicks seen = {.arena = &c->arena};
    must(c, c->ports.gifts.clicks(c->ports.gifts.self, slice_of(ref), see_clicks, &seen, &c->fault));
    return seen;
}

static void click(Contract *c, const char *ref, ClickKind kind, int64_t first_ms, int64_t last_ms, int64_t count)
{
    LinkClicks clicks = {.ref = slice_of(ref), .kind = kind, .first_ms = first_ms, .last_ms = last_ms, .count = count};
    must(c, c->ports.gifts.click(c->ports.gifts.self, &clicks, 1, &c->fault));
}

static void clicks_of_a_link_add_up_by_kind(void **state)
{
    Contract *c = *state;
    click(c, REF, CLICK_HUMAN, NOON_MS, NOON_MS + 10, 2);
    click(c, REF, CLICK_SCANNER, NOON_MS - 5, NOON_MS - 5, 1);
    click(c, REF, CLICK_HUMAN, NOON_MS + 20, NOON_MS + 30, 3);
    click(c, OTHER_REF, CLICK_HUMAN, NOON_MS, NOON_MS, 1);
    SeenClicks seen = clicks_of(c, REF);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.clicks[0].kind, CLICK_HUMAN);
    assert_int_equal(seen.clicks[0].count, 5);
    assert_int_equal(seen.clicks[0].first_ms, NOON_MS);
    assert_int_equal(seen.clicks[0].last_ms, NOON_MS + 30);
    assert_int_equal(seen.clicks[1].kind, CLICK_SCANNER);
    assert_int_equal(seen.clicks[1].count, 1);
}

static void clicks_that_are_told_again_count_nothing(void **state)
{
    Contract *c = *state;
    click(c, REF, CLICK_HUMAN, NOON_MS, NOON_MS + 10, 2);
    click(c, REF, CLICK_HUMAN, NOON_MS, NOON_MS + 10, 2);
    assert_int_equal(clicks_of(c, REF).clicks[0].count, 2);
}

static void clicks_of_all_links_come_in_order(void **state)
{
    Contract *c = *state;
    click(c, OTHER_REF, CLICK_HUMAN, NOON_MS, NOON_MS, 1);
    click(c, REF, CLICK_SCANNER, NOON_MS, NOON_MS, 1);
    click(c, REF, CLICK_PREVIEW, NOON_MS, NOON_MS, 1);
    SeenClicks seen = clicks_of(c, "");
    assert_int_equal(seen.count, 3);
    assert_slice(seen.clicks[0].ref, REF);
    assert_int_equal(seen.clicks[0].kind, CLICK_PREVIEW);
    assert_slice(seen.clicks[2].ref, OTHER_REF);
}

static void clicks_that_move_in_twice_are_held_once(void **state)
{
    Contract *c = *state;
    LinkClicks moving[] = {{.ref = SLICE(REF), .kind = CLICK_HUMAN, .first_ms = NOON_MS, .last_ms = NOON_MS + 50, .count = 7},
                       {.ref = SLICE(OTHER_REF), .kind = CLICK_HUMAN, .first_ms = NOON_MS, .last_ms = NOON_MS, .count = 1}};
    bool moved[2];
    click(c, REF, CLICK_HUMAN, NOON_MS + 10, NOON_MS + 60, 2);
    must(c, c->ports.gifts.enter_clicks(c->ports.gifts.self, moving, 2, moved, &c->fault));
    assert_true(moved[0] && moved[1]);
    must(c, c->ports.gifts.enter_clicks(c->ports.gifts.self, moving, 2, moved, &c->fault));
    assert_false(moved[0] || moved[1]);
    SeenClicks seen = clicks_of(c, REF);
    assert_int_equal(seen.clicks[0].first_ms, NOON_MS);
    assert_int_equal(seen.clicks[0].last_ms, NOON_MS + 60);
    assert_int_equal(seen.clicks[0].count, 7);
}

/* ---- gifts ---- */

typedef struct SeenGifts { Arena *arena; Gift gifts[8]; size_t count; } SeenGifts;

static bool see_gift(void *context, const Gift *gift)
{
    SeenGifts *seen = context;
    seen->gifts[seen->count++] = gift_copy(gift, seen->arena);
    return true;
}

static SeenGifts list(Contract *c, GiftFilter filter)
{
    SeenGifts seen = {.arena = &c->arena};
    must(c, c->ports.gifts.list(c->ports.gifts.self, &filter, see_gift, &seen, &c->fault));
    return seen;
}

static Gift gift(const char *id)
{
    return (Gift){.id = slice_of(id), .ref = SLICE(REF), .call_id = SLICE("call-1"), .campaign_id = SLICE("winter"),
                  .contact_id = SLICE("contact-1"), .currency = SLICE("USD"), .given_micros = 18000000, .given_ms = NOON_MS,
                  .received_ms = NOON_MS + 1000};
}

static Gift refund(const char *id)
{
    Gift refund = gift(id);
    refund.refunded_micros = refund.given_micros;
    refund.refunded_ms = NOON_MS + 5000;
    refund.given_micros = refund.given_ms = 0;
    return refund;
}

static GiftResult give(Contract *c, Gift said)
{
    GiftResult result;
    must(c, c->ports.gifts.give(c->ports.gifts.self, &said, 1, &result, &c->fault));
    return result;
}

static void gift_is_held_as_it_was_told(void **state)
{
    Contract *c = *state;
    assert_int_equal(give(c, gift("g-1")), GIFT_ADDED);
    SeenGifts seen = list(c, (GiftFilter){0});
    assert_int_equal(seen.count, 1);
    assert_slice(seen.gifts[0].id, "g-1");
    assert_slice(seen.gifts[0].ref, REF);
    assert_slice(seen.gifts[0].call_id, "call-1");
    assert_slice(seen.gifts[0].campaign_id, "winter");
    assert_slice(seen.gifts[0].contact_id, "contact-1");
    assert_slice(seen.gifts[0].currency, "USD");
    assert_int_equal(seen.gifts[0].given_micros, 18000000);
    assert_int_equal(seen.gifts[0].given_ms, NOON_MS);
    assert_int_equal(seen.gifts[0].refunded_ms, 0);
    assert_int_equal(seen.gifts[0].received_ms, NOON_MS + 1000);
}

static void gift_that_is_told_twice_is_one(void **state)
{
    Contract *c = *state;
    assert_int_equal(give(c, gift("g-1")), GIFT_ADDED);
    assert_int_equal(give(c, gift("g-1")), GIFT_KNOWN);
    assert_int_equal(list(c, (GiftFilter){0}).count, 1);
}

static void first_amount_of_a_gift_stands(void **state)
{
    Contract *c = *state;
    Gift other = gift("g-1");
    other.given_micros = 19000000;
    give(c, gift("g-1"));
    assert_int_equal(give(c, other), GIFT_DIFFERS);
    assert_int_equal(list(c, (GiftFilter){0}).gifts[0].given_micros, 18000000);
}

static void refund_that_comes_before_its_gift_is_kept(void **state)
{
    Contract *c = *state;
    assert_int_equal(give(c, refund("g-1")), GIFT_ADDED);
    assert_int_equal(give(c, gift("g-1")), GIFT_ADDED);
    assert_int_equal(give(c, refund("g-1")), GIFT_KNOWN);
    SeenGifts seen = list(c, (GiftFilter){0});
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.gifts[0].given_micros, 18000000);
    assert_int_equal(seen.gifts[0].refunded_micros, 18000000);
    assert_int_equal(seen.gifts[0].refunded_ms, NOON_MS + 5000);
}

static void gift_that_nobody_could_place_is_placed_later(void **state)
{
    Contract *c = *state;
    Gift strange = gift("g-1");
    strange.ref = SLICE("what-the-page-wrote");
    strange.campaign_id = strange.call_id = strange.contact_id = (Slice){0};
    assert_int_equal(give(c, strange), GIFT_ADDED);
    assert_int_equal(list(c, (GiftFilter){.unmatched = true}).count, 1);
    assert_int_equal(give(c, gift("g-1")), GIFT_KNOWN);
    assert_int_equal(list(c, (GiftFilter){.unmatched = true}).count, 0);
    assert_slice(list(c, (GiftFilter){0}).gifts[0].ref, REF);
}

static void gifts_are_found_by_campaign_call_and_link_newest_first(void **state)
{
    Contract *c = *state;
    Gift other = gift("g-2");
    other.campaign_id = SLICE("spring");
    other.call_id = SLICE("call-2");
    other.ref = SLICE(OTHER_REF);
    give(c, gift("g-1"));
    give(c, other);
    give(c, gift("g-3"));
    SeenGifts winter = list(c, (GiftFilter){.campaign_id = SLICE("winter")});
    assert_int_equal(winter.count, 2);
    assert_slice(winter.gifts[0].id, "g-3");
    assert_slice(winter.gifts[1].id, "g-1");
    assert_slice(list(c, (GiftFilter){.call_id = SLICE("call-2")}).gifts[0].id, "g-2");
    assert_slice(list(c, (GiftFilter){.ref = SLICE(OTHER_REF)}).gifts[0].id, "g-2");
    assert_int_equal(list(c, (GiftFilter){.unmatched = true}).count, 0);
    SeenGifts page = list(c, (GiftFilter){.before_row = winter.gifts[0].row, .limit = 1});
    assert_int_equal(page.count, 1);
    assert_slice(page.gifts[0].id, "g-2");
    assert_slice(list(c, (GiftFilter){.oldest_first = true}).gifts[0].id, "g-1");
}

static void many_gifts_in_one_call_are_each_their_own(void **state)
{
    Contract *c = *state;
    Gift many[] = {gift("g-b"), refund("g-a"), gift("g-c")};
    GiftResult results[3];
    give(c, gift("g-c"));
    must(c, c->ports.gifts.give(c->ports.gifts.self, many, 3, results, &c->fault));
    assert_int_equal(results[0], GIFT_ADDED);
    assert_int_equal(results[1], GIFT_ADDED);
    assert_int_equal(results[2], GIFT_KNOWN);
    assert_int_equal(list(c, (GiftFilter){0}).count, 3);
}

static void rollback_takes_a_gift_and_its_clicks_back(void **state)
{
    Contract *c = *state;
    contract_begin(c);
    give(c, gift("g-1"));
    click(c, REF, CLICK_HUMAN, NOON_MS, NOON_MS, 1);
    contract_rollback(c);
    assert_int_equal(list(c, (GiftFilter){0}).count, 0);
    assert_int_equal(clicks_of(c, REF).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(clicks_of_a_link_add_up_by_kind),
        CONTRACT_TEST(clicks_that_are_told_again_count_nothing),
        CONTRACT_TEST(clicks_of_all_links_come_in_order),
        CONTRACT_TEST(clicks_that_move_in_twice_are_held_once),
        CONTRACT_TEST(gift_is_held_as_it_was_told),
        CONTRACT_TEST(gift_that_is_told_twice_is_one),
        CONTRACT_TEST(first_amount_of_a_gift_stands),
        CONTRACT_TEST(refund_that_comes_before_its_gift_is_kept),
        CONTRACT_TEST(gift_that_nobody_could_place_is_placed_later),
        CONTRACT_TEST(gifts_are_found_by_campaign_call_and_link_newest_first),
        CONTRACT_TEST(many_gifts_in_one_call_are_each_their_own),
    };
    const struct CMUnitTest unit_tests[] = {
        CONTRACT_TEST(rollback_takes_a_gift_and_its_clicks_back),
    };
    return contract_run_tests("gifts", contract_gifts_adapters, tests) + contract_run_tests("gifts in a unit", contract_adapters, unit_tests);
}
