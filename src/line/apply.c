/* Apply: the decisions, written through ports. Durable stores first, counters second, the outside world last. */
#include "line/batch.h"

#include "base/metrics.h"

enum { CONFLICT_TRIES = 8 };

/* ---- opt-outs ---- */

static bool blocks_somebody(const Decision *decision) { return decision->block_count > 0; }

typedef struct BlockList {
    BlockEntry *entries;
    size_t *messages; /* which message each is from */
    BlockResult *results;
    size_t count;
} BlockList;

static BlockList collect_blocks(Batch *batch)
{
    BlockList list = {0};
    for (size_t i = 0; i < batch->count; i++)
        list.count += batch->decisions[i].block_count;
    list.entries = ARENA_ARRAY(&batch->arena, BlockEntry, list.count);
    list.messages = ARENA_ARRAY(&batch->arena, size_t, list.count);
    list.results = ARENA_ARRAY(&batch->arena, BlockResult, list.count);
    size_t at = 0;
    for (size_t i = 0; i < batch->count; i++) {
        for (size_t k = 0; k < batch->decisions[i].block_count; k++, at++) {
            list.entries[at] = batch->decisions[i].blocks[k];
            list.messages[at] = i;
        }
    }
    return list;
}

/* What the cache missed is said when all of them are on the list. */
static Status write_blocks(Batch *batch, BlockList *list, Fault *fault)
{
    Status worst = STATUS_OK;
    for (size_t done = 0; done < list->count; done += BATCH_MAX) {
        size_t rest = list->count - done, count = rest < BATCH_MAX ? rest : BATCH_MAX;
        Fault why;
        Status status = dnc_block(batch->ports, list->entries + done, count, list->results + done, &why);
        if (!status)
            continue;
        *fault = why;
        worst = status;
        if (!dnc_has_stored(status, &why))
            break;
    }
    return worst;
}

/* The action records of the batch's opt-outs. */
typedef struct OptoutRecords {
    ActionRecord *records;
    bool *is_new;
    size_t count;
} OptoutRecords;

static Status record_optouts(Batch *batch, OptoutRecords *ret, Fault *fault)
{
    *ret = (OptoutRecords){.records = ARENA_ARRAY(&batch->arena, ActionRecord, batch->count),
                           .is_new = ARENA_ARRAY(&batch->arena, bool, batch->count)};
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_is_alive(batch, i) && batch->decisions[i].action)
            ret->records[ret->count++] = *batch->decisions[i].action;
    }
    return ret->count ? batch_record_actions(batch, ret->records, ret->count, ret->is_new, fault) : STATUS_OK;
}

/* Its share of the campaign's counters: one, once. */
static Status count_optouts(Batch *batch, const OptoutRecords *optouts, Fault *fault)
{
    Projection items[BATCH_MAX];
    size_t projected = 0;
    for (size_t i = 0; i < optouts->count; i++) {
        const ActionRecord *record = &optouts->records[i];
        bool is_new = optouts->is_new[i];
        Contribution *share = ARENA_NEW(&batch->arena, Contribution);
        action_contribution(record, share);
        if (!share->count)
            continue;
        share->last_activity_ms = is_new ? share->last_activity_ms : 0; /* a repeat is no activity */
        items[projected++] = (Projection){record->id, 1, is_new ? NULL : share, share, is_new ? batch->now_ms : record->timestamp_ms,
                                          record->timestamp_ms, is_new ? batch->now_ms : 0};
    }
    return projected ? batch->ports->live.project(batch->ports->live.self, items, projected, fault) : STATUS_OK;
}

static void take_results(Batch *batch, const BlockList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        batch->decisions[list->messages[i]].duplicate |= list->results[i] == BLOCK_REPEATED;
        metric_add(METRIC_OPTOUTS_BLOCKED, list->results[i] == BLOCK_ADDED);
    }
}

/* Where the broker is the spool, another process may take the next try, and nobody would say here that it is done. */
static void mark_unblocked(Batch *batch, const BlockList *list)
{
    for (size_t i = 0; i < list->count; i++)
        batch->decisions[list->messages[i]].unblocked = true;
    if (batch->ports->spool.self)
        dnc_hold(list->entries, list->count);
}

