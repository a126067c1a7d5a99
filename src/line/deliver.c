/* Deliver: effects that are ours, through one last look at the do-not-call list, to the gateway and back into the ledger.
 *
 *   CLAIMED -> (blocked? CANCELLED) -> SENDING -> send -> SENT | FAILED | UNKNOWN | PENDING again
 *
 * SENDING must be durable before the gateway is asked, unless the gateway joins the unit of work. */
#include "line/batch.h"

#include "base/metrics.h"

static const Slice REASON_BLOCKED = SLICE_INIT("the number is on the do-not-call list");

Status deliver_claim(Batch *batch, Effect *effects, size_t count, bool *claimed, Fault *fault)
{
    const EffectsPort *ledger = &batch->ports->effects;
    return ledger->claim(ledger->self, effects, count, batch->now_ms, batch->settings->lease_ms,
                         batch->ports->sms.repeat_ms, &batch->arena, claimed, fault);
}

/* 9 beats 1: whoever opted out since the press gets no text. */
static Status cancel_blocked(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Slice phones[BATCH_MAX];
    bool blocked[BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        phones[i] = effects[i].phone;
    Status status = dnc_are_blocked(batch->ports, phones, count, blocked, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (!blocked[i])
            continue;
        effects[i].state = EFFECT_CANCELLED;
        effects[i].reason = REASON_BLOCKED;
    }
    return status;
}

/* What was claimed so long ago would go out too late: left CLAIMED, it is taken up again when the lease is over. */
static bool is_too_late(const Batch *batch, int64_t now_ms)
{
    return !batch->ports->sms.joins_unit && now_ms - batch->now_ms >= batch->settings->lease_ms / 4 * 3;
}

/* Moves the claimed ones that may go out to SENDING; those that lost their fence are left alone. */
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
    if (!leaving_count || is_too_late(batch, now_ms))
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->sending(ledger->self, leaving, leaving_count, now_ms, now_ms + batch->settings->lease_ms, ours, fault);
    for (size_t i = 0; !status && i < leaving_count; i++) {
        if (ours[i])
            effects[indices[i]].state = EFFECT_SENDING;
    }
    return status;
}

/* asked_ms stays what it was before this try: the gateway has nothing by this one. */
static void put_back(Batch *batch, Effect *effect, const SmsOutcome *outcome)
{
    effect->attempts++;
    effect->reason = outcome->reason;
    if (effect->attempts >= batch->settings->max_attempts && outcome->result != SMS_AWAY) {
        effect->state = EFFECT_FAILED;
        return;
    }
    int64_t most_ms = batch->settings->backoff_first_ms << (effect->attempts < 20 ? effect->attempts : 20);
    if (most_ms > batch->settings->backoff_most_ms)
        most_ms = batch->settings->backoff_most_ms;
    effect->state = EFFECT_PENDING;
    effect->due_ms = batch->now_ms + batch_jitter(batch, most_ms);
}

static void take_outcome(Batch *batch, Effect *effect, const SmsOutcome *outcome)
{
    static const EffectState states[] = {[SMS_ACCEPTED] = EFFECT_SENT, [SMS_REFUSED] = EFFECT_FAILED, [SMS_UNKNOWN] = EFFECT_UNKNOWN};
    bool is_repeated = outcome->result == SMS_UNKNOWN && batch->ports->sms.repeat_ms;
    if (outcome->result == SMS_OVERTAKEN || is_repeated) {
        effect->state = EFFECT_CLAIMED; /* SENDING in the ledger, until its lease is over */
        return;
    }
    if (outcome->result == SMS_UNSENT || outcome->result == SMS_AWAY) {
        put_back(batch, effect, outcome);
        return;
    }
    effect->state = states[outcome->result];
    effect->message_id = outcome->message_id;
    effect->reason = outcome->reason;
}

static Status send_texts(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Effect leaving[BATCH_MAX];
    size_t indices[BATCH_MAX], leaving_count = 0;
    SmsOutcome outcomes[BATCH_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_SENDING)
            continue;
        indices[leaving_count] = i;
        leaving[leaving_count++] = effects[i];
    }
    if (!leaving_count)
        return STATUS_OK;
    const SmsPort *sms = &batch->ports->sms;
    Status status = sms->send(sms->self, leaving, leaving_count, batch->now_ms, &batch->arena, outcomes, fault);
    for (size_t i = 0; !status && i < leaving_count; i++)
        take_outcome(batch, &effects[indices[i]], &outcomes[i]);
    return status;
}

/* ---- back into the ledger ---- */

