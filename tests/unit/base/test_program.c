/* Other programs are run to their end, with nothing of ours but what they are given. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/program.h"

enum { PATIENCE_MS = 20000 };

static Status run(const char *script, int64_t timeout_ms, Fault *fault)
{
    char sh[] = "sh", c[] = "-c", text[400];
    snprintf(text, sizeof text, "%s", script);
    char *words[] = {sh, c, text, NULL};
    return program_run(words, timeout_ms, fault);
}

static void end_of_a_program_is_told(void **state)
{
    (void)state;
    Fault fault;
    assert_int_equal(run("exit 0", PATIENCE_MS, &fault), STATUS_OK);
    assert_int_equal(run("exit 3", PATIENCE_MS, &fault), STATUS_REJECT);
    assert_string_equal(fault.text, "sh: it ended with code 3");
    assert_int_equal(run("kill -9 $$", PATIENCE_MS, &fault), STATUS_REJECT);
    assert_string_equal(fault.text, "sh: it was ended by signal 9");
}

static void program_that_is_not_there_is_told(void **state)
{
    (void)state;
    Fault fault;
    char name[] = "no-such-program", *words[] = {name, NULL};
    assert_int_equal(program_run(words, PATIENCE_MS, &fault), STATUS_REJECT);
    assert_string_equal(fault.text, "no-such-program: No such file or directory");
}

static void program_that_takes_too_long_is_ended(void **state)
{
    (void)state;
    Fault fault;
    int64_t began_ms = clock_elapsed_ms();
    assert_int_equal(run("while :; do :; done", 50, &fault), STATUS_RETRY);
    assert_string_equal(fault.code, "program_slow");
    assert_true(clock_elapsed_ms() - began_ms < PATIENCE_MS);
}

static void program_gets_nothing_of_our_environment(void **state)
{
    (void)state;
    setenv("PLEDGELINE_TOKENS", "admin:secret", 1);
    assert_int_equal(run("test -z \"$PLEDGELINE_TOKENS\" && test -n \"$PATH\" && ! read line", PATIENCE_MS, NULL), STATUS_OK);
    unsetenv("PLEDGELINE_TOKENS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_of_a_program_is_told), cmocka_unit_test(program_that_is_not_there_is_told),
        cmocka_unit_test(program_that_takes_too_long_is_ended), cmocka_unit_test(program_gets_nothing_of_our_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
