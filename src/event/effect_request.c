#include "event/effect_request.h"

#include "base/digest.h"
#include "event/event_parse.h"
#include "event/link.h"

enum { ACTION_ID_BYTES_MAX = CALL_ID_BYTES_MAX };

/* The original system names no action: what is asked for, and whom for, is what makes two requests the same. */
static Slice action_of(const Message *message, const Event *event, Arena *arena)
{
    enum { ENOUGH_BYTES = 16 };
    uint8_t digest[DIGEST_BYTES];
    Slice named = json_text(json_get(message->body, "actionId"));
    if (!slice_empty(named))
        return named;
    Text asked = text_in(arena);
    const char *const members[] = {"message", "text", "templateVariables"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const Json *member = json_get(message->body, members[i]);
        if (member)
            json_add_canonical(&asked, member);
        text_add_byte(&asked, '\n');
    }
    Slice parts[] = {event->phone, SLICE("\n"), event->campaign_id, SLICE("\n"), event->contact_id, SLICE("\n"), text_slice(&asked)};
    digest_sha256(parts, sizeof parts / sizeof *parts, digest);
    return arena_printf(arena, "request_%.*s", SLICE_ARG(digest_hex(arena, digest, ENOUGH_BYTES)));
}

Status effect_request_parse(const Message *message, const char *suffix, Arena *arena, Event *event, Fault *fault)
{
    if (!message->body)
        return fault_set(fault, STATUS_REJECT, "body_not_object", "the message is no JSON object");
    Status status = event_parse_body(message, arena, event, fault);
    status = status ? status : event_require(event->phone, "phoneNumber", fault);
    if (status)
        return status;
    Slice action_id = action_of(message, event, arena);
    if (action_id.bytes > ACTION_ID_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "field_too_long", "actionId is longer than %d bytes", ACTION_ID_BYTES_MAX);
    event->key = arena_printf(arena, "%.*s%s", SLICE_ARG(action_id), suffix);
    event->wanted = ARENA_NEW(arena, Effect);
    *event->wanted = (Effect){
        .action_id = event->key, .call_id = event->call_id, .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .phone = event->phone, .created_ms = event->received_ms,
    };
    return STATUS_OK;
}

void effect_request_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    static const Slice blocked = SLICE_INIT("the number is on the do-not-call list");
    Effect *effect = ARENA_NEW(arena, Effect);
    *effect = *event->wanted;
    effect->ref = link_ref(settings->donation_link_secret, effect->action_id, arena);
    effect->state = facts->blocked ? EFFECT_CANCELLED : EFFECT_PENDING;
    effect->reason = facts->blocked ? blocked : (Slice){0};
    ret->effect = effect;
}
