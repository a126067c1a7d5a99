/* Links, templates, rates, cells, the audit chain: small pure things. */
#include "../check.h"

#include "event/audit.h"
#include "event/cdr.h"
#include "event/csv.h"
#include "event/link.h"
#include "event/text_template.h"

static const Slice secret = SLICE_INIT("0123456789abcdef0123456789abcdef");

/* ---- links ---- */

static Slice token_of(Slice link) { return (Slice){(const char *)memchr(link.at, '=', link.bytes) + 1, link.bytes - (size_t)((const char *)memchr(link.at, '=', link.bytes) + 1 - link.at)}; }

static void a_press_always_gets_the_same_link_and_another_one_another(void **state)
{
    Arena *arena = *state;
    Slice first = link_personal(SLICE("https://give.example"), secret, SLICE("c1_donation"), arena);
    Slice again = link_personal(SLICE("https://give.example"), secret, SLICE("c1_donation"), arena);
    Slice other = link_personal(SLICE("https://give.example"), secret, SLICE("c2_donation"), arena);
    assert_true(slice_equal(first, again));
    assert_false(slice_equal(first, other));
    assert_null(memmem(first.at, first.bytes, "c1", 2));
}

static void a_token_verifies_and_every_changed_character_does_not(void **state)
{
    Arena *arena = *state;
    uint8_t id[16];
    Slice token = token_of(link_personal(SLICE("https://give.example"), secret, SLICE("c1_donation"), arena));
    assert_int_equal(token.bytes, 39);
    assert_true(link_verify(token, secret, id));
    assert_false(link_verify(token, SLICE("another secret, 32 bytes long ..."), id));
    for (size_t i = 0; i < token.bytes; i++) {
        char changed[39];
        memcpy(changed, token.at, sizeof changed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(link_verify((Slice){changed, sizeof changed}, secret, id));
    }
    assert_false(link_verify((Slice){token.at, 38}, secret, id));
    assert_false(link_verify((Slice){0}, secret, id));
}

static void the_plain_form_is_the_original_systems(void **state)
{
    Slice link = link_plain(SLICE("https://give.example"), SLICE("campaign-456"), SLICE("contact-789"), SLICE("+972501234567"), *state);
    assert_slice(link, "https://give.example?ref=Y2FtcGFpZ24tNDU2OmNvbnRhY3QtNzg5Ois5NzI1MDEyMzQ1Njc%3D");
}

/* ---- templates ---- */

static void placeholders_are_filled_once_and_none_may_remain(void **state)
{
    const TemplateVariable variables[] = {{"name", SLICE_INIT("{{link}}")}, {"link", SLICE_INIT("L")}};
    Slice text;
    Fault fault;
    assert_int_equal(text_template_fill(SLICE("{{name}} {{ link }}!"), variables, 2, *state, &text, &fault), STATUS_OK);
    assert_slice(text, "{{link}} L!");
    assert_int_equal(text_template_fill(SLICE("{{other}}"), variables, 2, *state, &text, &fault), STATUS_REJECT);
    assert_int_equal(text_template_fill(SLICE("{{name"), variables, 2, *state, &text, &fault), STATUS_REJECT);
}

/* ---- rates ---- */

static void the_longest_prefix_sets_the_rate_of_every_started_minute(void **state)
{
    Rating rating = {.micros_per_minute = 10000};
    Fault fault;
    assert_int_equal(rating_parse(SLICE("prefix,rate\n# comment\n972,0.02\r\n+97250,0.03\n1,0.005\n"), *state, &rating, &fault), STATUS_OK);
    static const struct { const char *phone; int64_t seconds, micros; } rows[] = {
        {"+972501234567", 1, 30000}, {"+972501234567", 60, 30000}, {"+972501234567", 61, 60000}, {"+972521234567", 59, 20000},
        {"+12125550100", 120, 10000}, {"+447700900123", 30, 10000}, {"", 30, 10000}, {"+12125550100", 0, 0}, {"+12125550100", -1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rating_cost_micros(&rating, slice_of(rows[i].phone), rows[i].seconds), rows[i].micros);
}

static void a_wrong_rate_names_its_line(void **state)
{
    Rating rating = {0};
    Fault fault;
    assert_int_equal(rating_parse(SLICE("972,0.02\n44,cheap\n"), *state, &rating, &fault), STATUS_REJECT);
    assert_non_null(strstr(fault.text, "line 2"));
}

static void money_is_exact(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t micros; } rows[] = {{"0.01", 10000}, {"1", 1000000}, {"0.000001", 1}, {"12.5", 12500000}, {"0", 0}};
    int64_t micros;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(rating_parse_money(slice_of(rows[i].text), &micros));
        assert_int_equal(micros, rows[i].micros);
    }
    static const char *const wrong[] = {"", "-1", "1.", ".5", "1e3", "1,5", "0.0000001", "1000000", "99999999999999999999", "1.2.3", "+1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rating_parse_money(slice_of(wrong[i]), &micros));
}

/* ---- cells ---- */

static void no_cell_is_a_formula(void **state)
{
    static const struct { const char *cell, *printed; } rows[] = {
        {"plain", "plain"}, {"a,b", "\"a,b\""}, {"say \"hi\"", "\"say \"\"hi\"\"\""}, {"=1+1", "\"'=1+1\""}, {"+972501234567", "+972501234567"}, {"+1+1", "\"'+1+1\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""}, {"-1", "\"'-1\""}, {"\tx", "\"'\tx\""}, {"\xef\xbc\x9d" "1", "\"'\xef\xbc\x9d" "1\""}, {"two\nlines", "\"two\nlines\""}, {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Text out = text_in(*state);
        csv_add_cell(&out, slice_of(rows[i].cell));
        assert_slice(text_slice(&out), rows[i].printed);
    }
}

/* ---- audit ---- */

enum { CHAIN = 6 };

static void make_chain(AuditEntry chain[CHAIN])
{
    uint8_t head[DIGEST_BYTES] = {0};
    for (int i = 0; i < CHAIN; i++) {
        chain[i] = (AuditEntry){.seq = i + 1, .at_ms = 1000 + i, .kind = SLICE("block"), .subject = SLICE("+972501234567"), .actor = SLICE("caller"), .reason = SLICE("key 9")};
        audit_seal(&chain[i], head);
        memcpy(head, chain[i].hash, DIGEST_BYTES);
    }
}

/* The first complaint about the chain, "" when there is none. */
static Fault complaint(const AuditEntry *chain, const int *order, size_t count)
{
    AuditCheck check;
    Fault fault = {0};
    audit_check_init(&check);
    for (size_t i = 0; i < count; i++) {
        if (audit_check_next(&check, &chain[order[i]], &fault))
            break;
    }
    return fault;
}

static void a_whole_chain_is_right(void **state)
{
    (void)state;
    AuditEntry chain[CHAIN];
    make_chain(chain);
    assert_string_equal(complaint(chain, (int[]){0, 1, 2, 3, 4, 5}, CHAIN).code, "");
}

static void a_changed_a_missing_and_a_moved_entry_are_named(void **state)
{
    (void)state;
    AuditEntry chain[CHAIN];
    make_chain(chain);
    assert_string_equal(complaint(chain, (int[]){0, 1, 3, 4, 5}, 5).text, "entry 3 is missing: entry 4 follows entry 2");
    assert_string_equal(complaint(chain, (int[]){0, 2, 1, 3, 4, 5}, 6).text, "entry 2 is missing: entry 3 follows entry 1");
    chain[3].reason = SLICE("key 8");
    assert_non_null(strstr(complaint(chain, (int[]){0, 1, 2, 3, 4, 5}, CHAIN).text, "entry 4 was changed"));
}

static void moving_a_byte_between_fields_changes_the_hash(void **state)
{
    (void)state;
    uint8_t head[DIGEST_BYTES] = {0};
    AuditEntry first = {.seq = 1, .actor = SLICE("ab"), .reason = SLICE("c")}, second = {.seq = 1, .actor = SLICE("a"), .reason = SLICE("bc")};
    audit_seal(&first, head);
    audit_seal(&second, head);
    assert_memory_not_equal(first.hash, second.hash, DIGEST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_press_always_gets_the_same_link_and_another_one_another), cmocka_unit_test(a_token_verifies_and_every_changed_character_does_not),
        cmocka_unit_test(the_plain_form_is_the_original_systems), cmocka_unit_test(placeholders_are_filled_once_and_none_may_remain),
        cmocka_unit_test(the_longest_prefix_sets_the_rate_of_every_started_minute), cmocka_unit_test(a_wrong_rate_names_its_line),
        cmocka_unit_test(money_is_exact), cmocka_unit_test(no_cell_is_a_formula), cmocka_unit_test(a_whole_chain_is_right),
        cmocka_unit_test(a_changed_a_missing_and_a_moved_entry_are_named), cmocka_unit_test(moving_a_byte_between_fields_changes_the_hash),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
