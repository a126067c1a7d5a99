/* What the audit chain says of what was done: the same on every registry. Pure. */
#pragma once

#include "event/audit.h"
#include "event/decision.h"

/* Of a number that was put on the list ("block"), or was there before ("block_again"). Its time is when we were told; since when
 * the number is blocked stands in its detail where that is another time. Slices are the entry's own, and the arena's. */
AuditEntry audit_entry_of_block(const BlockEntry *entry, bool was_there, Arena *arena);

/* Since when the number of such an entry is blocked, in ms since 1970. */
int64_t audit_blocked_since_ms(const AuditEntry *entry);

/* Of an action. Opt-outs have none: their number has one. */
bool action_is_audited(const ActionRecord *record);
AuditEntry audit_entry_of_action(const ActionRecord *record);
