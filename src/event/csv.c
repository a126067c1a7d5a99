/* CSV cells by RFC 4180, safe to open in a spreadsheet: what could be read as a formula gets an apostrophe in front. A phone
 * number stays as it is: no formula does anything with a plus and digits, and a dialler must be able to read the file. */
#include "event/csv.h"

#include "base/clock.h"
#include "event/phone.h"

static bool starts_formula(Slice cell)
{
    if (slice_empty(cell) || phone_is_e164(cell))
        return false;
    if (strchr("=+-@\t\r", cell.at[0]))
        return true;
    return slice_starts_with(cell, SLICE("\xef\xbc\x9d")); /* full-width = */
}

void csv_add_cell(Text *out, Slice cell)
{
    bool formula = starts_formula(cell);
    bool quoted = formula;
    for (size_t i = 0; i < cell.bytes && !quoted; i++)
        quoted = strchr(",\"\r\n", cell.at[i]) != NULL;
    if (!quoted) {
        text_add(out, cell);
        return;
    }
    text_add_byte(out, '"');
    if (formula)
        text_add_byte(out, '\'');
    for (size_t i = 0; i < cell.bytes; i++) {
        if (cell.at[i] == '"')
            text_add_byte(out, '"');
        if (cell.at[i])
            text_add_byte(out, cell.at[i]);
    }
    text_add_byte(out, '"');
}

void csv_add_row(Text *out, const Slice *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_add_byte(out, ',');
        csv_add_cell(out, cells[i]);
    }
    text_add_literal(out, "\r\n");
}

void csv_add_header(Text *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s%s", i ? "," : "", names[i]);
    text_add_literal(out, "\r\n");
}

Slice csv_time(int64_t unix_ms, Arena *arena)
{
    if (!unix_ms)
        return (Slice){0};
    char *printed = arena_alloc(arena, TIME_TEXT_BYTES);
    time_print(unix_ms, printed);
    return slice_of(printed);
}
