/* What messages come wrapped in. */
#pragma once

#include "event/envelope.h"

static const Carrier known_carriers[] = {
    {"topic", "message", "messageId"},    /* NDJSON line */
    {"TopicArn", "Message", "MessageId"}, /* SNS notification */
    {"detail-type", "detail", "id"},      /* EventBridge event */
    {0},
};
