#include "event/percent.h"

Slice percent_encode(Slice text, Arena *arena)
{
    Text out = text_in(arena);
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
        if (unreserved)
            text_add_byte(&out, (char)c);
        else
            text_printf(&out, "%%%02X", c);
    }
    return text_slice(&out);
}
