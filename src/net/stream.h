/* A connection to a server, plain or TLS, on which nothing blocks beyond a deadline. For one thread at a time. TLS is 1.2 or
 * later, with the certificate's chain and the server's name verified. The process ignores SIGPIPE. */
#pragma once

#include "base/slice.h"
#include "base/status.h"

typedef struct Stream Stream;

typedef struct StreamSettings {
    const char *host;    /* a name or an address */
    int port;
    bool is_tls;
    const char *ca_file; /* PEM; NULL = the system's */
} StreamSettings;

/* Deadlines are in clock_elapsed_ms. The look-up of a name is the resolver's, with its own time-outs.
 * RETRY: "unreachable", "timeout"; FATAL: "tls_refused" (the certificate does not fit), "tls_ca" (no such file). */
Status stream_open(const StreamSettings *settings, int64_t deadline_ms, Stream **ret, Fault *fault);
void stream_close(Stream *stream); /* NULL is fine */

/* After anything but OK the stream can only be closed: RETRY "timeout", or "connection_lost". Only a read for which nothing came in
 * time may be repeated. */
Status stream_write(Stream *stream, Slice bytes, int64_t deadline_ms, Fault *fault);
/* At least one byte, at most room. After a "timeout" it may be called again: nothing was read. */
Status stream_read(Stream *stream, char *at, size_t room, int64_t deadline_ms, size_t *ret_bytes, Fault *fault);
