/* Two looks: one for all effects that the call may have, whose names follow from its id, and one for clicks and gifts by their link
 * and call. */
#include "service/chain.h"

#include <stdlib.h>

#include "event/sms_ladder.h"
#include "service/texts.h"

enum { TRIES_MAX = CHAIN_EFFECTS_MAX / 2 };

/* ---- effects ---- */

/* {call}_donation, its other tries, and the calls in its place. */
static void names_of(Slice call_id, Arena *arena, Slice names[CHAIN_EFFECTS_MAX])
{
    Slice root = arena_printf(arena, "%.*s_donation", SLICE_ARG(call_id));
    names[0] = root;
    names[TRIES_MAX] = arena_printf(arena, "%.*s" SPEECH_SUFFIX, SLICE_ARG(root));
    for (int i = 1; i < TRIES_MAX; i++) {
        names[i] = arena_printf(arena, "%.*s" TEXT_AGAIN_SUFFIX "%d", SLICE_ARG(root), i + 1);
        names[TRIES_MAX + i] = arena_printf(arena, "%.*s" SPEECH_SUFFIX "%d", SLICE_ARG(root), i + 1);
    }
}

static int by_entry(const void *a, const void *b)
{
    const Effect *one = a, *other = b;
    return (one->created_ms > other->created_ms) - (one->created_ms < other->created_ms);
}

static Status read_effects(const Ports *ports, Slice call_id, Arena *arena, Chain *chain, Fault *fault)
{
    Slice names[CHAIN_EFFECTS_MAX];
    bool is_found[CHAIN_EFFECTS_MAX];
    chain->effects = ARENA_ARRAY(arena, Effect, CHAIN_EFFECTS_MAX);
    names_of(call_id, arena, names);
    Status status = ports->effects.load(ports->effects.self, names, CHAIN_EFFECTS_MAX, arena, chain->effects, is_found, fault);
    for (size_t i = 0; !status && i < CHAIN_EFFECTS_MAX; i++) {
        if (is_found[i])
            chain->effects[chain->effect_count++] = chain->effects[i];
    }
    qsort(chain->effects, chain->effect_count, sizeof *chain->effects, by_entry);
    return status;
}

/* ---- clicks and gifts ---- */

static bool take_clicks(void *context, const LinkClicks *clicks)
{
    Chain *chain = context;
    chain->clicks[clicks->kind] = *clicks;
    chain->clicks[clicks->kind].ref = chain->effects[0].ref;
    return true;
}

typedef struct Taking { Chain *chain; Arena *arena; } Taking;

static bool take_gift(void *context, const Gift *gift)
{
    Taking *taking = context;
    taking->chain->gifts[taking->chain->gift_count++] = gift_copy(gift, taking->arena);
    return true;
}

static int by_receipt(const void *a, const void *b)
{
    const Gift *one = a, *other = b;
    return (one->row > other->row) - (one->row < other->row);
}

/* All tries of a text have one link, that of the first. */
static Status read_gifts(const Ports *ports, Slice call_id, Arena *arena, Chain *chain, Fault *fault)
{
    const GiftsPort *gifts = &ports->gifts;
    Taking taking = {chain, arena};
    GiftFilter of_call = {.call_id = call_id, .limit = CHAIN_GIFTS_MAX};
    Status status = STATUS_OK;
    if (!gifts->self)
        return status;
    if (chain->effect_count && !slice_empty(chain->effects[0].ref))
        status = gifts->clicks(gifts->self, chain->effects[0].ref, take_clicks, chain, fault);
    chain->gifts = ARENA_ARRAY(arena, Gift, CHAIN_GIFTS_MAX);
    status = status ? status : gifts->list(gifts->self, &of_call, take_gift, &taking, fault);
    qsort(chain->gifts, chain->gift_count, sizeof *chain->gifts, by_receipt);
    return status;
}

/* ---- touches ---- */

static int64_t first_gift_ms(const Chain *chain)
{
    int64_t first_ms = INT64_MAX;
    for (size_t i = 0; i < chain->gift_count; i++) {
        if (chain->gifts[i].given_ms && chain->gifts[i].given_ms < first_ms)
            first_ms = chain->gifts[i].given_ms;
    }
    return first_ms;
}

static void touch(Chain *chain, const char *what, int64_t at_ms, int64_t until_ms)
{
    if (!at_ms || at_ms > until_ms)
        return;
    if (!chain->first.what || at_ms < chain->first.at_ms)
        chain->first = (Touch){what, at_ms};
    if (!chain->last.what || at_ms >= chain->last.at_ms)
        chain->last = (Touch){what, at_ms};
}

