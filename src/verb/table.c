/* libsmartcols prints; how wide the cells are is counted here, to know what a terminal has room for. */
#include "verb/table.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

enum { SEPARATOR_COLUMNS = 2, WIDE_COLUMNS_MIN = 32 };

struct Table {
    struct libscols_table *lines;
    const Column *columns;
    size_t column_count, rows;
    size_t widths[COLUMNS_MAX]; /* of the widest cell of each column, in columns of the terminal */
    Arena arena;
};

static bool is_terminal(void) { return isatty(STDOUT_FILENO); }
static bool is_colourful(void) { return is_terminal() && !getenv("NO_COLOR"); }

/* ---- how wide a text is ---- */

/* The next sign of a text and how many columns it takes. What is no text is shown as \xNN, byte by byte. */
static size_t sign_width(const char *text, size_t *ret_bytes)
{
    wchar_t sign;
    mbstate_t state = {0};
    size_t bytes = mbrtowc(&sign, text, MB_CUR_MAX, &state);
    bool is_text = bytes && bytes < (size_t)-2 && wcwidth(sign) >= 0;
    *ret_bytes = is_text ? bytes : 1;
    return is_text ? (size_t)wcwidth(sign) : strlen("\\x00");
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (size_t bytes; *text; text += bytes)
        width += sign_width(text, &bytes);
    return width;
}

/* ---- open ---- */

static struct libscols_table *new_lines(void)
{
    scols_init_debug(0);
    struct libscols_table *lines = scols_new_table();
    if (!lines)
        abort();
    scols_table_set_column_separator(lines, "  ");
    scols_table_enable_colors(lines, is_colourful());
    return lines;
}

static void add_column(struct libscols_table *lines, const Column *column)
{
    bool wraps = column->kind == COLUMN_WIDE && is_terminal();
    struct libscols_column *added =
        scols_table_new_column(lines, column->title, 0, column->kind == COLUMN_NUMBER ? SCOLS_FL_RIGHT : wraps ? SCOLS_FL_WRAP : 0);
    if (!added)
        abort();
    if (wraps) {
        scols_column_set_wrapfunc(added, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
        scols_column_set_safechars(added, "\n");
    }
    if (is_colourful())
        scols_cell_set_color(scols_column_get_header(added), "bold");
}

Table *table_open(const Column *columns, size_t count)
{
    Table *table = calloc(1, sizeof *table);
    if (!table)
        abort();
    *table = (Table){.lines = new_lines(), .columns = columns, .column_count = count};
    if (!is_terminal())
        scols_table_set_termforce(table->lines, SCOLS_TERMFORCE_NEVER); /* as wide as its cells are */
    for (size_t i = 0; i < count; i++)
        add_column(table->lines, &columns[i]);
    return table;
}

/* ---- rows ---- */

static void set_cell(Table *table, struct libscols_line *line, size_t column, Slice cell)
{
    if (slice_empty(cell))
        return;
    const char *text = arena_copy(&table->arena, cell).at;
    size_t width = width_of(text);
    if (width > table->widths[column])
        table->widths[column] = width;
    scols_line_set_data(line, column, text);
}

void table_row(Table *table, const Slice *cells)
{
    struct libscols_line *line = scols_table_new_line(table->lines, NULL);
    for (size_t i = 0; line && i < table->column_count; i++)
        set_cell(table, line, i, cells[i]);
    table->rows++;
    arena_reset(&table->arena);
}

/* ---- wrapping, between words where that is possible ---- */

static size_t column_width(const Table *table, size_t column)
{
    size_t title = strlen(table->columns[column].title);
    return table->widths[column] > title ? table->widths[column] : title;
}

/* Of all columns but one. */
static size_t width_beside(const Table *table, size_t column)
{
    size_t width = 0;
    for (size_t i = 0; i < table->column_count; i++)
        width += i == column ? 0 : column_width(table, i) + SEPARATOR_COLUMNS;
    return width;
}

/* How many bytes of a text fit into a line. */
static size_t fitting_bytes(const char *text, size_t room)
{
    size_t used = 0, width = 0, after_word = 0;
    for (size_t bytes; text[used]; used += bytes) {
        width += sign_width(text + used, &bytes);
        if (width > room)
            return after_word ? after_word : used ? used : bytes;
        if (text[used] == ' ')
            after_word = used + 1;
    }
    return used;
}

static void wrap_cell(Table *table, struct libscols_line *line, size_t column, size_t room)
{
    const char *text = scols_cell_get_data(scols_line_get_cell(line, column));
    Text wrapped = text_in(&table->arena);
    for (size_t bytes; text && *text; text += bytes) {
        bytes = fitting_bytes(text, room);
        text_add(&wrapped, (Slice){text, bytes});
        if (text[bytes])
            text_add_byte(&wrapped, '\n');
    }
    text_add_byte(&wrapped, 0);
    scols_line_set_data(line, column, wrapped.at);
    arena_reset(&table->arena);
}

static void wrap_column(Table *table, size_t column, size_t room)
{
    for (size_t row = 0; row < table->rows; row++)
        wrap_cell(table, scols_table_get_line(table->lines, row), column, room);
}

/* ---- blocks: a line a cell. The terminal breaks what is long, so that a link can be copied ---- */

static void add_block_line(struct libscols_table *blocks, const char *name, const char *value)
{
    struct libscols_line *line = scols_table_new_line(blocks, NULL);
    scols_line_set_data(line, 0, name);
    scols_line_set_data(line, 1, value);
    if (is_colourful())
        scols_cell_set_color(scols_line_get_cell(line, 0), "bold");
}

static void add_block(const Table *table, struct libscols_table *blocks, size_t row)
{
    struct libscols_line *line = scols_table_get_line(table->lines, row);
    if (row)
        scols_table_new_line(blocks, NULL);
    for (size_t i = 0; i < table->column_count; i++) {
        const char *value = scols_cell_get_data(scols_line_get_cell(line, i));
        if (value)
            add_block_line(blocks, table->columns[i].title, value);
    }
}

static void print_blocks(const Table *table)
{
    struct libscols_table *blocks = new_lines();
    scols_table_set_termforce(blocks, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_noheadings(blocks, 1);
    scols_table_new_column(blocks, "name", 0, 0);
    scols_table_new_column(blocks, "value", 0, 0);
    for (size_t row = 0; row < table->rows; row++)
        add_block(table, blocks, row);
    scols_print_table(blocks);
    scols_unref_table(blocks);
}

/* ---- close ---- */

static size_t wide_column(const Table *table)
{
    size_t column = 0;
    while (column < table->column_count && table->columns[column].kind != COLUMN_WIDE)
        column++;
    return column;
}

/* Wraps what does not fit; false where even that is too wide for the terminal. */
static bool fit(Table *table)
{
    size_t wide = wide_column(table), beside = width_beside(table, wide), terminal = scols_table_get_termwidth(table->lines);
    if (wide == table->column_count)
        return beside <= terminal + SEPARATOR_COLUMNS;
    size_t width = column_width(table, wide), least = width < WIDE_COLUMNS_MIN ? width : WIDE_COLUMNS_MIN;
    if (beside + least > terminal)
        return false;
    wrap_column(table, wide, terminal - beside);
    return true;
}

void table_close(Table *table)
{
    if (table->rows && is_terminal() && !fit(table))
        print_blocks(table);
    else if (table->rows)
        scols_print_table(table->lines);
    scols_unref_table(table->lines);
    arena_done(&table->arena);
    free(table);
}
