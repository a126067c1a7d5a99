/* The line: Delivery -> decode -> parse -> gather -> decide -> apply -> verdict, on batches of 1 to BATCH_MAX. */
#pragma once

#include "event/quiet_hours.h"
#include "event/sms_ladder.h"
#include "ports.h"

typedef struct Pipeline Pipeline;

/* How the line treats what it cannot finish. */
typedef struct PipelineSettings {
    EventSettings event;
    int64_t lease_ms;          /* claim of an effect */
    int max_attempts;          /* then a retry becomes a dead letter */
    int64_t backoff_first_ms, backoff_most_ms;
    /* How long a batch that opted somebody out may wait for the end of the call, so that it can be recorded. 0 where batches go on: later
     * ones, or pipeline_record_hang_ups, do it. A process that stands still between two batches takes 3 s, the deadline of the calls port. */
    int64_t hang_up_wait_ms;
    SmsLadder ladder;
    /* Couriers carry texts, or calls: the line leaves them in the ledger (pipeline_take). Otherwise it carries them itself. */
    bool texts_are_carried, calls_are_carried;
    const QuietHours *quiet_hours; /* of texts and calls; NULL = none */
} PipelineSettings;

/* Borrows ports and settings for its whole life. One pipeline belongs to one thread. */
Pipeline *pipeline_new(const Ports *ports, const PipelineSettings *settings);
void pipeline_free(Pipeline *line);

/* The ports it runs on, for whoever works on the same thread. */
const Ports *pipeline_ports(const Pipeline *line);

/* Runs a batch. When it returns, each delivery has its verdict; whatever says DONE or REJECT is durable. Blocks for the
 * ports. Deliveries are borrowed. */
void pipeline_run(Pipeline *line, Delivery *const *deliveries, size_t count);

/* The numbers of an opt-out, or a receipt that says as much, are blocked from now on: it is kept elsewhere, and comes down the line until
 * that has it. Other events are nothing. Any thread. */
void pipeline_hold(const Pipeline *line, const Delivery *optout);

/* ---- couriers: effects are taken and settled on this thread, and carried on another one ---- */

/* Takes up to max effects that wait, all texts or all calls, and may go out now: they are SENDING, durably, and ours until due_ms.
 * Copies in arena. Those that may not go out are settled at once, or, where stores are apart and one fails, when their lease is over.
 * ret_asked_ms: wall time from before the do-not-call list was asked about them. Where it fails, nobody knows whether those in out became
 * SENDING: they do not go out, and are settled as AWAY. */
Status pipeline_take(Pipeline *line, int64_t now_ms, bool calls, size_t max, Arena *arena, Effect *out, size_t *ret_count,
                     int64_t *ret_asked_ms, Fault *fault);
/* Writes down what became of them, in one unit of work. RETRY: nothing is written; come again, however late. */
Status pipeline_settle(Pipeline *line, int64_t now_ms, Effect *effects, const SmsOutcome *outcomes, size_t count, Fault *fault);

/* ---- what runs beside the batches, on the same thread; each is one unit of work, and says how much it did ---- */

/* Effects that wait for somebody (a crash, a gateway that was down). Nothing waits longer than the longest wait from now. */
Status pipeline_deliver_due(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault);
/* At the start: numbers of opt-outs that wait in the spool are blocked from now on. */
Status pipeline_hold_spooled(Pipeline *line, Fault *fault);
/* Spooled messages whose time has come. */
Status pipeline_run_due(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault);
/* Calls that were hung up for an opt-out and are over by now: their records. Never waits for a call. */
Status pipeline_record_hang_ups(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault);
/* Calls that never ended: closes them by an inferred end. */
Status pipeline_sweep(Pipeline *line, int64_t now_ms, size_t *ret_count, Fault *fault);
/* Records older than the retention; retention_ms 0 keeps all. None go until the clock has been steady for an hour. */
Status pipeline_expire(Pipeline *line, int64_t now_ms, int64_t retention_ms, size_t *ret_count, Fault *fault);
