#include "service/letters.h"

#include "event/handlers.h"

static bool note_one(void *context, const SpoolItem *item)
{
    (void)item;
    *(bool *)context = true;
    return false;
}

Status letters_check_topic(const Ports *ports, const SpoolFilter *filter, Fault *fault)
{
    const SpoolFilter one = {.state = filter->state, .topic = filter->topic, .limit = 1};
    bool is_there = slice_empty(filter->topic) || event_handler_of(filter->topic);
    Status status = is_there ? STATUS_OK : ports->spool.list(ports->spool.self, &one, note_one, &is_there, fault);
    char topics[EVENT_TOPICS_BYTES];
    if (status || is_there)
        return status;
    return fault_set(fault, STATUS_REJECT, "usage_topic", "there is no topic \"%.*s\", and no message of it; there are %s",
                     (int)(filter->topic.bytes < 64 ? filter->topic.bytes : 64), filter->topic.at, event_topics(topics));
}
