/* Gather: what the decisions have to know, read through ports once for the whole batch. */
#include "line/batch.h"

enum { CALL_SLOTS = 2 * BATCH_MAX };

/* The call's place in batch->calls, entered when it is new. slots is an open-addressing table of index + 1. */
static int enter_call(Batch *batch, Slice call_id, Slice *call_ids, uint16_t slots[CALL_SLOTS])
{
    size_t slot = slice_hash(call_id) % CALL_SLOTS;
    for (; slots[slot]; slot = (slot + 1) % CALL_SLOTS) {
        if (slice_equal(call_ids[slots[slot] - 1], call_id))
            return slots[slot] - 1;
    }
    call_ids[batch->call_count] = call_id;
    slots[slot] = (uint16_t)++batch->call_count;
    return (int)batch->call_count - 1;
}

static bool needs_record(const Event *event)
{
    return event->handler->needs_cdr || (event->handler->wants_cdr && event->handler->wants_cdr(event));
}

static Status load_calls(Batch *batch, const Slice *call_ids, Fault *fault)
{
    Cdr *cdrs[BATCH_MAX];
    Status status = batch->ports->cdrs.load(batch->ports->cdrs.self, call_ids, batch->call_count, &batch->arena, cdrs, fault);
    if (status)
        return status;
    for (size_t i = 0; i < batch->call_count; i++) {
        BatchCall *call = &batch->calls[i];
        call->cdr = cdrs[i];
        call->changed = call->is_saved = false;
        call->before.count = 0;
        call->before.campaign_id = (Slice){0};
        if (!cdrs[i]->fact_count)
            continue;
        cdr_derive(cdrs[i], &batch->settings->event.rating, &batch->arena);
        cdr_contribution(cdrs[i], &batch->arena, &call->before);
        call->before_ms = cdrs[i]->updated_ms;
    }
    return STATUS_OK;
}

static void put_off(Batch *batch, const size_t *indices, size_t count, const Fault *fault)
{
    for (size_t i = 0; i < count; i++)
        batch_put_off(batch, indices[i], fault);
}

/* A record that cannot be loaded puts its events off; in an atomic unit the store is broken for all. */
static Status gather_calls(Batch *batch, Fault *fault)
{
    Slice call_ids[BATCH_MAX];
    size_t indices[BATCH_MAX], count = 0;
    uint16_t slots[CALL_SLOTS] = {0};
    for (size_t i = 0; i < batch->count; i++) {
        batch->call_of[i] = -1;
        bool is_read = batch_is_alive(batch, i) || batch->events[i].salvaged;
        if (!is_read || !needs_record(&batch->events[i]))
            continue;
        batch->call_of[i] = enter_call(batch, batch->events[i].call_id, call_ids, slots);
        indices[count++] = i;
    }
    if (!count)
        return STATUS_OK;
    Status status = load_calls(batch, call_ids, fault);
    if (status && (batch->ports->unit.atomic || status == STATUS_FATAL))
        return status;
    if (status) {
        put_off(batch, indices, count, fault);
        batch->call_count = 0;
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++)
        batch->facts[indices[i]].cdr = batch->calls[batch->call_of[indices[i]]].cdr;
    return STATUS_OK;
}

/* Whoever cannot be asked is taken for blocked now, and asked again later. */
static Status gather_block_states(Batch *batch, Fault *fault)
{
    Slice phones[BATCH_MAX];
    size_t indices[BATCH_MAX], count = 0;
    bool blocked[BATCH_MAX];
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch_is_alive(batch, i) || !batch->events[i].handler->needs_block_state)
            continue;
        phones[count] = batch->events[i].phone;
        indices[count++] = i;
    }
    if (!count)
        return STATUS_OK;
    Status status = dnc_are_blocked(batch->ports, phones, count, blocked, fault);
    if (status && (batch->ports->unit.atomic || status == STATUS_FATAL))
        return status;
    if (status) {
        put_off(batch, indices, count, fault);
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++)
        batch->facts[indices[i]].blocked = blocked[i];
    return STATUS_OK;
}

Status step_gather(Batch *batch, Fault *fault)
{
    memset(batch->facts, 0, sizeof *batch->facts * batch->count);
    Status status = gather_calls(batch, fault);
    return status ? status : gather_block_states(batch, fault);
}
