/* CSV by RFC 4180. */
#pragma once

#include "base/arena.h"

/* A cell, safe to open in a spreadsheet. */
void csv_add_cell(Text *out, Slice cell);
void csv_add_row(Text *out, const Slice *cells, size_t count);
/* The first line: plain names. */
void csv_add_header(Text *out, const char *const *names, size_t count);
/* A time as a cell's text, in arena; empty for 0. */
Slice csv_time(int64_t unix_ms, Arena *arena);
