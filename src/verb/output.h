/* Rows for people (a table), for programs (JSON) and for spreadsheets (CSV): one description of columns serves all. */
#pragma once

#include "verb/verb.h"

typedef enum ColumnKind { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_WIDE /* long text: wraps at a terminal */ } ColumnKind;

typedef struct Column {
    const char *title; /* for people; CSV uses it too */
    ColumnKind kind;
} Column;

enum { COLUMNS_MAX = 20 };

typedef struct Output Output;

/* nothing: what to say on stderr when there is no row ("no dead letters"). */
Output *output_open(const Invocation *invocation, const Column *columns, size_t count, const char *nothing);
/* Says it otherwise, once it is known why there is none. */
void output_nothing(Output *output, const char *nothing);
/* At most so many rows (0 = all) of a list that takes --limit. Returns how many to ask for: of a table one more, which is not shown,
 * so that output_close can tell that there is more. */
size_t output_limit(Output *output, size_t limit);
/* A row: cells in the order of the columns, and the same thing as one JSON object (used for --output json). */
void output_row(Output *output, const Slice *cells, Slice json);
/* Prints what is left and closes. Returns how many rows there were. Unless status is OK, rows are missing: nothing is said of
 * their number, and JSON is not closed, so that nobody takes it for all. */
size_t output_close(Output *output, Status status);

/* An export is CSV unless --output says json. False: it says table, which is refused as wrong usage. */
bool output_of_export(const Invocation *invocation, OutputFormat *ret);

/* Cells. All live in the arena. */
Slice cell_number(Arena *arena, int64_t number);
Slice cell_money(Arena *arena, int64_t micros, const char *currency);
Slice cell_duration(Arena *arena, int64_t seconds); /* 1:02:03 */
Slice cell_time(Arena *arena, int64_t unix_ms);     /* 2024-01-15 10:30:00 */

/* Progress of long work, on stderr, only at a terminal. total 0 = unknown. */
typedef struct Progress {
    const char *what;
    int64_t total, shown_at_ms;
    bool visible;
} Progress;
void progress_init(Progress *progress, const char *what, int64_t total);
void progress_show(Progress *progress, int64_t done);
void progress_done(Progress *progress);
