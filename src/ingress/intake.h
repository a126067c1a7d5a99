/* The way into the line for a server: bounded lanes in memory, and the worker thread that takes whatever is queued (up to
 * BATCH_MAX, opt-outs first, never waiting for more), runs the line once and only then lets the senders be answered. */
#pragma once

#include "pipeline.h"

typedef struct Intake Intake;

/* A sender's request: its deliveries get their verdicts together. Owned by the sender until finished is called, once, on
 * the worker's thread, after all of them have a verdict. finished must not block. */
typedef struct Ticket {
    Delivery *deliveries;
    size_t count;               /* 1 … any; split over batches as needed */
    void (*finished)(struct Ticket *ticket);
    void *context;              /* the sender's own */

    size_t remaining;           /* intake's own */
    struct Ticket *following;   /* intake's own */
} Ticket;

typedef struct IntakeSettings {
    size_t lane_capacity;   /* deliveries that may wait in each lane; the opt-out lane is separate, so always has room of its own */
    int64_t sweep_every_ms; /* how often due effects, spool, sweeper and retention are looked at */
    int64_t retention_ms;
} IntakeSettings;

/* Starts the worker. The pipeline belongs to it from here on. First replays what a crash left (due effects, spool). */
Intake *intake_open(Pipeline *line, const IntakeSettings *settings, Fault *fault);

/* OK: finished will be called. RETRY ("overloaded" or "stopping"): no room in its lane, nothing was taken; answer 503 with
 * Retry-After. Never blocks. Thread-safe. */
Status intake_submit(Intake *intake, Ticket *ticket, Fault *fault);

/* The numbers of an opt-out that its sender keeps, and submits until it is taken, are blocked from now on. Thread-safe. */
void intake_hold(const Intake *intake, const Delivery *optout);

/* A task for the worker's thread between batches (blacklist add, redrive, recount …): same ports, its own unit of work
 * inside run. finished as above. Thread-safe; RETRY when stopping. */
typedef struct Task {
    void (*run)(struct Task *task, Pipeline *line, const Ports *ports);
    void (*finished)(struct Task *task);
    void *context;
    struct Task *following; /* intake's own */
} Task;
Status intake_do(Intake *intake, Task *task, Fault *fault);

/* Wakes the worker: something in the spool is due. */
void intake_wake(Intake *intake);

typedef struct IntakeState {
    size_t queued[LANE_COUNT];
    bool healthy;     /* the last unit of work could be stored */
    Fault fault;      /* why not */
} IntakeState;
void intake_state(Intake *intake, IntakeState *ret);

/* Takes no more, and finishes what is queued without a verdict (VERDICT_NONE): for senders that have it in safety. What runs is
 * finished. Then intake_stop. */
void intake_give_back(Intake *intake);
/* Takes no more (senders get "stopping"), finishes what is queued, stops the worker. */
void intake_stop(Intake *intake);
/* Once nobody can submit any more. NULL is fine. */
void intake_free(Intake *intake);
