/* Settle: what a gateway answered goes back into the ledger, with its record, its share of the counters, and what follows. */
#include "line/batch.h"

#include "base/metrics.h"

/* ---- what an answer makes of an effect ---- */

/* A gateway that takes nothing from anybody uses up no tries, so these say nothing of how long it has been so. */
static int64_t wait_ms(Batch *batch, const Effect *effect, const SmsOutcome *outcome)
{
    enum { DOUBLED_WHILE_AWAY = 3 };
    const PipelineSettings *settings = batch->settings;
    int doubled = outcome->result != SMS_UNSENT ? DOUBLED_WHILE_AWAY : effect->attempts;
    int64_t most_ms = settings->backoff_first_ms << (doubled < 20 ? doubled : 20);
    return batch_jitter(batch, most_ms < settings->backoff_most_ms ? most_ms : settings->backoff_most_ms);
}

static int64_t due_ms(Batch *batch, const Effect *effect, const SmsOutcome *outcome)
{
    const SmsLadder *ladder = &batch->settings->ladder;
    if (outcome->not_before_ms)
        return outcome->not_before_ms;
    if (outcome->result == SMS_UNSENT && outcome->sms_class)
        return batch->now_ms + (ladder->text_wait_ms << (effect->attempts < 16 ? effect->attempts - 1 : 15));
    return batch->now_ms + wait_ms(batch, effect, outcome);
}

/* asked_ms stays what it was before this try: the gateway has nothing by this one. Where somebody else has the effect by now, the fence
 * keeps us from it. */
static void put_back(Batch *batch, Effect *effect, const SmsOutcome *outcome)
{
    bool is_tried = outcome->result == SMS_UNSENT;
    int most = outcome->sms_class ? sms_tries(outcome->sms_class, &batch->settings->ladder) : batch->settings->max_attempts;
    effect->attempts += is_tried;
    effect->state = is_tried && effect->attempts >= most ? EFFECT_FAILED : EFFECT_PENDING;
    if (effect->state == EFFECT_PENDING)
        effect->due_ms = due_ms(batch, effect, outcome);
}

/* One that may be asked for again stays SENDING in the ledger, until its lease is over; so does one that the lease ran out on here, where
 * the waiting ones are left to others. */
static bool stays_claimed(const Batch *batch, const Effect *effect, SmsResult result)
{
    bool is_repeatable = effect->kind != EFFECT_SPEECH && batch->ports->sms.repeat_ms;
    return is_repeatable && (result == SMS_UNKNOWN || (result == SMS_OVERTAKEN && batch_leaves_waiting(batch, false)));
}

void settle_take(Batch *batch, Effect *effect, const SmsOutcome *outcome)
{
    static const EffectState states[] = {[SMS_ACCEPTED] = EFFECT_SENT, [SMS_REFUSED] = EFFECT_FAILED, [SMS_UNKNOWN] = EFFECT_UNKNOWN};
    if (stays_claimed(batch, effect, outcome->result)) {
        effect->state = EFFECT_CLAIMED;
        return;
    }
    bool goes_back = outcome->result == SMS_UNSENT || outcome->result == SMS_AWAY || outcome->result == SMS_OVERTAKEN;
    effect->reason = outcome->reason;
    effect->sms_class = outcome->sms_class;
    if (!goes_back || !effect->asked_ms) /* who may have it is asked again */
        effect->provider = outcome->provider;
    effect->code = outcome->code;
    effect->segments = outcome->segments;
    effect->cost_micros = outcome->cost_micros;
    if (goes_back) {
        put_back(batch, effect, outcome);
        return;
    }
    if (!effect->asked_ms)
        effect->asked_ms = batch->now_ms;
    effect->state = states[outcome->result];
    effect->message_id = outcome->message_id;
}

/* ---- what follows ---- */

/* Entered before the effect itself is settled: cut off in between, it is done all the same, and asked again it is the same. */
Status settle_follow_up(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    Effect next[BATCH_MAX];
    BlockEntry blocks[BATCH_MAX];
    BlockResult results[BATCH_MAX];
    bool moved[BATCH_MAX];
    size_t next_count = 0, block_count = 0;
    for (size_t i = 0; i < count; i++) {
        SmsNext follows = sms_next(&effects[i], &batch->settings->ladder, batch->now_ms, &batch->arena);
        if (follows.effect)
            next[next_count++] = *follows.effect;
        if (follows.block)
            blocks[block_count++] = *follows.block;
    }
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = block_count ? dnc_block(batch->ports, blocks, block_count, results, fault) : STATUS_OK;
    if (!status && next_count)
        status = ledger->enter(ledger->self, next, next_count, batch->now_ms, moved, fault);
    return status;
}

