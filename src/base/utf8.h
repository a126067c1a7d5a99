/* UTF-8 (RFC 3629): what is well-formed, and text from strangers made fit for people to read. */
#pragma once

#include "base/arena.h"

static inline bool utf8_is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

/* Length of the well-formed multi-byte sequence at the cursor, 0 when there is none (overlong, surrogate, > U+10FFFF). */
static inline size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
    size_t room = (size_t)(end - at);
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return room >= 2 && utf8_is_continuation(at[1]) ? 2 : 0;
    if ((at[0] & 0xf0) == 0xe0) {
        if (room < 3 || !utf8_is_continuation(at[1]) || !utf8_is_continuation(at[2]))
            return 0;
        if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f))
            return 0;
        return 3;
    }
    if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        if (room < 4 || !utf8_is_continuation(at[1]) || !utf8_is_continuation(at[2]) || !utf8_is_continuation(at[3]))
            return 0;
        if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

/* Takes the first character off rest, which is not empty. A byte that belongs to none counts as U+FFFD. */
uint32_t utf8_next(Slice *rest);

/* The text as one line of valid UTF-8, cut at the character that is beyond bytes_max. Control characters and line separators
 * become blanks, bytes that are no UTF-8 become U+FFFD, and characters that turn the direction of what follows are left out. */
Slice utf8_plain(Slice text, size_t bytes_max, Arena *arena);
