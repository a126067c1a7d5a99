/* Saying yes to a subscription: our own call of SNS, made from what is known. The SubscribeURL of the message is never followed. */
#pragma once

#include "ingress/sns_topics.h"

typedef struct SnsPlace {
    const char *endpoint_url; /* another place where SNS is; "" = its own, which follows from the topic */
    const char *ca_bundle;    /* PEM; "" = the system's */
    bool use_fips;
} SnsPlace;

/* Blocks for 5 s at most. REJECT: SNS refuses it; RETRY: it did not answer. Repeating is harmless. */
Status sns_confirm(const SnsPlace *place, const SnsTopic *topic, Slice token, Arena *arena, Fault *fault);
