/* The line. A batch goes through the steps below from top to bottom; what fails as a whole is undone as a whole, and a
 * message that poisons its batch is found by running the batch one by one. */
#include "pipeline.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/waiting_blocks.h"
#include "event/envelope.h"
#include "event/inbound.h"
#include "line/batch.h"

struct Pipeline {
    Batch batch;
};

/* ---- the line ---- */

static Status run_line(Batch *batch, Fault *fault)
{
    static Status (*const steps[])(Batch *, Fault *) = {
        step_decode,  /* bytes    -> Message: topic, id, body */
        step_parse,   /* Message  -> Event: typed, checked */
        step_begin,
        step_gather,  /* Event    -> Facts: reads through ports */
        step_decide,  /* Facts    -> Decision: pure */
        step_apply,   /* Decision -> writes through ports */
        step_verdict, /* what is done, rejected, to be tried again */
        step_commit,
        step_deliver, /* the outside world last */
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        Status status = steps[i](batch, fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* ---- decode, parse, decide: no I/O ---- */

Status step_decode(Batch *batch, Fault *fault)
{
    (void)fault;
    for (size_t i = 0; i < batch->count; i++) {
        batch->decisions[i] = (Decision){.verdict = VERDICT_DONE};
        Fault why;
        if (envelope_decode(batch->deliveries[i], batch->settings->event.carriers, &batch->arena, &batch->messages[i], &why))
            batch_stop(batch, i, &why);
    }
    return STATUS_OK;
}

/* What cannot be taken apart but speaks of opt-outs is read as one: never drop it silently. */
static const EventHandler *handler_of(const Message *message, bool decoded)
{
    if (!decoded && slice_holds(message->text, slice_of(optout_handler.topic)))
        return &optout_handler;
    return event_handler_of(message->topic);
}

/* What could not be decoded stays rejected for that, but may be an opt-out whose number can be salvaged. */
static Status parse_message(Message *message, bool decoded, Arena *arena, Event *ret, Fault *fault)
{
    *ret = (Event){.handler = handler_of(message, decoded)};
    if (!decoded)
        message->body = NULL;
    if (!ret->handler)
        return fault_set(fault, STATUS_REJECT, "topic_unknown", "no event comes by the topic \"%.64s\"", arena_copy(arena, message->topic).at);
    if (!decoded && !ret->handler->salvages)
        return STATUS_REJECT;
    return ret->handler->parse(message, arena, ret, fault);
}

Status step_parse(Batch *batch, Fault *fault)
{
    (void)fault;
    for (size_t i = 0; i < batch->count; i++) {
        Fault why;
        bool decoded = batch_is_alive(batch, i);
        if (parse_message(&batch->messages[i], decoded, &batch->arena, &batch->events[i], &why) && decoded)
            batch_stop(batch, i, &why);
    }
    return STATUS_OK;
}

/* The dead letter says whether somebody still has to do something. */
static void tell_what_was_blocked(const Fault *rejected, const Decision *decision, Fault *ret)
{
    size_t numbers = decision->block_count;
    if (numbers && decision->block_is_guess)
        fault_set(ret, rejected->status, "optout_unreadable", "%.100s; blocked as if it began with its country, which may be another's number:"
                  " read the message and add the right one", rejected->text);
    else if (numbers)
        fault_set(ret, rejected->status, rejected->code, "%.150s; blocked all the same: %zu %s", rejected->text, numbers,
                  numbers == 1 ? "number" : "numbers");
    else
        fault_set(ret, rejected->status, "optout_unreadable", "%.120s; nobody was blocked: read the message and add the number by hand",
                  rejected->text);
}

/* A rejected event may still have something that must be done: a number to block. */
static void decide_salvaged(Batch *batch, size_t i)
{
    Decision rejected = batch->decisions[i], *decision = &batch->decisions[i];
    batch->events[i].handler->decide(&batch->events[i], &batch->facts[i], &batch->settings->event, &batch->arena, decision);
    decision->verdict = rejected.verdict;
    decision->fault = rejected.fault;
    if (rejected.verdict == VERDICT_REJECT)
        tell_what_was_blocked(&rejected.fault, decision, &decision->fault);
    if (!decision->block_count || decision->block_is_guess)
        metric_add(METRIC_OPTOUTS_UNREADABLE, 1);
}

Status step_decide(Batch *batch, Fault *fault)
{
    (void)fault;
    const EventSettings *settings = &batch->settings->event;
    for (size_t i = 0; i < batch->count; i++) {
        const Event *event = &batch->events[i];
        if (batch_is_alive(batch, i))
            event->handler->decide(event, &batch->facts[i], settings, &batch->arena, &batch->decisions[i]);
        else if (event->salvaged)
            decide_salvaged(batch, i);
        if (batch->decisions[i].cdr_changed)
            batch->calls[batch->call_of[i]].changed = true;
    }
    for (size_t i = 0; i < batch->call_count; i++) {
        BatchCall *call = &batch->calls[i];
        if (call->changed)
            cdr_derive(call->cdr, &settings->rating, &batch->arena);
        cdr_contribution(call->cdr, &batch->arena, &call->after);
    }
    return STATUS_OK;
}

/* ---- opt-outs that are kept and not on the list yet ---- */

void pipeline_hold(const Pipeline *line, const Delivery *optout)
{
    const EventSettings *settings = &line->batch.settings->event;
    Arena arena = {0};
    Message message;
    Event event;
    Decision decision = {0};
    Fault why;
    bool decoded = envelope_decode(optout, settings->carriers, &arena, &message, &why) == STATUS_OK;
    bool parsed = parse_message(&message, decoded, &arena, &event, &why) == STATUS_OK;
    bool is_optout = parsed && event.handler->lane == LANE_OPTOUT;
    if (parsed && event.receipt)
        receipts_hold(event.receipt, 1);
    if (is_optout || event.salvaged)
        event.handler->decide(&event, &(Facts){0}, settings, &arena, &decision);
    dnc_hold(decision.blocks, decision.block_count);
    arena_done(&arena);
}

static bool hold_item(void *context, const SpoolItem *item)
{
    Delivery kept = {.body = item->body, .topic = item->topic, .message_id = item->message_id, .received_ms = item->received_ms};
    pipeline_hold(context, &kept);
    return true;
}

Status pipeline_hold_spooled(Pipeline *line, Fault *fault)
{
    const SpoolPort *spool = &line->batch.ports->spool;
    const SpoolFilter waiting = {.state = SPOOL_WAITING};
    return spool->self ? spool->list(spool->self, &waiting, hold_item, line, fault) : STATUS_OK;
}

/* ---- unit of work ---- */

Status step_begin(Batch *batch, Fault *fault)
{
    Status status = batch->ports->unit.begin(batch->ports->unit.self, fault);
    batch->in_unit = !status;
    return status;
}

Status step_commit(Batch *batch, Fault *fault)
{
    batch->in_unit = false;
    return batch->ports->unit.commit(batch->ports->unit.self, fault);
}

/* ---- after the line ---- */

/* Whatever else became of the message, its numbers are on the list, and were not put there for it before. */
static bool has_just_blocked(const Decision *decision) { return decision->block_count && !decision->unblocked && !decision->duplicate; }

static void log_message(const Delivery *delivery, const Message *message)
{
    if (delivery->verdict == VERDICT_DONE)
        return;
    LogLevel level = delivery->verdict == VERDICT_REJECT ? LOG_WARN : LOG_INFO;
    log_line(delivery->is_ours ? LOG_DEBUG : level, "message not applied",
             LOG_CSTR("verdict", verdict_name(delivery->verdict)), LOG_TEXT("topic", message->topic),
             LOG_TEXT("message_id", message->message_id), LOG_CSTR("code", delivery->fault.code),
             LOG_CSTR("error", delivery->fault.text), LOG_NUMBER("attempts", delivery->attempts),
             LOG_NUMBER("dead_letter", delivery->dead_letter));
}

static void let_go(const Decision *decision, Verdict verdict)
{
    bool waits = decision->unblocked && verdict != VERDICT_REJECT;
    if (waits)
        return;
    dnc_let_go(decision->blocks, decision->block_count);
    if (decision->receipt)
        receipts_let_go(decision->receipt, 1);
}

/* Also of a message that a person must read. */
static void count_inbound(const Event *event, const Delivery *delivery)
{
    bool is_over = delivery->verdict == VERDICT_DONE || delivery->verdict == VERDICT_REJECT;
    if (event->inbound && is_over && !delivery->duplicate)
        metric_add(inbound_metric(event->inbound->meaning), 1);
}

static void account(const Batch *batch)
{
    int64_t done[METRIC_COUNT] = {0}, rejected = 0, retried = 0, duplicates = 0, conflicts = 0, unknown = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const Delivery *delivery = batch->deliveries[i];
        const Event *event = &batch->events[i];
        log_message(delivery, &batch->messages[i]);
        count_inbound(event, delivery);
        let_go(&batch->decisions[i], delivery->verdict);
        rejected += delivery->verdict == VERDICT_REJECT && !delivery->is_ours;
        retried += delivery->verdict == VERDICT_RETRY;
        if (has_just_blocked(&batch->decisions[i]))
            batch_waited(METRIC_OPTOUT_STORED, batch->decisions[i].blocks[0].pressed_ms);
        if (delivery->verdict != VERDICT_DONE)
            continue;
        done[event->handler->done]++;
        duplicates += delivery->duplicate;
        conflicts += batch->decisions[i].conflict;
        unknown += event->handler == &call_handler && event->type == CALL_OTHER;
    }
    for (size_t i = 0; event_handlers[i]; i++)
        metric_add(event_handlers[i]->done, done[event_handlers[i]->done]);
    metric_add(METRIC_EVENTS_REJECTED, rejected);
    metric_add(METRIC_EVENTS_RETRIED, retried);
    metric_add(METRIC_EVENTS_DUPLICATE, duplicates);
    metric_add(METRIC_PAYLOAD_CONFLICTS, conflicts);
    metric_add(METRIC_EVENTS_UNKNOWN_TYPE, unknown);
}

static void fail_all(Batch *batch, const Fault *fault)
{
    for (size_t i = 0; i < batch->count; i++) {
        Delivery *delivery = batch->deliveries[i];
        delivery->verdict = fault->status == STATUS_RETRY ? VERDICT_RETRY : VERDICT_FATAL;
        delivery->fault = *fault;
        delivery->outage = delivery->verdict == VERDICT_RETRY;
        delivery->kept = delivery->duplicate = delivery->stored = false;
        delivery->dead_letter = 0;
        batch->decisions[i].unblocked = true;
    }
    metric_add(METRIC_BATCH_FAILURES, 1);
}

/* One message that no store takes: it becomes a dead letter, in a unit of its own. */
static Status keep_poison(Batch *batch, const Fault *fault)
{
    Fault why = *fault, broken;
    why.status = STATUS_REJECT;
    arena_reset(&batch->arena);
    Status status = step_decode(batch, &broken);
    batch->decisions[0] = (Decision){.verdict = VERDICT_REJECT, .fault = why};
    status = status ? status : step_begin(batch, &broken);
    status = status ? status : step_verdict(batch, &broken);
    return status ? status : step_commit(batch, &broken);
}

static void undo(Batch *batch)
{
    if (batch->in_unit)
        batch->ports->unit.rollback(batch->ports->unit.self);
    batch->in_unit = false;
}

static void run_batch(Batch *batch, Delivery *const *deliveries, size_t count)
{
    arena_reset(&batch->arena);
    batch->deliveries = deliveries;
    batch->count = count;
    batch->call_count = 0;
    batch->now_ms = clock_wall_ms();
    int64_t started_ns = clock_elapsed_ns();

    Fault fault = {0};
    Status status = run_line(batch, &fault);
    if (status) {
        undo(batch);
        if (count > 1 && batch_is_for_one(&fault)) {
            for (size_t i = 0; i < count; i++)
                run_batch(batch, deliveries + i, 1);
            return;
        }
        if (status != STATUS_REJECT || keep_poison(batch, &fault)) {
            undo(batch);
            fail_all(batch, &fault);
        }
    }
    account(batch);
    metric_add(METRIC_BATCHES, 1);
    metric_add(METRIC_BATCH_MICROSECONDS, (clock_elapsed_ns() - started_ns) / 1000);
}

void pipeline_run(Pipeline *line, Delivery *const *deliveries, size_t count)
{
    for (size_t done = 0; done < count; done += BATCH_MAX) {
        size_t rest = count - done;
        run_batch(&line->batch, deliveries + done, rest < BATCH_MAX ? rest : BATCH_MAX);
    }
}

Pipeline *pipeline_new(const Ports *ports, const PipelineSettings *settings)
{
    Pipeline *line = calloc(1, sizeof *line);
    if (!line)
        abort();
    line->batch.ports = ports;
    line->batch.settings = settings;
    digest_random(&line->batch.random, sizeof line->batch.random);
    line->batch.random |= 1;
    return line;
}

void pipeline_free(Pipeline *line)
{
    if (!line)
        return;
    hang_ups_done(&line->batch.hang_ups);
    waiting_blocks_clear();
    arena_done(&line->batch.arena);
    free(line);
}

Batch *pipeline_batch(Pipeline *line) { return &line->batch; }

const Ports *pipeline_ports(const Pipeline *line) { return line->batch.ports; }
