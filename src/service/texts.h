/* The texts that were asked for, newest first: those of the ledger, and those of our own outbox that it does not know. */
#pragma once

#include "ports.h"

/* A text's place in the list. at_ms 0: before the newest. */
typedef struct TextPlace {
    int64_t at_ms;
    Slice action_id;
} TextPlace;

enum { TEXTS_OF_ALL_STATES = -1 };

typedef struct TextsFilter {
    Slice campaign_id, phone; /* empty = all */
    int state;                /* EffectState, as the ledger has it; or TEXTS_OF_ALL_STATES: all but CANCELLED, which never were to go out */
    TextPlace before;         /* cursor: of the last text seen */
    size_t limit;             /* 0 = all */
} TextsFilter;

typedef struct ListedText {
    Effect effect;
    Slice status;   /* the effect's state, or the outbox's word */
    int64_t sent_ms; /* 0 = it did not go out, or nobody can say: the outbox does not tell */
    bool is_filled; /* its message is what the person reads, and not the template; always so when it is visited, where it can be filled */
} ListedText;

/* When it went out, or was first tried; when it was asked for where nobody tells, as of texts from before that was kept. */
int64_t text_sent_ms(const Effect *effect);

/* The state of a name, TEXTS_OF_ALL_STATES of an empty one. False: there is no such state. */
bool texts_read_state(Slice name, int *ret_state);

/* Each action id once. Reads the whole ledger, which is kept by action id, and keeps `limit` of it in memory. */
Status texts_list(const Ports *ports, const TextsFilter *filter, bool (*visit)(void *context, const ListedText *text), void *context, Fault *fault);
