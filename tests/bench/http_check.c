/* The pre-dial check, one after the other on one connection: how long a dialer waits for its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_peer.h"
#include "measure.h"
#include "mix.h"

enum { ANSWER_BYTES_MAX = 4096, CHECKS_MAX = 1000000, PAUSE_US = 500 };

static void exchange(int peer, Slice request)
{
    char answer[ANSWER_BYTES_MAX];
    size_t got = 0;
    HttpAnswerHead head = {0};
    if (send(peer, request.at, request.bytes, MSG_NOSIGNAL) != (ssize_t)request.bytes)
        give_up("the server does not take a check");
    while (!http_answer_head(answer, got, &head) || got < head.bytes) {
        ssize_t more = recv(peer, answer + got, sizeof answer - got, 0);
        if (more <= 0)
            give_up("the server does not answer a check");
        got += (size_t)more;
    }
    if (head.code != 200)
        give_up("a check was not answered 200");
}

static int64_t check_once(int peer, Mix *mix)
{
    char body[64], request[256];
    int body_bytes = snprintf(body, sizeof body, "{\"phoneNumber\":\"+9725%08u\"}", (unsigned)mix_random(mix, 100000000));
    int bytes = snprintf(request, sizeof request,
                         "POST /v1/blacklist/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                         body_bytes, body);
    int64_t started_ns = clock_elapsed_ns();
    exchange(peer, (Slice){request, (size_t)bytes});
    return clock_elapsed_ns() - started_ns;
}

static int compare_times(const void *a, const void *b)
{
    int64_t of_a = *(const int64_t *)a, of_b = *(const int64_t *)b;
    return (of_a > of_b) - (of_a < of_b);
}

int main(int argc, char **argv)
{
    int64_t until_ms = clock_elapsed_ms() + option_number(argc, argv, "milliseconds", 2000), *times = calloc(CHECKS_MAX, sizeof *times);
    if (!times)
        abort();
    Mix *mix = mix_new(6, 1);
    int peer = http_connect((uint16_t)option_number(argc, argv, "port", 0));
    size_t count = 0;
    for (; count < CHECKS_MAX && (clock_elapsed_ms() < until_ms || !count); count++) {
        times[count] = check_once(peer, mix);
        usleep(PAUSE_US);
    }
    qsort(times, count, sizeof *times, compare_times);
    report("p50_us", (double)times[count / 2] / 1e3);
    report("p99_us", (double)times[count * 99 / 100] / 1e3);
    report("checks", (double)count);
    close(peer);
    mix_free(mix);
    free(times);
    return 0;
}
