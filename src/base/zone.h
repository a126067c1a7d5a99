/* A time zone as the system's tzdata has it: what clocks on walls show at a moment. Reads TZif (RFC 8536) and nothing else. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

enum { ZONE_FILE_BYTES_MAX = 64 * 1024 }; /* the longest of tzdata has 4 KiB */

/* When a change of the year comes: a day of the calendar, and seconds from its midnight in local time. */
typedef struct ZoneDate {
    enum { ZONE_DATE_MONTH_WEEK_DAY, ZONE_DATE_JULIAN, ZONE_DATE_DAY_OF_YEAR } form;
    int month, week, day;
    int32_t second;
} ZoneDate;

/* What holds after the last change that the file lists: the footer, a TZ string of POSIX. */
typedef struct ZoneRule {
    int32_t standard_s, summer_s; /* east of UTC, in seconds */
    bool has_summer;
    ZoneDate summer_begins, summer_ends;
} ZoneRule;

typedef struct Zone {
    const int64_t *changes_s; /* moments since 1970, ascending */
    const int32_t *offsets_s; /* offsets_s[i] holds from changes_s[i] on */
    size_t change_count;
    int32_t first_offset_s;   /* before the first change */
    bool has_rule;
    ZoneRule rule;
} Zone;

/* Local time is UTC + offset_s from the asked moment until until_s, where something may change; INT64_MAX = nothing will. */
typedef struct ZoneSpan {
    int32_t offset_s;
    int64_t until_s;
} ZoneSpan;

/* The file's bytes -> zone, in arena. REJECT "zone_malformed" says what is wrong with it. */
Status zone_parse(Slice file, Arena *arena, Zone *ret, Fault *fault);

ZoneSpan zone_span(const Zone *zone, int64_t unix_s);

/* The zone of that name in the system's folder of zones. REJECT "zone_file" when it is not there, or cannot be read. */
Status zone_read(const char *folder, Slice name, Arena *arena, Zone *ret, Fault *fault);
