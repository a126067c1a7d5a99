/* What a provider says of a text, or a telephone of a call, by the topic `delivery-receipts`. */
#include "base/utf8.h"
#include "event/event_parse.h"
#include "event/link.h"
#include "event/phone.h"

enum { WORD_BYTES_MAX = 128, REASON_BYTES_MAX = 300 };

static Slice plain(const Json *body, const char *name, size_t bytes_max, Arena *arena)
{
    return utf8_plain(json_text(json_get(body, name)), bytes_max, arena);
}

static Status receipt_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    const Json *body = message->body;
    if (!body)
        return fault_set(fault, STATUS_REJECT, "body_not_object", "the message is no JSON object");
    Status status = event_parse_body(message, arena, event, fault);
    if (status)
        return status;
    Receipt *receipt = ARENA_NEW(arena, Receipt);
    Slice phone = json_text(json_get(body, "phoneNumber"));
    *receipt = (Receipt){
        .ref = json_text(json_get(body, "ref")), .provider = plain(body, "provider", WORD_BYTES_MAX, arena),
        .message_id = plain(body, "messageId", WORD_BYTES_MAX, arena), .state = receipt_state_of(json_text(json_get(body, "state"))),
        .sms_class = sms_class_of(json_text(json_get(body, "class"))), .code = plain(body, "code", WORD_BYTES_MAX, arena),
        .reason = plain(body, "reason", REASON_BYTES_MAX, arena), .phone = phone_is_e164(phone) ? phone : (Slice){0}, .at_ms = event->at_known ? event->at_ms : event->received_ms,
    };
    if (!link_is_ref(receipt->ref))
        return fault_set(fault, STATUS_REJECT, "field_type", "ref must be the 32 hex digits that we gave");
    if (receipt->state == RECEIPT_NONE)
        return fault_set(fault, STATUS_REJECT, "field_type", "state must be underway, undelivered or delivered");
    if (receipt->state == RECEIPT_UNDELIVERED && receipt->sms_class == SMS_CLASS_NONE)
        receipt->sms_class = SMS_CLASS_UNKNOWN;
    event->receipt = receipt;
    event->key = receipt->ref;
    return STATUS_OK;
}

static void receipt_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    (void)facts, (void)settings, (void)arena;
    ret->receipt = event->receipt;
}

const EventHandler receipt_handler = {
    .topic = "delivery-receipts", .lane = LANE_DONATION, .done = METRIC_EVENTS_DONE_RECEIPT, .parse = receipt_parse, .decide = receipt_decide,
};
