/* Receipts: what providers say of texts, and telephones of calls, goes into the ledger; what follows from it is entered there, too.
 *
 * A receipt that was half worked comes again, and then all that follows is the same. */
#include "line/batch.h"

#include "base/metrics.h"

typedef struct ReceiptList {
    Receipt *receipts;
    Effect *effects; /* as the ledger has them after it */
    ReceiptResult *results;
    size_t count;
} ReceiptList;

static bool has_receipt(const Decision *decision) { return decision->receipt != NULL; }

static ReceiptList collect(Batch *batch, size_t *messages)
{
    ReceiptList list = {.receipts = ARENA_ARRAY(&batch->arena, Receipt, batch->count),
                        .effects = ARENA_ARRAY(&batch->arena, Effect, batch->count),
                        .results = ARENA_ARRAY(&batch->arena, ReceiptResult, batch->count)};
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch_is_alive(batch, i) || !batch->decisions[i].receipt)
            continue;
        messages[list.count] = i;
        list.receipts[list.count++] = *batch->decisions[i].receipt;
    }
    return list;
}

/* ---- what follows ---- */

static bool is_undelivered(const ReceiptList *list, size_t i)
{
    return list->results[i] != RECEIPT_STRANGE && list->effects[i].receipt == RECEIPT_UNDELIVERED;
}

static Status follow_up(Batch *batch, const ReceiptList *list, Fault *fault)
{
    Effect *undelivered = ARENA_ARRAY(&batch->arena, Effect, list->count);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (is_undelivered(list, i))
            undelivered[count++] = list->effects[i];
    }
    return count ? settle_follow_up(batch, undelivered, count, fault) : STATUS_OK;
}

/* A text that nobody could say anything of went out after all. Where stores are apart, whoever settled any other one may have been cut off
 * behind that, and a receipt may be all that ever comes of it; an API may not know a repeat, so what is finished here is not told again. */
static Status record_proven(Batch *batch, const ReceiptList *list, Fault *fault)
{
    Effect *proven = ARENA_ARRAY(&batch->arena, Effect, list->count), *settled = ARENA_ARRAY(&batch->arena, Effect, list->count);
    size_t proven_count = 0, settled_count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->results[i] == RECEIPT_PROVES)
            proven[proven_count++] = list->effects[i];
        else if (list->results[i] != RECEIPT_STRANGE && !batch->ports->unit.atomic && !settle_is_finished(batch, &list->effects[i]))
            settled[settled_count++] = list->effects[i];
    }
    Status status = proven_count ? settle_record(batch, proven, proven_count, false, fault) : STATUS_OK;
    return status || !settled_count ? status : settle_record(batch, settled, settled_count, true, fault);
}

/* A receipt may come before its sender says that nobody knows, or is found gone: then it is taken once more. */
Status receipts_prove(Batch *batch, const Effect *effects, size_t count, Fault *fault)
{
    const EffectsPort *ledger = &batch->ports->effects;
    Slice *action_ids = ARENA_ARRAY(&batch->arena, Slice, count);
    Effect *held = ARENA_ARRAY(&batch->arena, Effect, count);
    bool *found = ARENA_ARRAY(&batch->arena, bool, count);
    size_t unknown = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].state == EFFECT_UNKNOWN && !slice_empty(effects[i].ref))
            action_ids[unknown++] = effects[i].action_id;
    }
    if (!unknown)
        return STATUS_OK;
    Status status = ledger->load(ledger->self, action_ids, unknown, &batch->arena, held, found, fault);
    ReceiptList list = {.receipts = ARENA_ARRAY(&batch->arena, Receipt, unknown), .effects = ARENA_ARRAY(&batch->arena, Effect, unknown),
                        .results = ARENA_ARRAY(&batch->arena, ReceiptResult, unknown)};
    for (size_t i = 0; !status && i < unknown; i++) {
        if (found[i] && held[i].state == EFFECT_UNKNOWN && held[i].receipt != RECEIPT_NONE)
            list.receipts[list.count++] = (Receipt){.ref = held[i].ref, .state = held[i].receipt, .at_ms = held[i].delivered_ms};
    }
    if (status || !list.count)
        return status;
    status = ledger->receive(ledger->self, list.receipts, list.count, batch->now_ms, &batch->arena, list.effects, list.results, fault);
    return status ? status : record_proven(batch, &list, fault);
}

/* ---- calls that are over ---- */

static bool is_over(const ReceiptList *list, size_t i)
{
    bool is_known = list->results[i] != RECEIPT_STRANGE && list->effects[i].kind == EFFECT_SPEECH;
    return is_known && list->effects[i].receipt >= RECEIPT_UNDELIVERED;
}

/* The original system's words. */
static Slice outcome_of(const Effect *effect)
{
    return effect->receipt == RECEIPT_DELIVERED ? SLICE("TTS Fallback Delivered") : SLICE("TTS Fallback Failed");
}

