/* Strict to dial, generous to block. */
#include "../check.h"

#include "event/phone.h"

static void only_e164_is_e164(void **state)
{
    (void)state;
    assert_true(phone_is_e164(SLICE("+972501234567")));
    assert_true(phone_is_e164(SLICE("+12345678")));
    assert_true(phone_is_e164(SLICE("+123456789012345")));
    static const char *const wrong[] = {"", "+", "972501234567", "+1234567", "+1234567890123456", "+0501234567", "+97250 1234567", "+97250123456a",
                                        " +972501234567", "+972501234567 ", "++972501234567", "+\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7\xd9\xa8"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(phone_is_e164(slice_of(wrong[i])));
}

static void every_spelling_of_a_number_gives_it(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "+972501234567", "972501234567", "00972501234567", "+972 50-123-4567", "(972) 50 1234567", "tel:+972-50-123-4567", "tel:+972501234567;ext=5",
        "\xe2\x80\x8e+972501234567", ("\xef\xbc\x99\xef\xbc\x97\xef\xbc\x92" "501234567"), "+972.50.123.4567",
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        Slice found[PHONE_CANDIDATES_MAX];
        assert_int_equal(phone_candidates(slice_of(spellings[i]), &arena, found), 1);
        assert_slice(found[0], "+972501234567");
    }
    arena_done(&arena);
}

static void a_trunk_zero_in_brackets_gives_both_readings(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    Slice found[PHONE_CANDIDATES_MAX];
    assert_int_equal(phone_candidates(SLICE("+44 (0)20 7946 0958"), &arena, found), 2);
    assert_slice(found[0], "+4402079460958");
    assert_slice(found[1], "+442079460958");
    arena_done(&arena);
}

static void numbers_are_found_in_bytes_that_are_no_json(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"callId\":\"c\",\"phoneNumber\":\"+972501234567\"", "{\"Message\":\"{\\\"phoneNumber\\\":\\\"+972501234567\\\"", "phoneNumber=+972501234567&x=1",
        "\xff\xfe\"phoneNumber\" : \"+972501234567\"",
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Slice found[PHONE_CANDIDATES_MAX];
        assert_int_equal(phone_salvage(slice_of(bodies[i]), &arena, found), 1);
        assert_slice(found[0], "+972501234567");
    }
    Slice found[PHONE_CANDIDATES_MAX];
    assert_int_equal(phone_salvage(SLICE("no number here"), &arena, found), 0);
    assert_int_equal(phone_salvage((Slice){0}, &arena, found), 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_e164_is_e164), cmocka_unit_test(every_spelling_of_a_number_gives_it),
        cmocka_unit_test(a_trunk_zero_in_brackets_gives_both_readings), cmocka_unit_test(numbers_are_found_in_bytes_that_are_no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
