/* How long people waited, sorted into buckets; and the waits themselves, the longest, until somebody takes them. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 12, HISTOGRAM_KEPT_MAX = 100 /* values of a metric that CloudWatch takes at once */ };

/* Upper bounds in milliseconds, ascending: a press that works at once, within the five seconds of the promise, or hours later. */
extern const int64_t histogram_bounds_ms[HISTOGRAM_BUCKETS];

typedef struct Histogram {
    int64_t counts[HISTOGRAM_BUCKETS]; /* each bucket for itself; what is beyond the last bound is in count alone */
    int64_t count, sum_ms;
    int64_t kept_ms[HISTOGRAM_KEPT_MAX];
    size_t kept;
} Histogram;

/* Waits below 0 (two clocks that differ) count as 0. */
void histogram_add(Histogram *histogram, int64_t wait_ms);
void histogram_read(const Histogram *histogram, Histogram *ret);

/* Takes what was kept since the last time: every wait, or of more than HISTOGRAM_KEPT_MAX the longest, which alarms look at. */
size_t histogram_take(Histogram *histogram, int64_t ret_ms[HISTOGRAM_KEPT_MAX]);