static ActionRecord record_of(const Effect *effect, int64_t now_ms)
{
    bool sent = effect->state == EFFECT_SENT, spoken = effect->state == EFFECT_FAILED && !slice_empty(effect->message_id);
    Slice failed = spoken ? SLICE("donation_tts_fallback") : SLICE("donation_sms_failed");
    return (ActionRecord){
        .id = effect->action_id, .call_id = effect->call_id, .campaign_id = effect->campaign_id,
        .contact_id = effect->contact_id, .phone = effect->phone,
        .action_type = sent ? SLICE("donation_sms_sent") : failed, .tts_fallback_triggered = spoken,
        .donation_link = effect->donation_link, .sms_message_id = effect->message_id, .timestamp_ms = now_ms,
        .status = sent ? SLICE("success") : SLICE("failed"), .failure_reason = sent ? (Slice){0} : effect->reason,
    };
}

static Status record_actions(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    ActionRecord records[BATCH_MAX];
    bool is_new[BATCH_MAX];
    size_t recorded = 0;
    for (size_t i = 0; i < count; i++) {
        EffectState state = effects[i].state;
        if (state == EFFECT_SENT || state == EFFECT_FAILED || state == EFFECT_CANCELLED)
            records[recorded++] = record_of(&effects[i], batch->now_ms);
    }
    return recorded ? batch_record_actions(batch, records, recorded, is_new, fault) : STATUS_OK;
}

/* The donations counter moves with SENT, once: the projection's key is the action. */
static Status project_donations(Batch *batch, const Effect *effects, size_t count, bool is_repeat, Fault *fault)
{
    Projection items[BATCH_MAX];
    size_t projected = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_SENT)
            continue;
        Contribution *share = ARENA_NEW(&batch->arena, Contribution);
        donation_contribution(&effects[i], share);
        items[projected++] = (Projection){effects[i].action_id, 1, is_repeat ? share : NULL, share,
                                          is_repeat ? effects[i].created_ms : batch->now_ms, effects[i].created_ms, effects[i].created_ms};
    }
    return projected ? batch->ports->live.project(batch->ports->live.self, items, projected, fault) : STATUS_OK;
}

static void account(const Effect *effects, size_t count)
{
    static const int metrics[] = {[EFFECT_SENT] = METRIC_SMS_SENT, [EFFECT_FAILED] = METRIC_SMS_FAILED,
                                  [EFFECT_CANCELLED] = METRIC_SMS_CANCELLED, [EFFECT_UNKNOWN] = METRIC_SMS_UNKNOWN};
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state >= EFFECT_SENT)
            metric_add((Metric)metrics[effects[i].state], 1);
    }
}

/* What we moved is recorded as we left it. What we did not (somebody else has it by now, or our own answer was lost) stays
 * CLAIMED here: its message comes again, and then the ledger says what became of it. */
static Status settle(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Effect leaving[BATCH_MAX], settled[BATCH_MAX];
    bool moved[BATCH_MAX] = {0};
    size_t indices[BATCH_MAX], leaving_count = 0, settled_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_CLAIMED)
            continue;
        indices[leaving_count] = i;
        leaving[leaving_count++] = effects[i];
    }
    if (!leaving_count)
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->settle(ledger->self, leaving, leaving_count, batch->now_ms, moved, fault);
    for (size_t i = 0; !status && i < leaving_count; i++) {
        if (moved[i])
            settled[settled_count++] = leaving[i];
        else
            effects[indices[i]].state = EFFECT_CLAIMED;
    }
    status = status ? status : record_actions(batch, settled, settled_count, fault);
    status = status ? status : project_donations(batch, settled, settled_count, false, fault);
    if (!status)
        account(settled, settled_count);
    return status;
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
    Status status = cancel_blocked(batch, ours, ours_count, fault);
    status = status ? status : mark_sending(batch, ours, ours_count, fault);
    status = status ? status : close_unit(batch, fault);
    status = status ? status : send_texts(batch, ours, ours_count, fault);
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
    Status status = record_actions(batch, settled, settled_count, fault);
    status = status ? status : project_donations(batch, settled, settled_count, true, fault);
    return stay_with_message(batch, status, fault);
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
    memset(claimed, true, count);
    Status status = step_begin(batch, fault);
    status = status ? status : deliver_claimed(batch, effects, claimed, count, fault);
    for (size_t k = 0; !status && k < count; k++) {
        if (comes_again(batch, &effects[k]))
            deliver_wait(batch, messages[k], &effects[k]);
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
