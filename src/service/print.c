/* One writer for the JSON that HTTP and the command line show. */
#include "service/print.h"

/* null where nobody knows: 0 would be a price. */
static void add_cost(Text *out, int64_t cost_micros)
{
    json_add_key(out, "costMicros");
    if (cost_micros)
        text_printf(out, "%lld", (long long)cost_micros);
    else
        text_add_literal(out, "null");
}

void print_text(Text *out, const ListedText *text)
{
    const Effect *effect = &text->effect;
    text_add_byte(out, '{');
    json_add_text_member(out, "id", effect->message_id);
    json_add_text_member(out, "actionId", effect->action_id);
    json_add_text_member(out, "kind", slice_of(effect_kind_name(effect->kind)));
    json_add_text_member(out, "ref", effect->ref);
    json_add_text_member(out, "follows", effect->follows);
    json_add_text_member(out, "callId", effect->call_id);
    json_add_text_member(out, "campaignId", effect->campaign_id);
    json_add_text_member(out, "contactId", effect->contact_id);
    json_add_text_member(out, "phoneNumber", effect->phone);
    json_add_text_member(out, "message", effect->message);
    json_add_text_member(out, "status", text->status);
    json_add_time_member(out, "queuedAt", effect->created_ms);
    json_add_time_member(out, "sentAt", text->sent_ms);
    json_add_text_member(out, "failureReason", effect->reason);
    json_add_text_member(out, "provider", effect_provider(effect));
    json_add_text_member(out, "class", slice_of(sms_class_name(effect->sms_class)));
    json_add_text_member(out, "code", effect->code);
    json_add_text_member(out, "receipt", slice_of(receipt_state_name(effect->receipt)));
    json_add_time_member(out, "deliveredAt", effect->receipt == RECEIPT_DELIVERED ? effect->delivered_ms : 0);
    json_add_number_member(out, "segments", effect->segments);
    add_cost(out, effect->cost_micros);
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
    json_add_key(out, is_text ? "body" : "bodyBase64");
    json_add_string(out, is_text ? body : digest_base64(out->arena, body));
}

void print_spool_item(Text *out, const SpoolItem *item, bool with_body)
{
    text_add_byte(out, '{');
    json_add_number_member(out, "id", item->id);
    json_add_text_member(out, "state", item->state == SPOOL_DEAD ? SLICE("dead") : SLICE("waiting"));
    json_add_text_member(out, "topic", item->topic);
    json_add_text_member(out, "messageId", item->message_id);
    json_add_time_member(out, "receivedAt", item->received_ms);
    if (item->state == SPOOL_WAITING)
        json_add_time_member(out, "dueAt", item->due_ms);
    json_add_number_member(out, "attempts", item->attempts);
    json_add_text_member(out, "code", item->code);
    json_add_text_member(out, "reason", item->reason);
    if (with_body)
        add_body(out, item->body);
    text_add_byte(out, '}');
}

void print_audit_entry(Text *out, const AuditEntry *entry)
{
    text_add_byte(out, '{');
    json_add_number_member(out, "seq", entry->seq);
    json_add_time_member(out, "at", entry->at_ms);
    json_add_text_member(out, "kind", entry->kind);
    json_add_text_member(out, "subject", entry->subject);
    json_add_text_member(out, "actionId", entry->action_id);
    json_add_text_member(out, "actor", entry->actor);
    json_add_text_member(out, "reason", entry->reason);
    json_add_key(out, "detail");
    text_add(out, slice_empty(entry->detail) ? SLICE("null") : entry->detail);
    json_add_text_member(out, "hash", digest_hex(out->arena, entry->hash, DIGEST_BYTES));
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
    json_add_text_member(out, "campaignId", campaign_id);
    json_add_time_member(out, "lastActivity", last_activity_ms);
    json_add_key(out, "counters");
    text_add_byte(out, '{');
    for (size_t i = 0; i < ALWAYS_COUNT; i++)
        json_add_number_member(out, always[i], value_of(slice_of(always[i]), counters, count));
    for (size_t i = 0; i < count; i++) {
        if (is_always_there(counters[i].name))
            continue;
        text_add_byte(out, ',');
        json_add_string(out, counters[i].name);
        text_printf(out, ":%lld", (long long)counters[i].value);
    }
    text_add_literal(out, "}}");
}
