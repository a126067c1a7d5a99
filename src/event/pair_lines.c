#include "event/pair_lines.h"

static Pair split(Slice line)
{
    const char *comma = memchr(line.at, ',', line.bytes);
    if (!comma)
        return (Pair){0};
    size_t at = (size_t)(comma - line.at);
    return (Pair){slice_trim((Slice){line.at, at}, " \t\r\""), slice_trim((Slice){comma + 1, line.bytes - at - 1}, " \t\r\"")};
}

static Slice next_line(Slice *rest)
{
    const char *newline = memchr(rest->at, '\n', rest->bytes);
    Slice line = {rest->at, newline ? (size_t)(newline - rest->at) : rest->bytes};
    size_t taken = line.bytes + (newline != NULL);
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return line;
}

bool pair_lines_next(PairLines *lines, Pair *ret)
{
    while (lines->rest.bytes) {
        Slice line = slice_trim(next_line(&lines->rest), " \t\r\"");
        lines->number++;
        if (slice_empty(line) || line.at[0] == '#')
            continue;
        *ret = split(line);
        return true;
    }
    return false;
}

size_t pair_lines_count(Slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.bytes; i++)
        count += text.at[i] == '\n';
    return count;
}
