/* Logs: one JSON object a line on stderr; phone numbers masked to the last four digits, never a message body.
 * At a terminal the same line is printed for people. */
#pragma once

#include "base/slice.h"
#include "base/status.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF /* no line is of that level */ } LogLevel;

/* level: "debug", "info", "warn", "error", "off"; full_phones: LOG_PHONE_NUMBERS=full. False for an unknown level. */
bool log_init(const char *level, bool full_phones);

/* What "service" says in every line: a text that lives on; "pledgeline" unless it is set. */
void log_set_service(const char *name);

/* A field of a line. A phone number is masked by its type, so no caller can forget it. */
typedef struct LogField {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_PHONE } type;
    Slice text;
    int64_t number;
} LogField;

#define LOG_TEXT(name, slice) ((LogField){(name), LOG_FIELD_TEXT, (slice), 0})
#define LOG_CSTR(name, cstr) ((LogField){(name), LOG_FIELD_TEXT, slice_of(cstr), 0})
#define LOG_NUMBER(name, value) ((LogField){(name), LOG_FIELD_NUMBER, {0}, (value)})
#define LOG_PHONE(name, slice) ((LogField){(name), LOG_FIELD_PHONE, (slice), 0})

void log_fields(LogLevel level, const char *message, const LogField *fields, size_t count);

/* log_line(LOG_INFO, "listening", LOG_CSTR("address", "127.0.0.1:8080")); at least one field */
#define log_line(level, message, ...)                                                        \
    log_fields((level), (message), (const LogField[]){__VA_ARGS__},                           \
               sizeof((const LogField[]){__VA_ARGS__}) / sizeof(LogField))

/* Masks an E.164 number as "+972*****4567" in place of out (at least 24 bytes). */
void log_mask_phone(Slice phone, char out[24]);

/* Does so in place to each number in a text that somebody else wrote: '+' and 8 to 15 digits. */
void log_mask_phones(char *text);
