#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

Status fault_set(Fault *fault, Status status, const char *code, const char *format, ...)
{
    if (!fault)
        return status;

    fault->status = status;
    fault->is_of_one = false;
    snprintf(fault->code, sizeof fault->code, "%s", code);
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
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
