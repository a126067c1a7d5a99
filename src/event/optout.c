/* Opt-outs: a person pressed 9. The number is blocked even when the rest of the message is wrong. 47 CFR 64.1200(b)(3):
 * record the number and end the call immediately. */
#include "base/digest.h"
#include "event/block.h"
#include "event/event_parse.h"
#include "event/phone.h"

static const Slice REASON_SALVAGED = SLICE_INIT("opt-out read from a malformed message");

/* The topic says that it is an opt-out; the key is what the event says it was. */
static Slice reason_of(const Event *event, Arena *arena)
{
    if (slice_empty(event->dtmf))
        return SLICE("opt-out event that names no key");
    return arena_printf(arena, "DTMF opt-out (key %.*s)", SLICE_ARG(event->dtmf));
}

static BlockEntry entry_of(const Event *event, Slice phone, Slice reason)
{
    return (BlockEntry){
        .phone = phone, .added_ms = event->received_ms, .pressed_ms = event->at_known ? event->at_ms : event->received_ms, .reason = reason, .source = SLICE("user_optout"),
        .call_id = event->call_id, .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .timestamp = event->timestamp, .actor = SLICE("caller"),
    };
}

bool block_is_asked_by(Slice keys)
{
    return slice_holds(keys, SLICE("9")) || slice_holds(keys, SLICE("\xef\xbc\x99")); /* also full-width */
}

static size_t salvaged_phones(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena,
                              Slice phones[PHONE_CANDIDATES_MAX + 1], bool *ret_is_guess)
{
    size_t count = phone_candidates(event->salvaged_number, settings->country_code, arena, phones);
    *ret_is_guess = count && slice_empty(settings->country_code) && !phone_names_country(event->salvaged_number);
    if (!count)
        count = phone_salvage(event->salvaged_bytes, settings->country_code, arena, phones);
    if (!count)
        count = phone_salvage(event->salvaged_carrier, settings->country_code, arena, phones);
    if (facts->cdr && !slice_empty(facts->cdr->phone)) {
        phones[count++] = facts->cdr->phone;
        *ret_is_guess = false;
    }
    return count;
}

/* What cannot be read has no identity but its bytes: the same message again changes nothing more. */
static Slice action_of_bytes(Slice bytes, Arena *arena)
{
    enum { ENOUGH_BYTES = 16 };
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(&bytes, 1, digest);
    return arena_printf(arena, "salvaged_%.*s", SLICE_ARG(digest_hex(arena, digest, ENOUGH_BYTES)));
}

void block_salvaged(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    Slice phones[PHONE_CANDIDATES_MAX + 1];
    size_t count = salvaged_phones(event, facts, settings, arena, phones, &ret->block_is_guess);
    BlockEntry *entries = arena_alloc(arena, sizeof *entries * count);
    Slice action_id = action_of_bytes(event->salvaged_bytes, arena);
    for (size_t i = 0; i < count; i++) {
        entries[i] = entry_of(event, phones[i], REASON_SALVAGED);
        entries[i].action_id = action_id;
    }
    ret->blocks = entries;
    ret->block_count = count;
    ret->hang_up = event->call_id;
}

/* The value as text: a number may come as a number, or in an array. */
static Slice written(const Json *value, Arena *arena)
{
    if (!value || json_is_string(value))
        return json_text(value);
    if (json_is_number(value))
        return arena_printf(arena, "%.0f", value->valuedouble);
    Text text = text_in(arena);
    json_add_canonical(&text, value);
    return text_slice(&text);
}

void block_keep_number(const Message *message, Arena *arena, Event *event)
{
    const Json *body = message->body;
    event->salvaged = true;
    event->received_ms = message->received_ms;
    event->salvaged_bytes = message->text;
    event->salvaged_carrier = message->carrier;
    event->salvaged_number = body ? written(json_get(body, "phoneNumber"), arena) : (Slice){0};
    Slice call_id = body ? json_text(json_get(body, "callId")) : (Slice){0};
    if (slice_empty(event->call_id) && call_id.bytes <= CALL_ID_BYTES_MAX)
        event->call_id = call_id;
}

bool block_wants_record(const Event *event) { return event->salvaged && !slice_empty(event->call_id); }

static Status optout_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = message->body ? event_parse_fields(message, arena, event, fault) : STATUS_REJECT;
    if (!status)
        status = event_require(event->phone, "phoneNumber", fault);
    if (status) {
        block_keep_number(message, arena, event);
        return status;
    }
    event->key = arena_printf(arena, "%.*s_optout", SLICE_ARG(event->call_id));
    return STATUS_OK;
}

static void optout_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    if (event->salvaged) {
        block_salvaged(event, facts, settings, arena, ret);
        return;
    }
    BlockEntry *entry = ARENA_NEW(arena, BlockEntry);
    *entry = entry_of(event, event->phone, reason_of(event, arena));
    entry->action_id = event->key;
    ret->blocks = entry;
    ret->block_count = 1;
    ret->hang_up = event->call_id;

    ActionRecord *action = ARENA_NEW(arena, ActionRecord);
    *action = (ActionRecord){
        .id = event->key, .call_id = event->call_id, .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .phone = event->phone, .action_type = SLICE("optout_blacklist_added"), .timestamp_ms = event->received_ms,
        .status = SLICE("success"),
    };
    ret->action = action;
}

const EventHandler optout_handler = {
    .topic = "optout-events", .lane = LANE_OPTOUT, .done = METRIC_EVENTS_DONE_OPTOUT, .salvages = true, .wants_cdr = block_wants_record,
    .parse = optout_parse, .decide = optout_decide,
};
