/* Wall time for records, monotonic time for time-outs, and RFC 3339 in both directions without the C library's locale or
 * time zone. */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* For tests: the time stands still until the file says otherwise. A file that cannot be read means the real time. */
static int64_t test_clock_ms(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char digits[24] = "";
    size_t bytes = fread(digits, 1, sizeof digits - 1, file);
    fclose(file);
    digits[bytes] = 0;
    return strtoll(digits, NULL, 10);
}

int64_t clock_wall_ms(void)
{
    static const char unset[] = "";
    static const char *test_file;
    const char *path = __atomic_load_n(&test_file, __ATOMIC_RELAXED);
    if (!path) {
        path = getenv("PLEDGELINE_TEST_CLOCK_FILE");
        path = path ? path : unset;
        __atomic_store_n(&test_file, path, __ATOMIC_RELAXED);
    }
    int64_t test_ms = *path ? test_clock_ms(path) : 0;
    return test_ms ? test_ms : read_clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_elapsed_ns(void) { return read_clock_ns(CLOCK_MONOTONIC); }
int64_t clock_elapsed_ms(void) { return clock_elapsed_ns() / 1000000; }

bool clock_is_steady(ClockWatch *watch, int64_t wall_ms, int64_t elapsed_ms)
{
    enum { MINUTE_MS = 60 * 1000, STEP_MS = 10 * MINUTE_MS, PROOF_MS = 60 * MINUTE_MS };
    int64_t ahead_ms = wall_ms - elapsed_ms, moved_ms = ahead_ms - watch->ahead_ms;
    if (!watch->began || moved_ms > STEP_MS || moved_ms < -STEP_MS)
        *watch = (ClockWatch){.ahead_ms = ahead_ms, .since_ms = elapsed_ms, .began = true};
    return elapsed_ms - watch->since_ms >= PROOF_MS;
}

/* H. Hinnant's days_from_civil. */
int64_t time_days(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool read_digits(Slice text, size_t at, size_t count, int64_t *ret)
{
    if (text.bytes < at + count)
        return false;
    int64_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (text.at[i] - '0');
    }
    *ret = value;
    return true;
}

static bool has_byte(Slice text, size_t at, const char *any)
{
    return at < text.bytes && text.at[at] && strchr(any, text.at[at]);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool read_date(Slice text, int64_t *ret_days)
{
    int64_t year, month, day;
    if (!read_digits(text, 0, 4, &year) || !has_byte(text, 4, "-") || !read_digits(text, 5, 2, &month) ||
        !has_byte(text, 7, "-") || !read_digits(text, 8, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *ret_days = time_days(year, month, day);
    return true;
}

/* ".123456789" -> 123; *at moves behind it. */
static bool read_fraction(Slice text, size_t *at, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (!has_byte(text, *at, "."))
        return true;
    size_t first = ++*at;
    int64_t scale = 100;
    for (; *at < text.bytes && text.at[*at] >= '0' && text.at[*at] <= '9'; ++*at) {
        *ret_ms += scale * (text.at[*at] - '0');
        scale /= 10;
    }
    return *at > first && *at - first <= 9;
}

static bool read_offset(Slice text, size_t at, int64_t *ret_minutes)
{
    *ret_minutes = 0;
    if (has_byte(text, at, "Zz"))
        return text.bytes == at + 1;
    int64_t hours, minutes;
    if (!has_byte(text, at, "+-") || !read_digits(text, at + 1, 2, &hours) || !has_byte(text, at + 3, ":") ||
        !read_digits(text, at + 4, 2, &minutes) || text.bytes != at + 6 || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (text.at[at] == '-' ? -1 : 1);
    return true;
}

bool time_parse(Slice text, int64_t *ret_unix_ms)
{
    int64_t days, hour, minute, second, ms, offset_minutes;
    if (!read_date(text, &days) || !has_byte(text, 10, "Tt ") || !read_digits(text, 11, 2, &hour) ||
        !has_byte(text, 13, ":") || !read_digits(text, 14, 2, &minute) || !has_byte(text, 16, ":") ||
        !read_digits(text, 17, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (second == 60)
        second = 59;
    size_t at = 19;
    if (!read_fraction(text, &at, &ms) || !read_offset(text, at, &offset_minutes))
        return false;
    *ret_unix_ms = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60000 + second * 1000 + ms;
    return true;
}

/* Ends with the digit at `last`; what stands there before are zeros. */
static void put_digits(char *last, int number)
{
    for (; number > 0; number /= 10)
        *last-- = (char)('0' + number % 10);
}

void time_print(int64_t unix_ms, char out[TIME_TEXT_BYTES])
{
    int64_t ms = unix_ms % 1000, seconds = unix_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t whole = (time_t)seconds;
    struct tm utc;
    gmtime_r(&whole, &utc);
    int year = utc.tm_year + 1900;
    memcpy(out, "0000-00-00T00:00:00.000Z", TIME_TEXT_BYTES);
    put_digits(out + 3, year < 0 ? 0 : year % 10000);
    put_digits(out + 6, utc.tm_mon + 1);
    put_digits(out + 9, utc.tm_mday);
    put_digits(out + 12, utc.tm_hour);
    put_digits(out + 15, utc.tm_min);
    put_digits(out + 18, utc.tm_sec);
    put_digits(out + 22, (int)ms);
}
