/* Lines of AGI as Asterisk 16 and 22 write them, and commands that stay one command whatever is in them. */
#include "../check.h"

#include "net/agi.h"

static AgiLineKind read_one(const char *line, AgiReply *ret)
{
    bool in_usage = false;
    *ret = (AgiReply){0};
    return agi_read_line(slice_of(line), &in_usage, ret);
}

static void replies_are_taken_apart(void **state)
{
    (void)state;
    static const struct { const char *line; int code; long result; const char *value; } rows[] = {
        {"200 result=0", 200, 0, NULL}, {"200 result=57 endpos=14560", 200, 57, NULL}, {"200 result=-1 endpos=4160", 200, -1, NULL},
        {"200 result=1 (abc)", 200, 1, "abc"}, {"200 result=1 ()", 200, 1, ""}, {"200 result=1 (a (b) c)", 200, 1, "a (b) c"},
        {"200 result= (timeout)", 200, 0, "timeout"}, {"200 result=", 200, 0, NULL}, {"200 result=1 (no end", 200, 1, "no end"},
        {"510 Invalid or unknown command", 510, 0, NULL}, {"511 Command Not Permitted on a dead channel or intercept routine", 511, 0, NULL},
        {"520 Invalid command syntax.  Proper usage not available.", 520, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AgiReply reply;
        if (read_one(rows[i].line, &reply) != AGI_LINE_REPLY || reply.code != rows[i].code || reply.result != rows[i].result)
            fail_msg("%s: %d %ld", rows[i].line, reply.code, reply.result);
        assert_int_equal(reply.has_value, rows[i].value != NULL);
        if (rows[i].value)
            assert_slice(reply.value, rows[i].value);
    }
}

static void usage_is_one_reply_of_many_lines(void **state)
{
    (void)state;
    bool in_usage = false;
    AgiReply reply = {0};
    static const char *const parts[] = {"520-Invalid command syntax.  Proper usage follows:", " Usage: STREAM FILE", "HANGUP", "", "200 result=57"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_int_equal(agi_read_line(slice_of(parts[i]), &in_usage, &reply), AGI_LINE_PART);
    assert_int_equal(agi_read_line(SLICE("520 End of proper usage."), &in_usage, &reply), AGI_LINE_REPLY);
    assert_int_equal(reply.code, 520);
    assert_int_equal(agi_read_line(SLICE("HANGUP"), &in_usage, &reply), AGI_LINE_HANGUP);
}

static void what_is_no_reply_is_strange(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "2", "200", "200result=1", "20x result=1", "hangup", "HANGUP ", "200 ok", "200 result=x", "200 result=1x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        AgiReply reply;
        if (read_one(lines[i], &reply) != AGI_LINE_STRANGE)
            fail_msg("taken: %s", lines[i]);
    }
}

static void environment_is_names_and_values(void **state)
{
    (void)state;
    Slice name, value;
    assert_true(agi_read_environment(SLICE("agi_calleridname: Jane: \"x\""), &name, &value));
    assert_slice(name, "agi_calleridname");
    assert_slice(value, "Jane: \"x\"");
    assert_true(agi_read_environment(SLICE("agi_arg_1:"), &name, &value));
    assert_slice(value, "");
    assert_false(agi_read_environment(SLICE("GET / HTTP/1.1"), &name, &value));
    assert_false(agi_read_environment(SLICE("agi_network"), &name, &value));
}

static void argument_in_quotes_stays_one_argument_of_one_command(void **state)
{
    (void)state;
    AgiCommand command = {0};
    agi_add_literal(&command, "SET VARIABLE X ");
    agi_add_quoted(&command, SLICE("a\" b\\ c\r\nHANGUP\n\x1f\x7f" "d"));
    agi_add_literal(&command, " ");
    agi_add_number(&command, -12);
    assert_slice((Slice){command.at, command.bytes}, "SET VARIABLE X \"a\\\" b\\\\ c  HANGUP   d\" -12");
    assert_false(command.is_cut);
}

static void command_that_asterisk_would_not_read_whole_says_so(void **state)
{
    (void)state;
    static char text[AGI_COMMAND_BYTES_MAX];
    memset(text, 'x', sizeof text);
    AgiCommand command = {0};
    agi_add(&command, (Slice){text, sizeof text});
    assert_false(command.is_cut);
    agi_add_literal(&command, "y");
    assert_true(command.is_cut);
    assert_int_equal(command.bytes, sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_taken_apart), cmocka_unit_test(usage_is_one_reply_of_many_lines), cmocka_unit_test(what_is_no_reply_is_strange),
        cmocka_unit_test(environment_is_names_and_values), cmocka_unit_test(argument_in_quotes_stays_one_argument_of_one_command),
        cmocka_unit_test(command_that_asterisk_would_not_read_whole_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
