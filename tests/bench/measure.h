/* What the bench programs share. They print one line a figure and run, "name value"; tools/bench runs them, takes medians
 * and sets each figure beside its ceiling. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

enum { MEASURE_BATCH = 512 };

void report(const char *name, double value);

/* Runs one side in a process of its own, so that neither side meets the other's allocator, hooks or caches; ends the
 * program when that process fails. */
void run_apart(void (*side)(void *context), void *context);

/* Time that passes, and the processor's time that this process takes of it. */
typedef struct Stopwatch { int64_t wall_ns, cpu_ns; } Stopwatch;

Stopwatch stopwatch_start(void);
/* For each of so many items: "NAME_us" and "NAME_cpu_us". */
void stopwatch_report(Stopwatch since, const char *name, size_t items);

/* Wrong input, a full disk: nothing to measure. */
void give_up(const char *what) __attribute__((noreturn));

/* The number behind "--name=" on the command line, or the fallback. */
int64_t option_number(int argc, char **argv, const char *name, int64_t fallback);

/* "VmRSS" or "VmHWM" of this process, in MiB. */
double memory_mib(const char *field);
