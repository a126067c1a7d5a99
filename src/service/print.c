/* One writer for the JSON that HTTP and the command line show. */
#include "service/print.h"

static void add_key(Text *out, const char *key) { text_printf(out, "%s\"%s\":", out->at[out->bytes - 1] == '{' ? "" : ",", key); }

static void add_text(Text *out, const char *key, Slice text)
{
    add_key(out, key);
    if (slice_empty(text))
        text_add_literal(out, "null");
    else
        json_add_string(out, text);
}

static void add_time(Text *out, const char *key, int64_t unix_ms)
{
    add_key(out, key);
    json_add_time(out, unix_ms);
}

static void add_number(Text *out, const char *key, int64_t number)
{
    add_key(out, key);
    text_printf(out, "%lld", (long long)number);
}

static void add_flag(Text *out, const char *key, bool flag)
{
    add_key(out, key);
    text_add(out, flag ? SLICE("true") : SLICE("false"));
}

void print_block_entry(Text *out, const BlockEntry *entry)
{
    text_add_byte(out, '{');
    add_text(out, "phoneNumber", entry->phone);
    add_time(out, "addedAt", entry->added_ms);
    add_text(out, "reason", entry->reason);
    add_text(out, "source", entry->source);
    add_text(out, "actor", entry->actor);
    if (!slice_empty(entry->call_id) || !slice_empty(entry->campaign_id)) {
        add_key(out, "metadata");
        text_add_byte(out, '{');
        add_text(out, "callId", entry->call_id);
        add_text(out, "campaignId", entry->campaign_id);
        add_text(out, "contactId", entry->contact_id);
        add_text(out, "timestamp", entry->timestamp);
        text_add_byte(out, '}');
    }
    text_add_byte(out, '}');
}

void print_action(Text *out, const ActionRecord *record)
{
    text_add_byte(out, '{');
    add_text(out, "id", record->id);
    add_text(out, "callId", record->call_id);
    add_text(out, "campaignId", record->campaign_id);
    add_text(out, "contactId", record->contact_id);
    add_text(out, "phoneNumber", record->phone);
    add_text(out, "actionType", record->action_type);
    add_text(out, "donationLink", record->donation_link);
    add_text(out, "smsMessageId", record->sms_message_id);
    add_flag(out, "ttsFallbackTriggered", record->tts_fallback_triggered);
    add_time(out, "timestamp", record->timestamp_ms);
    add_text(out, "status", record->status);
    add_text(out, "failureReason", record->failure_reason);
    text_add_byte(out, '}');
}

void print_sms(Text *out, const SmsRecord *record)
{
    text_add_byte(out, '{');
    add_text(out, "id", record->id);
    add_text(out, "actionId", record->action_id);
    add_text(out, "callId", record->call_id);
    add_text(out, "campaignId", record->campaign_id);
    add_text(out, "contactId", record->contact_id);
    add_text(out, "phoneNumber", record->phone);
    add_text(out, "message", record->message);
    add_text(out, "status", record->status);
    add_time(out, "queuedAt", record->queued_ms);
    add_text(out, "failureReason", record->failure_reason);
    text_add_byte(out, '}');
}

/* The strict parser knows what may stand in a JSON text: a body is text exactly when its quoted form parses. A byte order
 * mark would be lost on the way to whoever reads it. */
static bool is_clean_text(Slice bytes, Arena *arena)
{
    if (slice_starts_with(bytes, SLICE("\xef\xbb\xbf")))
        return false;
    Text quoted = text_in(arena);
    json_add_string(&quoted, bytes);
    const Json *ignored;
    return json_parse(text_slice(&quoted), arena, &ignored, NULL) == STATUS_OK;
}

static void add_body(Text *out, Slice body)
{
    bool is_text = is_clean_text(body, out->arena);
    add_key(out, is_text ? "body" : "bodyBase64");
    json_add_string(out, is_text ? body : digest_base64(out->arena, body));
}

void print_spool_item(Text *out, const SpoolItem *item, bool with_body)
{
    text_add_byte(out, '{');
    add_number(out, "id", item->id);
    add_text(out, "state", item->state == SPOOL_DEAD ? SLICE("dead") : SLICE("waiting"));
    add_text(out, "topic", item->topic);
    add_text(out, "messageId", item->message_id);
    add_time(out, "receivedAt", item->received_ms);
    if (item->state == SPOOL_WAITING)
        add_time(out, "dueAt", item->due_ms);
    add_number(out, "attempts", item->attempts);
    add_text(out, "code", item->code);
    add_text(out, "reason", item->reason);
    if (with_body)
        add_body(out, item->body);
    text_add_byte(out, '}');
}

void print_audit_entry(Text *out, const AuditEntry *entry)
{
    text_add_byte(out, '{');
    add_number(out, "seq", entry->seq);
    add_time(out, "at", entry->at_ms);
    add_text(out, "kind", entry->kind);
    add_text(out, "subject", entry->subject);
    add_text(out, "actionId", entry->action_id);
    add_text(out, "actor", entry->actor);
    add_text(out, "reason", entry->reason);
    add_key(out, "detail");
    text_add(out, slice_empty(entry->detail) ? SLICE("null") : entry->detail);
    add_text(out, "hash", digest_hex(out->arena, entry->hash, DIGEST_BYTES));
    text_add_byte(out, '}');
}

/* The seeds' counters, there also when nothing moved them yet; and then whatever else was counted. */
static const char *const always[] = {"total_attempts", "active_calls", "answered", "busy", "failed", "no_answer",
                                     "converted", "opted_out", "donations", "optouts"};
enum { ALWAYS_COUNT = sizeof always / sizeof *always };

static int64_t value_of(Slice name, const Counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(counters[i].name, name))
            return counters[i].value;
    }
    return 0;
}

static bool is_always_there(Slice name)
{
    for (size_t i = 0; i < ALWAYS_COUNT; i++) {
        if (slice_equal(slice_of(always[i]), name))
            return true;
    }
    return false;
}

void print_live(Text *out, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    text_add_byte(out, '{');
    add_text(out, "campaignId", campaign_id);
    add_time(out, "lastActivity", last_activity_ms);
    add_key(out, "counters");
    text_add_byte(out, '{');
    for (size_t i = 0; i < ALWAYS_COUNT; i++)
        add_number(out, always[i], value_of(slice_of(always[i]), counters, count));
    for (size_t i = 0; i < count; i++) {
        if (is_always_there(counters[i].name))
            continue;
        text_add_byte(out, ',');
        json_add_string(out, counters[i].name);
        text_printf(out, ":%lld", (long long)counters[i].value);
    }
    text_add_literal(out, "}}");
}
