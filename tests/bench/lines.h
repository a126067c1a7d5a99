/* Events in the carriers that they come in, many at a time. */
#pragma once

#include "mix.h"

/* Puts one event into its carrier, behind what is there. */
typedef void CarrierWriter(Text *out, const MixEvent *event);

CarrierWriter carrier_ndjson;           /* {"topic":"call-events","message":{…}} */
CarrierWriter carrier_sns_notification; /* what SNS posts to a subscriber: the message is text inside the JSON */

typedef struct Lines {
    Slice *items;
    size_t count;
    size_t bytes; /* of all of them */
    Arena arena;
} Lines;

void lines_make(Lines *lines, Mix *mix, size_t count, CarrierWriter *carrier);
void lines_done(Lines *lines);
