/* Messages that nobody would send again, on their way into the line: held, in their order, until they are safe there. */
#pragma once

#include "ingress/intake.h"

typedef struct Outbox Outbox;

enum { OUTBOX_MESSAGES_MAX = 16 * 1024 };

/* intake outlives it. NULL and a fault when no thread can be started. */
Outbox *outbox_open(Intake *intake, Fault *fault);
/* Tries for a moment more, and gives up what is held then. Before intake_stop. NULL is fine. */
void outbox_close(Outbox *outbox);

/* Copies both. Waits while OUTBOX_MESSAGES_MAX are held, until outbox_leave. Thread-safe. */
void outbox_put(Outbox *outbox, Slice topic, Slice body);
/* Whoever puts must not wait any longer. */
void outbox_leave(Outbox *outbox);
