#include "event/audit_entries.h"

#include "base/clock.h"
#include "base/json.h"

static void add_known_text(Text *out, const char *key, Slice value)
{
    if (!slice_empty(value))
        json_add_text_member(out, key, value);
}

static Slice detail_of(const BlockEntry *entry, Arena *arena)
{
    Text out = text_in(arena);
    text_add_byte(&out, '{');
    add_known_text(&out, "source", entry->source);
    add_known_text(&out, "callId", entry->call_id);
    add_known_text(&out, "campaignId", entry->campaign_id);
    add_known_text(&out, "contactId", entry->contact_id);
    if (entry->recorded_ms && entry->recorded_ms != entry->added_ms)
        json_add_time_member(&out, "addedAt", entry->added_ms);
    text_add_byte(&out, '}');
    return text_slice(&out);
}

AuditEntry audit_entry_of_block(const BlockEntry *entry, bool was_there, Arena *arena)
{
    return (AuditEntry){.at_ms = entry->recorded_ms ? entry->recorded_ms : entry->added_ms,
                        .kind = was_there ? SLICE("block_again") : SLICE("block"), .subject = entry->phone,
                        .action_id = entry->action_id, .actor = entry->actor, .reason = entry->reason, .detail = detail_of(entry, arena)};
}

/* Text in the detail is escaped, so no call id looks like this member. */
int64_t audit_blocked_since_ms(const AuditEntry *entry)
{
    static const Slice member = SLICE_INIT("\"addedAt\":\"");
    const char *at = entry->detail.bytes ? memmem(entry->detail.at, entry->detail.bytes, member.at, member.bytes) : NULL;
    if (!at)
        return entry->at_ms;
    Slice rest = {at + member.bytes, (size_t)(entry->detail.at + entry->detail.bytes - at) - member.bytes};
    const char *end = memchr(rest.at, '"', rest.bytes);
    int64_t since_ms;
    return end && time_parse((Slice){rest.at, (size_t)(end - rest.at)}, &since_ms) ? since_ms : entry->at_ms;
}

bool action_is_audited(const ActionRecord *record) { return !slice_starts_with(record->action_type, SLICE("optout_")); }

AuditEntry audit_entry_of_action(const ActionRecord *record)
{
    return (AuditEntry){.at_ms = record->timestamp_ms, .kind = record->action_type, .subject = record->phone, .action_id = record->id,
                        .actor = SLICE("pledgeline"), .reason = record->failure_reason};
}
