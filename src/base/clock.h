/* Time. Wall time is for records (milliseconds since 1970, UTC); elapsed time is for time-outs and never jumps. */
#pragma once

#include "base/slice.h"

enum { TIME_TEXT_BYTES = 25 }; /* "2024-01-15T10:30:00.000Z" and its NUL */

/* Wall time. Tests move it: with PLEDGELINE_TEST_CLOCK_FILE set, the decimal number in that file is the time. */
int64_t clock_wall_ms(void);
int64_t clock_elapsed_ms(void);
int64_t clock_elapsed_ns(void);

/* Whether wall time can be believed enough to delete by it. Somebody may set the clock wrong, and right again: wall time must
 * have kept step with elapsed time, within ten minutes, for an hour since the watch began or the clock last jumped. */
typedef struct ClockWatch {
    int64_t ahead_ms; /* how far wall time was ahead of elapsed time */
    int64_t since_ms; /* elapsed time since which it is */
    bool began;
} ClockWatch;

/* For every look at the clock; a jump that comes and goes between two looks is not seen and does no harm. */
bool clock_is_steady(ClockWatch *watch, int64_t wall_ms, int64_t elapsed_ms);

/* RFC 3339 date-time, any offset, up to nine fractional digits (cut to ms), leap second 60 read as 59. False when it is
 * anything else, or outside the years 1 to 9999. */
bool time_parse(Slice text, int64_t *ret_unix_ms);

/* RFC 3339 in UTC with milliseconds. */
void time_print(int64_t unix_ms, char out[TIME_TEXT_BYTES]);

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
int64_t time_days(int64_t year, int64_t month, int64_t day);
