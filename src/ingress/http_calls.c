/* Ending a call for somebody else, as the Asterisk Worker of the original system does: ASTERISK_WORKER_URL of another Pledgeline may point here. */
#include "ingress/http_handlers.h"

enum { WAIT_MS = 3000 }; /* the deadline of the calls port, and of who asks */

static void answer_end(Call *call, Slice call_id, CallEnd end)
{
    Text json = text_in(call->arena);
    switch (end) {
    case CALL_HUNG_UP:
        text_add_byte(&json, '{');
        json_add_text_member(&json, "callId", call_id);
        json_add_flag_member(&json, "terminated", true);
        text_add_literal(&json, "}\n");
        answer_json(call, 200, &json);
        return;
    case CALL_WAS_OVER:
        answer_problem(call, 404, "call_unknown", "there is no such call, or no more");
        return;
    case CALL_UNENDED:
        answer_problem(call, 503, "call_not_ended", "the telephone exchange did not say that the call is over; try again");
        http_add_header(call->request, "Retry-After", "1");
        return;
    }
}

void call_terminate(Call *call, const Ports *ports)
{
    const CallsPort *calls = &ports->calls;
    CallEnd end = CALL_UNENDED;
    Fault fault;
    const Json *body = call_body(call);
    if (!body)
        return;
    Slice call_id = json_text(json_get(body, "callId"));
    if (slice_empty(call_id) || call_id.bytes > CALL_ID_BYTES_MAX) {
        answer_problem(call, 422, "call_id_invalid", "callId must be a text of at most %d bytes", CALL_ID_BYTES_MAX);
        return;
    }
    Status status = calls->hang_up(calls->self, &call_id, 1, &fault);
    status = status ? status : calls->collect(calls->self, &call_id, 1, WAIT_MS, &end, &fault);
    if (end == CALL_UNENDED)
        calls->release(calls->self, &call_id, 1);
    if (status)
        answer_fault(call, 503, &fault);
    else
        answer_end(call, call_id, end);
}
