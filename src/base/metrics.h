/* Counters of the process, declared once in metrics.def. Thread-safe. */
#pragma once

#include "base/arena.h"
#include "base/histogram.h"

typedef enum Metric {
#define METRIC(id, type, name, labels, help, emf) METRIC_##id,
#include "base/metrics.def"
#undef METRIC
    METRIC_COUNT
} Metric;

typedef enum MetricType { METRIC_IS_COUNTER, METRIC_IS_GAUGE, METRIC_IS_HISTOGRAM } MetricType;

typedef struct MetricRow {
    MetricType type;
    const char *name, *labels, *help; /* of Prometheus */
    const char *emf;                  /* the name in CloudWatch; "" = not sent there */
} MetricRow;

extern const MetricRow metric_rows[METRIC_COUNT];

/* Counters and gauges. */
void metric_add(Metric metric, int64_t value);
void metric_set(Metric metric, int64_t value);
int64_t metric_get(Metric metric);

/* Histograms: somebody waited that long. */
void metric_waited(Metric metric, int64_t wait_ms);
size_t metric_take_waits(Metric metric, int64_t ret_ms[HISTOGRAM_KEPT_MAX]);

/* Prometheus text exposition format 0.0.4. */
void metrics_print(Text *out);
