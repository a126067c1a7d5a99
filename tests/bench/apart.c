/* The line from NDJSON lines to acknowledgements on stores apart, beside the same line on a folder. */
#include <stdio.h>
#include <stdlib.h>

#include "fresh_line.h"
#include "lines.h"
#include "measure.h"

enum { CALLS_AT_ONCE = 1024 }; /* so that a short run has all kinds of events */

typedef struct Work {
    const char *parent;
    int round;
    Lines lines;
} Work;

static const char *stores[] = {"REDIS_URL", "DATABASE_URL", "MONGODB_URI", "MONGODB_DATABASE"};

static const char *server_of(const char *name)
{
    const char *at = getenv(name);
    if (!at)
        give_up("usage: TEST_REDIS_URL=… TEST_DATABASE_URL=… TEST_MONGODB_URI=… apart FOLDER [--events=N] [--rounds=N]");
    return at;
}

/* Each run has a Redis database, a schema and a MongoDB database that are new. */
static void use(const char *name, const char *server, const char *behind, int number)
{
    char value[512];
    snprintf(value, sizeof value, "%s%s%d", server_of(server), behind, number);
    setenv(name, value, 1);
}

/* Each store is connected to, and makes its tables and indexes, at its first use. */
static void touch_stores(const Ports *ports)
{
    int64_t count;
    Fault fault;
    if (ports->registry.count(ports->registry.self, &count, &fault) || ports->cdrs.count(ports->cdrs.self, &count, &fault))
        give_up(fault.text);
}

static void run_line(const Work *work, const char *first_name, const char *second_name)
{
    FreshLine fresh;
    fresh_line_open(&fresh, work->parent, first_name);
    touch_stores(&fresh.app.ports);
    for (size_t first = 0; first < work->lines.count; first += MEASURE_BATCH) {
        size_t rest = work->lines.count - first;
        fresh_line_run(&fresh, work->lines.items + first, rest < MEASURE_BATCH ? rest : MEASURE_BATCH);
    }
    double us = (double)fresh.ran_ns / 1e3 / (double)work->lines.count;
    report(first_name, us);
    if (second_name)
        report(second_name, us);
    fresh_line_close(&fresh);
    fresh_line_remove(&fresh);
}

static void run_embedded(void *context) { run_line(context, "apart_two.ceiling_us", "apart_three.ceiling_us"); }

static void run_two(void *context)
{
    Work *work = context;
    use("REDIS_URL", "TEST_REDIS_URL", "/", work->round);
    use("DATABASE_URL", "TEST_DATABASE_URL", "?options=-csearch_path%3Dbench_two_", work->round);
    run_line(work, "apart_two.ours_us", NULL);
}

static void run_three(void *context)
{
    Work *work = context;
    use("REDIS_URL", "TEST_REDIS_URL", "/1", work->round);
    use("DATABASE_URL", "TEST_DATABASE_URL", "?options=-csearch_path%3Dbench_three_", work->round);
    char database[32];
    snprintf(database, sizeof database, "bench_three_%d", work->round);
    setenv("MONGODB_DATABASE", database, 1);
    setenv("MONGODB_URI", server_of("TEST_MONGODB_URI"), 1);
    run_line(work, "apart_three.ours_us", NULL);
}

int main(int argc, char **argv)
{
    Work work = {.parent = argc > 1 ? argv[1] : NULL};
    int64_t rounds = option_number(argc, argv, "rounds", 3);
    if (!work.parent)
        give_up("usage: apart FOLDER [--events=N] [--rounds=N]");
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        unsetenv(stores[i]);
    for (work.round = 1; work.round <= rounds; work.round++) {
        Mix *mix = mix_new((uint64_t)work.round, CALLS_AT_ONCE); /* other calls than the rounds before */
        lines_make(&work.lines, mix, (size_t)option_number(argc, argv, "events", 4096), carrier_ndjson);
        mix_free(mix);
        run_apart(run_two, &work);
        run_apart(run_embedded, &work);
        run_apart(run_three, &work);
        lines_done(&work.lines);
    }
    return 0;
}