static void mark_stored(Batch *batch, const BlockList *list)
{
    for (size_t i = 0; i < list->count; i++)
        batch->decisions[list->messages[i]].stored = true;
}

/* Whether it is this opt-out that put the number on the list. Who cannot show the list says no. */
static Status is_own(Batch *batch, const BlockEntry *block, bool *ret_own, Fault *fault)
{
    const RegistryPort *registry = &batch->ports->registry;
    BlockEntry entry;
    bool found = false;
    Status status = registry->show(registry->self, block->phone, &batch->arena, &entry, &found, fault);
    *ret_own = !status && found && slice_equal(entry.action_id, block->action_id);
    return status == STATUS_REJECT ? STATUS_OK : status;
}

/* One confirmation, however often somebody asks. A repeat of the message that blocked has the same effect, which may not be entered yet. */
static Status drop_known_effects(Batch *batch, const BlockList *list, Fault *fault)
{
    Status status = STATUS_OK;
    for (size_t i = 0; !status && i < list->count; i++) {
        Decision *decision = &batch->decisions[list->messages[i]];
        bool blocks = list->results[i] == BLOCK_ADDED;
        if (!decision->effect_if_added || blocks)
            continue;
        if (list->results[i] == BLOCK_REPEATED)
            status = is_own(batch, &list->entries[i], &blocks, fault);
        if (!status && !blocks)
            decision->effect = NULL;
    }
    return status;
}

/* The registry is what an opt-out is for. A cache or counter that missed it puts the message off; who cannot wait for that sees
 * that it is stored. */
static Status apply_blocks(Batch *batch, Fault *fault)
{
    BlockList list = collect_blocks(batch);
    if (!list.count)
        return STATUS_OK;
    Fault ignored;
    OptoutRecords optouts;
    Status status = write_blocks(batch, &list, fault);
    if (status) {
        mark_unblocked(batch, &list);
        if (dnc_has_stored(status, fault) && !record_optouts(batch, &optouts, &ignored))
            mark_stored(batch, &list);
        return batch_port_failed(batch, status, fault, blocks_somebody);
    }
    take_results(batch, &list);
    status = drop_known_effects(batch, &list, fault);
    status = status ? status : record_optouts(batch, &optouts, fault);
    if (!status)
        mark_stored(batch, &list);
    status = status ? status : count_optouts(batch, &optouts, fault);
    return batch_port_failed(batch, status, fault, blocks_somebody);
}

/* ---- call records ---- */

static bool is_about_a_call(const Decision *decision) { return decision->cdr != NULL; }

/* Somebody else saved this call in between: fold the batch's events into what is stored now. */
static Status fold_again(Batch *batch, size_t index, Fault *fault)
{
    BatchCall *call = &batch->calls[index];
    Slice call_id = call->cdr->call_id;
    Status status = batch->ports->cdrs.load(batch->ports->cdrs.self, &call_id, 1, &batch->arena, &call->cdr, fault);
    if (status)
        return status;
    const EventSettings *settings = &batch->settings->event;
    cdr_derive(call->cdr, &settings->rating, &batch->arena);
    cdr_contribution(call->cdr, &batch->arena, &call->before);
    call->before_ms = call->cdr->updated_ms;
    call->changed = false;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->call_of[i] != (int)index || !batch_is_alive(batch, i) || !batch->decisions[i].cdr)
            continue;
        batch->facts[i].cdr = call->cdr;
        batch->decisions[i] = (Decision){.verdict = VERDICT_DONE};
        batch->events[i].handler->decide(&batch->events[i], &batch->facts[i], settings, &batch->arena, &batch->decisions[i]);
        call->changed |= batch->decisions[i].cdr_changed;
    }
    cdr_derive(call->cdr, &settings->rating, &batch->arena);
    cdr_contribution(call->cdr, &batch->arena, &call->after);
    return STATUS_OK;
}

