/* What AWS Lambda hands to a function, taken apart into deliveries, and the answer to it. The function knows what its messages are,
 * whatever their topic is called, unless it is called as another one of ours. Pure.
 *
 *   {"Records":[{"Sns":{"Message":…}}]}             SNS
 *   {"Records":[{"messageId":…,"body":…}]}          SQS; the body is an SNS notification, an EventBridge event, or the message itself
 *   {"detail-type":…,"detail":{…}}                  EventBridge
 *   {"callId":…}                                    the message itself */
#pragma once

#include "event/event.h"

typedef struct LambdaEvent {
    bool is_partial;      /* SQS: the answer names what failed, and the rest is done with */
    bool is_ordered;      /* a FIFO queue: behind a failure nothing is done with */
    Delivery *deliveries;
    Slice *item_ids;      /* SQS: what the answer calls each */
    size_t count;
} LambdaEvent;

/* topic: of all its messages. Deliveries and their bytes live in arena. REJECT when it is none of the above as a whole. */
Status lambda_event_read(Slice event, Slice topic, int64_t now_ms, Arena *arena, LambdaEvent *ret, Fault *fault);

/* How many of its messages must come again; those that are done with have the verdict DONE. */
size_t lambda_event_failures(const LambdaEvent *event);

/* The answer to a partial one: {"batchItemFailures":[{"itemIdentifier":…}]}. In arena. */
Slice lambda_event_answer(const LambdaEvent *event, Arena *arena);
