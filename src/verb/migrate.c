/* From a data folder into the stores beside it, and back. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/migrate.h"
#include "verb/functions.h"
#include "verb/output.h"

static const Column columns[] = {
    {"kind", COLUMN_TEXT}, {"in source", COLUMN_NUMBER}, {"moved", COLUMN_NUMBER}, {"already there", COLUMN_NUMBER}, {"in destination", COLUMN_NUMBER},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

/* ---- progress: a bar at a terminal, else a line for each tenth ---- */

typedef struct Telling {
    Progress bar;
    MigrateKind kind;
    bool is_open;      /* the bar is of this kind */
    int64_t said;      /* how many were told of */
} Telling;

static void say(Telling *telling, MigrateKind kind, int64_t done, int64_t total)
{
    enum { TENTHS = 10, EVERY = 10240 };
    int64_t step = total ? total / TENTHS : EVERY;
    bool is_over = done == total;
    if (telling->said == done || (!is_over && done - telling->said < step))
        return;
    telling->said = done;
    if (total)
        verb_note("%s: %lld of %lld", migrate_kind_name(kind), (long long)done, (long long)total);
    else
        verb_note("%s: %lld", migrate_kind_name(kind), (long long)done);
}

static void turn_to(Telling *telling, MigrateKind kind, int64_t total)
{
    if (telling->is_open)
        progress_done(&telling->bar);
    *telling = (Telling){.kind = kind, .is_open = true};
    progress_init(&telling->bar, migrate_kind_name(kind), total);
}

static void tell(void *context, MigrateKind kind, int64_t done, int64_t total)
{
    Telling *telling = context;
    if (!telling->is_open || telling->kind != kind)
        turn_to(telling, kind, total);
    if (telling->bar.visible)
        progress_show(&telling->bar, done);
    else
        say(telling, kind, done, total);
}

/* ---- the result ---- */

static void show_counts(const Invocation *invocation, const Migration *migration)
{
    Output *output = output_open(invocation, columns, COLUMN_COUNT, NULL);
    Arena *arena = invocation->arena;
    for (MigrateKind kind = 0; kind < MIGRATE_KINDS; kind++) {
        const MigrateCount *count = &migration->counts[kind];
        int64_t there = count->in_source - count->moved;
        const Slice cells[COLUMN_COUNT] = {slice_of(migrate_kind_name(kind)), cell_number(arena, count->in_source), cell_number(arena, count->moved),
                                           cell_number(arena, there), cell_number(arena, count->in_destination)};
        Slice json = arena_printf(arena, "{\"kind\":\"%s\",\"inSource\":%lld,\"moved\":%lld,\"alreadyThere\":%lld,\"inDestination\":%lld}",
                                  migrate_kind_name(kind), (long long)count->in_source, (long long)count->moved, (long long)there,
                                  (long long)count->in_destination);
        output_row(output, cells, json);
    }
    output_close(output, STATUS_OK);
}

static void note_rest(const Migration *migration)
{
    const SpoolPort *spool = &migration->source->spool;
    int64_t waiting = 0, dead = 0;
    Fault ignored;
    spool->count(spool->self, SPOOL_WAITING, &waiting, &ignored);
    spool->count(spool->self, SPOOL_DEAD, &dead, &ignored);
    if (waiting || dead)
        verb_note("the data folder keeps %lld messages that wait for their next try and %lld dead letters", (long long)waiting, (long long)dead);
    if (migration->taken_off)
        verb_note("%lld numbers moved before and were taken off the list since; they stay off", (long long)migration->taken_off);
    if (migration->cut_records)
        verb_note("%lld call records had more events in both places together than one may have", (long long)migration->cut_records);
}

static int move(const Invocation *invocation, const App *source, const App *destination, bool marks_source)
{
    Telling telling = {0};
    Fault fault;
    Migration migration = {.source = &source->ports, .destination = &destination->ports, .rating = &source->settings.event.rating,
                           .now_ms = clock_wall_ms(), .progress = tell, .context = &telling};
    Status status = migrate_all(&migration, &fault);
    if (telling.is_open)
        progress_done(&telling.bar);
    if (status) {
        verb_fail(&fault);
        verb_note("what was moved so far is safe; the same command goes on");
        return EXIT_FAILED;
    }
    if (marks_source)
        status = app_mark_moved(destination, &fault);
    status = status ? status : migrate_verify(&migration, &fault);
    show_counts(invocation, &migration);
    note_rest(&migration);
    if (status)
        return verb_fail(&fault);
    verb_note("verified: of every kind the destination has as many as the source, or more; the counters were recounted");
    return EXIT_OK;
}

/* ---- migrate ---- */

static int refuse(const Fault *fault)
{
    bool is_busy = !strcmp(fault->code, "data_folder_busy");
    if (is_busy)
        verb_note("%s: stop it, run this again, then start it with the settings of the stores", fault->text);
    return is_busy ? EXIT_FAILED : verb_fail(fault);
}

int migrate_verb(const Invocation *invocation)
{
    const Config *config = invocation->config;
    App source, destination;
    Fault fault;
    if (!app_has_stores_apart(config))
        return verb_usage("migrate where to? Name the stores with REDIS_URL, MONGODB_URI and DATABASE_URL, or with their flags");
    if (app_open_folder(&source, config, config->data_folder, APP_READER, &fault))
        return verb_fail(&fault);
    if (app_open(&destination, config, APP_WRITER, &fault)) { /* holds the folder, so nobody writes to it meanwhile */
        app_close(&source);
        return refuse(&fault);
    }
    int code = move(invocation, &source, &destination, true);
    app_close(&source);
    app_close(&destination);
    return code;
}

/* ---- export ---- */

static bool is_same_folder(const char *one, const char *other)
{
    struct stat a, b;
    return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int export_verb(const Invocation *invocation)
{
    const Config *config = invocation->config;
    const char *folder = invocation_option(invocation, "to");
    App source, destination;
    Fault fault;
    if (!folder || !*folder)
        return verb_usage("export where to? Name a new data folder with --to FOLDER");
    if (!app_has_stores_apart(config))
        return verb_usage("export from where? Name the stores with REDIS_URL, MONGODB_URI and DATABASE_URL, or with their flags");
    if (is_same_folder(folder, config->data_folder))
        return verb_usage("--to %.200s is the data folder itself; name a new one", folder);
    if (app_open(&source, config, APP_READER, &fault))
        return verb_fail(&fault);
    if (app_open_folder(&destination, config, folder, APP_WRITER, &fault)) {
        app_close(&source);
        return verb_fail(&fault);
    }
    int code = move(invocation, &source, &destination, false);
    app_close(&destination);
    app_close(&source);
    return code;
}
