/* A cell for each row of metrics.def, and their text form for Prometheus. */
#include "base/metrics.h"

#include <stdatomic.h>

static _Atomic int64_t cells[METRIC_COUNT];
static Histogram histograms[METRIC_COUNT]; /* only those of the rows that are one are touched */

const MetricRow metric_rows[METRIC_COUNT] = {
#define METRIC(id, type, name, labels, help, emf) {METRIC_IS_##type, name, labels, help, emf},
#include "base/metrics.def"
#undef METRIC
};

void metric_add(Metric metric, int64_t value) { atomic_fetch_add_explicit(&cells[metric], value, memory_order_relaxed); }
void metric_set(Metric metric, int64_t value) { atomic_store_explicit(&cells[metric], value, memory_order_relaxed); }
int64_t metric_get(Metric metric) { return atomic_load_explicit(&cells[metric], memory_order_relaxed); }

void metric_waited(Metric metric, int64_t wait_ms) { histogram_add(&histograms[metric], wait_ms); }
size_t metric_take_waits(Metric metric, int64_t ret_ms[HISTOGRAM_KEPT_MAX]) { return histogram_take(&histograms[metric], ret_ms); }

static void print_value(Text *out, const MetricRow *row, int64_t value)
{
    text_add(out, slice_of(row->name));
    if (*row->labels)
        text_printf(out, "{%s}", row->labels);
    text_printf(out, " %lld\n", (long long)value);
}

/* Waits are kept in milliseconds; Prometheus has seconds everywhere. */
static void print_histogram(Text *out, const MetricRow *row, const Histogram *histogram)
{
    int64_t below = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->counts[i];
        text_printf(out, "%s_bucket{%s,le=\"%g\"} %lld\n", row->name, row->labels, (double)histogram_bounds_ms[i] / 1000, (long long)below);
    }
    text_printf(out, "%s_bucket{%s,le=\"+Inf\"} %lld\n", row->name, row->labels, (long long)histogram->count);
    text_printf(out, "%s_sum{%s} %lld.%03lld\n", row->name, row->labels, (long long)(histogram->sum_ms / 1000),
                (long long)(histogram->sum_ms % 1000));
    text_printf(out, "%s_count{%s} %lld\n", row->name, row->labels, (long long)histogram->count);
}

static void print_metric(Text *out, Metric metric)
{
    static const char *const types[] = {[METRIC_IS_COUNTER] = "counter", [METRIC_IS_GAUGE] = "gauge", [METRIC_IS_HISTOGRAM] = "histogram"};
    const MetricRow *row = &metric_rows[metric];
    if (*row->help)
        text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, types[row->type]);
    if (row->type != METRIC_IS_HISTOGRAM) {
        print_value(out, row, metric_get(metric));
        return;
    }
    Histogram now;
    histogram_read(&histograms[metric], &now);
    print_histogram(out, row, &now);
}

void metrics_print(Text *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        print_metric(out, (Metric)i);
    text_printf(out, "# HELP pledgeline_build_info The version that runs.\n# TYPE pledgeline_build_info gauge\n"
                     "pledgeline_build_info{version=\"%s\"} 1\n", PLEDGELINE_VERSION);
}
