/* Deliver: effects that are ours, through one last look at the do-not-call list, to the gateway and back into the ledger.
 *
 *   CLAIMED -> (blocked? CANCELLED, or UNKNOWN where a gateway may have it) -> SENDING -> send -> SENT | FAILED | UNKNOWN | PENDING again
 *
 * SENDING must be durable before the gateway is asked, unless the gateway joins the unit of work. */
#include "line/batch.h"

#include "base/clock.h"
#include "event/inbound.h"

static const Slice REASON_BLOCKED = SLICE_INIT("the number is on the do-not-call list");

static const Slice REASON_OVERTAKEN = SLICE_INIT("the text in whose place it was to go was delivered after all");

static const Slice REASON_LATE = SLICE_INIT("an answer that comes later than five minutes is none");

/* ---- claim: a text and a call differ in who is asked, and how long asking again is one and the same ---- */

static Status claim_some(Batch *batch, Effect *effects, size_t count, bool are_calls, bool *claimed, Fault *fault)
{
    Effect some[BATCH_MAX];
    bool ours[BATCH_MAX];
    size_t places[BATCH_MAX], some_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_call(&effects[i]) != are_calls)
            continue;
        places[some_count] = i;
        some[some_count++] = effects[i];
    }
    if (!some_count)
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    const Gateway gateway = batch_gateway(batch, are_calls);
    Status status = ledger->claim(ledger->self, some, some_count, batch->now_ms, batch->settings->lease_ms, &gateway, &batch->arena, ours, fault);
    for (size_t k = 0; !status && k < some_count; k++) {
        effects[places[k]] = some[k];
        claimed[places[k]] = ours[k];
    }
    return status;
}

Status deliver_claim(Batch *batch, Effect *effects, size_t count, bool *claimed, Fault *fault)
{
    Status status = claim_some(batch, effects, count, false, claimed, fault);
    status = status ? status : claim_some(batch, effects, count, true, claimed, fault);
    return status ? status : receipts_prove(batch, effects, count, fault);
}

/* ---- the last look ---- */

/* What a gateway may have is not undone by that. It is not asked again, so nobody can say what became of it but a receipt. */
static void cancel(Batch *batch, Effect *effect, Slice reason)
{
    bool is_asked = effect->asked_ms != 0;
    effect->state = is_asked ? EFFECT_UNKNOWN : EFFECT_CANCELLED;
    effect->reason = is_asked ? arena_printf(&batch->arena, "it was asked for before, and may have gone out: %.*s", SLICE_ARG(reason)) : reason;
}

/* 9 beats 1: whoever opted out since the press gets no text, but for the one that says so. */
static Status cancel_blocked(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Slice phones[BATCH_MAX] = {0};
    bool blocked[BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        phones[i] = effects[i].phone;
    batch->list_asked_ms = clock_wall_ms();
    Status status = dnc_are_blocked(batch->ports, phones, count, blocked, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (blocked[i] && effects[i].kind != EFFECT_REPLY)
            cancel(batch, &effects[i], REASON_BLOCKED);
    }
    return status;
}

/* One step back along `follows`: leaving[k] is what effects[places[k]] stands in for. Those whose first one was delivered are cancelled, and
 * those that stand in for nothing more leave the list. */
static Status look_behind(Batch *batch, Effect *effects, Slice *leaving, size_t *places, size_t *count, Fault *fault)
{
    Effect before[BATCH_MAX];
    bool found[BATCH_MAX];
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->load(ledger->self, leaving, *count, &batch->arena, before, found, fault);
    size_t left = 0;
    for (size_t k = 0; !status && k < *count; k++) {
        if (found[k] && before[k].receipt == RECEIPT_DELIVERED)
            cancel(batch, &effects[places[k]], REASON_OVERTAKEN);
        else if (found[k] && !slice_empty(before[k].follows)) {
            leaving[left] = before[k].follows;
            places[left++] = places[k];
        }
    }
    *count = left;
    return status;
}

/* What was taken for undelivered may have come after all, whichever try it was. */
static Status cancel_overtaken(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    enum { STEPS_MAX = 32 }; /* more than a ladder has */
    Slice leaving[BATCH_MAX];
    size_t places[BATCH_MAX], left = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_CLAIMED || slice_empty(effects[i].follows))
            continue;
        places[left] = i;
        leaving[left++] = effects[i].follows;
    }
    Status status = STATUS_OK;
    for (int step = 0; !status && left && step < STEPS_MAX; step++)
        status = look_behind(batch, effects, leaving, places, &left, fault);
    return status;
}

/* One that a provider may have is asked for again: it is the same one. */
static void cancel_late_replies(Batch *batch, Effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_late = clock_wall_ms() - effects[i].created_ms > REPLY_WITHIN_MS;
        if (effects[i].kind == EFFECT_REPLY && !effects[i].asked_ms && is_late)
            cancel(batch, &effects[i], REASON_LATE);
    }
}

