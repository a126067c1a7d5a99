/* One edit distance for verbs, options and settings. */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 64 };

/* Levenshtein distance; words longer than a line are infinitely far. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES], bytes = strlen(b);
    if (bytes >= NAME_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= bytes; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bytes; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[bytes];
}

const char *nearest_name(const char *word, const char *(*name)(size_t i))
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 2 + 1; /* further off is no slip of the pen */
    for (size_t i = 0; name(i); i++) {
        size_t far = distance(word, name(i));
        if (far < best_distance) {
            best = name(i);
            best_distance = far;
        }
    }
    return best;
}
