/* The embedded store end to end, from NDJSON lines to synced commits, beside SQLite alone writing the same rows. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "fresh_line.h"
#include "lines.h"
#include "measure.h"
#include "recording.h"

typedef struct Work {
    const char *parent;
    Lines lines;
    Recording *recording;
} Work;

static void run_line(FreshLine *fresh, const Lines *lines)
{
    for (size_t first = 0; first < lines->count; first += MEASURE_BATCH) {
        size_t rest = lines->count - first;
        fresh_line_run(fresh, lines->items + first, rest < MEASURE_BATCH ? rest : MEASURE_BATCH);
    }
}

static void run_ours(void *context)
{
    const Work *work = context;
    FreshLine fresh;
    fresh_line_open(&fresh, work->parent, "line");
    run_line(&fresh, &work->lines);
    report("store.ours_us", (double)fresh.ran_ns / 1e3 / (double)work->lines.count);
    fresh_line_close(&fresh);
    fresh_line_remove(&fresh);
}

/* On the connection that the adapter opened: schema and settings are the same by construction. */
static void run_ceiling(void *context)
{
    const Work *work = context;
    FreshLine fresh;
    fresh_line_open(&fresh, work->parent, "sqlite");
    int64_t started_ns = clock_elapsed_ns();
    recording_replay(work->recording, connections_last());
    report("store.ceiling_us", (double)(clock_elapsed_ns() - started_ns) / 1e3 / (double)work->lines.count);
    fresh_line_close(&fresh);
    fresh_line_remove(&fresh);
}

static void record(Work *work)
{
    FreshLine fresh;
    fresh_line_open(&fresh, work->parent, "recorded");
    work->recording = recording_start(connections_last());
    run_line(&fresh, &work->lines);
    recording_stop(work->recording);
    fresh_line_close(&fresh);
    fresh_line_remove(&fresh);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        give_up("usage: store FOLDER [--events=N] [--rounds=N]");
    Work work = {.parent = argv[1]};
    Mix *mix = mix_new(3, MIX_CALLS_AT_ONCE);
    lines_make(&work.lines, mix, (size_t)option_number(argc, argv, "events", 200000), carrier_ndjson);
    mix_free(mix);
    connections_watch();
    record(&work);
    for (int64_t rounds = option_number(argc, argv, "rounds", 3); rounds > 0; rounds--) {
        run_apart(run_ours, &work);
        run_apart(run_ceiling, &work);
    }
    recording_free(work.recording);
    lines_done(&work.lines);
    return 0;
}
