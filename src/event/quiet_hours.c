/* Each zone gives the stretches of time in which it is not quiet; the moment looked for is where the most of them lie over each other. */
#include "event/quiet_hours.h"

#include <stdlib.h>

enum { DAY_S = 24 * 60 * 60, LOOK_AHEAD_S = 2 * DAY_S };

/* ---- the setting ---- */

static bool read_clock(Slice text, int32_t *ret_s)
{
    if (text.bytes != 5 || text.at[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++) {
        if (i != 2 && (text.at[i] < '0' || text.at[i] > '9'))
            return false;
    }
    int hour = (text.at[0] - '0') * 10 + text.at[1] - '0', minute = (text.at[3] - '0') * 10 + text.at[4] - '0';
    *ret_s = (hour * 60 + minute) * 60;
    return hour <= 23 && minute <= 59;
}

static bool read_hours(Slice text, QuietRule *ret)
{
    if (slice_equal(text, SLICE("none")))
        return true;
    if (text.bytes != 11 || text.at[5] != '-')
        return false;
    return read_clock((Slice){text.at, 5}, &ret->begin_s) && read_clock((Slice){text.at + 6, 5}, &ret->end_s) && ret->begin_s != ret->end_s;
}

static bool read_prefix(Slice text, Slice *ret)
{
    if (slice_equal(text, SLICE("*")))
        return true;
    if (text.bytes < 2 || text.bytes > 16 || text.at[0] != '+')
        return false;
    for (size_t i = 1; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    *ret = (Slice){text.at + 1, text.bytes - 1};
    return true;
}

static bool read_rule(Slice text, QuietRule *ret)
{
    *ret = (QuietRule){0};
    const char *equals = memchr(text.at, '=', text.bytes);
    if (!equals)
        return read_hours(text, ret);
    size_t bytes = (size_t)(equals - text.at);
    return read_prefix((Slice){text.at, bytes}, &ret->prefix) && read_hours((Slice){equals + 1, text.bytes - bytes - 1}, ret);
}

static bool has_prefix(const QuietHours *hours, Slice prefix)
{
    for (size_t i = 0; i < hours->count; i++) {
        if (slice_equal(hours->rules[i].prefix, prefix))
            return true;
    }
    return false;
}

Status quiet_hours_parse(Slice text, const PhoneZones *zones, QuietHours *ret, Fault *fault)
{
    QuietHours hours = {.zones = zones};
    for (bool goes_on = !slice_empty(slice_trim(text, " ")); goes_on;) {
        const char *comma = memchr(text.at, ',', text.bytes);
        Slice part = {text.at, comma ? (size_t)(comma - text.at) : text.bytes};
        QuietRule rule;
        if (!read_rule(slice_trim(part, " "), &rule))
            return fault_set(fault, STATUS_REJECT, "quiet_hours", "\"%.*s\" is not like 21:00-08:00, +972=20:00-09:00 or +44=none",
                             SLICE_ARG(part));
        if (has_prefix(&hours, rule.prefix))
            return fault_set(fault, STATUS_REJECT, "quiet_hours", "two rules are for the same numbers");
        if (hours.count == QUIET_RULES_MAX)
            return fault_set(fault, STATUS_REJECT, "quiet_hours", "there are more than %d rules", QUIET_RULES_MAX);
        hours.rules[hours.count++] = rule;
        goes_on = comma != NULL;
        text = comma ? (Slice){comma + 1, text.bytes - part.bytes - 1} : (Slice){0};
    }
    *ret = hours;
    return STATUS_OK;
}

/* NULL = never quiet. */
static const QuietRule *rule_of(const QuietHours *hours, Slice phone)
{
    Slice digits = slice_empty(phone) ? phone : (Slice){phone.at + 1, phone.bytes - 1};
    const QuietRule *longest = NULL;
    for (size_t i = 0; i < hours->count; i++) {
        const QuietRule *rule = &hours->rules[i];
        bool is_longer = !longest || rule->prefix.bytes > longest->prefix.bytes;
        if (is_longer && (slice_empty(rule->prefix) || slice_starts_with(digits, rule->prefix)))
            longest = rule;
    }
    return longest && longest->begin_s != longest->end_s ? longest : NULL;
}

/* ---- one zone ---- */

static int64_t second_of_day(int64_t local_s)
{
    int64_t second = local_s % DAY_S;
    return second < 0 ? second + DAY_S : second;
}

static bool is_quiet(const QuietRule *rule, int64_t second)
{
    if (rule->begin_s < rule->end_s)
        return second >= rule->begin_s && second < rule->end_s;
    return second >= rule->begin_s || second < rule->end_s;
}

/* The first moment from at_s on, at most until_s, when the zone is quiet, or is not. Clocks that are set forth or back are
 * stretches of their own. */
static int64_t next_moment(const Zone *zone, const QuietRule *rule, bool wants_quiet, int64_t at_s, int64_t until_s)
{
    while (at_s < until_s) {
        ZoneSpan span = zone_span(zone, at_s);
        int64_t second = second_of_day(at_s + span.offset_s);
        if (is_quiet(rule, second) == wants_quiet)
            return at_s;
        int64_t edge_s = at_s + second_of_day((wants_quiet ? rule->begin_s : rule->end_s) - second);
        at_s = edge_s < span.until_s ? edge_s : span.until_s;
    }
    return until_s;
}

/* ---- all of them ---- */

typedef struct Edge {
    int64_t at_s;
    int step; /* +1: a zone is not quiet from here on; -1: it is again */
} Edge;

enum { EDGES_MAX = PHONE_ZONES_MAX * 8 }; /* a zone opens two or three times in 48 h, and once more where clocks are set */

typedef struct Edges {
    Edge items[EDGES_MAX];
    size_t count;
} Edges;

static void add_stretches(Edges *edges, const Zone *zone, const QuietRule *rule, int64_t now_s)
{
    int64_t until_s = now_s + LOOK_AHEAD_S;
    for (int64_t at_s = now_s; edges->count + 2 <= EDGES_MAX;) {
        int64_t opens_s = next_moment(zone, rule, false, at_s, until_s);
        if (opens_s == until_s)
            return;
        at_s = next_moment(zone, rule, true, opens_s, until_s);
        edges->items[edges->count++] = (Edge){opens_s, 1};
        edges->items[edges->count++] = (Edge){at_s, -1};
    }
}

/* In order of time; of two at one moment the end goes first, since it is not in the stretch any more. */
static int by_time(const void *left, const void *right)
{
    const Edge *a = left, *b = right;
    if (a->at_s != b->at_s)
        return a->at_s < b->at_s ? -1 : 1;
    return a->step - b->step;
}

/* Where the most stretches lie over each other for the first time. */
static int64_t best_moment(Edges *edges, int64_t now_s)
{
    int64_t best_s = now_s;
    int open = 0, most = 0;
    qsort(edges->items, edges->count, sizeof *edges->items, by_time);
    for (size_t i = 0; i < edges->count; i++) {
        open += edges->items[i].step;
        if (open > most) {
            most = open;
            best_s = edges->items[i].at_s;
        }
    }
    return best_s;
}

static int64_t whole_seconds(int64_t ms) { return ms / 1000 - (ms % 1000 < 0); }

int64_t quiet_hours_end(const QuietHours *hours, Slice phone, int64_t now_ms)
{
    const QuietRule *rule = rule_of(hours, phone);
    if (!rule)
        return 0;
    ZoneSet set = phone_zones_of(hours->zones, phone);
    int64_t now_s = whole_seconds(now_ms);
    Edges edges = {.count = 0};
    for (size_t i = 0; i < set.count; i++)
        add_stretches(&edges, &hours->zones->zones[set.zones[i]], rule, now_s);
    int64_t best_s = best_moment(&edges, now_s);
    return best_s == now_s ? 0 : best_s * 1000;
}
