/* STOP blocks the number, as key 9 does, and is confirmed once: 47 CFR 64.1200(a)(10) and (12). HELP is answered. START never takes a number
 * off: that needs a person with a name and a reason. What may be an opt-out and is not clear is a dead letter, where people look. */
#include "event/inbound.h"

#include "base/utf8.h"
#include "event/block.h"
#include "event/event_parse.h"
#include "event/link.h"

enum {
    WORD_BYTES_MAX = 128,
    TEXT_BYTES_MAX = 16 * 1024,        /* ten segments of a text have 1600 characters; other channels let people write more */
    QUOTED_BYTES_MAX = 60,             /* of what was written, in the reason */
};

Metric inbound_metric(ReplyMeaning meaning)
{
    static const Metric metrics[] = {
        [REPLY_OTHER] = METRIC_INBOUND_OTHER, [REPLY_STOP] = METRIC_INBOUND_STOP, [REPLY_UNCLEAR] = METRIC_INBOUND_UNCLEAR,
        [REPLY_HELP] = METRIC_INBOUND_HELP, [REPLY_START] = METRIC_INBOUND_START,
    };
    return metrics[meaning];
}

/* ---- parse ---- */

/* Of bytes that may be anything, those at the front. */
static bool may_stop(Slice text, Arena *arena)
{
    text.bytes = text.bytes < TEXT_BYTES_MAX ? text.bytes : TEXT_BYTES_MAX;
    ReplyMeaning meaning = reply_meaning(text, arena);
    return meaning == REPLY_STOP || meaning == REPLY_UNCLEAR;
}

/* A message that must be rejected: in what is no JSON any more, a word of it is enough. */
static bool opts_out(const Message *message, const Inbound *inbound, Arena *arena)
{
    if (message->body)
        return inbound->meaning == REPLY_STOP;
    return may_stop(message->text, arena) || may_stop(message->carrier, arena);
}

static Status read_word(const Json *body, const char *name, Slice *ret, Fault *fault)
{
    Slice word = json_text(json_get(body, name));
    if (word.bytes > WORD_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "field_too_long", "%s is longer than %d bytes", name, WORD_BYTES_MAX);
    *ret = word;
    return event_require(word, name, fault);
}

static Status read_text(const Json *body, Arena *arena, Inbound *inbound, Fault *fault)
{
    const Json *text = json_get(body, "text");
    bool is_too_long = json_text(text).bytes > TEXT_BYTES_MAX;
    inbound->text = (Slice){json_text(text).at, is_too_long ? TEXT_BYTES_MAX : json_text(text).bytes};
    inbound->meaning = reply_meaning(inbound->text, arena);
    if (!json_is_string(text) && !json_is_null(text))
        return fault_set(fault, STATUS_REJECT, "field_type", "text must be what the person wrote; empty or null for a picture");
    if (is_too_long)
        return fault_set(fault, STATUS_REJECT, "field_too_long", "text is longer than %d bytes", TEXT_BYTES_MAX);
    return STATUS_OK;
}

static Status read_inbound(const Message *message, Arena *arena, Event *event, Inbound *inbound, Fault *fault)
{
    if (!message->body)
        return fault_set(fault, STATUS_REJECT, "body_not_object", "the message is no JSON object");
    Status status = read_text(message->body, arena, inbound, fault);
    status = status ? status : read_word(message->body, "messageId", &inbound->message_id, fault);
    status = status ? status : read_word(message->body, "provider", &inbound->provider, fault);
    status = status ? status : event_parse_body(message, arena, event, fault);
    return status ? status : event_require(event->phone, "phoneNumber", fault);
}

static Status inbound_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Inbound *inbound = ARENA_NEW(arena, Inbound);
    Status status = read_inbound(message, arena, event, inbound, fault);
    event->inbound = inbound;
    if (status && opts_out(message, inbound, arena))
        block_keep_number(message, arena, event);
    if (!status)
        event->key = arena_printf(arena, "inbound:%.*s:%.*s", SLICE_ARG(inbound->provider), SLICE_ARG(inbound->message_id));
    return status;
}

/* ---- decide ---- */

static Slice action_of(const Event *event, const char *what, Arena *arena)
{
    return arena_printf(arena, "%.*s_%s", SLICE_ARG(event->key), what);
}

static int64_t written_ms(const Event *event) { return event->at_known ? event->at_ms : event->received_ms; }

/* As much of it as fits into a reason. */
static Slice quoted(Slice text, Arena *arena)
{
    Slice quote = utf8_plain(text, QUOTED_BYTES_MAX, arena);
    while (quote.bytes && quote.at[quote.bytes - 1] == ' ')
        quote.bytes--;
    return quote;
}

static void stop(const Event *event, Arena *arena, Decision *ret)
{
    Slice action_id = action_of(event, "optout", arena), quote = quoted(event->inbound->text, arena);
    BlockEntry *entry = ARENA_NEW(arena, BlockEntry);
    *entry = (BlockEntry){
        .phone = event->phone, .added_ms = event->received_ms, .pressed_ms = written_ms(event), .timestamp = event->timestamp,
        .reason = arena_printf(arena, "SMS \"%.*s\"", SLICE_ARG(quote)), .source = SLICE("user_optout"), .actor = SLICE("caller"),
        .action_id = action_id,
    };
    ret->blocks = entry;
    ret->block_count = 1;

    ActionRecord *action = ARENA_NEW(arena, ActionRecord);
    *action = (ActionRecord){
        .id = action_id, .phone = event->phone, .action_type = SLICE("optout_blacklist_added"), .timestamp_ms = event->received_ms,
        .status = SLICE("success"),
    };
    ret->action = action;
}

static void answer(const Event *event, Slice text, const EventSettings *settings, Arena *arena, Decision *ret)
{
    bool is_late = event->received_ms - written_ms(event) > REPLY_WITHIN_MS;
    if (!settings->replies || slice_empty(text) || is_late)
        return;
    Effect *effect = ARENA_NEW(arena, Effect);
    *effect = (Effect){
        .action_id = action_of(event, "reply", arena), .kind = EFFECT_REPLY, .phone = event->phone, .message = text,
        .created_ms = event->received_ms, .state = EFFECT_PENDING,
    };
    effect->ref = link_ref(settings->donation_link_secret, effect->action_id, arena);
    ret->effect = effect;
}

static void inbound_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    if (event->salvaged) {
        block_salvaged(event, facts, settings, arena, ret);
        return;
    }
    switch (event->inbound->meaning) {
    case REPLY_STOP:
        stop(event, arena, ret);
        answer(event, settings->stop_reply, settings, arena, ret);
        ret->effect_if_added = ret->effect != NULL;
        break;
    case REPLY_HELP:
        answer(event, settings->help_reply, settings, arena, ret);
        break;
    case REPLY_UNCLEAR:
        ret->verdict = VERDICT_REJECT;
        fault_set(&ret->fault, STATUS_REJECT, "reply_unclear",
                  "a person wrote a word that opts out among others: read it, and block the number if that is meant");
        break;
    case REPLY_START:
    case REPLY_OTHER:
        break;
    }
}

const EventHandler inbound_handler = {
    .topic = "inbound-messages", .lane = LANE_OPTOUT, .done = METRIC_EVENTS_DONE_INBOUND, .salvages = true, .wants_cdr = block_wants_record,
    .parse = inbound_parse, .decide = inbound_decide,
};
