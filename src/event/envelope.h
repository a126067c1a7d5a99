/* Takes a message out of its carrier: an object that has it, as an object or as text, beside the name of its topic. Or the message
 * comes bare and the ingress knows the topic. Pure. */
#pragma once

#include "event/event.h"

/* What a kind of carrier calls its parts. */
typedef struct Carrier {
    const char *topic, *message, *message_id;
} Carrier;

/* carriers: ended by an empty one; NULL = none. Fills *ret_message; its slices and JSON live in arena or in the delivery. REJECT when
 * no carrier fits, the body is not one JSON object, or no topic can be told. *ret_message has topic and text set as far as they
 * were found, also then. */
Status envelope_decode(const Delivery *delivery, const Carrier *carriers, Arena *arena, Message *ret_message, Fault *fault);

/* What stands behind the last colon: the topic in a name that says where it is, too. A bare name is returned as it is. */
Slice envelope_topic_name(Slice path);