static ActionRecord record_of(const Batch *batch, const Effect *effect)
{
    bool delivered = effect->receipt == RECEIPT_DELIVERED;
    return (ActionRecord){
        .id = effect->action_id, .call_id = effect->call_id, .campaign_id = effect->campaign_id, .contact_id = effect->contact_id,
        .phone = effect->phone, .action_type = SLICE("donation_tts_fallback"), .tts_fallback_triggered = true,
        .donation_link = effect->donation_link, .sms_message_id = effect->message_id, .timestamp_ms = batch->now_ms,
        .status = delivered ? SLICE("success") : SLICE("failed"), .failure_reason = delivered ? (Slice){0} : effect->reason,
    };
}

/* On the record of the call whose key asked for it. */
static Slice action_event_of(const Effect *effect, Arena *arena)
{
    char at[TIME_TEXT_BYTES];
    Text body = text_in(arena);
    time_print(effect->delivered_ms, at);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "callId", effect->call_id);
    json_add_text_member(&body, "campaignId", effect->campaign_id);
    json_add_text_member(&body, "phoneNumber", effect->phone);
    json_add_text_member(&body, "eventType", SLICE("action_triggered"));
    json_add_text_member(&body, "eventId", arena_printf(arena, "%.*s_outcome", SLICE_ARG(effect->action_id)));
    json_add_text_member(&body, "timestamp", slice_of(at));
    json_add_key(&body, "action");
    text_add_byte(&body, '{');
    json_add_text_member(&body, "type", outcome_of(effect));
    text_add_literal(&body, "}}");
    return text_slice(&body);
}

static Status tell_calls(Batch *batch, const Effect *over, size_t count, Fault *fault)
{
    const SpoolPort *spool = &batch->ports->spool;
    SpoolItem *items = ARENA_ARRAY(&batch->arena, SpoolItem, count);
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        if (slice_empty(over[i].call_id) || !spool->self)
            continue;
        items[told++] = (SpoolItem){.state = SPOOL_WAITING, .topic = slice_of(call_handler.topic), .body = action_event_of(&over[i], &batch->arena),
                                    .received_ms = batch->now_ms, .due_ms = batch->now_ms, .code = SLICE("call_told"),
                                    .reason = SLICE("what became of a text is yet to be told to its call")};
    }
    return told ? spool->keep(spool->self, items, told, fault) : STATUS_OK;
}

static Status record_calls(Batch *batch, const ReceiptList *list, Fault *fault)
{
    Effect *over = ARENA_ARRAY(&batch->arena, Effect, list->count);
    ActionRecord *records = ARENA_ARRAY(&batch->arena, ActionRecord, list->count);
    bool *is_new = ARENA_ARRAY(&batch->arena, bool, list->count);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_over(list, i))
            continue;
        records[count] = record_of(batch, &list->effects[i]);
        over[count++] = list->effects[i];
    }
    if (!count)
        return STATUS_OK;
    Status status = tell_calls(batch, over, count, fault);
    return status ? status : batch_record_actions(batch, records, count, is_new, fault);
}

/* ---- who opted out with the provider ---- */

static void tell_of_opted_out(const Receipt *receipts, size_t count, void (*tell)(const BlockEntry *entries, size_t count))
{
    for (size_t i = 0; i < count; i++)
        batch_tell_if_opted_out(receipts[i].sms_class, receipts[i].phone, tell);
}

void receipts_hold(const Receipt *receipts, size_t count) { tell_of_opted_out(receipts, count, dnc_hold); }

void receipts_let_go(const Receipt *receipts, size_t count) { tell_of_opted_out(receipts, count, dnc_let_go); }

static void mark_unblocked(Batch *batch, const ReceiptList *list, const size_t *messages)
{
    for (size_t i = 0; i < list->count; i++)
        batch->decisions[messages[i]].unblocked = list->receipts[i].sms_class == SMS_OPTED_OUT;
    if (batch->ports->spool.self)
        receipts_hold(list->receipts, list->count);
}

/* ---- all of it ---- */

static void answer(Batch *batch, const ReceiptList *list, const size_t *messages)
{
    for (size_t i = 0; i < list->count; i++) {
        bool is_new = list->results[i] == RECEIPT_TAKEN || list->results[i] == RECEIPT_PROVES;
        batch->decisions[messages[i]].duplicate = !is_new;
        metric_add(METRIC_RECEIPTS, is_new);
        metric_add(METRIC_RECEIPTS_STRANGE, list->results[i] == RECEIPT_STRANGE);
    }
}

Status receipts_apply(Batch *batch, Fault *fault)
{
    size_t messages[BATCH_MAX];
    ReceiptList list = collect(batch, messages);
    if (!list.count)
        return STATUS_OK;
    const EffectsPort *ledger = &batch->ports->effects;
    Status status = ledger->receive(ledger->self, list.receipts, list.count, batch->now_ms, &batch->arena, list.effects, list.results, fault);
    status = status ? status : follow_up(batch, &list, fault);
    status = status ? status : record_proven(batch, &list, fault);
    status = status ? status : record_calls(batch, &list, fault);
    if (status)
        mark_unblocked(batch, &list, messages);
    else
        answer(batch, &list, messages);
    return batch_port_failed(batch, status, fault, has_receipt);
}
