/* Who opens a donation link: a person, or a program that looks ahead. A guess from what the request says of itself, and never more
 * than a count: nothing is refused for it. Pure. */
#pragma once

#include "base/slice.h"

typedef enum ClickKind {
    CLICK_HUMAN,
    CLICK_PREVIEW, /* a messenger or a browser that shows where a link leads */
    CLICK_SCANNER, /* a filter, a search engine, a program */
    CLICK_KINDS,
} ClickKind;

const char *click_kind_name(ClickKind kind);
/* False when there is no such kind. */
bool click_kind_of(Slice name, ClickKind *ret);

/* What a request says of itself; headers are empty where they are not there. */
typedef struct Visit {
    bool is_head;
    Slice user_agent;
    Slice sec_purpose, purpose, x_purpose, x_moz;
    int64_t at_ms;
    int64_t sent_ms; /* when the text with the link went out; 0 = not known */
} Visit;

ClickKind visit_kind(const Visit *visit);
