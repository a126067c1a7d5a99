/* What calls have to tell the line, until it is durable: an opt-out that the line does not take at once goes into the journal, anything
 * else is tried again. It outlives its call. All on the AGI thread. */
#pragma once

#include "ingress/agi_call.h"

typedef struct AgiOutbox AgiOutbox;

AgiOutbox *agi_outbox_new(Agi *agi, Intake *intake, OptoutJournal *journal);
void agi_outbox_free(AgiOutbox *outbox);

/* topic is a literal; body is copied. settled is called once, on the AGI thread, with the call, which is held until then: is_stored
 * false when it never will be, or is a dead letter. Both NULL: nobody wants to know. */
void agi_outbox_post(AgiOutbox *outbox, Slice topic, Slice body, AgiCall *call, void (*settled)(AgiCall *call, bool is_stored));

void agi_outbox_tick(AgiOutbox *outbox, int64_t now_ms);
/* Nothing is tried again; opt-outs go into the journal. */
void agi_outbox_stop(AgiOutbox *outbox);
bool agi_outbox_is_empty(const AgiOutbox *outbox);
