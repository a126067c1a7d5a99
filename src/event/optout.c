/* Opt-outs: a person pressed 9. The number is blocked even when the rest of the message is wrong. 47 CFR 64.1200(b)(3):
 * record the number and end the call immediately. */
#include "event/block.h"
#include "event/event_parse.h"
#include "event/phone.h"

static const Slice REASON = SLICE_INIT("DTMF opt-out (key 9)");
static const Slice REASON_SALVAGED = SLICE_INIT("opt-out read from a malformed message");

static BlockEntry entry_of(const Event *event, Slice phone, Slice reason)
{
    return (BlockEntry){
        .phone = phone, .added_ms = event->received_ms, .reason = reason, .source = SLICE("user_optout"),
        .call_id = event->call_id, .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .timestamp = event->timestamp, .actor = SLICE("caller"),
    };
}

void block_salvaged(const Event *event, Arena *arena, Decision *ret)
{
    BlockEntry *entries = arena_alloc(arena, sizeof *entries * event->salvaged_count);
    for (size_t i = 0; i < event->salvaged_count; i++)
        entries[i] = entry_of(event, event->salvaged_phones[i], REASON_SALVAGED);
    ret->blocks = entries;
    ret->block_count = event->salvaged_count;
    ret->hang_up = event->call_id;
}

/* Every number that a malformed opt-out may mean: of its phoneNumber, or else of its bytes. */
static void salvage(const Message *message, Arena *arena, Event *event)
{
    Slice *phones = ARENA_ARRAY(arena, Slice, PHONE_CANDIDATES_MAX);
    Slice written = message->body ? json_text(json_get(message->body, "phoneNumber")) : (Slice){0};
    event->salvaged = true;
    event->salvaged_phones = phones;
    event->salvaged_count = phone_candidates(written, arena, phones);
    if (!event->salvaged_count)
        event->salvaged_count = phone_salvage(message->text, arena, phones);
}

static Status optout_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = message->body ? event_parse_fields(message, arena, event, fault) : STATUS_REJECT;
    if (!status)
        status = event_require(event->phone, "phoneNumber", fault);
    if (status) {
        event->received_ms = message->received_ms;
        salvage(message, arena, event);
        return status;
    }
    event->key = arena_printf(arena, "%.*s_optout", SLICE_ARG(event->call_id));
    return STATUS_OK;
}

static void optout_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    (void)facts, (void)settings;
    if (event->salvaged) {
        block_salvaged(event, arena, ret);
        return;
    }
    BlockEntry *entry = ARENA_NEW(arena, BlockEntry);
    *entry = entry_of(event, event->phone, REASON);
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
    .topic = "optout-events", .lane = LANE_OPTOUT, .salvages = true, .parse = optout_parse, .decide = optout_decide,
};
