/* What SNS posts to us: its threads and what it believes. */
#pragma once

#include "ingress/api.h"
#include "ingress/sns_confirm.h"

typedef struct SnsPush SnsPush;

typedef struct SnsPushSettings {
    const char *topics;     /* ARNs; "" = nothing is taken from SNS */
    const char *raw_secret; /* of /sns/raw; "" = nothing is taken there */
    bool require_v2;
    int64_t oldest_ms;      /* how long ago a message may have been sent; 0 = any time */
    SnsPlace place;
} SnsPushSettings;

/* Texts are borrowed. REJECT names the setting that is wrong. */
Status sns_push_open(const SnsPushSettings *settings, SnsPush **ret, Fault *fault);
/* Finishes what has come in; what waits for a network is told to come again. */
void sns_push_stop(SnsPush *push);
/* Once nobody can ask any more. NULL is fine. */
void sns_push_free(SnsPush *push);
