/* How many messages a text is on the air, which is what providers charge for. Pure. */
#pragma once

#include "base/slice.h"

typedef struct SmsSegments {
    bool is_ucs2;  /* a character is not in the default alphabet, so all of them take 16 bits */
    int units;     /* septets, or UCS-2 code units, without the headers that join segments */
    int segments;  /* 0 for an empty text */
} SmsSegments;

/* 3GPP TS 23.038 (alphabets; no national language tables, which providers do not use by themselves) and 23.040 (9.2.3.24.1: six bytes
 * of header in each of several segments). Bytes that are no UTF-8 count as U+FFFD. */
SmsSegments sms_segments(Slice text);
