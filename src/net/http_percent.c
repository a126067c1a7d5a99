#include "net/http_percent.h"

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_percent_decode(Slice text, bool form, char *out, size_t *ret_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.bytes ? hex_of(text.at[i + 1]) : -1, low = high >= 0 ? hex_of(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        out[used++] = c;
    }
    *ret_bytes = used;
    return true;
}
