/* A long answer, a page at a time: the next page is printed when the client has taken the last one. So a client that stalls
 * holds one page of memory and no thread, however long the answer is. */
#pragma once

#include "ingress/api.h"

typedef enum PageEnd {
    PAGE_MORE,
    PAGE_LAST,
    PAGE_FAILED, /* the client sees that something is missing */
} PageEnd;

/* Goes on where it ended, until the page has that many bytes or a little more. On a reader's thread. */
typedef PageEnd PrintPage(void *context, const Ports *ports, size_t bytes, Text *page);

/* Answers 200 with head and all pages behind it; 503 when there is no room. context lives in the call's arena. */
void answer_pages(Call *call, const char *content_type, Slice head, PrintPage *print, void *context);