/* Who wrote to us just now is awake. */
static void wait_for_hours(Batch *batch, Effect *effects, size_t count)
{
    const QuietHours *hours = batch->settings->quiet_hours;
    for (size_t i = 0; i < count && hours; i++) {
        if (effects[i].state != EFFECT_CLAIMED || effects[i].kind == EFFECT_REPLY)
            continue;
        int64_t until_ms = quiet_hours_end(hours, effects[i].phone, clock_wall_ms());
        if (!until_ms)
            continue;
        effects[i].state = EFFECT_PENDING;
        effects[i].due_ms = until_ms;
        effects[i].reason = SLICE("quiet hours where the number is");
    }
}

/* Nobody was asked for what is held back. What a gateway may have keeps its name. */
static void forget_gateway(Effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_CLAIMED && !effects[i].asked_ms)
            effects[i].provider = (Slice){0};
    }
}

static Status look_once_more(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Status status = cancel_blocked(batch, effects, count, fault);
    status = status ? status : cancel_overtaken(batch, effects, count, fault);
    if (status)
        return status;
    cancel_late_replies(batch, effects, count);
    wait_for_hours(batch, effects, count);
    forget_gateway(effects, count);
    return STATUS_OK;
}

/* ---- to the gateway ---- */

bool deliver_is_too_late(const Batch *batch, int64_t now_ms)
{
    return !batch->ports->sms.joins_unit && now_ms - batch->now_ms >= batch->settings->lease_ms / 4 * 3;
}

/* Moves the claimed ones that may go out to SENDING; those that lost their fence are left alone. Where the ledger does not answer, each may be
 * SENDING there, so it is here. */
static Status mark_sending(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Effect leaving[BATCH_MAX];
    size_t indices[BATCH_MAX], leaving_count = 0;
    bool ours[BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_CLAIMED)
            continue;
        indices[leaving_count] = i;
        leaving[leaving_count++] = effects[i];
    }
    int64_t now_ms = clock_wall_ms(); /* the batch may have begun long ago */
    if (!leaving_count || deliver_is_too_late(batch, now_ms))
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->sending(ledger->self, leaving, leaving_count, now_ms, now_ms + batch->settings->lease_ms, ours, fault);
    for (size_t i = 0; i < leaving_count; i++) {
        if (status || ours[i])
            effects[indices[i]].state = EFFECT_SENDING;
    }
    return status;
}

Status deliver_release(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Status status = look_once_more(batch, effects, count, fault);
    return status ? status : mark_sending(batch, effects, count, fault);
}

/* Those that are SENDING and are calls, or are none, go to who carries them. */
static Status send_some(Batch *batch, Effect *effects, size_t count, bool are_calls, Fault *fault)
{
    Effect leaving[BATCH_MAX];
    size_t indices[BATCH_MAX], leaving_count = 0;
    SmsOutcome outcomes[BATCH_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_SENDING || is_call(&effects[i]) != are_calls)
            continue;
        indices[leaving_count] = i;
        leaving[leaving_count++] = effects[i];
    }
    if (!leaving_count)
        return STATUS_OK;
    Status status = deliver_send(batch->ports, leaving, leaving_count, batch->now_ms, &batch->arena, outcomes, fault);
    for (size_t i = 0; !status && i < leaving_count; i++)
        settle_take(batch, &effects[indices[i]], &outcomes[i]);
    return status;
}

static Status send(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Status status = send_some(batch, effects, count, false, fault);
    return status ? status : send_some(batch, effects, count, true, fault);
}

Status deliver_send(const Ports *ports, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    if (!is_call(&effects[0]))
        return ports->sms.send(ports->sms.self, effects, count, now_ms, arena, outcomes, fault);
    if (ports->speech.send)
        return ports->speech.send(ports->speech.self, effects, count, now_ms, arena, outcomes, fault);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (SmsOutcome){.result = SMS_REFUSED, .reason = SLICE("no telephony is set here that could speak it")};
    return STATUS_OK;
}

/* The text is out, so its message is no dead letter, whatever fails now: it comes again, alone where one is in the way. A text in
 * the unit is undone with it. */
static Status stay_with_message(const Batch *batch, Status status, Fault *fault)
{
    if (!status || batch->ports->sms.joins_unit)
        return status;
    fault->is_of_one = batch_is_for_one(fault);
    fault->status = STATUS_RETRY;
    return STATUS_RETRY;
}

/* ---- both ways ---- */

/* The ones that are ours, moved together; their places in `from` go to `places`. */
static size_t pick_claimed(const Effect *from, const bool *claimed, size_t count, Effect *ours, size_t *places)
{
    size_t picked = 0;
    for (size_t i = 0; i < count; i++) {
        if (!claimed[i])
            continue;
        places[picked] = i;
        ours[picked++] = from[i];
    }
    return picked;
}

static Status close_unit(Batch *batch, Fault *fault) { return batch->ports->sms.joins_unit ? STATUS_OK : step_commit(batch, fault); }
static Status open_unit(Batch *batch, Fault *fault) { return batch->ports->sms.joins_unit ? STATUS_OK : step_begin(batch, fault); }

