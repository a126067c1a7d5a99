/* The fields that all events share, read in one pass over the body. Used by the parsers of this folder. */
#pragma once

#include "event/handlers.h"

/* Fills ids, phone, times, dtmf and what else the body says. REJECT names the field; the phone comes first, so that an
 * event that is wrong elsewhere still has it. Required: callId and whatever the caller checks. */
Status event_parse_fields(const Message *message, Arena *arena, Event *event, Fault *fault);

/* The same of a message that need not be about a call. */
Status event_parse_body(const Message *message, Arena *arena, Event *event, Fault *fault);

/* REJECT "field_missing" when the value is empty. */
Status event_require(Slice value, const char *field, Fault *fault);

/* [a-z0-9_]{1,32}: the names that may become counters. */
bool event_is_counter_name(Slice name);
