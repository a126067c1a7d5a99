/* Counters of the process, declared once in metrics.def. Thread-safe. */
#pragma once

#include "base/arena.h"

typedef enum Metric {
#define METRIC(id, type, name, labels, help) METRIC_##id,
#include "base/metrics.def"
#undef METRIC
    METRIC_COUNT
} Metric;

void metric_add(Metric metric, int64_t value);
void metric_set(Metric metric, int64_t value);
int64_t metric_get(Metric metric);

/* Prometheus text exposition format 0.0.4. */
void metrics_print(Text *out);
