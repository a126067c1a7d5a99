/* A table; JSON as an array of objects, one a line; CSV by RFC 4180. */
#include "verb/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "event/csv.h"
#include "verb/table.h"

struct Output {
    OutputFormat format;
    const Column *columns;
    size_t column_count, rows, limit; /* limit 0 = none */
    bool has_more;
    const char *nothing;
    Table *table;
    Arena arena;
};

static void csv_row(Output *output, const Slice *cells)
{
    Text line = text_in(&output->arena);
    csv_add_row(&line, cells, output->column_count);
    fwrite(line.at, 1, line.bytes, stdout);
    arena_reset(&output->arena);
}

static void csv_header(Output *output)
{
    Slice *titles = ARENA_ARRAY(&output->arena, Slice, output->column_count);
    for (size_t i = 0; i < output->column_count; i++)
        titles[i] = slice_of(output->columns[i].title);
    csv_row(output, titles);
}

Output *output_open(const Invocation *invocation, const Column *columns, size_t count, const char *nothing)
{
    Output *output = calloc(1, sizeof *output);
    if (!output)
        abort();
    *output = (Output){.format = invocation->output, .columns = columns, .column_count = count, .nothing = nothing};
    if (output->format == OUTPUT_TABLE)
        output->table = table_open(columns, count);
    if (output->format == OUTPUT_CSV)
        csv_header(output);
    if (output->format == OUTPUT_JSON)
        fputs("[", stdout);
    return output;
}

void output_nothing(Output *output, const char *nothing) { output->nothing = nothing; }

size_t output_limit(Output *output, size_t limit)
{
    output->limit = output->format == OUTPUT_TABLE ? limit : 0;
    return output->limit ? limit + 1 : limit;
}

void output_row(Output *output, const Slice *cells, Slice json)
{
    output->has_more = output->limit && output->rows == output->limit;
    if (output->has_more)
        return;
    if (output->format == OUTPUT_TABLE)
        table_row(output->table, cells);
    else if (output->format == OUTPUT_CSV)
        csv_row(output, cells);
    else
        printf("%s\n%.*s", output->rows ? "," : "", SLICE_ARG(json));
    output->rows++;
}

size_t output_close(Output *output, Status status)
{
    size_t rows = output->rows;
    if (output->format == OUTPUT_JSON && !status)
        printf("%s]\n", rows ? "\n" : "");
    if (output->table)
        table_close(output->table);
    fflush(stdout);
    if (!rows && !status && output->nothing)
        verb_note("%s", output->nothing);
    if (output->has_more && !status)
        verb_note("only the first %zu; --limit 0 shows all", output->limit);
    arena_done(&output->arena);
    free(output);
    return rows;
}

bool output_of_export(const Invocation *invocation, OutputFormat *ret)
{
    bool wants_table = invocation->output_given && invocation->output == OUTPUT_TABLE;
    if (wants_table)
        verb_usage("%s export writes no table; --output is json or csv (list shows a table)", invocation->verb->name);
    *ret = invocation->output == OUTPUT_JSON ? OUTPUT_JSON : OUTPUT_CSV;
    return !wants_table;
}

/* ---- cells ---- */

Slice cell_number(Arena *arena, int64_t number) { return arena_printf(arena, "%lld", (long long)number); }

Slice cell_money(Arena *arena, int64_t micros, const char *currency)
{
    return arena_printf(arena, "%.2f %s", (double)micros / 1e6, currency);
}

Slice cell_duration(Arena *arena, int64_t seconds)
{
    if (seconds < 0)
        return (Slice){0};
    return arena_printf(arena, "%lld:%02lld:%02lld", (long long)seconds / 3600, (long long)seconds / 60 % 60, (long long)seconds % 60);
}

Slice cell_time(Arena *arena, int64_t unix_ms)
{
    if (!unix_ms)
        return (Slice){0};
    char printed[TIME_TEXT_BYTES];
    time_print(unix_ms, printed);
    return arena_printf(arena, "%.10s %.8s", printed, printed + 11);
}

/* ---- progress ---- */

void progress_init(Progress *progress, const char *what, int64_t total)
{
    *progress = (Progress){what, total, clock_elapsed_ms(), isatty(STDERR_FILENO)};
}

void progress_show(Progress *progress, int64_t done)
{
    enum { EVERY_MS = 100, WIDTH = 30 };
    if (!progress->visible || clock_elapsed_ms() - progress->shown_at_ms < EVERY_MS)
        return;
    progress->shown_at_ms = clock_elapsed_ms();
    if (!progress->total) {
        fprintf(stderr, "\r%s %lld ", progress->what, (long long)done);
        return;
    }
    int filled = (int)(done * WIDTH / progress->total);
    fprintf(stderr, "\r%s [%.*s%*s] %3d %%", progress->what, filled, "##############################", WIDTH - filled, "",
            (int)(done * 100 / progress->total));
}

void progress_done(Progress *progress)
{
    if (progress->visible)
        fprintf(stderr, "\r\033[K");
}
