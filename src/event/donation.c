/* Donations: a person pressed 1 and gets a personal link by SMS, once. */
#include "event/block.h"
#include "event/event_parse.h"
#include "event/link.h"
#include "event/phone.h"

/* Key 9 on the donation topic: somebody mixed up the topics. The message is wrong, the wish not to be called is not. */
static Status refuse_key_nine(Event *event, Fault *fault)
{
    event->salvaged = true;
    event->salvaged_number = event->phone;
    return fault_set(fault, STATUS_REJECT, "key_contradicts_topic",
                     "a donation with key 9, which opts out: no SMS goes out");
}

static Status donation_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = event_parse_fields(message, arena, event, fault);
    if (!status)
        status = event_require(event->phone, "phoneNumber", fault);
    if (status)
        return status;
    event->key = arena_printf(arena, "%.*s_donation", SLICE_ARG(event->call_id));
    return slice_equal(event->dtmf, SLICE("9")) ? refuse_key_nine(event, fault) : STATUS_OK;
}

static bool campaign_is_unknown(const Event *event) { return slice_empty(event->campaign_id); }

static Slice link_of(const Effect *effect, const EventSettings *settings, Arena *arena)
{
    if (settings->donation_link_plain)
        return link_plain(settings->donation_link_base_url, effect->campaign_id, effect->contact_id, effect->phone, arena);
    return link_personal(settings->donation_link_base_url, settings->donation_link_secret, effect->action_id, arena);
}

static void donation_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    if (event->salvaged) {
        block_salvaged(event, facts, settings, arena, ret);
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
        .campaign_name = slice_empty(event->campaign_name) ? campaign_id : event->campaign_name,
        .state = facts->blocked ? EFFECT_CANCELLED : EFFECT_PENDING,
    };
    effect->donation_link = link_of(effect, settings, arena);
    if (facts->blocked)
        effect->reason = SLICE("the number is on the do-not-call list");
    ret->effect = effect;
}

const EventHandler donation_handler = {
    .topic = "donation-events", .lane = LANE_DONATION, .needs_block_state = true, .wants_cdr = campaign_is_unknown,
    .parse = donation_parse, .decide = donation_decide,
};
