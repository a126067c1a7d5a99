/* Small files of settings with two values a line: "972,0.015", "winter,https://example.org/give". Blanks and quotes around a value do
 * not count, a line that begins with # is a comment, and empty lines are passed over. Pure. */
#pragma once

#include "base/slice.h"

typedef struct PairLines {
    Slice rest;    /* all of the file at first */
    size_t number; /* of the last line, from 1 */
} PairLines;

typedef struct Pair { Slice left, right; } Pair; /* right is all behind the first comma; both empty where the line has none */

/* False at the end. */
bool pair_lines_next(PairLines *lines, Pair *ret);

/* How many lines there are at most. */
size_t pair_lines_count(Slice text);
