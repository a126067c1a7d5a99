/* The SNS topics that are listened to: account, region and name, exactly. What else is believed of a message follows from its
 * topic. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

enum { SNS_NAMES_MAX = 6 };

typedef struct SnsTopic {
    Slice arn;
    Slice name;   /* "optout-events" */
    Slice region; /* "us-east-1" */
    Slice host;   /* of SNS there, and of its certificates: "sns.us-east-1.amazonaws.com" */
    Slice fips_host;
    const char *certificate_names[SNS_NAMES_MAX]; /* what its certificates are made out to, ended by NULL */
} SnsTopic;

typedef struct SnsTopics {
    SnsTopic *topics;
    size_t count;
} SnsTopics;

/* ARNs, separated by commas or white space; text must live as long as *ret. REJECT "sns_topics_invalid" names the wrong one. */
Status sns_topics_read(const char *text, Arena *arena, SnsTopics *ret, Fault *fault);

/* NULL when nobody listens to it. */
const SnsTopic *sns_topic_of(const SnsTopics *topics, Slice arn);