static Status settle_anew(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Status status = open_unit(batch, fault);
    return status ? status : settle(batch, effects, count, fault);
}

Status deliver_claimed(Batch *batch, Effect *effects, const bool *claimed, size_t count, Fault *fault)
{
    Effect ours[BATCH_MAX];
    size_t places[BATCH_MAX], ours_count = pick_claimed(effects, claimed, count, ours, places);
    if (!ours_count)
        return STATUS_OK;
    Status status = deliver_release(batch, ours, ours_count, fault);
    status = status ? status : close_unit(batch, fault);
    status = status ? status : send(batch, ours, ours_count, fault);
    status = status ? status : stay_with_message(batch, settle_anew(batch, ours, ours_count, fault), fault);
    for (size_t i = 0; !status && i < ours_count; i++)
        effects[places[i]] = ours[i];
    return status;
}

bool deliver_is_to_come(const Batch *batch, size_t i)
{
    const Decision *decision = &batch->decisions[i];
    return !batch->ports->sms.joins_unit && batch_is_alive(batch, i) && decision->effect &&
           decision->effect->state == EFFECT_CLAIMED && !decision->duplicate;
}

Status deliver_heal(Batch *batch, const Effect *effects, const bool *claimed, size_t count, Fault *fault)
{
    Effect settled[BATCH_MAX];
    size_t settled_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!claimed[i] && effects[i].state >= EFFECT_SENT)
            settled[settled_count++] = effects[i];
    }
    if (!settled_count)
        return STATUS_OK;
    return stay_with_message(batch, settle_record(batch, settled, settled_count, true, fault), fault);
}

void deliver_wait(Batch *batch, size_t message, const Effect *effect)
{
    Fault fault;
    if (effect->state == EFFECT_PENDING)
        fault_set(&fault, STATUS_RETRY, "sms_pending", "the SMS gateway has not taken it yet%s%.*s", effect->reason.bytes ? ": " : "",
                  (int)(effect->reason.bytes < 150 ? effect->reason.bytes : 150), effect->reason.at ? effect->reason.at : "");
    else
        fault_set(&fault, STATUS_RETRY, "sms_in_progress", "this SMS is on its way, and it is not known yet what became of it");
    batch_stop(batch, message, &fault);
    batch->decisions[message].costs_no_try = true;
}

/* Where the broker is the spool, nobody but the message sees to it that a text which waits is recorded and counted. */
static bool comes_again(const Batch *batch, const Effect *effect)
{
    return effect->state == EFFECT_CLAIMED || (effect->state == EFFECT_PENDING && !batch->ports->spool.self);
}

static Status deliver_outside(Batch *batch, Effect *effects, const size_t *messages, size_t count, Fault *fault)
{
    bool claimed[BATCH_MAX];
    const Effect *waiting[BATCH_MAX];
    memset(claimed, true, count);
    Status status = step_begin(batch, fault);
    status = status ? status : deliver_claimed(batch, effects, claimed, count, fault);
    status = status ? status : followers_deliver(batch, effects, count, waiting, fault);
    for (size_t k = 0; !status && k < count; k++) {
        if (comes_again(batch, &effects[k]) || waiting[k])
            deliver_wait(batch, messages[k], waiting[k] ? waiting[k] : &effects[k]);
    }
    status = status ? status : verdict_again(batch, messages, count, fault);
    return status ? status : step_commit(batch, fault);
}

/* The ledger knows where it stopped, and lets it be taken up again when the lease is over; so the messages come again. */
static void put_off_delivery(Batch *batch, const size_t *messages, size_t count, const Fault *why)
{
    Fault ignored, waits = *why;
    bool is_its_own = count == 1 && why->status == STATUS_REJECT;
    waits.status = is_its_own ? STATUS_REJECT : STATUS_RETRY;
    if (batch->in_unit)
        batch->ports->unit.rollback(batch->ports->unit.self);
    batch->in_unit = false;
    for (size_t k = 0; k < count; k++)
        batch_put_off(batch, messages[k], &waits);
    Status status = step_begin(batch, &ignored);
    status = status ? status : verdict_again(batch, messages, count, &ignored);
    status = status ? status : step_commit(batch, &ignored);
    for (size_t k = 0; status && k < count; k++) {
        batch->deliveries[messages[k]]->verdict = VERDICT_RETRY;
        batch->deliveries[messages[k]]->outage = true;
        batch->deliveries[messages[k]]->kept = false;
    }
}

/* For a gateway outside of the unit: what the committed unit claimed goes out now. */
Status step_deliver(Batch *batch, Fault *fault)
{
    (void)fault;
    Effect *effects = ARENA_ARRAY(&batch->arena, Effect, batch->count);
    size_t messages[BATCH_MAX], count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!deliver_is_to_come(batch, i))
            continue;
        effects[count] = *batch->decisions[i].effect;
        messages[count++] = i;
    }
    if (!count)
        return STATUS_OK;
    Fault outside;
    if (deliver_outside(batch, effects, messages, count, &outside))
        put_off_delivery(batch, messages, count, &outside);
    return STATUS_OK;
}
