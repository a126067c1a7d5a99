/* What an opt-out puts on the do-not-call list. Used by the deciders of this folder. */
#pragma once

#include "event/handlers.h"

/* A wish not to be called, whatever else the keys are: a 9 among them. */
bool block_is_asked_by(Slice keys);

/* Keeps what a message says of the number and the call, as far as it can be read, and marks the event as salvaged. */
void block_keep_number(const Message *message, Arena *arena, Event *event);

/* A salvaged event whose call is known: the record says its number. */
bool block_wants_record(const Event *event);

/* Entries for all numbers that a message may mean which must be rejected but asked not to be called again: as it is written,
 * and that of the call's record. */
void block_salvaged(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret);
