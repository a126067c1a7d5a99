/* What is known of one call of a PBX and was not told yet, as messages. Each has an event id of what Asterisk says: the unique id of the
 * call's first channel, in which the name of the PBX is (systemname of asterisk.conf), and what happened, with its time where it may
 * happen again. The name by itself is in no id: not everybody may ask for it, and a file of call records does not say it. Pure. */
#pragma once

#include "base/arena.h"
#include "ingress/call_ending.h"

enum { PRESSES_KEPT = 32, PRESS_REPORTERS_MAX = 4 };

typedef struct Press {
    char digit;
    bool is_told;
    int64_t at_ms;
    uint32_t reporters[PRESS_REPORTERS_MAX]; /* channels that reported it; 0 = none */
} Press;

typedef struct CallNews {
    Slice system;   /* name of the PBX, for the record; may be empty */
    Slice linkedid; /* of the call's first channel */
    Slice call_id;
    Slice variables[CALL_VARIABLES];
    int64_t created_ms, dialled_ms, ringing_ms, answered_ms, ended_ms; /* 0 = not yet */
    Press presses[PRESSES_KEPT]; /* the newest */
    size_t press_count;
    CallEnding ending;
    bool is_inferred; /* its end was not seen, so ended_ms is only the last that is known of it */
    unsigned told;    /* which of its times were */
} CallNews;

/* A press that a channel reports. The halves of a Local pair report one press each: within a moment, so the same digit from another
 * channel is a copy. */
void call_news_add_press(CallNews *news, char digit, int64_t at_ms, uint32_t reporter);

/* What of `from` is known goes to `into`: they turn out to be one call. Nothing of `from` was told. */
void call_news_join(CallNews *into, const CallNews *from);

/* Tells what is new, in its order. arena is for a moment. */
void call_news_tell(CallNews *news, Arena *arena, void (*tell)(void *context, Slice topic, Slice body), void *context);

/* What an order to call that never had a channel tells: a receipt, where the call should have spoken a text. */
void call_news_tell_refused(Slice channel_id, int64_t at_ms, Arena *arena, void (*tell)(void *context, Slice topic, Slice body), void *context);
