/* The strict reader: what RFC 8259 forbids is refused, with the place; what it allows is read. */
#include "../check.h"

#include "base/json.h"

static Status parse(Slice text, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    const Json *value;
    Status status = json_parse(text, &arena, &value, fault);
    arena_done(&arena);
    return status;
}

static void malformed_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "'a'", "01", "-", "1.", ".5", "+1", "1e", "1e+", "0x1", "NaN", "Infinity",
        "tru", "nul", "truefalse", "{}x", "1 2", "\"a", "\"\\x\"", "\"\\u12\"", "\"\t\"", "\"\n\"", "[1 2]", "\xef\xbb\xbf{}", "{}\x01", "\x0b{}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Fault fault = {0};
        if (parse(slice_of(texts[i]), &fault) != STATUS_REJECT)
            fail_msg("accepted: %s", texts[i]);
        assert_true(fault.text[0]);
    }
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\x80\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xff\"", "\"\xe2\x82\"",
        "\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\u0000\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Fault fault = {0};
        assert_int_equal(parse(slice_of(texts[i]), &fault), STATUS_REJECT);
        assert_string_equal(fault.code, "json_utf8");
    }
    Slice with_nul = {"\"a\0b\"", 5};
    assert_int_equal(parse(with_nul, NULL), STATUS_REJECT);
}

static void refusal_says_line_and_column(void **state)
{
    (void)state;
    static const struct { const char *text, *place; } rows[] = {
        {"{\n  \"a\": tru\n}", "(line 2, column 8)"}, {"[1,\n\n2 3]", "(line 3, column 3)"}, {"{\"\xd7\xa9\xd7\x9c\": 01}", "(line 1, column 10)"},
        {"{\"a\": 1,\n \"b\": {\"c\": 1,\n  \"c\": 2}}", "(line 3, column 3)"}, {"[0, [1, 2], {\"a\":\n 1e999}]", "(line 1, column 14)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Fault fault = {0};
        assert_int_equal(parse(slice_of(rows[i].text), &fault), STATUS_REJECT);
        if (!strstr(fault.text, rows[i].place))
            fail_msg("%s\nfound %s, expected %s", rows[i].text, fault.text, rows[i].place);
    }
}

static void every_value_is_found_in_its_text(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    Slice text = SLICE(" {\n\"a]\\\"\" : [ ] ,\n\t\"b\":{ } , \"c\":[ 1,\n[true , \"x, y\" ], null]\n}");
    const Json *root;
    assert_int_equal(json_parse(text, &arena, &root, NULL), STATUS_OK);
    const Json *c = json_get(root, "c"), *pair = c->child->next;
    const struct { const Json *value; size_t line, column; } rows[] = {
        {root, 1, 2}, {root->child, 2, 1}, {json_get(root, "b"), 3, 2}, {c, 3, 12}, {c->child, 3, 18}, {pair, 4, 1}, {pair->child->next, 4, 9},
        {pair->next, 4, 19},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        JsonPlace place = json_place_of(text, root, rows[i].value);
        if (place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("row %zu: found %zu:%zu", i, place.line, place.column);
    }
    arena_done(&arena);
}

static void well_formed_texts_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", " \t\r\n{ \"a\" : [ 1 , -0.5e+10, true , false , null , \"\\u00e9\\ud83d\\ude00\\n\" ] } ", "0", "-0", "\"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d\"",
        "\"a long plain run of text that is longer than eight bytes\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Fault fault = {0};
        if (parse(slice_of(texts[i]), &fault))
            fail_msg("refused: %s: %s", texts[i], fault.text);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[20001];
    for (size_t depth = 1; depth <= 10000; depth = depth < 40 ? depth + 1 : depth * 2 + 1) {
        size_t used = depth > 10000 ? 10000 : depth;
        memset(text, '[', used);
        memset(text + used, ']', used);
        assert_int_equal(parse((Slice){text, used * 2}, NULL), used <= JSON_DEPTH_MAX ? STATUS_OK : STATUS_REJECT);
    }
}

static void duplicate_keys_are_refused_in_small_and_large_objects(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    for (int keys = 1; keys < 100; keys += 7) {
        Text text = text_in(&arena);
        text_add_byte(&text, '{');
        for (int i = 0; i < keys; i++)
            text_printf(&text, "\"k%d\":%d,", i, i);
        Text twice = text_in(&arena);
        text_add(&twice, text_slice(&text));
        text_add_literal(&text, "\"last\":0}");
        text_add_literal(&twice, "\"k0\":0}");
        Fault fault = {0};
        assert_int_equal(parse(text_slice(&text), NULL), STATUS_OK);
        assert_int_equal(parse(text_slice(&twice), &fault), STATUS_REJECT);
        assert_string_equal(fault.code, "json_duplicate_key");
    }
    arena_done(&arena);
}

static void numbers_beyond_a_double_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("{\"a\":1e999}"), NULL), STATUS_REJECT);
    assert_int_equal(parse(SLICE("1e999"), NULL), STATUS_REJECT);
}

