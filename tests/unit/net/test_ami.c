/* What Asterisk says is read whatever it is; what would be more than one line is never sent. */
#include "../check.h"

#include "net/ami_message.h"
#include "net/pbx_url.h"

static void message_is_read_by_names_in_any_case(void **state)
{
    (void)state;
    AmiMessage message;
    ami_parse(SLICE("Response: Error\r\nActionID: 7\r\nMessage: No such channel\r\n\r\n"), &message);
    assert_int_equal(message.count, 3);
    assert_slice(ami_value(&message, "message"), "No such channel");
    assert_true(ami_says(&message, "RESPONSE", "error"));
    assert_false(ami_says(&message, "Response", "Erro"));
    assert_slice(ami_value(&message, "Event"), "");
}

static void value_may_hold_colons_and_be_empty_and_the_first_one_counts(void **state)
{
    (void)state;
    AmiMessage message;
    ami_parse(SLICE("Uniqueid: 1:2;1\r\nCallerIDName:\r\nChanVariable: a=b: c\r\nChanVariable: d=e\r\n"), &message);
    assert_slice(ami_value(&message, "uniqueid"), "1:2;1");
    assert_slice(ami_value(&message, "CallerIDName"), "");
    assert_slice(ami_value(&message, "ChanVariable"), "a=b: c");
    assert_slice(message.fields[3].value, "d=e");
}

static void what_is_no_field_is_left_out(void **state)
{
    (void)state;
    AmiMessage message;
    ami_parse(SLICE("\r\n: nameless\r\nno colon\r\nA:1\nB:  2  \n"), &message);
    assert_int_equal(message.count, 2);
    assert_slice(ami_value(&message, "a"), "1");
    assert_slice(ami_value(&message, "b"), "2");
    ami_parse((Slice){0}, &message);
    assert_int_equal(message.count, 0);
}

static void fields_beyond_the_most_are_left_out(void **state)
{
    Text text = text_in(*state);
    AmiMessage message;
    for (int i = 0; i < AMI_FIELDS_MAX + 10; i++)
        text_printf(&text, "N%d: %d\r\n", i, i);
    ami_parse(text_slice(&text), &message);
    assert_int_equal(message.count, AMI_FIELDS_MAX);
    assert_slice(ami_value(&message, "N127"), "127");
}

static void action_is_printed_with_its_end(void **state)
{
    const AmiField fields[] = {{SLICE("Action"), SLICE("Hangup")}, {SLICE("Channel"), SLICE("1700000000.7")}};
    Text text = text_in(*state);
    Fault fault;
    assert_int_equal(ami_print(fields, 2, &text, &fault), STATUS_OK);
    assert_slice(text_slice(&text), "Action: Hangup\r\nChannel: 1700000000.7\r\n\r\n");
}

static void nothing_that_would_be_another_line_is_sent(void **state)
{
    char long_value[AMI_LINE_BYTES_MAX] = {0};
    memset(long_value, 'x', sizeof long_value);
    const AmiField wrong[] = {
        {SLICE("Channel"), SLICE("a\r\nAction: Originate")}, {SLICE("Channel"), SLICE("a\nb")},  {SLICE("Channel"), SLICE("a\rb")},
        {SLICE("Channel"), SLICE("a\0b")},                   {SLICE("Cha: x\r\n"), SLICE("b")}, {SLICE(""), SLICE("b")},
        {SLICE("Na:me"), SLICE("b")},                        {SLICE("V"), {long_value, AMI_LINE_BYTES_MAX - 2}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Text text = text_in(*state);
        Fault fault;
        assert_int_equal(ami_print(&wrong[i], 1, &text, &fault), STATUS_REJECT);
        assert_string_equal(fault.code, "ami_field");
    }
    const AmiField fits = {SLICE("V"), {long_value, AMI_LINE_BYTES_MAX - 3}};
    Text text = text_in(*state);
    assert_int_equal(ami_print(&fits, 1, &text, NULL), STATUS_OK);
}

static void url_of_ami_is_taken_apart(void **state)
{
    AmiSettings settings;
    assert_int_equal(ami_read_url("ami://pledge%40line:s%3Ae%2Fc@pbx.example", *state, &settings, NULL), STATUS_OK);
    assert_string_equal(settings.user, "pledge@line");
    assert_string_equal(settings.secret, "s:e/c");
    assert_string_equal(settings.host, "pbx.example");
    assert_int_equal(settings.port, 5038);
    assert_false(settings.is_tls);
    assert_int_equal(ami_read_url("amis://u:s@[::1]:15039/", *state, &settings, NULL), STATUS_OK);
    assert_string_equal(settings.host, "::1");
    assert_int_equal(settings.port, 15039);
    assert_true(settings.is_tls);
}

static void url_of_ari_is_taken_apart(void **state)
{
    AriSettings settings;
    assert_int_equal(ari_read_url("http://u:p%20w@[::1]/ari/", *state, &settings, NULL), STATUS_OK);
    assert_slice(ari_base_url(&settings, *state), "http://[::1]:8088/ari");
    assert_slice(ari_authorization(&settings, *state), "Basic dTpwIHc=");
    assert_int_equal(ari_read_url("https://u:p@pbx.example:443/prefix/ari", *state, &settings, NULL), STATUS_OK);
    assert_slice(ari_base_url(&settings, *state), "https://pbx.example:443/prefix/ari");
}

static void url_that_is_none_is_refused_and_not_shown(void **state)
{
    static const char *const wrong[] = {
        "", "pbx:5038", "ami://pbx", "ami://user@pbx", "ami://user:@pbx", "ami://:geheim@pbx", "http://user:geheim@pbx", "ami://user:geheim@pbx/x",
        "ami://user:geheim@pbx?x=1", "ami://user:geheim@pbx#x", "ami://user:geheim@pbx:0x1", "ami://user:ge%0Aheim@pbx",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        AmiSettings settings;
        Fault fault = {0};
        assert_int_equal(ami_read_url(wrong[i], *state, &settings, &fault), STATUS_REJECT);
        assert_null(strstr(fault.text, "geheim"));
    }
    AriSettings settings;
    assert_int_equal(ari_read_url("ami://u:p@pbx", *state, &settings, NULL), STATUS_REJECT);
    assert_int_equal(ari_read_url("http://pbx:8088/ari", *state, &settings, NULL), STATUS_REJECT);
    assert_int_equal(ari_read_url("http://u:p@pbx:8088", *state, &settings, NULL), STATUS_REJECT);
    assert_int_equal(ari_read_url("http://u:p@pbx:8088/", *state, &settings, NULL), STATUS_REJECT);
    assert_int_equal(ari_read_url("http://u:p@pbx:8088/safari", *state, &settings, NULL), STATUS_REJECT);
    assert_int_equal(ari_read_url("http://u:p@pbx:8088/ari?app=x", *state, &settings, NULL), STATUS_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_read_by_names_in_any_case), cmocka_unit_test(value_may_hold_colons_and_be_empty_and_the_first_one_counts),
        cmocka_unit_test(what_is_no_field_is_left_out), cmocka_unit_test(fields_beyond_the_most_are_left_out),
        cmocka_unit_test(action_is_printed_with_its_end), cmocka_unit_test(nothing_that_would_be_another_line_is_sent),
        cmocka_unit_test(url_of_ami_is_taken_apart), cmocka_unit_test(url_of_ari_is_taken_apart),
        cmocka_unit_test(url_that_is_none_is_refused_and_not_shown),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
