/* What the steps of the line hand on. Each array has an item a message; each step fills the next one. */
#pragma once

#include "base/clock.h"
#include "base/metrics.h"
#include "pipeline.h"
#include "service/dnc_cache.h"

/* A call that messages of the batch are about. */
typedef struct BatchCall {
    Cdr *cdr;               /* as loaded, then with the batch's events folded in */
    Contribution before, after;
    int64_t before_ms;      /* when that was stored */
    bool changed;
    bool is_saved;          /* what it is now was stored by this batch */
} BatchCall;

/* A call that is being ended, with the record of it that is made when it is over. */
typedef struct HangUp {
    ActionRecord record;
    int64_t since_ms;       /* elapsed time when it was first asked for */
    int64_t pressed_ms;     /* when the person asked for it */
    bool is_asked;          /* for, and neither collected nor released */
    bool is_ended, is_recorded;
} HangUp;

enum { HANG_UPS_MAX = 2 * BATCH_MAX }; /* of more than that at a time no record is made */

typedef struct HangUps {
    HangUp items[HANG_UPS_MAX];
    size_t count;
    int64_t started_ms;     /* elapsed time when this batch asked for some; 0 = it did not */
    Arena arenas[2];        /* of the records: the one in use, and the other */
    int arena;
} HangUps;

enum { FINISHED_MAX = 4096 };

typedef struct Batch {
    const Ports *ports;
    const PipelineSettings *settings;
    Arena arena;
    int64_t now_ms;
    int64_t list_asked_ms;   /* wall time from before the do-not-call list was asked for the last time about what goes out */
    uint64_t random;         /* state of the jitter */
    bool in_unit;
    CdrPlace swept;         /* the last call that the sweeper looked at */
    ClockWatch watch;
    bool clock_is_steady;    /* at the last look beside the line */
    HangUps hang_ups;        /* of this batch and those before it */
    uint64_t finished[FINISHED_MAX]; /* hashes of the last effects that were recorded and counted, each in its slot */

    size_t count;
    Delivery *const *deliveries;
    Message messages[BATCH_MAX];
    Event events[BATCH_MAX];
    Facts facts[BATCH_MAX];
    Decision decisions[BATCH_MAX];
    int call_of[BATCH_MAX];  /* index into calls, -1 = needs no record */

    BatchCall calls[BATCH_MAX];
    size_t call_count;
} Batch;

/* Records actions, and leaves those that are new where others look for them. */
Status batch_record_actions(const Batch *batch, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);

/* The steps, in their order. Each returns OK, or why the batch cannot go on. */
Status step_decode(Batch *batch, Fault *fault);
Status step_parse(Batch *batch, Fault *fault);
Status step_begin(Batch *batch, Fault *fault);
Status step_gather(Batch *batch, Fault *fault);
Status step_decide(Batch *batch, Fault *fault);
Status step_apply(Batch *batch, Fault *fault);
Status step_verdict(Batch *batch, Fault *fault);
Status step_commit(Batch *batch, Fault *fault);
Status step_deliver(Batch *batch, Fault *fault);

/* True while message i has neither been rejected nor put off. */
static inline bool batch_is_alive(const Batch *batch, size_t i) { return batch->decisions[i].verdict == VERDICT_DONE; }

/* Which message is in the way shows when they run one by one. */
static inline bool batch_is_for_one(const Fault *fault) { return fault->status == STATUS_REJECT || fault->is_of_one; }

/* Counts how long somebody has waited since the key was pressed at pressed_ms (0 = not known). What was pressed more than an hour ago, or
 * is said to have been, tells of a broker or a clock and not of us. */
void batch_waited(Metric metric, int64_t pressed_ms);

/* Message i ends here with that fault. */
void batch_stop(Batch *batch, size_t i, const Fault *fault);

/* Message i cannot be finished now, because a port failed for it. */
void batch_put_off(Batch *batch, size_t i, const Fault *fault);

/* A port failed for some messages. In an atomic unit, or when it is fatal, all of the batch fails: returns the status.
 * Otherwise those that `concerned` picks are tried again later, and the rest goes on: returns OK. */
Status batch_port_failed(Batch *batch, Status status, const Fault *fault, bool (*concerned)(const Decision *decision));

static inline bool is_call(const Effect *effect) { return effect->kind == EFFECT_SPEECH; }

/* Whether a courier carries calls, or texts, out of the ledger. */
bool batch_has_courier(const Batch *batch, bool calls);

/* Whether calls, or texts, that wait in the ledger are left to others who write to it: nobody is reached from here. */
bool batch_leaves_waiting(const Batch *batch, bool calls);

/* Whether that is so of this one, as the ledger holds it: PENDING, or in the hands of another gateway. */
bool batch_leaves(const Batch *batch, const Effect *held);

/* Who is asked from here. */
static inline Gateway batch_gateway(const Batch *batch, bool calls)
{
    const Ports *ports = batch->ports;
    return calls ? (Gateway){.name = ports->speech.name} : (Gateway){ports->sms.name, ports->sms.repeat_ms};
}

/* Where a provider says that the number opted out: tells of it by dnc_hold or dnc_let_go. */
static inline void batch_tell_if_opted_out(SmsClass sms_class, Slice phone, void (*tell)(const BlockEntry *entries, size_t count))
{
    const BlockEntry entry = {.phone = phone};
    if (sms_class == SMS_OPTED_OUT && !slice_empty(phone))
        tell(&entry, 1);
}

