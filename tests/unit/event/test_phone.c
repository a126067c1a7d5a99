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
        assert_int_equal(phone_candidates(slice_of(spellings[i]), (Slice){0}, &arena, found), 1);
        assert_slice(found[0], "+972501234567");
    }
    arena_done(&arena);
}

/* Each text, and the number that must be among its readings. */
static void the_number_is_found_whatever_is_around_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "+972 50-200-0001 ext 5", "+972502000001x12", "+972502000002,+972502000001", "+972502000001 / +972502000005", "011972502000001",
        "0011972502000001", "+972\xe0\xa5\xab" "02000001", "\xef\xbc\x8b\xef\xbc\x99\xef\xbc\x97\xef\xbc\x92" "502000001", "+972 050-200-0001",
        "+972 (0)50-200-0001", "p:+972502000001", "sip:+972502000001@10.0.0.1", "sip:+972502000001@pbx2.example.org:5060", "\"Ann\" <+972502000001>",
        "+972\xc2\xa0" "50\xe2\x80\x91" "2000001", "12125550100 972502000001", "[\"+972502000001\"]", "tel:+972502000001;ext=5",
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Slice found[PHONE_CANDIDATES_MAX];
        size_t count = phone_candidates(slice_of(texts[i]), (Slice){0}, &arena, found);
        bool is_found = false;
        for (size_t j = 0; j < count; j++)
            is_found |= slice_equal(found[j], SLICE("+972502000001"));
        if (!is_found)
            fail_msg("not found in \"%s\"", texts[i]);
    }
    arena_done(&arena);
}

static void a_zero_that_belongs_to_the_number_stays(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    Slice found[PHONE_CANDIDATES_MAX];
    assert_int_equal(phone_candidates(SLICE("+39 06 1234 5678"), (Slice){0}, &arena, found), 1);
    assert_slice(found[0], "+390612345678");
    arena_done(&arena);
}

static void a_trunk_zero_in_brackets_gives_both_readings(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    Slice found[PHONE_CANDIDATES_MAX];
    assert_int_equal(phone_candidates(SLICE("+44 (0)20 7946 0958"), (Slice){0}, &arena, found), 2);
    assert_slice(found[0], "+4402079460958");
    assert_slice(found[1], "+442079460958");
    arena_done(&arena);
}

/* A number as it is written at home, the country, and every number that it may mean. */
static void national_forms_are_read_with_the_country_code(void **state)
{
    (void)state;
    static const struct { const char *text, *country, *numbers[4]; } rows[] = {
        {"050-123-4567", "972", {"+9720501234567", "+972501234567"}},
        {"050-123-4567", "", {NULL}},
        {"501234567", "972", {"+501234567", "+972501234567"}},
        {"972501234567", "972", {"+972501234567"}},
        {"+12125550123", "972", {"+12125550123"}},
        {"\xef\xbc\x8b" "12125550123", "972", {"+12125550123"}},
        {"0012125550123", "972", {"+12125550123"}},
        {"(212) 555-0123", "1", {"+12125550123"}},
        {"12125550123", "1", {"+12125550123"}},
        {"011 972 50 123 4567", "1", {"+972501234567"}},
        {"06 1234 5678", "39", {"+390612345678", "+39612345678"}},
        {"8 916 123-45-67", "7", {"+89161234567", "+789161234567", "+79161234567"}},
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Slice found[PHONE_CANDIDATES_MAX];
        size_t count = phone_candidates(slice_of(rows[i].text), slice_of(rows[i].country), &arena, found);
        for (size_t j = 0; j < count; j++)
            assert_slice(found[j], rows[i].numbers[j]);
        assert_null(rows[i].numbers[count]);
    }
    arena_done(&arena);
}

static void only_plus_and_00_name_a_country(void **state)
{
    (void)state;
    assert_true(phone_names_country(SLICE("+1 212")) && phone_names_country(SLICE("tel:+1")) && phone_names_country(SLICE("00972 5")));
    assert_false(phone_names_country(SLICE("972501234567")) || phone_names_country(SLICE("050+1")) || phone_names_country(SLICE("")));
}

static void numbers_are_found_in_bytes_that_are_no_json(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"callId\":\"c\",\"phoneNumber\":\"+972501234567\"", "{\"Message\":\"{\\\"phoneNumber\\\":\\\"+972501234567\\\"", "phoneNumber=+972501234567&x=1",
        "\xff\xfe\"phoneNumber\" : \"+972501234567\"", "{\"phoneNumber\":\"\\u002b972501234567\",\"x\":}", "{\"phoneNumber\":[\"+972501234567\"",
        "{\"phone\":\"+972501234567\",\"at\":\"2024-01-15T10:30:00+02:00\"", "phoneNumber=%2B972501234567&x=1",
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Slice found[PHONE_CANDIDATES_MAX];
        assert_int_equal(phone_salvage(slice_of(bodies[i]), (Slice){0}, &arena, found), 1);
        assert_slice(found[0], "+972501234567");
    }
    Slice found[PHONE_CANDIDATES_MAX];
    assert_int_equal(phone_salvage(SLICE("no number here"), (Slice){0}, &arena, found), 0);
    assert_int_equal(phone_salvage((Slice){0}, (Slice){0}, &arena, found), 0);
    arena_done(&arena);
}

static void number_with_and_without_its_trunk_zero_is_one_phone(void **state)
{
    (void)state;
    static const struct { const char *with, *without; } rows[] = {
        {"+9720501234567", "+972501234567"}, {"+4402079460000", "+442079460000"}, {"+49030123456", "+4930123456"}, {"+8109012345678", "+819012345678"},
        {"+353012345678", "+35312345678"}, {"+610412345678", "+61412345678"},
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(phone_has_trunk(slice_of(rows[i].with)));
        assert_false(phone_has_trunk(slice_of(rows[i].without)));
        assert_slice(phone_other_spelling(slice_of(rows[i].with), &arena), rows[i].without);
        assert_slice(phone_other_spelling(slice_of(rows[i].without), &arena), rows[i].with);
    }
    arena_done(&arena);
}

/* Italy, San Marino, Ivory Coast; countries without a trunk 0; a Rwandan number; a Japanese service; too long and too short for another. */
static void zero_that_is_no_trunk_prefix_makes_no_other_spelling(void **state)
{
    (void)state;
    static const char *const numbers[] = {"+390612345678", "+39612345678", "+3780549123456", "+2250712345678", "+12025550123", "+102025550123", "+4512345678",
                                          "+79161234567", "+250061234567", "+810077123456", "+972501234567890", "+97201234", "972501234567", ""};
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_false(phone_has_trunk(slice_of(numbers[i])));
        if (phone_other_spelling(slice_of(numbers[i]), &arena).bytes)
            fail_msg("%s has another spelling", numbers[i]);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_e164_is_e164), cmocka_unit_test(every_spelling_of_a_number_gives_it),
        cmocka_unit_test(the_number_is_found_whatever_is_around_it), cmocka_unit_test(a_zero_that_belongs_to_the_number_stays),
        cmocka_unit_test(national_forms_are_read_with_the_country_code), cmocka_unit_test(only_plus_and_00_name_a_country),
        cmocka_unit_test(a_trunk_zero_in_brackets_gives_both_readings), cmocka_unit_test(numbers_are_found_in_bytes_that_are_no_json),
        cmocka_unit_test(number_with_and_without_its_trunk_zero_is_one_phone), cmocka_unit_test(zero_that_is_no_trunk_prefix_makes_no_other_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
