/* Links lead to the page of their campaign, and to no other address. */
#include "../check.h"

#include "event/donation_pages.h"

static Slice page(const DonationPages *pages, const char *campaign_id, Arena *arena)
{
    return donation_page_url(pages, slice_of(campaign_id), SLICE("abc"), arena);
}

static void values_are_percent_encoded(void **state)
{
    DonationPages pages = {.usual = SLICE("https://give.example/{campaignId}?ref={ref}&again={ref}")};
    assert_slice(page(&pages, "a b/\r\nc?&\xd7\x90", *state), "https://give.example/a%20b%2F%0D%0Ac%3F%26%D7%90?ref=abc&again=abc");
}

static void campaign_has_its_own_page_or_the_usual_one(void **state)
{
    DonationPages pages = {.usual = SLICE("https://give.example/?r={ref}")};
    Fault fault;
    assert_int_equal(donation_pages_parse(SLICE("campaign,url\r\n# winter is over\nwinter,https://w.example/{ref}\n\"spring\", https://s.example/a,b\n"),
                                          *state, &pages, &fault), STATUS_OK);
    assert_slice(page(&pages, "winter", *state), "https://w.example/abc");
    assert_slice(page(&pages, "spring", *state), "https://s.example/a,b");
    assert_slice(page(&pages, "autumn", *state), "https://give.example/?r=abc");
    pages.usual = (Slice){0};
    assert_slice(page(&pages, "autumn", *state), "");
}

static void line_that_is_none_is_named(void **state)
{
    DonationPages pages = {0};
    Fault fault;
    assert_int_equal(donation_pages_parse(SLICE("winter,https://w.example\nspring,javascript:alert(1)\n"), *state, &pages, &fault), STATUS_REJECT);
    assert_non_null(strstr(fault.text, "line 2"));
}

static void only_web_addresses_are_pages(void **state)
{
    (void)state;
    static const char *const right[] = {"https://give.example", "http://127.0.0.1:8000/x?y={ref}#{campaignId}"};
    static const char *const wrong[] = {"", "give.example", "javascript:alert(1)", "//give.example", "https://give.example/{phone}", "https://a b",
                                        "https://give.example/\r\nX: y", "ftp://give.example", "https://give.example/{ref"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_true(donation_page_is_url(slice_of(right[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(donation_page_is_url(slice_of(wrong[i])));
}

static void page_is_one_unless_a_campaign_is_in_it(void **state)
{
    (void)state;
    DonationPages one = {.usual = SLICE("https://give.example/?r={ref}")}, by_name = {.usual = SLICE("https://give.example/{campaignId}")};
    assert_true(donation_pages_are_one(&one));
    assert_false(donation_pages_are_one(&by_name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_percent_encoded),
        cmocka_unit_test(campaign_has_its_own_page_or_the_usual_one),
        cmocka_unit_test(line_that_is_none_is_named),
        cmocka_unit_test(only_web_addresses_are_pages),
        cmocka_unit_test(page_is_one_unless_a_campaign_is_in_it),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
