/* What a decision is made of: names, copies, and a decision in print, for tests and for people who ask why. */
#include "event/decision.h"

const char *effect_state_name(EffectState state)
{
    static const char *const names[] = {"pending", "claimed", "sending", "sent", "failed", "cancelled", "unknown"};
    return names[state];
}

const char *effect_kind_name(EffectKind kind)
{
    static const char *const names[] = {"donation", "text", "reply", "speech"};
    return names[kind];
}

const char *receipt_state_name(ReceiptState state)
{
    static const char *const names[] = {"", "underway", "undelivered", "delivered"};
    return names[state];
}

/* ---- copies ---- */

static void keep_texts(Slice *const *texts, size_t count, Arena *arena)
{
    for (size_t i = 0; i < count; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
}

BlockEntry block_entry_copy(const BlockEntry *entry, Arena *arena)
{
    BlockEntry copy = *entry;
    Slice *const texts[] = {&copy.phone, &copy.reason, &copy.source, &copy.call_id, &copy.campaign_id,
                            &copy.contact_id, &copy.timestamp, &copy.actor, &copy.action_id};
    keep_texts(texts, sizeof texts / sizeof *texts, arena);
    return copy;
}

ActionRecord action_record_copy(const ActionRecord *record, Arena *arena)
{
    ActionRecord copy = *record;
    Slice *const texts[] = {&copy.id, &copy.call_id, &copy.campaign_id, &copy.contact_id, &copy.phone, &copy.action_type,
                            &copy.donation_link, &copy.sms_message_id, &copy.status, &copy.failure_reason};
    keep_texts(texts, sizeof texts / sizeof *texts, arena);
    return copy;
}

Effect effect_copy(const Effect *effect, Arena *arena)
{
    Effect copy = *effect;
    Slice *const texts[] = {&copy.action_id, &copy.call_id, &copy.campaign_id, &copy.contact_id, &copy.phone,
                            &copy.campaign_name, &copy.donation_link, &copy.message, &copy.message_id, &copy.reason,
                            &copy.ref, &copy.follows, &copy.provider, &copy.code};
    keep_texts(texts, sizeof texts / sizeof *texts, arena);
    return copy;
}

Receipt receipt_copy(const Receipt *receipt, Arena *arena)
{
    Receipt copy = *receipt;
    Slice *const texts[] = {&copy.ref, &copy.provider, &copy.message_id, &copy.code, &copy.reason};
    keep_texts(texts, sizeof texts / sizeof *texts, arena);
    return copy;
}

/* ---- effects ---- */

/* A clock that was set back says nothing of how long ago that was. */
bool effect_is_lost(const Effect *effect, int64_t now_ms, int64_t repeat_ms)
{
    int64_t ago_ms = now_ms - effect->asked_ms;
    return effect->asked_ms && repeat_ms != REPEAT_ALWAYS && (ago_ms < 0 || ago_ms >= repeat_ms);
}

/* ---- print ---- */

static void add_member(Text *out, const char *key, Slice value)
{
    if (slice_empty(value))
        return;
    text_printf(out, ",\"%s\":", key);
    json_add_string(out, value);
}

void decision_print(const Decision *decision, Text *out)
{
    text_printf(out, "{\"verdict\":\"%s\"", verdict_name(decision->verdict));
    if (decision->verdict != VERDICT_DONE)
        add_member(out, "code", slice_of(decision->fault.code));
    for (size_t i = 0; i < decision->block_count; i++) {
        add_member(out, "block", decision->blocks[i].phone);
        add_member(out, "reason", decision->blocks[i].reason);
    }
    add_member(out, "hangUp", decision->hang_up);
    if (decision->action)
        add_member(out, "action", decision->action->id);
    if (decision->effect) {
        add_member(out, "effect", decision->effect->action_id);
        add_member(out, "state", slice_of(effect_state_name(decision->effect->state)));
        add_member(out, "link", decision->effect->donation_link);
    }
    if (decision->cdr)
        text_printf(out, ",\"cdr\":\"%s\"", decision->cdr_changed ? "changed" : "unchanged");
    if (decision->duplicate)
        text_add_literal(out, ",\"duplicate\":true");
    text_add_byte(out, '}');
}
