/* What runs beside the batches on the same thread: effects and spooled messages whose time has come, calls that never
 * ended, records that are old enough to go. */
#include "line/batch.h"

#include "base/metrics.h"

enum { DUE_MAX = 256 };

Batch *pipeline_fresh_batch(Pipeline *line, int64_t now_ms)
{
    Batch *batch = pipeline_batch(line);
    arena_reset(&batch->arena);
    batch->count = batch->call_count = 0;
    batch->now_ms = now_ms;
    batch->clock_is_steady = clock_is_steady(&batch->watch, now_ms, clock_elapsed_ms());
    return batch;
}

/* ---- effects ---- */

static int64_t longer(int64_t a, int64_t b) { return a > b ? a : b; }

/* A clock that ran ahead may have written times which are months away now that it is right. */
static Status pull_in_waits(const Batch *batch, Fault *fault)
{
    const PipelineSettings *settings = batch->settings;
    const Ports *ports = batch->ports;
    enum { TWO_DAYS_MS = 48 * 60 * 60 * 1000 }; /* quiet hours, and another try of a text, may lie so far ahead */
    bool waits_long = settings->texts_are_carried || settings->calls_are_carried || ports->effects.is_shared;
    int64_t longest_ms = longer(settings->backoff_most_ms, settings->lease_ms);
    int64_t effects_ms = longer(longest_ms, waits_long ? TWO_DAYS_MS : 0);
    if (batch->clock_is_steady)
        return STATUS_OK;
    Status status = ports->effects.pull_in(ports->effects.self, batch->now_ms + effects_ms, fault);
    return status || !ports->spool.self ? status : ports->spool.pull_in(ports->spool.self, batch->now_ms + longest_ms, fault);
}

/* Through the last look and the gateway, here. */
static Status deliver_some(Batch *batch, Effect *effects, size_t count, Fault *fault)
{
    bool *claimed = ARENA_ARRAY(&batch->arena, bool, count);
    Status status = count ? deliver_claim(batch, effects, count, claimed, fault) : STATUS_OK;
    return status || !count ? status : deliver_claimed(batch, effects, claimed, count, fault);
}

/* The press as an event, so that what was left half done between ledger, record and counters is finished like a repeat. */
static Slice press_of(const Effect *effect, Arena *arena)
{
    Text body = text_in(arena);
    text_add_literal(&body, "{\"callId\":");
    json_add_string(&body, effect->call_id);
    text_add_literal(&body, ",\"campaignId\":");
    json_add_string(&body, effect->campaign_id);
    text_add_literal(&body, ",\"contactId\":");
    json_add_string(&body, effect->contact_id);
    text_add_literal(&body, ",\"phoneNumber\":");
    json_add_string(&body, effect->phone);
    text_add_byte(&body, '}');
    return text_slice(&body);
}

/* Durable in the spool first, and out of it once everything is done. */
static Status spool_presses(Batch *batch, const Effect *presses, size_t count, Fault *fault)
{
    const SpoolPort *spool = &batch->ports->spool;
    SpoolItem *items = ARENA_ARRAY(&batch->arena, SpoolItem, count);
    for (size_t i = 0; i < count; i++)
        items[i] = (SpoolItem){.state = SPOOL_WAITING, .topic = slice_of(donation_handler.topic), .body = press_of(&presses[i], &batch->arena),
                               .received_ms = presses[i].created_ms, .due_ms = batch->now_ms, .code = SLICE("sms_due"),
                               .reason = SLICE("its SMS was not finished")};
    return count ? spool->keep(spool->self, items, count, fault) : STATUS_OK;
}

/* Before a gateway outside of the unit, a press goes through the line again; whatever else waits is delivered here. */
static Status deliver_due_texts(Batch *batch, Effect *due, size_t count, Fault *fault)
{
    bool is_outside = !batch->ports->sms.joins_unit && batch->ports->spool.self;
    Effect *presses = ARENA_ARRAY(&batch->arena, Effect, count), *others = ARENA_ARRAY(&batch->arena, Effect, count);
    size_t press_count = 0, other_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_outside && due[i].kind == EFFECT_DONATION)
            presses[press_count++] = due[i];
        else
            others[other_count++] = due[i];
    }
    Status status = spool_presses(batch, presses, press_count, fault);
    return status ? status : deliver_some(batch, others, other_count, fault);
}

