/* Time. Wall time is for records (milliseconds since 1970, UTC); elapsed time is for time-outs and never jumps. */
#pragma once

#include "base/slice.h"

enum { TIME_TEXT_BYTES = 25 }; /* "2024-01-15T10:30:00.000Z" and its NUL */

/* Wall time. Tests move it: with PLEDGELINE_TEST_CLOCK_FILE set, the decimal number in that file is the time. */
int64_t clock_wall_ms(void);
int64_t clock_elapsed_ms(void);
int64_t clock_elapsed_ns(void);

/* RFC 3339 date-time, any offset, up to nine fractional digits (cut to ms), leap second 60 read as 59. False when it is
 * anything else, or outside the years 1 to 9999. */
bool time_parse(Slice text, int64_t *ret_unix_ms);

/* RFC 3339 in UTC with milliseconds. */
void time_print(int64_t unix_ms, char out[TIME_TEXT_BYTES]);
