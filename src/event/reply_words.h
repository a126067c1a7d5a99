/* What a person's message asks for, by its words (reply_words.def). Pure. */
#pragma once

#include "base/arena.h"

typedef enum ReplyMeaning {
    REPLY_OTHER,   /* nothing that we know */
    REPLY_STOP,    /* all of it says: no more */
    REPLY_UNCLEAR, /* a word says so, and others beside it that may turn it around: a person must look */
    REPLY_HELP,
    REPLY_START,
} ReplyMeaning;

/* "other" ... */
const char *reply_meaning_name(ReplyMeaning meaning);

/* Case, accents, marks of vowels and direction, punctuation, quotes and emoji make no difference. text may be any bytes. */
ReplyMeaning reply_meaning(Slice text, Arena *arena);

/* The text as the words of reply_words.def are written: folded letters, one blank between words. */
Slice reply_fold(Slice text, Arena *arena);
