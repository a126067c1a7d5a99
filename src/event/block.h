/* What an opt-out puts on the do-not-call list. Used by the deciders of this folder. */
#pragma once

#include "event/handlers.h"

/* Entries for all candidate numbers of a message that must be rejected but asked not to be called again. */
void block_salvaged(const Event *event, Arena *arena, Decision *ret);
