#include "base/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char form[] = "00-00000000000000000000000000000000-0000000000000000-00"; /* version, trace, parent, flags */

static _Thread_local char current[sizeof form];

/* It becomes part of messages, so it holds nothing but what the form allows. */
static bool is_traceparent(const char *text)
{
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++) {
        bool fits = form[i] == '-' ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL;
        if (!fits)
            return false;
    }
    return true;
}

void trace_set(const char *traceparent)
{
    bool is_set = traceparent && is_traceparent(traceparent);
    memcpy(current, is_set ? traceparent : form, sizeof form);
    current[0] = is_set ? current[0] : 0;
}

const char *trace_current(void) { return *current ? current : NULL; }
