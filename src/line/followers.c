/* Followers: a call in the place of a text that cannot reach its number, where no courier looks after the ledger. A function of Lambda
 * has nothing but its message: so the call is asked for with it, and the message comes again until it is. */
#include "line/batch.h"

static bool are_done_here(const Batch *batch) { return batch->ports->speech.send && !batch->settings->calls_are_carried; }

/* The call that is due now in this effect's place; NULL = none. */
static Effect *call_after(Batch *batch, const Effect *effect)
{
    if (effect->state != EFFECT_FAILED || !effect->sms_class)
        return NULL;
    SmsNext next = sms_next(effect, &batch->settings->ladder, batch->now_ms, &batch->arena);
    return next.effect && next.effect->kind == EFFECT_SPEECH && next.effect->due_ms <= batch->now_ms ? next.effect : NULL;
}

Status followers_deliver(Batch *batch, const Effect *effects, size_t count, const Effect **ret_waiting, Fault *fault)
{
    Effect *calls = ARENA_ARRAY(&batch->arena, Effect, count);
    bool *claimed = ARENA_ARRAY(&batch->arena, bool, count);
    size_t places[BATCH_MAX], call_count = 0;
    memset(ret_waiting, 0, sizeof *ret_waiting * count);
    for (size_t i = 0; i < count && are_done_here(batch); i++) {
        Effect *call = call_after(batch, &effects[i]);
        if (!call)
            continue;
        places[call_count] = i;
        calls[call_count++] = *call;
    }
    if (!call_count)
        return STATUS_OK;
    Status status = deliver_claim(batch, calls, call_count, claimed, fault);
    status = status ? status : deliver_claimed(batch, calls, claimed, call_count, fault);
    for (size_t k = 0; !status && k < call_count; k++) {
        if (calls[k].state < EFFECT_SENT)
            ret_waiting[places[k]] = &calls[k];
    }
    return status;
}
