/* The table of events. */
#include "event/handlers.h"

#include <stdio.h>

const EventHandler *const event_handlers[] = {
    &optout_handler, &donation_handler, &call_handler, &text_request_handler, &speech_request_handler, &receipt_handler,
    &inbound_handler, NULL,
};

const char *event_topics(char out[EVENT_TOPICS_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; event_handlers[i] && used < EVENT_TOPICS_BYTES; i++) {
        const char *before = !i ? "" : event_handlers[i + 1] ? ", " : " and ";
        used += (size_t)snprintf(out + used, EVENT_TOPICS_BYTES - used, "%s%s", before, event_handlers[i]->topic);
    }
    return out;
}

const EventHandler *event_handler_of(Slice topic)
{
    for (size_t i = 0; event_handlers[i]; i++) {
        if (slice_equal(slice_of(event_handlers[i]->topic), topic))
            return event_handlers[i];
    }
    return NULL;
}
