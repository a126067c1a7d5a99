/* Donations: a person pressed 1 and gets a personal link by SMS, once. */
#include "base/utf8.h"
#include "event/block.h"
#include "event/event_parse.h"
#include "event/link.h"
#include "event/phone.h"

/* In whatever else is wrong with the message. */
static bool presses_nine(const Json *value)
{
    return json_is_number(value) ? value->valuedouble == 9 : block_is_asked_by(json_text(value));
}

/* Of bytes that are not JSON any more: the value behind the key. */
static bool bytes_press_nine(Slice bytes)
{
    for (size_t i = 0; i < 2; i++) {
        const Slice key = i ? SLICE("\"digit\"") : SLICE("dtmfInput");
        const char *at = memmem(bytes.at, bytes.bytes, key.at, key.bytes), *end = bytes.at + bytes.bytes;
        if (!at)
            continue;
        for (at += key.bytes; at < end && *at && strchr("\\\"': \t\r\n", *at);)
            at++;
        if (at < end && *at == '9')
            return true;
    }
    return false;
}

static bool opts_out(const Message *message)
{
    const Json *body = message->body;
    if (!body)
        return message->text.at && bytes_press_nine(message->text);
    return presses_nine(json_get(body, "dtmfInput")) || presses_nine(json_get(body, "digit"));
}

static Status parse_fields(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = message->body ? event_parse_fields(message, arena, event, fault) : STATUS_REJECT;
    if (status)
        return status;
    event->key = arena_printf(arena, "%.*s_donation", SLICE_ARG(event->call_id));
    return event_require(event->phone, "phoneNumber", fault);
}

static Status donation_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = parse_fields(message, arena, event, fault);
    if (!opts_out(message))
        return status;
    block_keep_number(message, arena, event);
    if (status)
        return status;
    return fault_set(fault, STATUS_REJECT, "key_contradicts_topic", "a donation with key 9, which opts out: no SMS goes out");
}

static bool wants_record(const Event *event) { return slice_empty(event->campaign_id) || block_wants_record(event); }

static Slice link_of(const Effect *effect, const EventSettings *settings, Arena *arena)
{
    if (settings->donation_link_plain)
        return link_plain(settings->donation_link_base_url, effect->campaign_id, effect->contact_id, effect->phone, arena);
    return link_personal(settings->donation_link_base_url, settings->donation_link_secret, effect->action_id, arena);
}

/* In the SMS. Whatever the publisher calls the campaign, it is one short line, and the person gets the link. */
static Slice campaign_name_of(const Event *event, Slice campaign_id, Arena *arena)
{
    Slice name = utf8_plain(event->campaign_name, CAMPAIGN_NAME_BYTES_MAX, arena);
    return slice_empty(name) ? utf8_plain(campaign_id, CAMPAIGN_NAME_BYTES_MAX, arena) : name;
}

static void donation_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    if (event->salvaged) {
        block_salvaged(event, facts, settings, arena, ret);
        return;
    }
    if (!slice_empty(event->dtmf) && !slice_equal(event->dtmf, settings->donation_key)) {
        ret->verdict = VERDICT_REJECT;
        fault_set(&ret->fault, STATUS_REJECT, "key_unexpected", "a donation with another key than PLEDGELINE_DONATION_KEY: no SMS goes out");
        return;
    }
    Slice campaign_id = event->campaign_id;
    if (slice_empty(campaign_id) && facts->cdr)
        campaign_id = facts->cdr->campaign_id;
    if (slice_empty(campaign_id)) {
        ret->verdict = VERDICT_RETRY;
        fault_set(&ret->fault, STATUS_RETRY, "campaign_unknown",
                  "the donation names no campaign, and no call event has named the call's campaign yet");
        return;
    }
    Effect *effect = ARENA_NEW(arena, Effect);
    *effect = (Effect){
        .action_id = event->key, .call_id = event->call_id, .campaign_id = campaign_id, .contact_id = event->contact_id,
        .phone = event->phone, .message = settings->sms_template, .created_ms = event->received_ms,
        .campaign_name = campaign_name_of(event, campaign_id, arena),
        .state = facts->blocked ? EFFECT_CANCELLED : EFFECT_PENDING,
    };
    effect->donation_link = link_of(effect, settings, arena);
    effect->ref = link_ref(settings->donation_link_secret, effect->action_id, arena);
    if (facts->blocked)
        effect->reason = SLICE("the number is on the do-not-call list");
    ret->effect = effect;
}

const EventHandler donation_handler = {
    .topic = "donation-events", .lane = LANE_DONATION, .done = METRIC_EVENTS_DONE_DONATION, .needs_block_state = true, .wants_cdr = wants_record,
    .salvages = true, .parse = donation_parse, .decide = donation_decide,
};
