/* Folds a message to bare words, then covers it from the front with the longest words and phrases of the table. */
#include "event/reply_words.h"

#include "base/utf8.h"

/* ---- folding ---- */

typedef enum Fold { FOLD_AWAY, FOLD_BLANK, FOLD_TO, FOLD_BY } Fold;

/* What becomes of the characters from first to last: nothing, a blank, the one character `to`, or the one that is `to` further on. What no
 * row names stays. Of two rows the first stands. Blocks are those of Unicode. */
static const struct { uint32_t first, last; Fold fold; int32_t to; } folds[] = {
    /* ASCII, letters of full width, and what is like an apostrophe */
    {'0', '9', FOLD_BY, 0}, {'a', 'z', FOLD_BY, 0}, {'A', 'Z', FOLD_BY, 'a' - 'A'},
    {0xff10, 0xff19, FOLD_BY, '0' - 0xff10}, {0xff21, 0xff3a, FOLD_BY, 'a' - 0xff21}, {0xff41, 0xff5a, FOLD_BY, 'a' - 0xff41},
    {'\'', '\'', FOLD_AWAY, 0}, {'`', '`', FOLD_AWAY, 0}, {0xb4, 0xb4, FOLD_AWAY, 0}, {0x2018, 0x201b, FOLD_AWAY, 0},
    /* Latin-1, and accents behind their letter */
    {0xc0, 0xc5, FOLD_TO, 'a'}, {0xc7, 0xc7, FOLD_TO, 'c'}, {0xc8, 0xcb, FOLD_TO, 'e'}, {0xcc, 0xcf, FOLD_TO, 'i'}, {0xd1, 0xd1, FOLD_TO, 'n'},
    {0xd2, 0xd6, FOLD_TO, 'o'}, {0xd9, 0xdc, FOLD_TO, 'u'}, {0xdd, 0xdd, FOLD_TO, 'y'},
    {0xe0, 0xe5, FOLD_TO, 'a'}, {0xe7, 0xe7, FOLD_TO, 'c'}, {0xe8, 0xeb, FOLD_TO, 'e'}, {0xec, 0xef, FOLD_TO, 'i'}, {0xf1, 0xf1, FOLD_TO, 'n'},
    {0xf2, 0xf6, FOLD_TO, 'o'}, {0xf9, 0xfc, FOLD_TO, 'u'}, {0xfd, 0xfd, FOLD_TO, 'y'}, {0xff, 0xff, FOLD_TO, 'y'},
    {0x300, 0x36f, FOLD_AWAY, 0},
    /* Cyrillic */
    {0x401, 0x401, FOLD_TO, 0x435}, {0x451, 0x451, FOLD_TO, 0x435}, {0x400, 0x40f, FOLD_BY, 0x50}, {0x410, 0x42f, FOLD_BY, 0x20},
    /* Hebrew: its hyphen and bars, then points and accents, then abbreviation marks */
    {0x5be, 0x5be, FOLD_BLANK, 0}, {0x5c0, 0x5c0, FOLD_BLANK, 0}, {0x5c3, 0x5c3, FOLD_BLANK, 0}, {0x5c6, 0x5c6, FOLD_BLANK, 0},
    {0x591, 0x5c7, FOLD_AWAY, 0}, {0x5f3, 0x5f4, FOLD_AWAY, 0},
    /* Arabic: marks, punctuation, and the letters that people write in several ways */
    {0x610, 0x61a, FOLD_AWAY, 0}, {0x61c, 0x61c, FOLD_AWAY, 0}, {0x640, 0x640, FOLD_AWAY, 0}, {0x64b, 0x65f, FOLD_AWAY, 0},
    {0x670, 0x670, FOLD_AWAY, 0}, {0x60c, 0x61f, FOLD_BLANK, 0}, {0x6d4, 0x6d4, FOLD_BLANK, 0},
    {0x622, 0x623, FOLD_TO, 0x627}, {0x625, 0x625, FOLD_TO, 0x627}, {0x649, 0x649, FOLD_TO, 0x64a}, {0x629, 0x629, FOLD_TO, 0x647},
    /* marks without width: joiners, direction, variants, tags of emoji */
    {0xad, 0xad, FOLD_AWAY, 0}, {0x200b, 0x200f, FOLD_AWAY, 0}, {0x202a, 0x202e, FOLD_AWAY, 0}, {0x2060, 0x2069, FOLD_AWAY, 0},
    {0xfe00, 0xfe0f, FOLD_AWAY, 0}, {0xfeff, 0xfeff, FOLD_AWAY, 0}, {0xe0000, 0xe01ef, FOLD_AWAY, 0},
    /* everything else that is no letter: punctuation, symbols, emoji, private use, what is no text at all */
    {0, 0xbf, FOLD_BLANK, 0}, {0xd7, 0xd7, FOLD_BLANK, 0}, {0xf7, 0xf7, FOLD_BLANK, 0}, {0x2000, 0x2bff, FOLD_BLANK, 0},
    {0x3000, 0x303f, FOLD_BLANK, 0}, {0xe000, 0xf8ff, FOLD_BLANK, 0}, {0xff00, 0xff65, FOLD_BLANK, 0}, {0xfff0, 0xffff, FOLD_BLANK, 0},
    {0x1f000, 0x1fbff, FOLD_BLANK, 0},
};

