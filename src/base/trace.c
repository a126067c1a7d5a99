#include "base/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
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

/* The value of "name" in "name=value;name=value". */
static Slice part_of(Slice header, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = header.at, *end = header.at + header.bytes; at < end;) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop ? stop : end;
        if ((size_t)(stop - at) > bytes && !memcmp(at, name, bytes) && at[bytes] == '=')
            return (Slice){at + bytes + 1, (size_t)(stop - at) - bytes - 1};
        at = stop + 1;
    }
    return (Slice){0};
}

void trace_set_xray(Slice header)
{
    enum { ROOT_BYTES = 35, PARENT_BYTES = 16 };
    Slice root = part_of(header, "Root"), parent = part_of(header, "Parent"), sampled = part_of(header, "Sampled");
    char text[sizeof form];
    bool fits = root.bytes == ROOT_BYTES && slice_starts_with(root, SLICE("1-")) && root.at[10] == '-' && parent.bytes == PARENT_BYTES;
    if (fits)
        snprintf(text, sizeof text, "00-%.8s%.24s-%.16s-%s", root.at + 2, root.at + 11, parent.at, slice_equal(sampled, SLICE("1")) ? "01" : "00");
    trace_set(fits ? text : NULL);
}

const char *trace_current(void) { return *current ? current : NULL; }