static void find_touches(Chain *chain, const Cdr *cdr)
{
    const LinkClicks *human = &chain->clicks[CLICK_HUMAN];
    int64_t until_ms = first_gift_ms(chain);
    touch(chain, "call", cdr->start_ms, until_ms);
    touch(chain, "key", chain->key_ms, until_ms);
    for (size_t i = 0; i < chain->effect_count; i++) {
        const Effect *effect = &chain->effects[i];
        if (effect->state == EFFECT_SENT)
            touch(chain, effect->kind == EFFECT_SPEECH ? "speech" : "text", text_sent_ms(effect), until_ms);
    }
    touch(chain, "click", human->first_ms, until_ms);
    touch(chain, "click", human->last_ms, until_ms);
}

static void find_key(Chain *chain, const Cdr *cdr)
{
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type == CALL_DTMF) {
            chain->key = cdr->facts[i].digit;
            chain->key_ms = cdr->facts[i].at_ms;
        }
    }
}

Status chain_read(const Ports *ports, const Cdr *cdr, Arena *arena, Chain *ret, Fault *fault)
{
    Chain chain = {.campaign_id = cdr->campaign_id};
    find_key(&chain, cdr);
    Status status = read_effects(ports, cdr->call_id, arena, &chain, fault);
    status = status ? status : read_gifts(ports, cdr->call_id, arena, &chain, fault);
    if (status)
        return status;
    if (slice_empty(chain.campaign_id) && chain.effect_count)
        chain.campaign_id = chain.effects[0].campaign_id;
    find_touches(&chain, cdr);
    *ret = chain;
    return STATUS_OK;
}

/* ---- printing ---- */

static void add_effect(const Effect *effect, Text *out)
{
    text_add_literal(out, "{\"actionId\":");
    json_add_string(out, effect->action_id);
    json_add_text_member(out, "kind", slice_of(effect->kind == EFFECT_SPEECH ? "speech" : "text"));
    json_add_text_member(out, "state", slice_of(effect_state_name(effect->state)));
    json_add_text_member(out, "receipt", effect->receipt ? slice_of(receipt_state_name(effect->receipt)) : (Slice){0});
    json_add_text_member(out, "reason", effect->reason);
    json_add_text_member(out, "provider", effect_provider(effect));
    json_add_text_member(out, "messageId", effect->message_id);
    json_add_text_member(out, "ref", effect->ref);
    json_add_time_member(out, "enteredAt", effect->created_ms);
    json_add_time_member(out, "sentAt", effect->state == EFFECT_SENT ? text_sent_ms(effect) : 0);
    json_add_time_member(out, "deliveredAt", effect->receipt == RECEIPT_DELIVERED ? effect->delivered_ms : 0);
    text_add_byte(out, '}');
}

static void add_touch(Text *out, const char *name, const Touch *touched)
{
    json_add_key(out, name);
    if (!touched->what) {
        text_add_literal(out, "null");
        return;
    }
    text_printf(out, "{\"what\":\"%s\"", touched->what);
    json_add_time_member(out, "at", touched->at_ms);
    text_add_byte(out, '}');
}

static void add_clicks(const Chain *chain, Text *out)
{
    text_add_literal(out, ",\"clicks\":{");
    for (ClickKind kind = 0; kind < CLICK_KINDS; kind++) {
        text_printf(out, "%s\"%s\":", kind ? "," : "", click_kind_name(kind));
        clicks_print(&chain->clicks[kind], out);
    }
    text_add_byte(out, '}');
}

void chain_print(const Chain *chain, Arena *arena, Text *out)
{
    text_add_literal(out, "{\"campaignId\":");
    json_add_string(out, chain->campaign_id);
    json_add_text_member(out, "key", chain->key);
    json_add_time_member(out, "keyAt", chain->key_ms);
    text_add_literal(out, ",\"texts\":[");
    for (size_t i = 0; i < chain->effect_count; i++) {
        text_add(out, i ? SLICE(",") : SLICE(""));
        add_effect(&chain->effects[i], out);
    }
    text_add_byte(out, ']');
    add_clicks(chain, out);
    text_add_literal(out, ",\"gifts\":[");
    for (size_t i = 0; i < chain->gift_count; i++) {
        text_add(out, i ? SLICE(",") : SLICE(""));
        gift_print(&chain->gifts[i], arena, out);
    }
    text_add_byte(out, ']');
    add_touch(out, "firstTouch", &chain->first);
    add_touch(out, "lastTouch", &chain->last);
    text_add_byte(out, '}');
}

void chain_print_record(const Cdr *cdr, const Chain *chain, Arena *arena, Text *out)
{
    cdr_print(cdr, arena, out);
    out->bytes--;
    json_add_key(out, "chain");
    if (chain)
        chain_print(chain, arena, out);
    else
        text_add_literal(out, "null");
    text_add_byte(out, '}');
}
