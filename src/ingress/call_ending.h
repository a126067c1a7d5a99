/* How a call ended, of what its channels and whoever dialled them say. Pure, and the same in whatever order they say it. */
#pragma once

#include "ingress/channel_event.h"

enum { CAUSE_TEXT_BYTES = 48, DIAL_STATUS_BYTES = 16 };

typedef struct CallEnding {
    int32_t cause; /* Q.850; 0 = unknown */
    char cause_text[CAUSE_TEXT_BYTES];
    char status[DIAL_STATUS_BYTES]; /* of the dial: "BUSY"; "" = nobody said */
} CallEnding;

/* Of two causes the more telling one stands. */
void call_ending_add_cause(CallEnding *ending, int32_t cause, Slice text);
/* Of two dials that failed the one whose word is smaller stands. "ANSWER" and what is said while it goes on say nothing. */
void call_ending_add_status(CallEnding *ending, Slice status);

/* busy, no_answer or failed; empty for a call that was answered: that follows from its answer, and somebody else may know what it
 * became. */
Slice call_ending_outcome(const CallEnding *ending, bool has_rung, bool was_answered);
/* Whether one more word about it would say more. */
bool call_ending_is_open(const CallEnding *ending, bool has_rung, bool was_answered);

/* Why a call that should have spoken a text was not answered, as classes of SMS results go (sms_class.h). */
Slice call_ending_sms_class(const CallEnding *ending, Slice outcome);
