/* Whoever sends these is a program like us: what is there is taken, and what is required is for the reader to check. */
#include "event/read.h"

#include "base/clock.h"

static Slice text_of(const Json *object, const char *key) { return json_text(json_get(object, key)); }

static int64_t time_of(const Json *object, const char *key)
{
    int64_t unix_ms;
    return time_parse(text_of(object, key), &unix_ms) ? unix_ms : 0;
}

BlockEntry read_block_entry(const Json *value)
{
    const Json *metadata = json_get(value, "metadata");
    return (BlockEntry){
        .phone = text_of(value, "phoneNumber"), .added_ms = time_of(value, "addedAt"), .pressed_ms = time_of(value, "pressedAt"),
        .reason = text_of(value, "reason"), .source = text_of(value, "source"), .actor = text_of(value, "actor"),
        .action_id = text_of(value, "actionId"), .call_id = text_of(metadata, "callId"), .campaign_id = text_of(metadata, "campaignId"),
        .contact_id = text_of(metadata, "contactId"), .timestamp = text_of(metadata, "timestamp"),
    };
}

ActionRecord read_action(const Json *value)
{
    return (ActionRecord){
        .id = text_of(value, "id"), .call_id = text_of(value, "callId"), .campaign_id = text_of(value, "campaignId"),
        .contact_id = text_of(value, "contactId"), .phone = text_of(value, "phoneNumber"), .action_type = text_of(value, "actionType"),
        .donation_link = text_of(value, "donationLink"), .sms_message_id = text_of(value, "smsMessageId"),
        .tts_fallback_triggered = json_is_true(json_get(value, "ttsFallbackTriggered")), .timestamp_ms = time_of(value, "timestamp"),
        .status = text_of(value, "status"), .failure_reason = text_of(value, "failureReason"),
    };
}