/* Saves what changed; calls that somebody else saved meanwhile are folded again and saved again. */
static Status save_calls(Batch *batch, Fault *fault)
{
    for (int tries = 0; tries < CONFLICT_TRIES; tries++) {
        Cdr *cdrs[BATCH_MAX];
        size_t indices[BATCH_MAX], count = 0;
        bool conflict[BATCH_MAX], any = false;
        for (size_t i = 0; i < batch->call_count; i++) {
            if (!batch->calls[i].changed)
                continue;
            cdrs[count] = batch->calls[i].cdr;
            indices[count++] = i;
        }
        if (!count)
            return STATUS_OK;
        Status status = batch->ports->cdrs.save(batch->ports->cdrs.self, cdrs, count, batch->now_ms, conflict, fault);
        for (size_t i = 0; !status && i < count; i++) {
            batch->calls[indices[i]].changed = false;
            batch->calls[indices[i]].is_saved = !conflict[i];
            metric_add(METRIC_CDRS_WRITTEN, !conflict[i]);
            any |= conflict[i];
            if (conflict[i])
                status = fold_again(batch, indices[i], fault);
        }
        if (status || !any)
            return status;
    }
    return fault_set(fault, STATUS_RETRY, "cdr_contended", "a call's record is being written by many at once");
}

/* Also for calls that did not change: a crash between save and projection heals by the next delivery. */
static Status project_calls(Batch *batch, Fault *fault)
{
    Projection items[BATCH_MAX];
    size_t count = 0;
    for (size_t i = 0; i < batch->call_count; i++) {
        const BatchCall *call = &batch->calls[i];
        const Cdr *cdr = call->cdr;
        int64_t changed_ms = call->is_saved ? batch->now_ms : cdr->updated_ms;
        if (call->cdr->fact_count)
            items[count++] = (Projection){cdr->call_id, cdr->rev, &call->before, &call->after, changed_ms, call->before_ms, cdr->created_ms};
    }
    return count ? batch->ports->live.project(batch->ports->live.self, items, count, fault) : STATUS_OK;
}

static Status apply_calls(Batch *batch, Fault *fault)
{
    if (!batch->call_count)
        return STATUS_OK;
    Status status = save_calls(batch, fault);
    status = status ? status : project_calls(batch, fault);
    return batch_port_failed(batch, status, fault, is_about_a_call);
}

/* ---- donations ---- */

static bool wants_effect(const Decision *decision) { return decision->effect != NULL; }

static bool is_settled(EffectState state) { return state >= EFFECT_SENT; }

/* What became of an effect says what becomes of its message. */
static void answer_effect(Batch *batch, size_t message, const Effect *effect, bool was_ours)
{
    Decision *decision = &batch->decisions[message];
    *decision->effect = *effect;
    decision->duplicate = !was_ours && is_settled(effect->state);
    bool ledger_goes_on = batch->ports->spool.self && effect->state == EFFECT_PENDING; /* its due loop runs here */
    bool goes_on_here = was_ours && effect->state != EFFECT_PENDING;
    if (is_settled(effect->state) || goes_on_here || ledger_goes_on)
        return;
    deliver_wait(batch, message, effect);
}

typedef struct EffectList {
    Effect *effects;
    size_t messages[BATCH_MAX]; /* which message each is from */
    size_t count;
} EffectList;

static bool is_listed(const EffectList *list, Slice action_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (slice_equal(list->effects[i].action_id, action_id))
            return true;
    }
    return false;
}

/* A press that comes twice in one batch is one effect. */
static void collect_effects(Batch *batch, EffectList *list)
{
    list->count = 0;
    list->effects = ARENA_ARRAY(&batch->arena, Effect, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        Decision *decision = &batch->decisions[i];
        if (!batch_is_alive(batch, i) || !decision->effect)
            continue;
        if (is_listed(list, decision->effect->action_id)) {
            decision->duplicate = true;
            continue;
        }
        list->effects[list->count] = *decision->effect;
        list->messages[list->count++] = i;
    }
}

/* Stores apart: what a courier settled before, and was cut off behind that. */
static Status heal_carried(Batch *batch, const Effect *effects, const bool *entered, size_t count, Fault *fault)
{
    Effect *known = ARENA_ARRAY(&batch->arena, Effect, count), *held = ARENA_ARRAY(&batch->arena, Effect, count);
    bool *found = ARENA_ARRAY(&batch->arena, bool, count), *gone = ARENA_ARRAY(&batch->arena, bool, count);
    size_t known_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!entered[i])
            known[known_count++] = effects[i];
    }
    if (!known_count)
        return STATUS_OK;
    Status status = batch_load_effects(batch, known, known_count, held, found, fault);
    for (size_t k = 0; !status && k < known_count; k++)
        gone[k] = !found[k];
    return status ? status : deliver_heal(batch, held, gone, known_count, fault);
}

