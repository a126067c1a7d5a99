/* Atomic cells, one a row of metrics.def, and their text form for Prometheus. */
#include "base/metrics.h"

#include <stdatomic.h>

static _Atomic int64_t cells[METRIC_COUNT];

static const struct MetricRow {
    const char *type, *name, *labels, *help;
} rows[] = {
#define COUNTER "counter"
#define GAUGE "gauge"
#define METRIC(id, type, name, labels, help) {type, name, labels, help},
#include "base/metrics.def"
#undef METRIC
#undef GAUGE
#undef COUNTER
};

void metric_add(Metric metric, int64_t value) { atomic_fetch_add_explicit(&cells[metric], value, memory_order_relaxed); }
void metric_set(Metric metric, int64_t value) { atomic_store_explicit(&cells[metric], value, memory_order_relaxed); }
int64_t metric_get(Metric metric) { return atomic_load_explicit(&cells[metric], memory_order_relaxed); }

void metrics_print(Text *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct MetricRow *row = &rows[i];
        if (*row->help)
            text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, row->type);
        text_add(out, slice_of(row->name));
        if (*row->labels)
            text_printf(out, "{%s}", row->labels);
        text_printf(out, " %lld\n", (long long)metric_get((Metric)i));
    }
    text_printf(out, "# HELP pledgeline_build_info The version that runs.\n# TYPE pledgeline_build_info gauge\n"
                     "pledgeline_build_info{version=\"%s\"} 1\n", PLEDGELINE_VERSION);
}
