/* What an opt-out puts on the do-not-call list. Used by the deciders of this folder. */
#pragma once

#include "event/handlers.h"

/* Entries for all numbers that a message may mean which must be rejected but asked not to be called again: as it is written,
 * and that of the call's record. */
void block_salvaged(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret);