/* What the ledger holds under the ids of these. */
Status batch_load_effects(Batch *batch, const Effect *effects, size_t count, Effect *ret_held, bool *ret_found, Fault *fault);

/* Ends the unit: commits it when status is OK, else undoes it and gives the status back. */
Status batch_finish(Batch *batch, Status status, Fault *fault);

/* Uniform in [0, most_ms]. */
int64_t batch_jitter(Batch *batch, int64_t most_ms);

/* Asks for the end of the calls that this batch hangs up. */
void hang_ups_start(Batch *batch);

/* Records, in the unit, which of those that this batch or another one asked for are over. Waits for them as long as the settings
 * say, where this batch asked. A failure is no message's: it is tried again with the next batch. */
void hang_ups_collect(Batch *batch);
void hang_ups_done(HangUps *hang_ups);

/* ---- effects: deliver.c takes them to who carries them, settle.c brings back what came of it ---- */

/* Claims effects in the unit; claimed[i] tells which are ours. */
Status deliver_claim(Batch *batch, Effect *effects, size_t count, bool *claimed, Fault *fault);

/* Takes those that are ours through the last check, the gateway and back into the ledger; effects are filled with what
 * became of them. Called in a unit and ends in one; around the gateway that unit is closed unless the gateway joins it. */
Status deliver_claimed(Batch *batch, Effect *effects, const bool *claimed, size_t count, Fault *fault);

/* Those that were claimed, once more before they go out: CANCELLED where the number is blocked or a text was delivered after all, PENDING until
 * quiet hours end, and SENDING otherwise, unless somebody else has them. Where it fails, what is SENDING may be it in the ledger, too. In a unit. */
Status deliver_release(Batch *batch, Effect *effects, size_t count, Fault *fault);

/* What the batch claimed so long ago would go out too late: left CLAIMED, it is taken up again when the lease is over. */
bool deliver_is_too_late(const Batch *batch, int64_t now_ms);

/* Gives effects, which are SENDING and all texts or all calls, to who carries them. Blocks for as long as that takes; any thread that has these ports. */
Status deliver_send(const Ports *ports, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault);

/* What an answer makes of an effect that is SENDING: its new state, and what was said of it. */
void settle_take(Batch *batch, Effect *effect, const SmsOutcome *outcome);
/* Writes effects that are not CLAIMED any more into the ledger, with what follows, their records and their shares of the counters. In a unit. */
Status settle(Batch *batch, Effect *effects, size_t count, Fault *fault);
/* The same for those that were held back and CANCELLED, with their records first: what the ledger has so is never taken again, and a record
 * that failed behind it would never come. */
Status settle_cancelled(Batch *batch, const Effect *effects, size_t count, Fault *fault);
/* What follows effects that failed or are undelivered: other tries, calls, numbers to block. In a unit; asked again it is the same. */
Status settle_follow_up(Batch *batch, const Effect *effects, size_t count, Fault *fault);
/* The records and shares of settled effects; is_repeat: they may have been written before. In a unit. */
Status settle_record(Batch *batch, const Effect *effects, size_t count, bool is_repeat, Fault *fault);

/* Whether this process has done that for the effect, as far as it remembers. */
bool settle_is_finished(const Batch *batch, const Effect *effect);

/* Calls in the place of these effects, where they failed so and no courier will: asked for now. ret_waiting[i] is the one that is not done
 * yet, in the batch's arena; NULL = nothing is left to do. Called as deliver_claimed. */
Status followers_deliver(Batch *batch, const Effect *effects, size_t count, const Effect **ret_waiting, Fault *fault);

/* Receipts that the batch decided on, into the ledger, with all that follows. In a unit. */
Status receipts_apply(Batch *batch, Fault *fault);

/* The numbers of those that opted out with their provider are blocked from now on, as far as it names them. Any thread. */
void receipts_hold(const Receipt *receipts, size_t count);
/* The list has them, or never will. */
void receipts_let_go(const Receipt *receipts, size_t count);

/* Those of the effects that nobody can say anything of, but for a receipt that is there already: they are SENT. In a unit. */
Status receipts_prove(Batch *batch, const Effect *effects, size_t count, Fault *fault);

/* Whether message i is done only once its SMS has been through a gateway outside of the unit. */
bool deliver_is_to_come(const Batch *batch, size_t i);

/* Message i comes again: somebody else is at its text, or the gateway has not taken it, and the ledger will say what became of it. */
void deliver_wait(Batch *batch, size_t i, const Effect *effect);

/* Effects that were settled before: their record and their share of the counters once more, in case whoever settled them
 * was cut off there. */
Status deliver_heal(Batch *batch, const Effect *effects, const bool *claimed, size_t count, Fault *fault);

/* Answers these messages again, whose decisions have changed, and keeps them or lets them leave the spool. In a unit. */
Status verdict_again(Batch *batch, const size_t *messages, size_t count, Fault *fault);

/* The pipeline's own batch, for what runs beside the line on the same thread; and the same with nothing in it, at this time. */
Batch *pipeline_batch(Pipeline *line);
Batch *pipeline_fresh_batch(Pipeline *line, int64_t now_ms);
