/* Lines of CSV as people and programs write it (RFC 4180): quoted cells, "" for a quote in them, line ends of either kind. Pure. */
#pragma once

#include "base/arena.h"

enum { CSV_CELLS_MAX = 64 };

typedef struct CsvReader {
    Slice rest;   /* not read yet */
    size_t line;  /* read so far */
    const char *separators; /* any of them ends a cell */
} CsvReader;

/* The mark that spreadsheets begin with is passed over. All is borrowed. */
void csv_reader_init(CsvReader *reader, Slice csv, const char *separators);

/* The next line's cells, in arena, without the blanks around them; those beyond CSV_CELLS_MAX are left out. False at the end. */
bool csv_read_line(CsvReader *reader, Arena *arena, Slice ret_cells[CSV_CELLS_MAX], size_t *ret_count);
