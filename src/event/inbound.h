/* A message that a person wrote to us, by the topic `inbound-messages`. */
#pragma once

#include "base/metrics.h"
#include "event/reply_words.h"

/* 47 CFR 64.1200(a)(12): a confirmation within five minutes is presumed fine. Later nobody waits for an answer any more. */
enum { REPLY_WITHIN_MS = 5 * 60 * 1000 };

typedef struct Inbound {
    Slice provider, message_id; /* together one of a kind */
    Slice text;
    ReplyMeaning meaning;
} Inbound;

/* Counts what people want. */
Metric inbound_metric(ReplyMeaning meaning);
