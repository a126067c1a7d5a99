/* The trace that this thread's work belongs to (W3C Trace Context), for what goes out because of it. */
#pragma once

#include "base/slice.h"

/* "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; NULL or "" = none. Anything else is taken for none. Copied. */
void trace_set(const char *traceparent);

/* The same from the header of AWS X-Ray, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
void trace_set_xray(Slice header);

/* NULL = none. */
const char *trace_current(void);
