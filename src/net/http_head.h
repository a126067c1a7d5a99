/* What may be wrong with the head of a request (RFC 9112): lengths that contradict each other, and the like. */
#pragma once

#include <microhttpd.h>
#include <stdint.h>

typedef struct HttpHead {
    const char *wrong;      /* why it must be refused; NULL = fine */
    int64_t content_length; /* -1 = not said */
} HttpHead;

HttpHead http_head_read(struct MHD_Connection *connection, const char *version);
