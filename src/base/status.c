#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* A text that was too long may end inside of a letter, which no store of text takes. */
static void drop_cut_letter(char *text)
{
    size_t bytes = strlen(text), end = bytes;
    while (end && utf8_is_continuation((unsigned char)text[end - 1]))
        end--;
    if (end && (unsigned char)text[end - 1] >= 0xc0 && !utf8_length((const unsigned char *)text + end - 1, (const unsigned char *)text + bytes))
        text[end - 1] = 0;
}

Status fault_set(Fault *fault, Status status, const char *code, const char *format, ...)
{
    if (!fault)
        return status;

    fault->status = status;
    fault->is_of_one = false;
    snprintf(fault->code, sizeof fault->code, "%s", code);
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    if (bytes >= (int)sizeof fault->text)
        drop_cut_letter(fault->text);
    return status;
}

Status fault_place(Fault *fault, const char *where)
{
    Fault inner = *fault;
    snprintf(fault->text, sizeof fault->text, "%.80s: %.150s", where, inner.text);
    return fault->status;
}

const char *status_name(Status status)
{
    static const char *const names[] = {"ok", "reject", "retry", "fatal"};
    return names[status];
}
