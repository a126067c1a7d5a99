/* The table of events. */
#include "event/handlers.h"

const EventHandler *const event_handlers[] = {
    &optout_handler, &donation_handler, &call_handler, &text_request_handler, &speech_request_handler, &receipt_handler,
    &inbound_handler, NULL,
};

const EventHandler *event_handler_of(Slice topic)
{
    for (size_t i = 0; event_handlers[i]; i++) {
        if (slice_equal(slice_of(event_handlers[i]->topic), topic))
            return event_handlers[i];
    }
    return NULL;
}
