/* The JSON of what people and programs look at, the same over HTTP and on the command line. Each appends one object. */
#pragma once

#include "event/print.h"
#include "service/texts.h"

/* A text, or a call that speaks one, with what its provider says of it. */
void print_text(Text *out, const ListedText *text);
void print_spool_item(Text *out, const SpoolItem *item, bool with_body); /* a body that is not valid UTF-8 goes out as bodyBase64 */
void print_audit_entry(Text *out, const AuditEntry *entry);
/* {"campaignId":…,"lastActivity":…,"counters":{…}} with the original system's counters always there, 0 when unset */
void print_live(Text *out, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count);