static Status follow_up_failed(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    Effect failed[BATCH_MAX];
    size_t failed_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_FAILED && effects[i].sms_class)
            failed[failed_count++] = effects[i];
    }
    return failed_count ? settle_follow_up(batch, failed, failed_count, fault) : STATUS_OK;
}

/* ---- records and counters ---- */

static bool is_settled(EffectState state) { return state == EFFECT_SENT || state == EFFECT_FAILED || state == EFFECT_CANCELLED; }

/* A call that was placed has its record when it is over; an answer to a person's own message has none. */
static bool has_record(const Effect *effect)
{
    bool is_underway = effect->kind == EFFECT_SPEECH && effect->state == EFFECT_SENT;
    return is_settled(effect->state) && !is_underway && effect->kind != EFFECT_REPLY;
}

static ActionRecord record_of(Batch *batch, const Effect *effect)
{
    bool sent = effect->state == EFFECT_SENT, is_call = effect->kind == EFFECT_SPEECH;
    bool asked_elsewhere = effect->state == EFFECT_FAILED && !slice_empty(effect->message_id);
    SmsNext follows = {0};
    if (effect->state == EFFECT_FAILED && effect->sms_class)
        follows = sms_next(effect, &batch->settings->ladder, batch->now_ms, &batch->arena);
    bool is_followed_by_call = follows.effect && follows.effect->kind == EFFECT_SPEECH;
    Slice failed = is_call || asked_elsewhere ? SLICE("donation_tts_fallback") : SLICE("donation_sms_failed");
    return (ActionRecord){
        .id = effect->action_id, .call_id = effect->call_id, .campaign_id = effect->campaign_id,
        .contact_id = effect->contact_id, .phone = effect->phone,
        .action_type = sent ? SLICE("donation_sms_sent") : failed,
        .tts_fallback_triggered = is_call || asked_elsewhere || is_followed_by_call,
        .donation_link = effect->donation_link, .sms_message_id = effect->message_id, .timestamp_ms = batch->now_ms,
        .status = sent ? SLICE("success") : SLICE("failed"), .failure_reason = sent ? (Slice){0} : effect->reason,
    };
}

static Status record_actions(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    ActionRecord records[BATCH_MAX];
    bool is_new[BATCH_MAX];
    size_t recorded = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_record(&effects[i]))
            records[recorded++] = record_of(batch, &effects[i]);
    }
    return recorded ? batch_record_actions(batch, records, recorded, is_new, fault) : STATUS_OK;
}

/* The donations counter moves with SENT, once: the projection's key is the action. */
static Status project_donations(Batch *batch, const Effect *effects, size_t count, bool is_repeat, Fault *fault)
{
    Projection items[BATCH_MAX];
    size_t projected = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_SENT || effects[i].kind != EFFECT_DONATION)
            continue;
        Contribution *share = ARENA_NEW(&batch->arena, Contribution);
        donation_contribution(&effects[i], share);
        items[projected++] = (Projection){effects[i].action_id, 1, is_repeat ? share : NULL, share,
                                          is_repeat ? effects[i].created_ms : batch->now_ms, effects[i].created_ms, effects[i].created_ms};
    }
    return projected ? batch->ports->live.project(batch->ports->live.self, items, projected, fault) : STATUS_OK;
}

bool settle_is_finished(const Batch *batch, const Effect *effect)
{
    uint64_t hash = slice_hash(effect->action_id);
    return is_settled(effect->state) && batch->finished[hash % FINISHED_MAX] == hash;
}

static void note_finished(Batch *batch, const Effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = slice_hash(effects[i].action_id);
        if (is_settled(effects[i].state))
            batch->finished[hash % FINISHED_MAX] = hash;
    }
}

Status settle_record(Batch *batch, const Effect *effects, size_t count, bool is_repeat, Fault *fault)
{
    Status status = record_actions(batch, effects, count, fault);
    status = status ? status : project_donations(batch, effects, count, is_repeat, fault);
    if (!status && !batch->ports->unit.atomic)
        note_finished(batch, effects, count);
    return status;
}

