/* Clicks on their way into the store. They are worth little and may come in floods, while opt-outs on the same thread are law: so
 * they wait here, and go in many at once, one batch a second unless more than a batch waits. Who clicked does not wait. What waits is
 * lost when the process is killed. */
#pragma once

#include "ingress/intake.h"

typedef struct ClickQueue ClickQueue;

/* intake outlives it, until click_queue_stop. NULL and a fault when no thread starts. */
ClickQueue *click_queue_open(Intake *intake, Fault *fault);

/* Any thread; never blocks. ref is REF_BYTES long. With too many waiting it is not counted (METRIC_CLICKS_LOST). */
void click_queue_add(ClickQueue *queue, Slice ref, ClickKind kind, int64_t at_ms);

/* Writes what waits, and takes no more. NULL is fine. */
void click_queue_stop(ClickQueue *queue);
void click_queue_free(ClickQueue *queue);
