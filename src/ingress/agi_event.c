/* JSON of the topics' form (docs/events.md). What came from a channel is made one plain line first. */
#include "ingress/agi_event.h"

#include "base/utf8.h"
#include "event/phone.h"

enum { NUMBER_BYTES_MAX = 64 };

/* ---- whose call ---- */

static Slice first_of(const AgiCall *call, const AgiValue *values, size_t bytes_max, Arena *arena)
{
    for (; *values != AGI_VALUE_COUNT; values++) {
        if (!slice_empty(call->values[*values]))
            return utf8_plain(call->values[*values], bytes_max, arena);
    }
    return (Slice){0};
}

#define FIRST_OF(call, bytes_max, ...) first_of((call), (const AgiValue[]){__VA_ARGS__, AGI_VALUE_COUNT}, (bytes_max), &(call)->arena)

static Slice known_number(Slice number)
{
    return slice_equal(number, SLICE("unknown")) ? (Slice){0} : number; /* as Asterisk writes it */
}

/* Who calls us has dialled a number (DNID) and shows one (caller id): that is theirs. On a call that we place nothing was dialled to us,
 * and the caller id is ours. */
static Slice number_of_caller(Slice callerid, Slice dnid)
{
    return slice_empty(dnid) || slice_equal(callerid, dnid) ? (Slice){0} : callerid;
}

CallIdentity call_identity(AgiCall *call, const IvrMenus *menus)
{
    Slice callerid = known_number(FIRST_OF(call, NUMBER_BYTES_MAX, AGI_CALLERID)), dnid = known_number(FIRST_OF(call, NUMBER_BYTES_MAX, AGI_DNID));
    CallIdentity identity = {
        .call_id = FIRST_OF(call, CALL_ID_BYTES_MAX, AGI_ARGUMENT_1, AGI_CALL_ID, AGI_LINKEDID, AGI_UNIQUEID),
        .campaign_id = FIRST_OF(call, CAMPAIGN_ID_BYTES_MAX, AGI_ARGUMENT_2, AGI_CAMPAIGN_ID),
        .contact_id = FIRST_OF(call, CALL_ID_BYTES_MAX, AGI_ARGUMENT_3, AGI_CONTACT_ID),
        .linkedid = FIRST_OF(call, CALL_ID_BYTES_MAX, AGI_LINKEDID),
        .phone = FIRST_OF(call, NUMBER_BYTES_MAX, AGI_ARGUMENT_4, AGI_PHONE),
        .campaign_name = FIRST_OF(call, CAMPAIGN_NAME_BYTES_MAX, AGI_CAMPAIGN_NAME),
        .numbers = arena_printf(&call->arena, "%.*s %.*s", SLICE_ARG(callerid), SLICE_ARG(dnid)),
    };
    if (slice_empty(identity.phone))
        identity.phone = number_of_caller(callerid, dnid);
    if (slice_empty(identity.campaign_name) && menus)
        identity.campaign_name = ivr_menu_name(menus, identity.campaign_id);
    identity.phone_is_e164 = phone_is_e164(identity.phone);
    return identity;
}

/* ---- what is told ---- */

static Text open_event(const CallIdentity *identity, Slice phone, int64_t now_ms, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "callId", identity->call_id);
    json_add_text_member(&json, "campaignId", identity->campaign_id);
    json_add_text_member(&json, "contactId", identity->contact_id);
    json_add_text_member(&json, "phoneNumber", phone);
    json_add_time_member(&json, "timestamp", now_ms);
    return json;
}

static Slice close_event(const CallIdentity *identity, Text *json)
{
    if (!slice_empty(identity->campaign_name)) {
        json_add_key(json, "metadata");
        text_add_byte(json, '{');
        json_add_text_member(json, "campaignName", identity->campaign_name);
        text_add_byte(json, '}');
    }
    text_add_byte(json, '}');
    return text_slice(json);
}

