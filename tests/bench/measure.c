#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void report(const char *name, double value)
{
    printf("%s %.6g\n", name, value);
    fflush(stdout);
}

void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec taken;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &taken);
    return (int64_t)taken.tv_sec * 1000000000 + taken.tv_nsec;
}

Stopwatch stopwatch_start(void) { return (Stopwatch){clock_elapsed_ns(), cpu_ns()}; }

void stopwatch_report(Stopwatch since, const char *name, size_t items)
{
    char full[96];
    double wall_us = (double)(clock_elapsed_ns() - since.wall_ns) / 1e3, cpu_us = (double)(cpu_ns() - since.cpu_ns) / 1e3;
    snprintf(full, sizeof full, "%s_us", name);
    report(full, wall_us / (double)items);
    snprintf(full, sizeof full, "%s_cpu_us", name);
    report(full, cpu_us / (double)items);
}

void run_apart(void (*side)(void *context), void *context)
{
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        give_up("no process could be started");
    if (child == 0) {
        side(context);
        fflush(stdout);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("a side of the measurement failed");
}

int64_t option_number(int argc, char **argv, const char *name, int64_t fallback)
{
    size_t bytes = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, name, bytes) && argv[i][2 + bytes] == '=')
            return strtoll(argv[i] + 3 + bytes, NULL, 10);
    }
    return fallback;
}

double memory_mib(const char *field)
{
    char line[256];
    double mib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
            mib = strtod(line + strlen(field) + 1, NULL) / 1024;
    }
    if (file)
        fclose(file);
    return mib;
}
