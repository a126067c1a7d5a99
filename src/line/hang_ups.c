/* Calls of those who opt out: ended at once, beside the registry, and recorded when they are known to be over.
 *
 * How a call ends is no business of its message: the opt-out is done when the registry has it. So the line takes what is over by the
 * end of its batch, waits no longer than its settings say, and keeps the rest for the batches that follow, or for the look beside
 * them. What is not over after ten seconds is not recorded. */
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

static bool is_known(const HangUps *hang_ups, Slice call_id)
{
    for (size_t i = 0; i < hang_ups->count; i++) {
        if (slice_equal(hang_ups->items[i].record.call_id, call_id))
            return true;
    }
    return false;
}

/* An opt-out in which no number can be read ends its call all the same. */
static int64_t pressed_ms(const Batch *batch, size_t i)
{
    const Decision *decision = &batch->decisions[i];
    return decision->block_count ? decision->blocks[0].pressed_ms : batch->events[i].received_ms;
}

static void remember(Batch *batch, size_t i)
{
    HangUps *hang_ups = &batch->hang_ups;
    if (hang_ups->count == HANG_UPS_MAX || is_known(hang_ups, batch->decisions[i].hang_up))
        return;
    ActionRecord record = record_of(batch, i, &hang_ups->arenas[hang_ups->arena]);
    hang_ups->items[hang_ups->count++] = (HangUp){.record = record, .since_ms = clock_elapsed_ms(), .pressed_ms = pressed_ms(batch, i)};
}

/* Ending a call must not wait for the store, so it starts before anything is written. */
void hang_ups_start(Batch *batch)
{
    const CallsPort *calls = &batch->ports->calls;
    Slice call_ids[BATCH_MAX];
    size_t count = 0;
    Fault ignored; /* the registry is what the law asks for; a call that cannot be ended now ends by itself */
    batch->hang_ups.started_ms = 0;
    if (!calls->hang_up)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        if (slice_empty(batch->decisions[i].hang_up))
            continue;
        call_ids[count++] = batch->decisions[i].hang_up;
        remember(batch, i);
    }
    if (!count || calls->hang_up(calls->self, call_ids, count, &ignored))
        return;
    batch->hang_ups.started_ms = clock_elapsed_ms();
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
        if (items[i].is_ended)
            continue;
        places[asked] = i;
        call_ids[asked++] = items[i].record.call_id;
    }
    if (!asked || calls->collect(calls->self, call_ids, asked, patience_ms(batch), ends, &ignored))
        return;
    for (size_t i = 0; i < asked; i++) {
        items[places[i]].is_ended = ends[i] != CALL_UNENDED;
        items[places[i]].record.timestamp_ms = clock_wall_ms();
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
static void let_go(HangUps *hang_ups)
{
    Arena *arena = &hang_ups->arenas[!hang_ups->arena];
    size_t kept = 0;
    for (size_t i = 0; i < hang_ups->count; i++) {
        HangUp item = hang_ups->items[i];
        if (item.is_recorded || clock_elapsed_ms() - item.since_ms > GIVEN_UP_MS)
            continue;
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
    let_go(&batch->hang_ups);
}

void hang_ups_done(HangUps *hang_ups)
{
    arena_done(&hang_ups->arenas[0]);
    arena_done(&hang_ups->arenas[1]);
}
