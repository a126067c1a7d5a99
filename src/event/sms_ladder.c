#include "event/sms_ladder.h"

#include "event/link.h"

/* ---- names: {root}, {root}_again2, {root}_speech, {root}_speech2 ---- */

typedef struct Rung {
    Slice root;
    int number; /* from 1 */
} Rung;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The number behind `suffix` at the end of the name; 0 when the name does not end so. */
static int number_behind(Slice name, Slice suffix, Slice *ret_root)
{
    size_t digits = 0;
    while (digits < 3 && digits < name.bytes && is_digit(name.at[name.bytes - 1 - digits]))
        digits++;
    size_t tail = digits + suffix.bytes;
    if (name.bytes <= tail || memcmp(name.at + name.bytes - tail, suffix.at, suffix.bytes) != 0)
        return 0;
    int number = 0;
    for (size_t i = name.bytes - digits; i < name.bytes; i++)
        number = number * 10 + (name.at[i] - '0');
    *ret_root = (Slice){name.at, name.bytes - tail};
    return digits ? number : 1;
}

static Rung rung_of(const Effect *effect)
{
    Slice suffix = effect->kind == EFFECT_SPEECH ? SLICE(SPEECH_SUFFIX) : SLICE(TEXT_AGAIN_SUFFIX);
    Rung rung = {.root = effect->action_id, .number = 1};
    int number = number_behind(effect->action_id, suffix, &rung.root);
    rung.number = number ? number : 1;
    return rung;
}

int effect_try(const Effect *effect) { return rung_of(effect).number; }

/* ---- what follows ---- */

static Effect *follower(const Effect *effect, EffectKind kind, Slice action_id, int64_t due_ms, int64_t now_ms, Arena *arena)
{
    Effect *next = ARENA_NEW(arena, Effect);
    *next = (Effect){
        .action_id = action_id, .kind = kind, .follows = effect->action_id, .call_id = effect->call_id, .campaign_id = effect->campaign_id,
        .contact_id = effect->contact_id, .phone = effect->phone, .campaign_name = effect->campaign_name,
        .donation_link = effect->donation_link, .message = effect->message, .created_ms = now_ms, .due_ms = due_ms,
    };
    next->ref = link_ref((Slice){0}, next->action_id, arena);
    return next;
}

static Effect *another_text(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena)
{
    Rung rung = rung_of(effect);
    int64_t due_ms = now_ms + (ladder->text_wait_ms << (rung.number < 16 ? rung.number - 1 : 15));
    Slice action_id = arena_printf(arena, "%.*s" TEXT_AGAIN_SUFFIX "%d", SLICE_ARG(rung.root), rung.number + 1);
    return follower(effect, EFFECT_TEXT, action_id, due_ms, now_ms, arena);
}

static Effect *first_call(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena)
{
    if (!ladder->speaks || ladder->calls < 1)
        return NULL;
    Slice action_id = arena_printf(arena, "%.*s" SPEECH_SUFFIX, SLICE_ARG(rung_of(effect).root));
    Effect *call = follower(effect, EFFECT_SPEECH, action_id, now_ms, now_ms, arena);
    call->message = slice_empty(ladder->speech) ? effect->message : ladder->speech;
    return call;
}

static Effect *another_call(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena)
{
    Rung rung = rung_of(effect);
    bool is_worth_it = effect->sms_class == SMS_TEMP_UNREACHABLE && rung.number < ladder->calls;
    if (!is_worth_it)
        return NULL;
    Slice action_id = arena_printf(arena, "%.*s" SPEECH_SUFFIX "%d", SLICE_ARG(rung.root), rung.number + 1);
    return follower(effect, EFFECT_SPEECH, action_id, now_ms + ladder->call_wait_ms, now_ms, arena);
}

int sms_tries(SmsClass sms_class, const SmsLadder *ladder)
{
    if (sms_class == SMS_TEMP_UNREACHABLE)
        return ladder->texts;
    return sms_class == SMS_CLASS_UNKNOWN ? (ladder->texts < 2 ? ladder->texts : 2) : 0;
}

/* Later, and then by voice. Whose first tries the provider refused at once has had those. */
static Effect *after_unreachable(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena)
{
    int tried = effect_try(effect) + (effect->state == EFFECT_FAILED ? effect->attempts : 0);
    if (tried < sms_tries(effect->sms_class, ladder))
        return another_text(effect, ladder, now_ms, arena);
    return effect->sms_class == SMS_TEMP_UNREACHABLE ? first_call(effect, ladder, now_ms, arena) : NULL;
}

/* The provider's list, or the carrier's, knows what ours does not. */
static BlockEntry *opted_out(const Effect *effect, int64_t now_ms, Arena *arena)
{
    BlockEntry *entry = ARENA_NEW(arena, BlockEntry);
    *entry = (BlockEntry){
        .phone = effect->phone, .added_ms = now_ms, .pressed_ms = now_ms, .source = SLICE("user_optout"),
        .reason = arena_printf(arena, "%.*s says that the number opted out (%.*s)", SLICE_ARG(effect->provider), SLICE_ARG(effect->code)),
        .call_id = effect->call_id, .campaign_id = effect->campaign_id, .contact_id = effect->contact_id,
        .actor = arena_printf(arena, "provider:%.*s", SLICE_ARG(effect->provider)),
        .action_id = arena_printf(arena, "%.*s_provider_optout", SLICE_ARG(effect->action_id)),
    };
    return entry;
}

SmsNext sms_next(const Effect *effect, const SmsLadder *ladder, int64_t now_ms, Arena *arena)
{
    SmsNext next = {0};
    if (effect->sms_class == SMS_OPTED_OUT)
        next.block = opted_out(effect, now_ms, arena);
    else if (effect->kind == EFFECT_REPLY)
        next.effect = NULL;
    else if (effect->kind == EFFECT_SPEECH)
        next.effect = another_call(effect, ladder, now_ms, arena);
    else if (effect->sms_class == SMS_NOT_CAPABLE)
        next.effect = first_call(effect, ladder, now_ms, arena);
    else if (effect->sms_class == SMS_TEMP_UNREACHABLE || effect->sms_class == SMS_CLASS_UNKNOWN)
        next.effect = after_unreachable(effect, ladder, now_ms, arena);
    return next;
}
