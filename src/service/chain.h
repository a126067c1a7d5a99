/* What came of a call, from end to end: the key, the texts and calls that followed, who opened the link, what was given. Each part
 * may be missing. */
#pragma once

#include "ports.h"

enum { CHAIN_EFFECTS_MAX = 20, CHAIN_GIFTS_MAX = 100 };

/* A moment at which the person had to do with the campaign. */
typedef struct Touch { const char *what; int64_t at_ms; } Touch;

typedef struct Chain {
    Slice campaign_id;
    Slice key;              /* the last one that was pressed; empty = none is known */
    int64_t key_ms;
    Effect *effects;        /* in the order in which they were entered */
    size_t effect_count;
    LinkClicks clicks[CLICK_KINDS]; /* count 0 = none */
    Gift *gifts;            /* oldest first */
    size_t gift_count;
    Touch first, last;      /* the last one is the one before the first gift; what NULL = there was none */
} Chain;

/* cdr: the call's record, derived; its call id is enough. In arena. */
Status chain_read(const Ports *ports, const Cdr *cdr, Arena *arena, Chain *ret, Fault *fault);

/* One JSON object. */
void chain_print(const Chain *chain, Arena *arena, Text *out);
/* The record with its member "chain": null where nobody can say now. */
void chain_print_record(const Cdr *cdr, const Chain *chain, Arena *arena, Text *out);
