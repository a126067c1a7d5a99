/* Calls of those who opt out: ended at once, beside the registry, and recorded when they are known to be over.
 *
 * How a call ends is no business of its message: the opt-out is done when the registry has it. So the line takes what is over by the
 * end of its batch, waits no longer than its settings say, and keeps the rest for the batches that follow, or for the look beside
 * them. What is not over after ten seconds is not recorded.
 *
 * The calls port is asked for each call once at a time: an item here is one asking, and ends with what was collected, or releases it. */
#include "line/batch.h"

#include "base/metrics.h"

enum { GIVEN_UP_MS = 10 * 1000 };

/* ---- start ---- */

/* The opt-out itself has its own record. A redelivery ends the call again and makes the same one. */
static ActionRecord record_of(const Batch *batch, size_t i, Arena *arena)
{
    const Decision *decision = &batch->decisions[i];
    const Event *event = &batch->events[i];
    ActionRecord record = {
        .id = arena_printf(arena, "%.*s_optout_call", SLICE_ARG(decision->hang_up)), .call_id = decision->hang_up,
        .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .phone = slice_empty(event->phone) && decision->block_count ? decision->blocks[0].phone : event->phone,
        .action_type = SLICE("optout_call_terminated"), .status = SLICE("success"),
    };
    return action_record_copy(&record, arena);
}

static HangUp *find(HangUps *hang_ups, Slice call_id)
{
    for (size_t i = 0; i < hang_ups->count; i++) {
        if (slice_equal(hang_ups->items[i].record.call_id, call_id))
            return &hang_ups->items[i];
    }
    return NULL;
}

/* An opt-out in which no number can be read ends its call all the same. */
static int64_t pressed_ms(const Batch *batch, size_t i)
{
    const Decision *decision = &batch->decisions[i];
    return decision->block_count ? decision->blocks[0].pressed_ms : batch->events[i].received_ms;
}

static HangUp *remember(Batch *batch, size_t i)
{
    HangUps *hang_ups = &batch->hang_ups;
    if (hang_ups->count == HANG_UPS_MAX)
        return NULL;
    HangUp *item = &hang_ups->items[hang_ups->count++];
    *item = (HangUp){.record = record_of(batch, i, &hang_ups->arenas[hang_ups->arena]), .pressed_ms = pressed_ms(batch, i)};
    return item;
}

static bool is_listed(const Slice *call_ids, size_t count, Slice call_id)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(call_ids[i], call_id))
            return true;
    }
    return false;
}

typedef struct CallList {
    Slice call_ids[BATCH_MAX];
    size_t count;
} CallList;

/* What an earlier batch asked for is asked for anew: nobody answered then, or the id is another call's by now. That makes one asking too many,
 * and so does a call of which no record can be made. */
static void list_call(Batch *batch, size_t i, CallList *asked, CallList *surplus)
{
    Slice call_id = batch->decisions[i].hang_up;
    if (slice_empty(call_id) || is_listed(asked->call_ids, asked->count, call_id))
        return;
    asked->call_ids[asked->count++] = call_id;
    HangUp *item = find(&batch->hang_ups, call_id);
    item = item ? item : remember(batch, i);
    if (!item || item->is_asked)
        surplus->call_ids[surplus->count++] = call_id;
    if (!item)
        return;
    item->is_asked = true;
    item->since_ms = clock_elapsed_ms();
}

/* Ending a call must not wait for the store, so it starts before anything is written. */
void hang_ups_start(Batch *batch)
{
    const CallsPort *calls = &batch->ports->calls;
    CallList asked, surplus;
    Fault ignored; /* the registry is what the law asks for; a call that cannot be ended now ends by itself */
    batch->hang_ups.started_ms = 0;
    asked.count = surplus.count = 0;
    if (!calls->hang_up)
        return;
    for (size_t i = 0; i < batch->count; i++)
        list_call(batch, i, &asked, &surplus);
    if (!asked.count)
        return;
    Status status = calls->hang_up(calls->self, asked.call_ids, asked.count, &ignored);
    if (surplus.count)
        calls->release(calls->self, surplus.call_ids, surplus.count);
    batch->hang_ups.started_ms = status ? 0 : clock_elapsed_ms();
}

