/* Rates by longest prefix, in millionths of the currency so that sums are exact. */
#include "event/rating.h"

#include <stdlib.h>

enum { RATE_DIGITS_MAX = 6, LINE_BYTES_MAX = 200 };

bool rating_parse_money(Slice text, int64_t *ret_micros)
{
    int64_t micros = 0;
    int decimals = -1;
    if (text.bytes == 0 || text.bytes > 14)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '.' && decimals < 0 && i > 0) {
            decimals = 0;
        } else if (c >= '0' && c <= '9' && decimals < RATE_DIGITS_MAX) {
            micros = micros * 10 + (c - '0');
            decimals += decimals >= 0;
        } else {
            return false;
        }
    }
    if (decimals == 0)
        return false;
    for (int i = decimals < 0 ? 0 : decimals; i < RATE_DIGITS_MAX; i++)
        micros *= 10;
    *ret_micros = micros;
    return micros < (int64_t)1000000 * 1000000;
}

static Slice trim(Slice text)
{
    while (text.bytes && strchr(" \t\r\"", text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes && strchr(" \t\r\"", text.at[text.bytes - 1]))
        text.bytes--;
    return text;
}

static bool split(Slice line, Slice *left, Slice *right)
{
    const char *comma = memchr(line.at, ',', line.bytes);
    if (!comma)
        return false;
    size_t at = (size_t)(comma - line.at);
    *left = trim((Slice){line.at, at});
    *right = trim((Slice){comma + 1, line.bytes - at - 1});
    return true;
}

static bool read_prefix(Slice text, Arena *arena, Slice *ret)
{
    if (text.bytes && text.at[0] == '+') {
        text.at++;
        text.bytes--;
    }
    if (text.bytes == 0 || text.bytes > 15)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    *ret = arena_printf(arena, "+%.*s", SLICE_ARG(text));
    return true;
}

static int compare_prefixes(const void *a, const void *b)
{
    return slice_compare(((const RatePrefix *)a)->prefix, ((const RatePrefix *)b)->prefix);
}

static Slice next_line(Slice *rest)
{
    const char *newline = memchr(rest->at, '\n', rest->bytes);
    Slice line = {rest->at, newline ? (size_t)(newline - rest->at) : rest->bytes};
    size_t taken = line.bytes + (newline != NULL);
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return line;
}

Status rating_parse(Slice csv, Arena *arena, Rating *rating, Fault *fault)
{
    size_t lines = 1, count = 0, number = 0;
    for (size_t i = 0; i < csv.bytes; i++)
        lines += csv.at[i] == '\n';
    RatePrefix *prefixes = ARENA_ARRAY(arena, RatePrefix, lines);
    while (csv.bytes) {
        Slice line = trim(next_line(&csv)), prefix, rate;
        number++;
        if (slice_empty(line) || line.at[0] == '#')
            continue;
        bool is_row = split(line, &prefix, &rate);
        if (is_row && read_prefix(prefix, arena, &prefixes[count].prefix) &&
            rating_parse_money(rate, &prefixes[count].micros_per_minute)) {
            count++;
        } else if (!(number == 1 && is_row)) { /* the first line may be a header */
            return fault_set(fault, STATUS_REJECT, "rates_invalid",
                             "line %zu of the rates is not prefix,rate (like 972,0.015)", number);
        }
    }
    qsort(prefixes, count, sizeof *prefixes, compare_prefixes);
    rating->prefixes = prefixes;
    rating->prefix_count = count;
    return STATUS_OK;
}

static int64_t rate_of(const Rating *rating, Slice phone)
{
    for (size_t bytes = phone.bytes; bytes >= 2 && rating->prefix_count; bytes--) {
        RatePrefix wanted = {.prefix = {phone.at, bytes}};
        const RatePrefix *found = bsearch(&wanted, rating->prefixes, rating->prefix_count, sizeof wanted, compare_prefixes);
        if (found)
            return found->micros_per_minute;
    }
    return rating->micros_per_minute;
}

int64_t rating_cost_micros(const Rating *rating, Slice phone, int64_t billable_seconds)
{
    return billable_seconds > 0 ? (billable_seconds + 59) / 60 * rate_of(rating, phone) : 0;
}
