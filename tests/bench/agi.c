/* Asterisk's side of FastAGI: people who are on the line at once and press 9, one after the other and all in the same moment; or pre-dial
 * checks, a connection each. How long it takes until the call is told to end, and until a dialer has its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_peer.h"
#include "measure.h"
#include "mix.h"

enum { CALLS_MAX = 2000, CHECKS_MAX = 1000000, LINE_BYTES_MAX = 1024, PAUSE_US = 500 };

/* ---- lines ---- */

static void say(int peer, const char *text)
{
    size_t bytes = strlen(text);
    if (send(peer, text, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        give_up("the server does not take a line");
}

/* Commands come one at a time, so there is one line to read; false once the server has closed. */
static bool hear(int peer, char line[LINE_BYTES_MAX])
{
    size_t got = 0;
    while (!got || line[got - 1] != '\n') {
        ssize_t more = recv(peer, line + got, LINE_BYTES_MAX - 1 - got, 0);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    line[got] = 0;
    return true;
}

static int begin(uint16_t port, const char *script, const char *argument)
{
    char environment[LINE_BYTES_MAX];
    int peer = http_connect(port);
    snprintf(environment, sizeof environment, "agi_network: yes\nagi_network_script: %s\nagi_uniqueid: %s\nagi_callerid: unknown\nagi_arg_1: %s\n\n",
             script, argument, argument);
    say(peer, environment);
    return peer;
}

/* ---- times ---- */

static int compare_times(const void *a, const void *b)
{
    int64_t of_a = *(const int64_t *)a, of_b = *(const int64_t *)b;
    return (of_a > of_b) - (of_a < of_b);
}

static void report_times(int64_t *times, size_t count, const char *p50, const char *p99)
{
    qsort(times, count, sizeof *times, compare_times);
    report(p50, (double)times[count / 2] / 1e3);
    report(p99, (double)times[count * 99 / 100] / 1e3);
}

/* ---- key 9 ---- */

static void answer_call(uint16_t port, Mix *mix, int *ret_peer)
{
    char line[LINE_BYTES_MAX], id[64], values[LINE_BYTES_MAX];
    snprintf(id, sizeof id, "bench-%016llx", (unsigned long long)mix_random(mix, UINT64_MAX));
    *ret_peer = begin(port, "ivr", id);
    if (!hear(*ret_peer, line) || strncmp(line, "GET FULL VARIABLE", 17))
        give_up("the server does not ask for the variables");
    snprintf(values, sizeof values, "200 result=1 (%s\x1f" "campaign\x1f" "contact\x1f" "+9725%08u\x1f" "Campaign\x1f\x1f)\n", id,
             (unsigned)mix_random(mix, 100000000));
    say(*ret_peer, values);
    if (!hear(*ret_peer, line) || strncmp(line, "STREAM FILE", 11))
        give_up("the server plays nothing");
}

static void hear_hang_up(int peer)
{
    char line[LINE_BYTES_MAX];
    if (!hear(peer, line) || strcmp(line, "HANGUP\n"))
        give_up("the server does not end the call");
}

static void end_call(int peer)
{
    char line[LINE_BYTES_MAX];
    say(peer, "200 result=1\nHANGUP\n");
    while (hear(peer, line)) {
    }
    close(peer);
}

static void press_nine(uint16_t port, size_t calls, bool in_turn)
{
    static int peers[CALLS_MAX];
    static int64_t times[CALLS_MAX];
    Mix *mix = mix_new((uint64_t)clock_elapsed_ns(), 1);
    for (size_t i = 0; i < calls; i++)
        answer_call(port, mix, &peers[i]);
    int64_t pressed_ns = clock_elapsed_ns();
    for (size_t i = 0; i < calls; i++) {
        int64_t started_ns = clock_elapsed_ns();
        say(peers[i], "200 result=57 endpos=8000\n");
        if (!in_turn)
            continue;
        hear_hang_up(peers[i]);
        times[i] = clock_elapsed_ns() - started_ns;
        usleep(PAUSE_US);
    }
    for (size_t i = 0; i < calls && !in_turn; i++) {
        hear_hang_up(peers[i]);
        times[i] = clock_elapsed_ns() - pressed_ns;
    }
    for (size_t i = 0; i < calls; i++)
        end_call(peers[i]);
    report_times(times, calls, in_turn ? "key_p50_us" : "burst_p50_us", in_turn ? "key_p99_us" : "burst_p99_us");
    mix_free(mix);
}

/* ---- the pre-dial check ---- */

static int64_t check_once(uint16_t port, Mix *mix)
{
    char line[LINE_BYTES_MAX], phone[32];
    snprintf(phone, sizeof phone, "+9725%08u", (unsigned)mix_random(mix, 100000000));
    int64_t started_ns = clock_elapsed_ns();
    int peer = begin(port, "check", phone);
    bool is_answered = false;
    while (hear(peer, line)) {
        is_answered = !strncmp(line, "SET VARIABLE PLEDGELINE_BLOCKED ", 32);
        say(peer, "200 result=1\n");
    }
    int64_t took_ns = clock_elapsed_ns() - started_ns;
    close(peer);
    if (!is_answered)
        give_up("a check was not answered");
    return took_ns;
}

static void check_numbers(uint16_t port, int64_t milliseconds)
{
    int64_t until_ms = clock_elapsed_ms() + milliseconds, *times = calloc(CHECKS_MAX, sizeof *times);
    if (!times)
        abort();
    Mix *mix = mix_new(6, 1);
    size_t count = 0;
    for (; count < CHECKS_MAX && (clock_elapsed_ms() < until_ms || !count); count++) {
        times[count] = check_once(port, mix);
        usleep(PAUSE_US);
    }
    report_times(times, count, "p50_us", "p99_us");
    mix_free(mix);
    free(times);
}

int main(int argc, char **argv)
{
    uint16_t port = (uint16_t)option_number(argc, argv, "port", 0);
    int64_t calls = option_number(argc, argv, "calls", 0);
    if (calls > CALLS_MAX)
        give_up("that is more calls than this program holds");
    if (calls) {
        press_nine(port, (size_t)calls, true);
        press_nine(port, (size_t)calls, false);
    } else {
        check_numbers(port, option_number(argc, argv, "milliseconds", 2000));
    }
    return 0;
}
