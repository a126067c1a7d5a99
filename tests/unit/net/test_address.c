/* Addresses to listen on, and ranges of those who may connect. */
#include "../check.h"

#include "net/address.h"

static void addresses_are_read_and_printed(void **state)
{
    (void)state;
    static const struct { const char *text, *printed; bool is_loopback; } rows[] = {
        {"4573", "127.0.0.1:4573", true}, {"127.0.0.1:0", "127.0.0.1:0", true}, {"127.9.9.9:1", "127.9.9.9:1", true}, {"0.0.0.0:65535", "0.0.0.0:65535", false},
        {"[::1]:4573", "[::1]:4573", true}, {"[2001:db8::1]:80", "[2001:db8::1]:80", false}, {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Address address;
        char printed[64];
        if (!address_read(slice_of(rows[i].text), &address))
            fail_msg("refused: %s", rows[i].text);
        address_print(&address, printed);
        assert_string_equal(printed, rows[i].printed);
        assert_int_equal(address_is_loopback(&address), rows[i].is_loopback);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ":", "x", "65536", "-1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "localhost:80", "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80",
                                        "[::1:80", "1.2.3:80", " 80", "80 ", "4573x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Address address;
        if (address_read(slice_of(texts[i]), &address))
            fail_msg("taken: %s", texts[i]);
    }
}

static void ranges_hold_what_they_name(void **state)
{
    AddressRanges ranges;
    assert_int_equal(address_ranges_read(SLICE(" 10.0.0.0/8,192.0.2.7\n2001:db8::/33, 172.16.128.0/17"), *state, &ranges, NULL), STATUS_OK);
    static const struct { const char *text; bool is_among; } rows[] = {
        {"10.255.0.1:1", true}, {"11.0.0.1:1", false}, {"192.0.2.7:1", true}, {"192.0.2.8:1", false}, {"[2001:db8:7fff::1]:1", true}, {"[2001:db8:8000::1]:1", false},
        {"[::ffff:10.1.2.3]:1", true}, {"127.0.0.1:1", false}, {"172.16.128.1:1", true}, {"172.16.127.1:1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Address address;
        assert_true(address_read(slice_of(rows[i].text), &address));
        if (address_is_among(&ranges, &address) != rows[i].is_among)
            fail_msg("wrong: %s", rows[i].text);
    }
}

static void no_range_holds_nobody_and_a_wrong_one_is_named(void **state)
{
    AddressRanges ranges;
    Address address;
    Fault fault;
    assert_int_equal(address_ranges_read(SLICE(" , "), *state, &ranges, NULL), STATUS_OK);
    assert_true(address_read(SLICE("10.0.0.1:1"), &address));
    assert_false(address_is_among(&ranges, &address));
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0", "pbx.example.org", "::/129", "10.0.0.0/", "/8"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(address_ranges_read(arena_printf(*state, "127.0.0.1, %s", wrong[i]), *state, &ranges, &fault), STATUS_REJECT);
        assert_non_null(strstr(fault.text, wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_printed), cmocka_unit_test(what_is_no_address_is_refused), cmocka_unit_test(ranges_hold_what_they_name),
        cmocka_unit_test(no_range_holds_nobody_and_a_wrong_one_is_named),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
