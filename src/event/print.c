/* The list's entries and the actions as JSON, for whoever reads them: over HTTP, at a terminal, or in a cache beside us. */
#include "event/print.h"

void print_block_entry(Text *out, const BlockEntry *entry)
{
    text_add_byte(out, '{');
    json_add_text_member(out, "phoneNumber", entry->phone);
    json_add_time_member(out, "addedAt", entry->added_ms);
    json_add_text_member(out, "reason", entry->reason);
    json_add_text_member(out, "source", entry->source);
    json_add_text_member(out, "actor", entry->actor);
    if (!slice_empty(entry->action_id))
        json_add_text_member(out, "actionId", entry->action_id);
    if (!slice_empty(entry->call_id) || !slice_empty(entry->campaign_id)) {
        json_add_key(out, "metadata");
        text_add_byte(out, '{');
        json_add_text_member(out, "callId", entry->call_id);
        json_add_text_member(out, "campaignId", entry->campaign_id);
        json_add_text_member(out, "contactId", entry->contact_id);
        json_add_text_member(out, "timestamp", entry->timestamp);
        text_add_byte(out, '}');
    }
    text_add_byte(out, '}');
}

void print_action(Text *out, const ActionRecord *record)
{
    text_add_byte(out, '{');
    json_add_text_member(out, "id", record->id);
    json_add_text_member(out, "callId", record->call_id);
    json_add_text_member(out, "campaignId", record->campaign_id);
    json_add_text_member(out, "contactId", record->contact_id);
    json_add_text_member(out, "phoneNumber", record->phone);
    json_add_text_member(out, "actionType", record->action_type);
    json_add_text_member(out, "donationLink", record->donation_link);
    json_add_text_member(out, "smsMessageId", record->sms_message_id);
    json_add_flag_member(out, "ttsFallbackTriggered", record->tts_fallback_triggered);
    json_add_time_member(out, "timestamp", record->timestamp_ms);
    json_add_text_member(out, "status", record->status);
    json_add_text_member(out, "failureReason", record->failure_reason);
    text_add_byte(out, '}');
}
