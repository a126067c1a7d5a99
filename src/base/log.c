/* One JSON object a line, or a plain line at a terminal. Every field is escaped, so no input can forge a line or move a
 * terminal's cursor. */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

static LogLevel lowest = LOG_INFO;
static bool phones_in_full;
static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static const char *service = "pledgeline";

void log_set_service(const char *name) { service = name; }

bool log_init(const char *level, bool full_phones)
{
    phones_in_full = full_phones;
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(level, level_names[i]) == 0) {
            lowest = (LogLevel)i;
            return true;
        }
    }
    return false;
}

/* "+972501234567" -> "+972*****4567"; what is too short to mask by halves is masked whole. */
void log_mask_phone(Slice phone, char out[24])
{
    enum { SHOWN_FIRST = 4, SHOWN_LAST = 4, TEXT_MAX = 20 };
    size_t bytes = phone.bytes < TEXT_MAX ? phone.bytes : TEXT_MAX;
    for (size_t i = 0; i < bytes; i++) {
        bool shown = bytes > SHOWN_FIRST + SHOWN_LAST && (i < SHOWN_FIRST || i >= bytes - SHOWN_LAST);
        out[i] = shown ? phone.at[i] : '*';
    }
    out[bytes] = 0;
}

void log_mask_phones(char *text)
{
    enum { DIGITS_LEAST = 8, DIGITS_MOST = 15 };
    char masked[24];
    for (char *plus = strchr(text, '+'); plus; plus = strchr(plus + 1, '+')) {
        size_t digits = strspn(plus + 1, "0123456789");
        if (digits < DIGITS_LEAST || digits > DIGITS_MOST)
            continue;
        log_mask_phone((Slice){plus, 1 + digits}, masked);
        memcpy(plus, masked, 1 + digits);
    }
}

static Slice field_text(const LogField *field, char masked[24])
{
    if (field->type != LOG_FIELD_PHONE || phones_in_full)
        return field->text;
    log_mask_phone(field->text, masked);
    return slice_of(masked);
}

static void add_fields(Text *line, const LogField *fields, size_t count, const char *before_name, const char *behind_name)
{
    char masked[24];
    for (size_t i = 0; i < count; i++) {
        text_printf(line, "%s%s%s", before_name, fields[i].name, behind_name);
        if (fields[i].type == LOG_FIELD_NUMBER)
            text_printf(line, "%lld", (long long)fields[i].number);
        else
            json_add_string(line, field_text(&fields[i], masked));
    }
}

void log_fields(LogLevel level, const char *message, const LogField *fields, size_t count)
{
    if (level < lowest)
        return;

    char now[TIME_TEXT_BYTES];
    time_print(clock_wall_ms(), now);
    Arena arena;
    arena_init(&arena);
    Text line = text_in(&arena);
    if (isatty(STDERR_FILENO)) {
        text_printf(&line, "%s %-5s %s", now, level_names[level], message);
        add_fields(&line, fields, count, "  ", "=");
    } else {
        text_printf(&line, "{\"timestamp\":\"%s\",\"level\":\"%s\",\"service\":\"%s\",\"message\":", now, level_names[level], service);
        json_add_string(&line, slice_of(message));
        add_fields(&line, fields, count, ",\"", "\":");
        text_add_byte(&line, '}');
    }
    text_add_byte(&line, '\n');
    fwrite(line.at, 1, line.bytes, stderr); /* one call, so lines of two threads do not mix */
    arena_done(&arena);
}
