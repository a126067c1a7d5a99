/* One character at a time. */
#include "base/utf8.h"

static uint32_t code_point(Slice character)
{
    const unsigned char *at = (const unsigned char *)character.at;
    if (character.bytes == 1)
        return at[0];
    uint32_t point = at[0] & (0xffu >> (character.bytes + 1));
    for (size_t i = 1; i < character.bytes; i++)
        point = point << 6 | (at[i] & 0x3fu);
    return point;
}

uint32_t utf8_next(Slice *rest)
{
    enum { REPLACEMENT = 0xfffd };
    const unsigned char *at = (const unsigned char *)rest->at;
    size_t bytes = *at < 0x80 ? 1 : utf8_length(at, at + rest->bytes);
    uint32_t point = bytes ? code_point((Slice){rest->at, bytes}) : REPLACEMENT;
    bytes += !bytes;
    *rest = (Slice){rest->at + bytes, rest->bytes - bytes};
    return point;
}

/* ---- text made fit for people: a character stays, or something harmless stands in its place ---- */

static bool breaks_line(uint32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029; }

/* Embeddings, overrides and isolates of the bidirectional algorithm (UAX 9). */
static bool turns_direction(uint32_t point) { return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069); }

static Slice shown(Slice character)
{
    if (!character.bytes)
        return SLICE("\xef\xbf\xbd");
    uint32_t point = code_point(character);
    if (breaks_line(point))
        return SLICE(" ");
    return turns_direction(point) ? (Slice){0} : character;
}

Slice utf8_plain(Slice text, size_t bytes_max, Arena *arena)
{
    if (slice_empty(text))
        return text;
    Text plain = text_in(arena);
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.bytes;
    while (at < end) {
        size_t bytes = *at < 0x80 ? 1 : utf8_length(at, end);
        Slice character = shown((Slice){(const char *)at, bytes});
        if (plain.bytes + character.bytes > bytes_max)
            break;
        text_add(&plain, character);
        at += bytes ? bytes : 1;
    }
    return text_slice(&plain);
}
