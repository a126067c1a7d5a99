/* Takes a message out of its carrier: an SNS HTTPS notification or Publish line {"TopicArn","MessageId","Message"}, an
 * NDJSON line {"topic","message"[,"messageId"]} whose message is an object or text, an EventBridge event {"detail-type","detail"},
 * or the bare body when the ingress knows the topic. Pure. */
#pragma once

#include "event/event.h"

/* Fills *ret_message; its slices and JSON live in arena or in the delivery. REJECT when no carrier fits, the body is not
 * one JSON object, or no topic can be told. *ret_message has topic and text set as far as they were found, also then. */
Status envelope_decode(const Delivery *delivery, Arena *arena, Message *ret_message, Fault *fault);

/* "arn:aws:sns:us-east-1:123456789012:optout-events" -> "optout-events"; a bare name is returned as it is. */
Slice envelope_topic_of_arn(Slice arn);
