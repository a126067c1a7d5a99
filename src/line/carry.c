/* Couriers: the ledger's side of effects that are carried on another thread. */
#include "line/batch.h"

/* Stores apart: what fails here stays CLAIMED, and comes with a later take. */
static Status settle_held_back_apart(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    Effect *cancelled = ARENA_ARRAY(&batch->arena, Effect, count);
    size_t cancelled_count = 0, left = 0;
    if (deliver_is_too_late(batch, clock_wall_ms()))
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_CANCELLED)
            cancelled[cancelled_count++] = effects[i];
        else
            effects[left++] = effects[i];
    }
    Status status = settle(batch, effects, left, fault);
    return status || !cancelled_count ? status : settle_cancelled(batch, cancelled, cancelled_count, fault);
}

static Status settle_held_back(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    Effect *held_back = ARENA_ARRAY(&batch->arena, Effect, count);
    size_t held_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state != EFFECT_SENDING)
            held_back[held_count++] = effects[i];
    }
    if (!held_count)
        return STATUS_OK;
    return batch->ports->unit.atomic ? settle(batch, held_back, held_count, fault) : settle_held_back_apart(batch, held_back, held_count, fault);
}

static bool is_any_sending(const Effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_SENDING)
            return true;
    }
    return false;
}

static Status take(Batch *batch, bool calls, size_t max, Effect *ours, size_t *ret_count, Fault *fault)
{
    Effect *effects = ARENA_ARRAY(&batch->arena, Effect, max);
    bool *claimed = ARENA_ARRAY(&batch->arena, bool, max);
    size_t count = 0;
    *ret_count = 0;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->due(ledger->self, calls, batch->now_ms, max, &batch->arena, effects, &count, fault);
    if (status || !count)
        return status;
    status = deliver_claim(batch, effects, count, claimed, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (claimed[i])
            ours[(*ret_count)++] = effects[i];
    }
    if (status || !*ret_count)
        return status;
    status = deliver_release(batch, ours, *ret_count, fault);
    if (status)
        return status;
    status = settle_held_back(batch, ours, *ret_count, fault);
    bool is_durable = !batch->ports->unit.atomic; /* what is SENDING goes out; what is held back is taken again when its lease is over */
    return is_durable && is_any_sending(ours, *ret_count) ? STATUS_OK : status;
}

Status pipeline_take(Pipeline *line, int64_t now_ms, bool calls, size_t max, Arena *arena, Effect *out, size_t *ret_count,
                     int64_t *ret_asked_ms, Fault *fault)
{
    Batch *batch = pipeline_fresh_batch(line, now_ms);
    size_t count = 0;
    *ret_count = 0;
    max = max < BATCH_MAX ? max : BATCH_MAX;
    Effect *ours = ARENA_ARRAY(&batch->arena, Effect, max);
    Status status = step_begin(batch, fault);
    status = status ? status : batch_finish(batch, take(batch, calls, max, ours, &count, fault), fault);
    *ret_asked_ms = batch->list_asked_ms;
    bool is_undone = status && batch->ports->unit.atomic;
    for (size_t i = 0; !is_undone && i < count; i++) {
        if (ours[i].state == EFFECT_SENDING)
            out[(*ret_count)++] = effect_copy(&ours[i], arena);
    }
    return status;
}

/* Their provider says so; the list hears of it with the rest. */
static void tell_of_opted_out(const Effect *effects, size_t count, void (*tell)(const BlockEntry *entries, size_t count))
{
    for (size_t i = 0; i < count; i++)
        batch_tell_if_opted_out(effects[i].sms_class, effects[i].phone, tell);
}

Status pipeline_settle(Pipeline *line, int64_t now_ms, Effect *effects, const SmsOutcome *outcomes, size_t count, Fault *fault)
{
    Batch *batch = pipeline_fresh_batch(line, now_ms);
    Effect *settled = ARENA_ARRAY(&batch->arena, Effect, count);
    for (size_t i = 0; i < count; i++) {
        settled[i] = effects[i];
        settle_take(batch, &settled[i], &outcomes[i]);
    }
    tell_of_opted_out(settled, count, dnc_hold);
    Status status = step_begin(batch, fault);
    status = status ? status : batch_finish(batch, settle(batch, settled, count, fault), fault);
    if (!status)
        tell_of_opted_out(settled, count, dnc_let_go);
    return status;
}
