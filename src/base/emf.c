/* A first pass says which metrics changed and what they are, a second one gives their values. */
#include "base/emf.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"

static_assert(METRIC_COUNT <= 100, "a document has at most 100 metrics, and a metric at most HISTOGRAM_KEPT_MAX values");

/* What one metric has to say since the last line. */
typedef struct Change {
    int64_t values[HISTOGRAM_KEPT_MAX];
    size_t count; /* 0 = nothing */
} Change;

static int64_t sent[METRIC_COUNT]; /* what counters stood at in the last line */

static void take_change(Metric metric, Change *ret)
{
    const MetricRow *row = &metric_rows[metric];
    ret->count = 0;
    if (!*row->emf)
        return;
    if (row->type == METRIC_IS_HISTOGRAM) {
        ret->count = metric_take_waits(metric, ret->values);
        return;
    }
    int64_t now = metric_get(metric);
    ret->values[0] = now - sent[metric];
    ret->count = ret->values[0] != 0;
    sent[metric] = now;
}

static void add_definitions(Text *line, const Change *changes)
{
    const char *comma = "";
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (!changes[i].count)
            continue;
        bool is_time = metric_rows[i].type == METRIC_IS_HISTOGRAM;
        text_printf(line, "%s{\"Name\":\"%s\",\"Unit\":\"%s\"}", comma, metric_rows[i].emf, is_time ? "Milliseconds" : "Count");
        comma = ",";
    }
}

static void add_values(Text *line, const char *name, const Change *change)
{
    json_add_key(line, name);
    for (size_t i = 0; i < change->count; i++)
        text_printf(line, "%s%lld", i ? "," : change->count > 1 ? "[" : "", (long long)change->values[i]);
    if (change->count > 1)
        text_add_byte(line, ']');
}

static void add_document(Text *line, const char *service, const Change *changes)
{
    text_printf(line, "{\"_aws\":{\"Timestamp\":%lld,\"CloudWatchMetrics\":[{\"Namespace\":\"Pledgeline\",\"Dimensions\":[[\"service\"]],\"Metrics\":[",
                (long long)clock_wall_ms());
    add_definitions(line, changes);
    text_add_literal(line, "]}]}");
    json_add_text_member(line, "service", slice_of(service));
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (changes[i].count)
            add_values(line, metric_rows[i].emf, &changes[i]);
    }
    text_add_literal(line, "}\n");
}

void emf_flush(const char *service, FILE *out)
{
    Arena arena;
    arena_init(&arena);
    Change *changes = ARENA_ARRAY(&arena, Change, METRIC_COUNT);
    bool any = false;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        take_change((Metric)i, &changes[i]);
        any |= changes[i].count > 0;
    }
    Text line = text_in(&arena);
    if (any) {
        add_document(&line, service, changes);
        fwrite(line.at, 1, line.bytes, out);
        fflush(out);
    }
    arena_done(&arena);
}
