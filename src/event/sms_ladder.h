/* What follows when a text, or the call in its place, could not be delivered: another try, a voice, the number on our list, or
 * nothing. The same for what a provider refuses at once and for what it says later. Pure. */
#pragma once

#include "event/decision.h"

#define TEXT_AGAIN_SUFFIX "_again"
#define SPEECH_SUFFIX "_speech"

typedef struct SmsLadder {
    int texts;            /* tries of one text at most; each is paid for */
    int64_t text_wait_ms; /* before the second; doubles */
    bool speaks;          /* a voice may follow */
    int calls;            /* at most */
    int64_t call_wait_ms; /* before the second */
    Slice speech;         /* what a call says in a text's place, with {{placeholders}}; empty = the text itself */
} SmsLadder;

typedef struct SmsNext {
    Effect *effect;    /* to be entered, PENDING; NULL = none */
    BlockEntry *block; /* NULL = none */
} SmsNext;

/* After effect failed for good, or is undelivered, with its sms_class and code. All that it gives has keys made from effect's, so asking again
 * gives the same. In arena. */
SmsNext sms_next(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena);

/* How often this class is worth asking the provider again before the text is given up; 0 = not at all. */
int sms_tries(SmsClass sms_class, const SmsLadder *ladder);

/* Which try of its text or call this effect is, from 1. */
int effect_try(const Effect *effect);