/* What waits for a provider that only others have would end here: in an outbox that nobody reads, or as a call that is refused. */
static size_t leave_to_others(const Batch *batch, Effect *due, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!batch_leaves(batch, &due[i]))
            due[kept++] = due[i];
    }
    return kept;
}

/* What a courier carries is left to it. A call that nobody carries here any more is refused, so that it does not wait for ever. */
static Status deliver_due(Batch *batch, bool calls, size_t *ret_count, Fault *fault)
{
    const EffectsPort *ledger = &batch->ports->effects;
    bool is_carried = batch_has_courier(batch, calls);
    Effect *due = ARENA_ARRAY(&batch->arena, Effect, DUE_MAX);
    size_t count = 0;
    Status status = is_carried ? STATUS_OK : ledger->due(ledger->self, calls, batch->now_ms, DUE_MAX, &batch->arena, due, &count, fault);
    count = leave_to_others(batch, due, count);
    *ret_count += count;
    if (status || !count)
        return status;
    return calls ? deliver_some(batch, due, count, fault) : deliver_due_texts(batch, due, count, fault);
}

Status pipeline_deliver_due(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault)
{
    Batch *batch = pipeline_fresh_batch(line, now_ms);
    *ret_count = 0;
    Status status = step_begin(batch, fault);
    if (status)
        return status;
    status = pull_in_waits(batch, fault);
    status = status ? status : deliver_due(batch, false, ret_count, fault);
    status = status ? status : deliver_due(batch, true, ret_count, fault);
    return batch_finish(batch, status, fault);
}

/* ---- spool ---- */

Status pipeline_run_due(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault)
{
    const SpoolPort *spool = &pipeline_batch(line)->ports->spool;
    *ret_count = 0;
    if (!spool->self)
        return STATUS_OK;
    Arena arena; /* outlives the batch that these run in */
    arena_init(&arena);
    SpoolItem *items = ARENA_ARRAY(&arena, SpoolItem, DUE_MAX);
    Status status = spool->due(spool->self, now_ms, DUE_MAX, &arena, items, ret_count, fault);
    Delivery *deliveries = ARENA_ARRAY(&arena, Delivery, *ret_count + 1);
    Delivery *pointers[DUE_MAX];
    for (size_t i = 0; !status && i < *ret_count; i++) {
        deliveries[i] = (Delivery){.body = items[i].body, .topic = items[i].topic, .message_id = items[i].message_id,
                                   .received_ms = items[i].received_ms, .spool_id = items[i].id, .attempts = items[i].attempts};
        pointers[i] = &deliveries[i];
    }
    if (!status && *ret_count)
        pipeline_run(line, pointers, *ret_count);
    for (size_t i = 0; !status && i < *ret_count; i++) {
        if (deliveries[i].verdict == VERDICT_FATAL || (deliveries[i].verdict == VERDICT_RETRY && !deliveries[i].kept)) {
            *fault = deliveries[i].fault;
            status = fault->status;
        }
    }
    arena_done(&arena);
    return status;
}

/* ---- calls that were hung up ---- */

Status pipeline_record_hang_ups(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault)
{
    Batch *batch = pipeline_batch(line);
    *ret_count = 0;
    if (!batch->hang_ups.count)
        return STATUS_OK;
    pipeline_fresh_batch(line, now_ms);
    batch->hang_ups.started_ms = 0;
    Status status = step_begin(batch, fault);
    if (status)
        return status;
    hang_ups_collect(batch);
    return batch_finish(batch, STATUS_OK, fault);
}

/* ---- calls that never end ---- */

/* The sweeper is a publisher like any other: its event goes down the line, and any real end beats it. */
static Delivery timeout_of(const Cdr *cdr, int64_t now_ms, Arena *arena)
{
    char last[TIME_TEXT_BYTES];
    time_print(cdr->last_event_ms, last);
    Text body = text_in(arena);
    text_add_literal(&body, "{\"callId\":");
    json_add_string(&body, cdr->call_id);
    text_printf(&body, ",\"eventType\":\"call_timeout\",\"timestamp\":\"%s\"}", last);
    return (Delivery){.body = text_slice(&body), .topic = slice_of(call_handler.topic), .received_ms = now_ms, .is_ours = true};
}

