/* posix_spawn, and a file descriptor of the process to wait for its end with a deadline: nobody else can end up being waited for, or killed. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { VARIABLES = 3, VARIABLE_BYTES_MAX = 4096 };

static Status failed(const char *name, const char *how, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "program_failed", "%.60s: %s", name, how);
}

/* ---- start ---- */

static void fill_environment(char texts[VARIABLES][VARIABLE_BYTES_MAX], char *ret[VARIABLES + 1])
{
    const char *path = getenv("PATH"), *home = getenv("HOME");
    snprintf(texts[0], VARIABLE_BYTES_MAX, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
    snprintf(texts[1], VARIABLE_BYTES_MAX, "HOME=%s", home ? home : "/");
    snprintf(texts[2], VARIABLE_BYTES_MAX, "LC_ALL=C.UTF-8");
    for (size_t i = 0; i < VARIABLES; i++)
        ret[i] = texts[i];
    ret[VARIABLES] = NULL;
}

/* The signals that we block for ourselves are its own business. */
static int spawn(char *const *words, pid_t *ret_pid)
{
    char texts[VARIABLES][VARIABLE_BYTES_MAX], *variables[VARIABLES + 1];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    fill_environment(texts, variables);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawnp(ret_pid, words[0], &files, &attributes, words, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* ---- end ---- */

/* Whether it ended by itself in time. */
static bool wait_for_end(int process, int64_t timeout_ms)
{
    int64_t until_ms = clock_elapsed_ms() + timeout_ms;
    struct pollfd end = {.fd = process, .events = POLLIN};
    for (;;) {
        int64_t left_ms = until_ms - clock_elapsed_ms();
        int ready = poll(&end, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static Status read_end(const char *name, int state, Fault *fault)
{
    char how[64];
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return STATUS_OK;
    if (WIFEXITED(state))
        snprintf(how, sizeof how, "it ended with code %d", WEXITSTATUS(state));
    else
        snprintf(how, sizeof how, "it was ended by signal %d", WTERMSIG(state));
    return failed(name, how, fault);
}

Status program_run(char *const *words, int64_t timeout_ms, Fault *fault)
{
    pid_t pid = 0;
    int error = spawn(words, &pid), state = 0;
    if (error)
        return failed(words[0], strerror(error), fault);
    int process = pidfd_open(pid, 0);
    bool is_in_time = process >= 0 && wait_for_end(process, timeout_ms);
    if (process >= 0)
        close(process);
    if (!is_in_time)
        kill(pid, SIGKILL); /* it is still our child, so its number is nobody else's */
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    if (is_in_time)
        return read_end(words[0], state, fault);
    return fault_set(fault, STATUS_RETRY, "program_slow", "%.60s was not done within %lld ms, and was ended", words[0], (long long)timeout_ms);
}
