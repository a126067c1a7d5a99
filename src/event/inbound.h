/* A message that a person wrote to us, by the topic `inbound-messages`. */
#pragma once

#include "base/metrics.h"
#include "event/reply_words.h"

typedef struct Inbound {
    Slice provider, message_id; /* together one of a kind */
    Slice text;
    ReplyMeaning meaning;
} Inbound;

/* Counts what people want. */
Metric inbound_metric(ReplyMeaning meaning);