/* ---- look ---- */

static int64_t patience_ms(const Batch *batch)
{
    int64_t started_ms = batch->hang_ups.started_ms;
    int64_t left_ms = started_ms ? started_ms + batch->settings->hang_up_wait_ms - clock_elapsed_ms() : 0;
    return left_ms > 0 ? left_ms : 0;
}

static void look_at_some(Batch *batch, HangUp *items, size_t count)
{
    const CallsPort *calls = &batch->ports->calls;
    Slice call_ids[BATCH_MAX];
    size_t places[BATCH_MAX], asked = 0;
    CallEnd ends[BATCH_MAX];
    Fault ignored;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].is_asked)
            continue;
        places[asked] = i;
        call_ids[asked++] = items[i].record.call_id;
    }
    if (!asked || calls->collect(calls->self, call_ids, asked, patience_ms(batch), ends, &ignored))
        return;
    for (size_t i = 0; i < asked; i++) {
        HangUp *item = &items[places[i]];
        if (ends[i] == CALL_UNENDED)
            continue;
        item->is_asked = false;
        item->is_ended = true;
        item->record.timestamp_ms = clock_wall_ms();
    }
}

static void look(Batch *batch)
{
    HangUps *hang_ups = &batch->hang_ups;
    for (size_t done = 0; done < hang_ups->count; done += BATCH_MAX) {
        size_t rest = hang_ups->count - done;
        look_at_some(batch, hang_ups->items + done, rest < BATCH_MAX ? rest : BATCH_MAX);
    }
}

/* ---- record ---- */

/* At most BATCH_MAX of those that are over; those that are recorded are done with. */
static void record_ended(Batch *batch)
{
    HangUps *hang_ups = &batch->hang_ups;
    ActionRecord records[BATCH_MAX];
    size_t places[BATCH_MAX], count = 0;
    bool is_new[BATCH_MAX];
    Fault ignored; /* it is no business of the messages of this batch */
    for (size_t i = 0; i < hang_ups->count && count < BATCH_MAX; i++) {
        if (!hang_ups->items[i].is_ended)
            continue;
        places[count] = i;
        records[count++] = hang_ups->items[i].record;
    }
    if (!count || batch_record_actions(batch, records, count, is_new, &ignored))
        return;
    for (size_t i = 0; i < count; i++) {
        hang_ups->items[places[i]].is_recorded = true;
        metric_add(METRIC_CALL_TERMINATIONS, is_new[i]);
        if (is_new[i])
            batch_waited(METRIC_OPTOUT_HUNG_UP, hang_ups->items[places[i]].pressed_ms);
    }
}

/* What stays moves to the other arena, so that neither grows with the traffic. */
static void let_go(Batch *batch)
{
    const CallsPort *calls = &batch->ports->calls;
    HangUps *hang_ups = &batch->hang_ups;
    Arena *arena = &hang_ups->arenas[!hang_ups->arena];
    size_t kept = 0;
    for (size_t i = 0; i < hang_ups->count; i++) {
        HangUp item = hang_ups->items[i];
        if (item.is_recorded || clock_elapsed_ms() - item.since_ms > GIVEN_UP_MS) {
            if (item.is_asked)
                calls->release(calls->self, &item.record.call_id, 1);
            continue;
        }
        item.record = action_record_copy(&item.record, arena);
        hang_ups->items[kept++] = item;
    }
    hang_ups->count = kept;
    arena_reset(&hang_ups->arenas[hang_ups->arena]);
    hang_ups->arena = !hang_ups->arena;
}

void hang_ups_collect(Batch *batch)
{
    if (!batch->hang_ups.count || !batch->ports->calls.collect)
        return;
    look(batch);
    record_ended(batch);
    let_go(batch);
}

void hang_ups_done(HangUps *hang_ups)
{
    arena_done(&hang_ups->arenas[0]);
    arena_done(&hang_ups->arenas[1]);
}
