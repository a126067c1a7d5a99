/* Call events: what telephony says of a call, folded into its record. */
#include "event/event_parse.h"

static const struct TypeName {
    Slice name;
    CallEventType type;
} type_names[] = {
    {SLICE_INIT("call_initiated"), CALL_INITIATED}, {SLICE_INIT("call_answered"), CALL_ANSWERED}, {SLICE_INIT("dtmf_pressed"), CALL_DTMF},
    {SLICE_INIT("action_triggered"), CALL_ACTION},  {SLICE_INIT("call_ended"), CALL_ENDED},       {SLICE_INIT("dtmf_received"), CALL_DTMF},
    {SLICE_INIT("state_change"), CALL_STATE},       {SLICE_INIT("dial_end"), CALL_ENDED},         {SLICE_INIT("call_timeout"), CALL_TIMEOUT},
};

static CallEventType type_of_name(Slice name)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (slice_equal(type_names[i].name, name))
            return type_names[i].type;
    }
    return CALL_OTHER;
}

/* A state that is an event of its own: a change to "answered" is the answer. */
static CallEventType type_of_state(Slice state)
{
    if (slice_equal(state, SLICE("answered")) || slice_equal(state, SLICE("up")))
        return CALL_ANSWERED;
    if (slice_equal(state, SLICE("completed")) || slice_equal(state, SLICE("ended")) || slice_equal(state, SLICE("hangup")))
        return CALL_ENDED;
    return CALL_STATE;
}

static CallEventType type_of(const Event *event)
{
    CallEventType type = type_of_name(event->type_name);
    bool answered_dial = slice_equal(event->type_name, SLICE("dial_end")) && slice_equal(event->state, SLICE("answered"));
    if (type == CALL_STATE || answered_dial)
        type = type_of_state(event->state);
    return type == CALL_ENDED && event->inferred ? CALL_TIMEOUT : type;
}

static Status call_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = event_parse_fields(message, arena, event, fault);
    if (status)
        return status;
    status = event_require(event->type_name, "eventType", fault);
    if (status)
        return status;

    event->type = type_of(event);
    if (event->type == CALL_DTMF && slice_empty(event->dtmf))
        return event_require(event->dtmf, "dtmfInput", fault);
    if (event->type == CALL_ACTION && slice_empty(event->action_type))
        return event_require(event->action_type, "action.type", fault);
    event->key = cdr_key(event, message->message_id, arena);
    return STATUS_OK;
}

static void call_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    (void)settings;
    ret->cdr = facts->cdr;
    switch (cdr_fold(facts->cdr, event, arena)) {
    case CDR_CHANGED:
        ret->cdr_changed = true;
        break;
    case CDR_UNCHANGED:
        ret->duplicate = true;
        break;
    case CDR_CONFLICT_KEPT:
        ret->duplicate = ret->conflict = true;
        break;
    case CDR_FULL:
        ret->verdict = VERDICT_REJECT;
        fault_set(&ret->fault, STATUS_REJECT, "too_many_events", "the call has %zu events already; its record takes no more",
                  facts->cdr->fact_count);
        break;
    }
}

const EventHandler call_handler = {
    .topic = "call-events", .lane = LANE_CALL, .done = METRIC_EVENTS_DONE_CALL, .needs_cdr = true, .parse = call_parse, .decide = call_decide,
};