/* 0 = nothing. */
static uint32_t folded(uint32_t point)
{
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        if (point < folds[i].first || point > folds[i].last)
            continue;
        switch (folds[i].fold) {
        case FOLD_AWAY: return 0;
        case FOLD_BLANK: return ' ';
        case FOLD_TO: return (uint32_t)folds[i].to;
        case FOLD_BY: return (uint32_t)((int32_t)point + folds[i].to);
        }
    }
    return point;
}

static void add_character(Text *text, uint32_t point, Slice as_written)
{
    uint32_t character = folded(point);
    bool is_at_word = text->bytes && text->at[text->bytes - 1] != ' ';
    if (character == point && point != ' ')
        text_add(text, as_written);
    else if (character == ' ' && is_at_word)
        text_add_byte(text, ' ');
    else if (character > ' ' && character < 0x80)
        text_add_byte(text, (char)character);
    else if (character >= 0x80) { /* what characters are folded to has two bytes at most */
        text_add_byte(text, (char)(0xc0 | character >> 6));
        text_add_byte(text, (char)(0x80 | (character & 0x3f)));
    }
}

/* "s t o p" is spelled: its letters are one word. */
static Slice joined_when_spelled(Slice text, Arena *arena)
{
    Text joined = text_in(arena);
    for (size_t i = 0; i < text.bytes; i++) {
        bool wants_blank = i % 2;
        if ((text.at[i] == ' ') != wants_blank)
            return text;
        if (!wants_blank)
            text_add_byte(&joined, text.at[i]);
    }
    return text_slice(&joined);
}

Slice reply_fold(Slice text, Arena *arena)
{
    Text out = text_in(arena);
    while (text.bytes) {
        Slice rest = text;
        uint32_t point = utf8_next(&rest);
        add_character(&out, point, (Slice){text.at, text.bytes - rest.bytes});
        text = rest;
    }
    if (out.bytes && out.at[out.bytes - 1] == ' ')
        out.bytes--;
    return joined_when_spelled(text_slice(&out), arena);
}

/* ---- words ---- */

typedef enum Kind { STOP, HELP, START, FILLER, KIND_COUNT } Kind;

static const struct { Kind kind; const char *const *phrases; size_t count; } rows[] = {
#define PHRASES(...) (const char *const[]){__VA_ARGS__}
#define REPLY_WORDS(kind, ...) {kind, PHRASES(__VA_ARGS__), sizeof(PHRASES(__VA_ARGS__)) / sizeof(char *)},
#include "event/reply_words.def"
#undef REPLY_WORDS
#undef PHRASES
};

static bool begins_with_words(Slice text, Slice phrase)
{
    return slice_starts_with(text, phrase) && (text.bytes == phrase.bytes || text.at[phrase.bytes] == ' ');
}

/* The longest phrase at the front of text, which is not empty; 0 = none. */
static size_t phrase_at(Slice text, Kind *ret)
{
    size_t longest = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < rows[i].count; k++) {
            const char *phrase = rows[i].phrases[k];
            if (phrase[0] != text.at[0] || !begins_with_words(text, slice_of(phrase)) || strlen(phrase) <= longest)
                continue;
            longest = strlen(phrase);
            *ret = rows[i].kind;
        }
    }
    return longest;
}

static size_t word_at(Slice text)
{
    const char *blank = memchr(text.at, ' ', text.bytes);
    return blank ? (size_t)(blank - text.at) : text.bytes;
}

ReplyMeaning reply_meaning(Slice text, Arena *arena)
{
    size_t found[KIND_COUNT] = {0}, strange = 0;
    for (Slice rest = reply_fold(text, arena); rest.bytes;) {
        Kind kind;
        size_t bytes = phrase_at(rest, &kind);
        if (bytes)
            found[kind]++;
        else
            strange++;
        bytes = bytes ? bytes : word_at(rest);
        bytes += bytes < rest.bytes; /* the blank behind it */
        rest = (Slice){rest.at + bytes, rest.bytes - bytes};
    }
    if (found[STOP])
        return strange || found[START] ? REPLY_UNCLEAR : REPLY_STOP;
    if (strange)
        return REPLY_OTHER;
    return found[HELP] ? REPLY_HELP : found[START] ? REPLY_START : REPLY_OTHER;
}

const char *reply_meaning_name(ReplyMeaning meaning)
{
    static const char *const names[] = {"other", "stop", "unclear", "help", "start"};
    return names[meaning];
}
