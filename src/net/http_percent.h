/* Percent-decoding (RFC 3986 section 2.1; HTML forms). */
#pragma once

#include "base/slice.h"

/* '+' is a blank when form is true. Decodes in place of out, which has room for text.bytes. False when an escape is broken. */
bool http_percent_decode(Slice text, bool form, char *out, size_t *ret_bytes);