static void canonical_form_is_the_same_for_equal_values(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    const Json *a, *b;
    assert_int_equal(json_parse(SLICE("{\"b\": [1.50, \"x\\u0041\"], \"a\": {\"y\":null,\"x\":-0}}"), &arena, &a, NULL), STATUS_OK);
    assert_int_equal(json_parse(SLICE("{\"a\":{\"x\":0,\"y\":null},\"b\":[1.5,\"xA\"]}"), &arena, &b, NULL), STATUS_OK);
    Text first = text_in(&arena), second = text_in(&arena);
    json_add_canonical(&first, a);
    json_add_canonical(&second, b);
    assert_slice(text_slice(&first), "{\"a\":{\"x\":0,\"y\":null},\"b\":[1.5,\"xA\"]}");
    assert_true(slice_equal(text_slice(&first), text_slice(&second)));
    arena_done(&arena);
}

static void members_of_several_objects_are_one_object_in_which_the_first_stands(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    const Json *first, *second, *members[5];
    size_t count = 0;
    assert_int_equal(json_parse(SLICE("{\"b\":1,\"d\":{\"y\":2,\"x\":1}}"), &arena, &first, NULL), STATUS_OK);
    assert_int_equal(json_parse(SLICE("{\"c\":3,\"b\":4,\"a\":5}"), &arena, &second, NULL), STATUS_OK);
    json_each(member, first) members[count++] = member;
    json_each(member, second) members[count++] = member;
    Text text = text_in(&arena);
    json_add_members(&text, members, count);
    assert_slice(text_slice(&text), "{\"a\":5,\"b\":1,\"c\":3,\"d\":{\"x\":1,\"y\":2}}");
    Text none = text_in(&arena);
    json_add_members(&none, members, 0);
    assert_slice(text_slice(&none), "{}");
    arena_done(&arena);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    char every[127];
    for (size_t i = 0; i < sizeof every; i++)
        every[i] = (char)(i + 1);
    Text text = text_in(&arena);
    json_add_string(&text, (Slice){every, sizeof every});
    const Json *value;
    assert_int_equal(json_parse(text_slice(&text), &arena, &value, NULL), STATUS_OK);
    assert_true(slice_equal(json_text(value), (Slice){every, sizeof every}));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusal_says_line_and_column), cmocka_unit_test(every_value_is_found_in_its_text),
        cmocka_unit_test(malformed_texts_are_refused), cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
        cmocka_unit_test(well_formed_texts_are_read), cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(duplicate_keys_are_refused_in_small_and_large_objects), cmocka_unit_test(numbers_beyond_a_double_are_refused),
        cmocka_unit_test(canonical_form_is_the_same_for_equal_values),
        cmocka_unit_test(members_of_several_objects_are_one_object_in_which_the_first_stands), cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
