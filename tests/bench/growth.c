/* How time per event grows with the calls that are stored already, and how much memory it takes. */
#include <stdio.h>

#include "fresh_line.h"
#include "lines.h"
#include "measure.h"

enum { MILLION = 1000000 };

/* Time per event is taken from `from` to `until` stored calls. */
typedef struct Window {
    const char *name;
    int64_t from, until;
    int64_t events, ns;
} Window;

static void run_batch(FreshLine *fresh, Mix *mix, Window *windows, size_t window_count)
{
    Lines lines;
    lines_make(&lines, mix, MEASURE_BATCH, carrier_ndjson);
    int64_t ran_ns = fresh->ran_ns, calls = mix_calls_started(mix);
    fresh_line_run(fresh, lines.items, lines.count);
    for (size_t i = 0; i < window_count; i++) {
        if (calls < windows[i].from || calls >= windows[i].until)
            continue;
        windows[i].events += MEASURE_BATCH;
        windows[i].ns += fresh->ran_ns - ran_ns;
    }
    lines_done(&lines);
}

static void report_memory(int64_t events)
{
    if (events / MEASURE_BATCH != MILLION / MEASURE_BATCH)
        return;
    report("memory.line_rss_mib", memory_mib("VmRSS"));
    report("memory.line_peak_mib", memory_mib("VmHWM"));
}

int main(int argc, char **argv)
{
    if (argc < 2)
        give_up("usage: growth FOLDER [--calls=N]; leaves its data in FOLDER/grown");
    int64_t calls = option_number(argc, argv, "calls", MILLION);
    Window windows[] = {
        {.name = "growth.at_10k_us", .from = 7000, .until = 13000},
        {.name = "growth.at_100k_us", .from = 90000, .until = 110000},
        {.name = "growth.at_1m_us", .from = 960000, .until = 1000000},
    };
    enum { WINDOW_COUNT = sizeof windows / sizeof *windows };
    FreshLine fresh;
    fresh_line_open(&fresh, argv[1], "grown");
    Mix *mix = mix_new(4, MIX_CALLS_AT_ONCE);
    for (int64_t events = MEASURE_BATCH; mix_calls_started(mix) < calls; events += MEASURE_BATCH) {
        run_batch(&fresh, mix, windows, WINDOW_COUNT);
        report_memory(events);
    }
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        if (windows[i].events)
            report(windows[i].name, (double)windows[i].ns / 1e3 / (double)windows[i].events);
    }
    mix_free(mix);
    fresh_line_close(&fresh);
    return 0;
}