/* Each sweep goes on behind the one before, and from the oldest again once nothing is left: calls that cannot be closed keep
 * no others from it. */
static Status load_stale(Batch *batch, int64_t now_ms, Arena *arena, Cdr **cdrs, size_t *ret_count, Fault *fault)
{
    const CdrsPort *port = &batch->ports->cdrs;
    Slice call_ids[DUE_MAX];
    int64_t before_ms = now_ms - batch->settings->event.call_timeout_ms;
    CdrCursor after = batch->swept.cursor;
    Status status = port->stale(port->self, before_ms, &after, DUE_MAX, arena, call_ids, ret_count, fault);
    if (!status)
        cdr_place_set(&batch->swept, *ret_count ? after : (CdrCursor){0});
    if (status || !*ret_count)
        return status;
    status = port->load(port->self, call_ids, *ret_count, arena, cdrs, fault);
    for (size_t i = 0; !status && i < *ret_count; i++)
        cdr_derive(cdrs[i], &batch->settings->event.rating, arena);
    return status;
}

Status pipeline_sweep(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Cdr *cdrs[DUE_MAX];
    *ret_count = 0;
    Status status = load_stale(pipeline_batch(line), now_ms, &arena, cdrs, ret_count, fault);
    Delivery *deliveries = ARENA_ARRAY(&arena, Delivery, *ret_count + 1);
    Delivery *pointers[DUE_MAX];
    for (size_t i = 0; !status && i < *ret_count; i++) {
        deliveries[i] = timeout_of(cdrs[i], now_ms, &arena);
        pointers[i] = &deliveries[i];
    }
    if (!status && *ret_count) {
        size_t stale = *ret_count;
        pipeline_run(line, pointers, stale);
        for (size_t i = *ret_count = 0; i < stale; i++)
            *ret_count += deliveries[i].verdict == VERDICT_DONE;
        metric_add(METRIC_CALLS_INFERRED, (int64_t)*ret_count);
    }
    arena_done(&arena);
    return status;
}

/* ---- retention ---- */

typedef struct Expiry {
    Batch *batch;
    Projection *gone; /* what leaves the counters with the records: they count for nothing from the next revision on */
    size_t count;
} Expiry;

static bool take_back(void *context, const Cdr *cdr)
{
    Expiry *expiry = context;
    Arena *arena = &expiry->batch->arena;
    Contribution share, *before, *after = ARENA_NEW(arena, Contribution);
    cdr_contribution(cdr, arena, &share);
    before = contribution_copy(&share, arena);
    *after = (Contribution){.campaign_id = before->campaign_id};
    expiry->gone[expiry->count++] = (Projection){arena_copy(arena, cdr->call_id), cdr->rev + 1, before, after, expiry->batch->now_ms, cdr->updated_ms,
                                                 cdr->created_ms};
    return true;
}

static Status take_back_all(void *context, Fault *fault)
{
    const Expiry *expiry = context;
    const LivePort *live = &expiry->batch->ports->live;
    return expiry->count ? live->project(live->self, expiry->gone, expiry->count, fault) : STATUS_OK;
}

Status pipeline_expire(Pipeline *line, int64_t now_ms, int64_t retention_ms, size_t *ret_count, Fault *fault)
{
    *ret_count = 0;
    if (retention_ms <= 0)
        return STATUS_OK;
    Batch *batch = pipeline_fresh_batch(line, now_ms);
    if (!batch->clock_is_steady)
        return STATUS_OK;
    Expiry expiry = {batch, ARENA_ARRAY(&batch->arena, Projection, DUE_MAX), 0};
    const Ports *ports = batch->ports;
    Status status = step_begin(batch, fault);
    if (status)
        return status;
    status = ports->cdrs.expire(ports->cdrs.self, now_ms - retention_ms, DUE_MAX, &batch->settings->event.rating, take_back,
                                take_back_all, &expiry, ret_count, fault);
    return batch_finish(batch, status, fault);
}