/* A courier takes it from the ledger, and cancels what must not go out. */
static Status leave_to_couriers(Batch *batch, EffectList *list, Fault *fault)
{
    Effect left[BATCH_MAX];
    bool moved[BATCH_MAX];
    size_t messages[BATCH_MAX], left_count = 0, kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!batch_has_courier(batch, is_call(&list->effects[i]))) {
            list->effects[kept] = list->effects[i];
            list->messages[kept++] = list->messages[i];
            continue;
        }
        messages[left_count] = list->messages[i];
        left[left_count] = list->effects[i];
        left[left_count++].state = EFFECT_PENDING;
    }
    list->count = kept;
    if (!left_count)
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->enter(ledger->self, left, left_count, batch->now_ms, moved, fault);
    for (size_t i = 0; !status && i < left_count; i++)
        batch->decisions[messages[i]].duplicate = !moved[i];
    return status || batch->ports->unit.atomic ? status : heal_carried(batch, left, moved, left_count, fault);
}

/* What waits in the ledger for somebody who can reach people is not taken from them by a press that comes again here. */
static Status leave_waiting_to_others(Batch *batch, EffectList *list, Fault *fault)
{
    if (!list->count || !(batch_leaves_waiting(batch, false) || batch_leaves_waiting(batch, true)))
        return STATUS_OK;
    bool found[BATCH_MAX];
    Effect *held = ARENA_ARRAY(&batch->arena, Effect, list->count);
    size_t kept = 0;
    Status status = batch_load_effects(batch, list->effects, list->count, held, found, fault);
    for (size_t i = 0; !status && i < list->count; i++) {
        if (found[i] && batch_leaves(batch, &held[i])) {
            batch->decisions[list->messages[i]].duplicate = true;
            continue;
        }
        list->effects[kept] = list->effects[i];
        list->messages[kept++] = list->messages[i];
    }
    list->count = status ? list->count : kept;
    return status;
}

/* What was settled before and may have been cut off behind that. */
static Status heal_effects(Batch *batch, const EffectList *list, const bool *claimed, const Effect **waiting, Fault *fault)
{
    Status status = deliver_heal(batch, list->effects, claimed, list->count, fault);
    return status ? status : followers_deliver(batch, list->effects, list->count, waiting, fault);
}

static Status apply_effects(Batch *batch, Fault *fault)
{
    EffectList list;
    collect_effects(batch, &list);
    Status status = list.count ? leave_to_couriers(batch, &list, fault) : STATUS_OK;
    status = status ? status : leave_waiting_to_others(batch, &list, fault);
    if (status)
        return batch_port_failed(batch, status, fault, wants_effect);
    if (!list.count)
        return STATUS_OK;
    bool *claimed = ARENA_ARRAY(&batch->arena, bool, list.count);
    status = deliver_claim(batch, list.effects, list.count, claimed, fault);
    if (!status && batch->ports->sms.joins_unit)
        status = deliver_claimed(batch, list.effects, claimed, list.count, fault);
    const Effect *waiting[BATCH_MAX] = {0};
    if (!status && !batch->ports->unit.atomic)
        status = heal_effects(batch, &list, claimed, waiting, fault);
    if (status)
        return batch_port_failed(batch, status, fault, wants_effect);
    for (size_t i = 0; i < list.count; i++) {
        answer_effect(batch, list.messages[i], &list.effects[i], claimed[i]);
        if (waiting[i])
            deliver_wait(batch, list.messages[i], waiting[i]);
    }
    return STATUS_OK;
}

Status step_apply(Batch *batch, Fault *fault)
{
    hang_ups_start(batch);
    Status status = apply_blocks(batch, fault);
    status = status ? status : apply_calls(batch, fault);
    status = status ? status : receipts_apply(batch, fault);
    status = status ? status : apply_effects(batch, fault);
    if (!status)
        hang_ups_collect(batch);
    return status;
}
