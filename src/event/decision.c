/* What a decision is made of: names, copies, and a decision in print, for tests and for people who ask why. */
#include "event/decision.h"

#include "event/text_template.h"

static const char *const state_names[] = {"pending", "claimed", "sending", "sent", "failed", "cancelled", "unknown"};
static const char *const kind_names[] = {"donation", "text", "reply", "speech"};
static const char *const receipt_names[] = {"", "underway", "undelivered", "delivered"};

static int place_of(Slice name, const char *const *names, size_t count, int if_none)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(name, slice_of(names[i])))
            return (int)i;
    }
    return if_none;
}
#define PLACE_OF(name, names, if_none) place_of((name), (names), sizeof(names) / sizeof *(names), (if_none))

const char *effect_state_name(EffectState state) { return state_names[state]; }
EffectState effect_state_of(Slice name) { return (EffectState)PLACE_OF(name, state_names, EFFECT_UNKNOWN); }

const char *effect_kind_name(EffectKind kind) { return kind_names[kind]; }
EffectKind effect_kind_of(Slice name) { return (EffectKind)PLACE_OF(name, kind_names, EFFECT_DONATION); }

const char *receipt_state_name(ReceiptState state) { return receipt_names[state]; }
ReceiptState receipt_state_of(Slice name) { return (ReceiptState)PLACE_OF(name, receipt_names, RECEIPT_NONE); }

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

Status effect_fill(const Effect *effect, Arena *arena, Slice *ret_text, Fault *fault)
{
    const TemplateVariable variables[] = {{"donationLink", effect->donation_link}, {"campaignName", effect->campaign_name}};
    return text_template_fill(effect->message, variables, sizeof variables / sizeof *variables, arena, ret_text, fault);
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
    Slice *const texts[] = {&copy.ref, &copy.provider, &copy.message_id, &copy.code, &copy.reason, &copy.phone};
    keep_texts(texts, sizeof texts / sizeof *texts, arena);
    return copy;
}

/* ---- effects ---- */

/* A clock that was set back says nothing of how long ago that was. */
bool effect_is_lost(const Effect *effect, int64_t now_ms, const Gateway *gateway)
{
    int64_t ago_ms = now_ms - effect->asked_ms;
    bool is_too_late = gateway->repeat_ms != REPEAT_ALWAYS && (ago_ms < 0 || ago_ms >= gateway->repeat_ms);
    return effect->asked_ms && (is_too_late || !slice_equal(effect->provider, gateway->name));
}

Slice effect_provider(const Effect *effect)
{
    const char *colon = effect->provider.bytes ? memchr(effect->provider.at, ':', effect->provider.bytes) : NULL;
    return colon ? (Slice){effect->provider.at, (size_t)(colon - effect->provider.at)} : effect->provider;
}

/* It may bear the name of who is asked, which is no provider's. */
static bool is_provider_open(const Effect *effect)
{
    bool is_unsettled = effect->state == EFFECT_CLAIMED || effect->state == EFFECT_SENDING || effect->state == EFFECT_UNKNOWN;
    return slice_empty(effect->provider) || (is_unsettled && effect->receipt == RECEIPT_NONE);
}

/* Whoever sends it keeps its state while it does; but what nobody could say is said now. */
ReceiptResult effect_receive(Effect *effect, const Receipt *receipt)
{
    bool moves = receipt->state > effect->receipt, proves = effect->state == EFFECT_UNKNOWN;
    if (slice_empty(effect->message_id))
        effect->message_id = receipt->message_id;
    if (is_provider_open(effect))
        effect->provider = receipt->provider;
    if (proves)
        effect->state = EFFECT_SENT;
    if (proves && effect->receipt < RECEIPT_UNDELIVERED)
        effect->reason = (Slice){0}; /* it said why nobody knew */
    if (moves) {
        effect->receipt = receipt->state;
        effect->sms_class = receipt->sms_class;
        effect->code = receipt->code;
        effect->reason = receipt->reason;
        effect->delivered_ms = receipt->state >= RECEIPT_UNDELIVERED ? receipt->at_ms : 0;
    }
    if (proves)
        return RECEIPT_PROVES;
    return moves ? RECEIPT_TAKEN : RECEIPT_KNOWN;
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
        if (decision->effect->kind != EFFECT_DONATION) {
            add_member(out, "kind", slice_of(effect_kind_name(decision->effect->kind)));
            add_member(out, "text", decision->effect->message);
        }
    }
    if (decision->effect_if_added)
        text_add_literal(out, ",\"effectIfAdded\":true");
    if (decision->receipt) {
        add_member(out, "receipt", decision->receipt->ref);
        add_member(out, "received", slice_of(receipt_state_name(decision->receipt->state)));
        add_member(out, "class", slice_of(sms_class_name(decision->receipt->sms_class)));
        add_member(out, "code", decision->receipt->code);
    }
    if (decision->cdr)
        text_printf(out, ",\"cdr\":\"%s\"", decision->cdr_changed ? "changed" : "unchanged");
    if (decision->duplicate)
        text_add_literal(out, ",\"duplicate\":true");
    text_add_byte(out, '}');
}