static Slice event_of_press(const CallIdentity *identity, Slice phone, char key, int64_t now_ms, Arena *arena)
{
    Text json = open_event(identity, phone, now_ms, arena);
    if (key)
        json_add_text_member(&json, "dtmfInput", (Slice){&key, 1});
    return close_event(identity, &json);
}

Slice event_of_donation(const CallIdentity *identity, char key, Slice told_key, int64_t now_ms, Arena *arena)
{
    bool is_told = told_key.bytes == 1 && told_key.at[0] == key;
    return event_of_press(identity, identity->phone, is_told ? key : 0, now_ms, arena);
}

/* One without a number of its own is worked as a malformed one: whatever may be meant is blocked, and a person looks at it. */
Slice event_of_optout(const CallIdentity *identity, char key, int64_t now_ms, Arena *arena)
{
    Slice phone = slice_empty(identity->phone) ? identity->numbers : identity->phone;
    return event_of_press(identity, phone, key, now_ms, arena);
}

/* Call events with a number that is none are refused, and they are worth more than that. */
static Text open_call_event(const CallIdentity *identity, Slice type, int64_t now_ms, Arena *arena)
{
    Text json = open_event(identity, identity->phone_is_e164 ? identity->phone : (Slice){0}, now_ms, arena);
    json_add_text_member(&json, "eventType", type);
    return json;
}

static void add_event_id(const CallIdentity *identity, Text *json, const char *what, Arena *arena)
{
    Slice id = arena_printf(arena, "%.*s/%s", SLICE_ARG(identity->linkedid), what);
    if (!slice_empty(identity->linkedid))
        json_add_text_member(json, "eventId", utf8_plain(id, CALL_ID_BYTES_MAX, arena));
}

Slice event_of_answer(const CallIdentity *identity, int64_t now_ms, Arena *arena)
{
    Text json = open_call_event(identity, SLICE("call_answered"), now_ms, arena);
    add_event_id(identity, &json, "answered", arena);
    json_add_text_member(&json, "status", SLICE("answered"));
    return close_event(identity, &json);
}

Slice event_of_key(const CallIdentity *identity, char key, int64_t now_ms, Arena *arena)
{
    Text json = open_call_event(identity, SLICE("dtmf_pressed"), now_ms, arena);
    json_add_text_member(&json, "dtmfInput", (Slice){&key, 1});
    return close_event(identity, &json);
}

Slice event_of_end(const CallIdentity *identity, Slice outcome, int64_t seconds, int64_t now_ms, Arena *arena)
{
    Text json = open_call_event(identity, SLICE("call_ended"), now_ms, arena);
    add_event_id(identity, &json, "ended", arena);
    json_add_text_member(&json, "status", SLICE("completed"));
    json_add_text_member(&json, "outcome", outcome);
    json_add_number_member(&json, "duration", seconds);
    return close_event(identity, &json);
}

Slice event_of_outcome(const CallIdentity *identity, Slice outcome, int64_t now_ms, Arena *arena)
{
    Text json = open_call_event(identity, SLICE("call_outcome"), now_ms, arena);
    json_add_text_member(&json, "outcome", outcome);
    return close_event(identity, &json);
}

Slice receipt_of_speech(Slice ref, Slice call_id, Slice sms_class, Slice reason, int64_t now_ms, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "ref", ref);
    json_add_text_member(&json, "provider", SLICE("asterisk"));
    json_add_text_member(&json, "messageId", call_id);
    json_add_text_member(&json, "state", slice_empty(sms_class) ? SLICE("delivered") : SLICE("undelivered"));
    if (!slice_empty(sms_class)) {
        json_add_text_member(&json, "class", sms_class);
        json_add_text_member(&json, "reason", utf8_plain(reason, 200, arena));
    }
    json_add_time_member(&json, "timestamp", now_ms);
    text_add_byte(&json, '}');
    return text_slice(&json);
}
