/* What the steps of the line have in common: how a message of the batch ends, and what is written for any of them. */
#include "line/batch.h"

#include "base/metrics.h"

void batch_waited(Metric metric, int64_t pressed_ms)
{
    enum { LONGEST_MS = 60 * 60 * 1000 };
    int64_t wait_ms = clock_wall_ms() - pressed_ms;
    if (pressed_ms && wait_ms <= LONGEST_MS)
        metric_waited(metric, wait_ms);
}

void batch_stop(Batch *batch, size_t i, const Fault *fault)
{
    static const Verdict verdicts[] = {VERDICT_DONE, VERDICT_REJECT, VERDICT_RETRY, VERDICT_FATAL};
    batch->decisions[i].verdict = verdicts[fault->status];
    batch->decisions[i].fault = *fault;
}

void batch_put_off(Batch *batch, size_t i, const Fault *fault)
{
    batch_stop(batch, i, fault);
    batch->decisions[i].outage = fault->status == STATUS_RETRY;
    batch->decisions[i].costs_no_try = batch->decisions[i].outage;
}

Status batch_port_failed(Batch *batch, Status status, const Fault *fault, bool (*concerned)(const Decision *decision))
{
    if (!status || batch->ports->unit.atomic || status == STATUS_FATAL)
        return status;
    if (batch->count > 1 && batch_is_for_one(fault))
        return status;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->decisions[i].verdict != VERDICT_RETRY && concerned(&batch->decisions[i]))
            batch_put_off(batch, i, fault);
    }
    return STATUS_OK;
}

/* xorshift64*: good enough to spread retries. */
int64_t batch_jitter(Batch *batch, int64_t most_ms)
{
    batch->random ^= batch->random >> 12;
    batch->random ^= batch->random << 25;
    batch->random ^= batch->random >> 27;
    uint64_t random = (batch->random * 0x2545f4914f6cdd1du) >> 11;
    return most_ms > 0 ? (int64_t)(random % ((uint64_t)most_ms + 1)) : 0;
}

Status batch_record_actions(const Batch *batch, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    const Ports *ports = batch->ports;
    ActionRecord fresh[BATCH_MAX];
    size_t fresh_count = 0;
    Status status = ports->registry.record_actions(ports->registry.self, records, count, ret_new, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (ret_new[i])
            fresh[fresh_count++] = records[i];
    }
    metric_add(METRIC_ACTIONS_CREATED, (int64_t)fresh_count);
    if (!ports->live.remember)
        return STATUS_OK;
    Fault missed; /* a copy for others, which goes after a day; the record is in the registry */
    if (fresh_count && ports->live.remember(ports->live.self, fresh, fresh_count, &missed))
        metric_add(METRIC_CACHE_MISSED, (int64_t)fresh_count);
    return STATUS_OK;
}

bool batch_has_courier(const Batch *batch, bool calls)
{
    return calls ? batch->settings->calls_are_carried : batch->settings->texts_are_carried;
}

/* Only an outbox has a list of its texts. */
bool batch_leaves_waiting(const Batch *batch, bool calls)
{
    const Ports *ports = batch->ports;
    return ports->effects.is_shared && (calls ? !ports->speech.send : ports->sms.list != NULL);
}

bool batch_leaves(const Batch *batch, const Effect *held)
{
    bool is_anothers = !slice_empty(held->provider) && !slice_equal(held->provider, batch_gateway(batch, is_call(held)).name);
    bool is_for_others = held->state == EFFECT_PENDING || (held->state < EFFECT_SENT && is_anothers);
    return is_for_others && batch_leaves_waiting(batch, is_call(held));
}

Status batch_load_effects(Batch *batch, const Effect *effects, size_t count, Effect *ret_held, bool *ret_found, Fault *fault)
{
    const EffectsPort *ledger = &batch->ports->effects;
    Slice *action_ids = ARENA_ARRAY(&batch->arena, Slice, count);
    for (size_t i = 0; i < count; i++)
        action_ids[i] = effects[i].action_id;
    return ledger->load(ledger->self, action_ids, count, &batch->arena, ret_held, ret_found, fault);
}

Status batch_finish(Batch *batch, Status status, Fault *fault)
{
    if (!status)
        return step_commit(batch, fault);
    if (batch->in_unit)
        batch->ports->unit.rollback(batch->ports->unit.self);
    batch->in_unit = false;
    return status;
}
