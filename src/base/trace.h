/* The trace that this thread's work belongs to (W3C Trace Context), for what goes out because of it. */
#pragma once

/* "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; NULL or "" = none. Anything else is taken for none. Copied. */
void trace_set(const char *traceparent);

/* NULL = none. */
const char *trace_current(void);
