/* What a call costs: every started minute of billable time at the rate of the longest matching prefix. Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct RatePrefix {
    Slice prefix; /* "+972" or "972" in the file; kept with its '+' */
    int64_t micros_per_minute;
} RatePrefix;

typedef struct Rating {
    int64_t micros_per_minute; /* where no prefix matches */
    Slice currency;            /* ISO 4217 */
    const RatePrefix *prefixes;
    size_t prefix_count;
} Rating;

/* Parses a CSV of prefix,rate lines ("972,0.015"; '#' comments; an optional header) into the arena. REJECT names the line. */
Status rating_parse(Slice csv, Arena *arena, Rating *rating, Fault *fault);

/* "0.01" -> 10000. False when it is not a decimal of at most six fractional digits below 1e6. */
bool rating_parse_money(Slice text, int64_t *ret_micros);

int64_t rating_cost_micros(const Rating *rating, Slice phone, int64_t billable_seconds);
