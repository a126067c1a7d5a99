/* Rates by longest prefix, in millionths of the currency so that sums are exact. */
#include "event/rating.h"

#include <stdlib.h>

#include "event/pair_lines.h"

enum { RATE_DIGITS_MAX = 6 };

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

Status rating_parse(Slice csv, Arena *arena, Rating *rating, Fault *fault)
{
    size_t count = 0;
    RatePrefix *prefixes = ARENA_ARRAY(arena, RatePrefix, pair_lines_count(csv));
    PairLines lines = {csv, 0};
    Pair pair;
    while (pair_lines_next(&lines, &pair)) {
        if (read_prefix(pair.left, arena, &prefixes[count].prefix) && rating_parse_money(pair.right, &prefixes[count].micros_per_minute)) {
            count++;
        } else if (lines.number > 1 || !pair.left.at) { /* the first line may be a header */
            return fault_set(fault, STATUS_REJECT, "rates_invalid",
                             "line %zu is not prefix,rate (like 972,0.015)", lines.number);
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