static void account(const Effect *effects, size_t count)
{
    static const int metrics[] = {[EFFECT_SENT] = METRIC_SMS_SENT, [EFFECT_FAILED] = METRIC_SMS_FAILED,
                                  [EFFECT_CANCELLED] = METRIC_SMS_CANCELLED, [EFFECT_UNKNOWN] = METRIC_SMS_UNKNOWN};
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state >= EFFECT_SENT && effects[i].kind != EFFECT_SPEECH)
            metric_add((Metric)metrics[effects[i].state], 1);
    }
}

/* ---- back into the ledger ---- */

/* What belongs to those that are in the ledger. */
static Status settle_behind(Batch *batch, const Effect *effects, size_t count, bool is_repeat, Fault *fault)
{
    Status status = settle_record(batch, effects, count, is_repeat, fault);
    status = status ? status : receipts_prove(batch, effects, count, fault);
    if (!status)
        account(effects, count);
    return status;
}

/* What the ledger has under our fence as we left it, or as a receipt has proved it since. */
static bool is_left_by_us(const Effect *ours, const Effect *held)
{
    bool is_proven = ours->state == EFFECT_UNKNOWN && held->state == EFFECT_SENT;
    return held->fence == ours->fence && held->state >= EFFECT_SENT && (held->state == ours->state || is_proven);
}

/* Stores apart: what did not move may have moved by an earlier try, whose answer was lost or that failed behind it. *places[k] is then
 * no more CLAIMED, but what it was. */
static Status settle_again(Batch *batch, const Effect *unmoved, Effect *const *places, size_t count, Fault *fault)
{
    Effect *held = ARENA_ARRAY(&batch->arena, Effect, count), *ours = ARENA_ARRAY(&batch->arena, Effect, count);
    bool *found = ARENA_ARRAY(&batch->arena, bool, count);
    size_t ours_count = 0;
    Status status = batch_load_effects(batch, unmoved, count, held, found, fault);
    for (size_t k = 0; !status && k < count; k++) {
        if (!found[k] || !is_left_by_us(&unmoved[k], &held[k]))
            continue;
        ours[ours_count++] = held[k].state == unmoved[k].state ? unmoved[k] : held[k];
        places[k]->state = unmoved[k].state;
    }
    return status || !ours_count ? status : settle_behind(batch, ours, ours_count, true, fault);
}

/* What we moved is recorded as we left it. What we did not, because somebody else has it by now, stays CLAIMED here: its message comes
 * again, and then the ledger says what became of it. */
Status settle(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Effect leaving[BATCH_MAX], settled[BATCH_MAX], *places[BATCH_MAX];
    bool moved[BATCH_MAX] = {0};
    size_t leaving_count = 0, settled_count = 0, unmoved_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_CLAIMED)
            continue;
        places[leaving_count] = &effects[i];
        leaving[leaving_count++] = effects[i];
    }
    if (!leaving_count)
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = follow_up_failed(batch, leaving, leaving_count, fault);
    status = status ? status : ledger->settle(ledger->self, leaving, leaving_count, batch->now_ms, moved, fault);
    for (size_t i = 0; !status && i < leaving_count; i++) {
        if (moved[i]) {
            settled[settled_count++] = leaving[i];
            continue;
        }
        places[i]->state = EFFECT_CLAIMED;
        places[unmoved_count] = places[i];
        leaving[unmoved_count++] = leaving[i];
    }
    status = status ? status : settle_behind(batch, settled, settled_count, false, fault);
    return status || !unmoved_count || batch->ports->unit.atomic ? status : settle_again(batch, leaving, places, unmoved_count, fault);
}

/* A record shows no fence, so whoever is too late does not come here. One that no store takes, ever, holds up nothing. */
static Status record_cancelled(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    Status status = STATUS_OK;
    for (size_t i = 0; i < count && (!status || status == STATUS_REJECT); i++)
        status = record_actions(batch, &effects[i], 1, fault);
    return status == STATUS_REJECT ? STATUS_OK : status;
}

Status settle_cancelled(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    bool moved[BATCH_MAX];
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = record_cancelled(batch, effects, count, fault);
    status = status ? status : ledger->settle(ledger->self, effects, count, batch->now_ms, moved, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (moved[i])
            account(&effects[i], 1);
    }
    return status;
}
