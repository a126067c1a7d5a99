#include "base/csv_read.h"

void csv_reader_init(CsvReader *reader, Slice csv, const char *separators)
{
    if (slice_starts_with(csv, SLICE("\xef\xbb\xbf"))) { /* spreadsheets begin with a byte order mark */
        csv.at += 3;
        csv.bytes -= 3;
    }
    *reader = (CsvReader){.rest = csv, .separators = separators};
}

static char take(CsvReader *reader)
{
    char c = reader->rest.at[0];
    reader->rest.at++;
    reader->rest.bytes--;
    reader->line += c == '\n';
    return c;
}

static bool next_is(const CsvReader *reader, char c) { return reader->rest.bytes && reader->rest.at[0] == c; }

static void take_quoted(CsvReader *reader, Text *cell)
{
    take(reader);
    while (reader->rest.bytes) {
        char c = take(reader);
        if (c == '"' && !next_is(reader, '"'))
            return;
        if (c == '"')
            take(reader);
        text_add_byte(cell, c);
    }
}

/* An apostrophe in front keeps a spreadsheet from reading a formula. */
static Slice trimmed(Slice cell)
{
    while (cell.bytes && strchr(" \t'", cell.at[0])) {
        cell.at++;
        cell.bytes--;
    }
    while (cell.bytes && strchr(" \t\r", cell.at[cell.bytes - 1]))
        cell.bytes--;
    return cell;
}

/* One cell; *ret_more is false when it was the line's last. */
static Slice take_cell(CsvReader *reader, Arena *arena, bool *ret_more)
{
    Text cell = text_in(arena);
    *ret_more = false;
    if (next_is(reader, '"'))
        take_quoted(reader, &cell);
    while (reader->rest.bytes) {
        char c = take(reader);
        if (c == '\n')
            break;
        *ret_more = c && strchr(reader->separators, c);
        if (*ret_more)
            break;
        text_add_byte(&cell, c);
    }
    return trimmed(text_slice(&cell));
}

bool csv_read_line(CsvReader *reader, Arena *arena, Slice ret_cells[CSV_CELLS_MAX], size_t *ret_count)
{
    *ret_count = 0;
    if (!reader->rest.bytes)
        return false;
    for (bool more = true; more;) {
        Slice cell = take_cell(reader, arena, &more);
        if (*ret_count < CSV_CELLS_MAX)
            ret_cells[(*ret_count)++] = cell;
    }
    return true;
}
