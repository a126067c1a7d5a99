/* Tables by libsmartcols; JSON as an array of objects, one a line; CSV by RFC 4180. */
#include "verb/output.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"

enum { SEPARATOR_COLUMNS = 2, WIDE_COLUMNS_MIN = 32 };

struct Output {
    OutputFormat format;
    const Column *columns;
    size_t column_count, rows;
    const char *nothing;
    struct libscols_table *table;
    size_t widths[COLUMNS_MAX]; /* of the widest cell of each column, in columns of the terminal */
    Arena arena;
};

static bool is_terminal(void) { return isatty(STDOUT_FILENO); }

static bool is_colourful(void) { return is_terminal() && !getenv("NO_COLOR"); }

static struct libscols_table *new_table(void)
{
    scols_init_debug(0);
    struct libscols_table *table = scols_new_table();
    if (!table)
        abort();
    scols_table_set_column_separator(table, "  ");
    scols_table_enable_colors(table, is_colourful());
    return table;
}

static void add_column(struct libscols_table *table, const Column *column)
{
    int flags = column->kind == COLUMN_NUMBER ? SCOLS_FL_RIGHT : column->kind == COLUMN_WIDE && is_terminal() ? SCOLS_FL_WRAP : 0;
    struct libscols_column *added = scols_table_new_column(table, column->title, 0, flags);
    if (added && is_colourful())
        scols_cell_set_color(scols_column_get_header(added), "bold");
}

static struct libscols_table *open_table(const Column *columns, size_t count)
{
    struct libscols_table *table = new_table();
    if (!is_terminal())
        scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* as wide as its cells are: nothing is cut */
    for (size_t i = 0; i < count; i++)
        add_column(table, &columns[i]);
    return table;
}

static void csv_header(Output *output)
{
    Text line = text_in(&output->arena);
    for (size_t i = 0; i < output->column_count; i++) {
        if (i)
            text_add_byte(&line, ',');
        csv_add_cell(&line, slice_of(output->columns[i].title));
    }
    text_add_literal(&line, "\r\n");
    fwrite(line.at, 1, line.bytes, stdout);
}

Output *output_open(const Invocation *invocation, const Column *columns, size_t count, const char *nothing)
{
    Output *output = calloc(1, sizeof *output);
    if (!output)
        abort();
    *output = (Output){.format = invocation->output, .columns = columns, .column_count = count, .nothing = nothing};
    if (output->format == OUTPUT_TABLE)
        output->table = open_table(columns, count);
    if (output->format == OUTPUT_CSV)
        csv_header(output);
    if (output->format == OUTPUT_JSON)
        fputs("[", stdout);
    return output;
}

/* How many columns of a terminal a text takes. What is no text is shown as \xNN. */
static size_t width_of(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0;
    for (size_t bytes; *text; text += bytes) {
        wchar_t sign;
        bytes = mbrtowc(&sign, text, MB_CUR_MAX, &state);
        bool is_text = bytes && bytes < (size_t)-2 && wcwidth(sign) >= 0;
        width += is_text ? (size_t)wcwidth(sign) : strlen("\\x00");
        if (!is_text)
            bytes = 1, state = (mbstate_t){0};
    }
    return width;
}

static void table_cell(Output *output, struct libscols_line *line, size_t column, Slice cell)
{
    if (slice_empty(cell))
        return;
    const char *text = arena_copy(&output->arena, cell).at;
    size_t width = width_of(text);
    if (width > output->widths[column])
        output->widths[column] = width;
    scols_line_set_data(line, column, text);
}

static void table_row(Output *output, const Slice *cells)
{
    struct libscols_line *line = scols_table_new_line(output->table, NULL);
    for (size_t i = 0; line && i < output->column_count; i++)
        table_cell(output, line, i, cells[i]);
    arena_reset(&output->arena);
}

static void csv_row(Output *output, const Slice *cells)
{
    Text line = text_in(&output->arena);
    for (size_t i = 0; i < output->column_count; i++) {
        if (i)
            text_add_byte(&line, ',');
        csv_add_cell(&line, cells[i]);
    }
    text_add_literal(&line, "\r\n");
    fwrite(line.at, 1, line.bytes, stdout);
    arena_reset(&output->arena);
}

void output_row(Output *output, const Slice *cells, Slice json)
{
    if (output->format == OUTPUT_TABLE)
        table_row(output, cells);
    else if (output->format == OUTPUT_CSV)
        csv_row(output, cells);
    else
        printf("%s\n%.*s", output->rows ? "," : "", SLICE_ARG(json));
    output->rows++;
}

/* ---- what a terminal is too narrow for ---- */

/* A wide cell needs no more than room to wrap in. */
static size_t columns_needed(const Output *output)
{
    size_t needed = 0;
    for (size_t i = 0; i < output->column_count; i++) {
        size_t title = strlen(output->columns[i].title), width = output->widths[i] > title ? output->widths[i] : title;
        bool wraps = output->columns[i].kind == COLUMN_WIDE && width > WIDE_COLUMNS_MIN;
        needed += (wraps ? WIDE_COLUMNS_MIN : width) + (i ? SEPARATOR_COLUMNS : 0);
    }
    return needed;
}

static void add_block_line(struct libscols_table *blocks, const char *name, const char *value)
{
    struct libscols_line *line = scols_table_new_line(blocks, NULL);
    scols_line_set_data(line, 0, name);
    scols_line_set_data(line, 1, value);
    if (is_colourful())
        scols_cell_set_color(scols_line_get_cell(line, 0), "bold");
}

static void add_block(const Output *output, struct libscols_table *blocks, size_t row)
{
    struct libscols_line *line = scols_table_get_line(output->table, row);
    if (row)
        scols_table_new_line(blocks, NULL);
    for (size_t i = 0; i < output->column_count; i++) {
        const char *value = scols_cell_get_data(scols_line_get_cell(line, i));
        if (value)
            add_block_line(blocks, output->columns[i].title, value);
    }
}

/* A line a cell, so that nothing is lost; the terminal itself breaks what is long, so that a link can be copied. */
static void print_blocks(const Output *output)
{
    struct libscols_table *blocks = new_table();
    scols_table_set_termforce(blocks, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_noheadings(blocks, 1);
    scols_table_new_column(blocks, "name", 0, 0);
    scols_table_new_column(blocks, "value", 0, 0);
    for (size_t row = 0; row < output->rows; row++)
        add_block(output, blocks, row);
    scols_print_table(blocks);
    scols_unref_table(blocks);
}

static void print_table(const Output *output)
{
    if (is_terminal() && columns_needed(output) > scols_table_get_termwidth(output->table))
        print_blocks(output);
    else
        scols_print_table(output->table);
}

size_t output_close(Output *output)
{
    size_t rows = output->rows;
    if (output->format == OUTPUT_JSON)
        printf("%s]\n", rows ? "\n" : "");
    if (output->format == OUTPUT_TABLE && rows)
        print_table(output);
    fflush(stdout);
    if (!rows && output->nothing)
        verb_note("%s", output->nothing);
    if (output->table)
        scols_unref_table(output->table);
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
