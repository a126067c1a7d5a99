#include "service/letters.h"

#include "event/handlers.h"

static bool note_one(void *context, const SpoolItem *item)
{
    (void)item;
    *(bool *)context = true;
    return false;
}

Status letters_know_topic(const Ports *ports, const SpoolFilter *filter, bool *ret_known, Fault *fault)
{
    const SpoolFilter one = {.state = filter->state, .topic = filter->topic, .limit = 1};
    *ret_known = slice_empty(filter->topic) || event_handler_of(filter->topic);
    return *ret_known ? STATUS_OK : ports->spool.list(ports->spool.self, &one, note_one, ret_known, fault);
}
