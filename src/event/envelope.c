/* Carriers differ in two things only: what they call the topic and the message, and whether the message is text that holds
 * JSON or JSON itself. */
#include "event/envelope.h"

#include "event/handlers.h"

Slice envelope_topic_name(Slice path)
{
    for (size_t i = path.bytes; i > 0; i--) {
        if (path.at[i - 1] == ':')
            return (Slice){path.at + i, path.bytes - i};
    }
    return path;
}

/* The carrier that the body is, NULL when it is the message itself. An event may have fields of a carrier's names; so where
 * the transport has told the topic, what has the fields of an event is one. */
static const Carrier *carrier_of(const Delivery *delivery, const Carrier *carriers, const Json *body, const Json **ret_message)
{
    bool is_event = json_get(body, "callId") || json_get(body, "phoneNumber");
    if (is_event && !slice_empty(delivery->topic))
        return NULL;
    for (const Carrier *carrier = carriers; carrier && carrier->topic; carrier++) {
        const Json *message = json_get(body, carrier->message);
        if (message && json_get(body, carrier->topic)) {
            *ret_message = message;
            return carrier;
        }
    }
    return NULL;
}

static Status expect_object(const Json *value, Fault *fault)
{
    if (json_is_object(value))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "json_not_object", "the message must be one JSON object");
}

/* The transport's word stands against the carrier's: a message is never worked as something else than it was sent as. */
static Status read_topic(const Delivery *delivery, Slice topic, Arena *arena, Message *message, Fault *fault)
{
    if (slice_empty(topic) || slice_equal(topic, message->topic))
        return STATUS_OK;
    if (delivery->topic_wins && !event_handler_of(topic))
        return STATUS_OK;
    if (!slice_empty(message->topic))
        return fault_set(fault, STATUS_REJECT, "topic_contradicts", "it was sent to %.64s, but the message says \"%.64s\"",
                         arena_copy(arena, message->topic).at, arena_copy(arena, topic).at);
    message->topic = topic;
    return STATUS_OK;
}

static Status open_carrier(const Delivery *delivery, const Carrier *carrier, const Json *body, const Json *inner, Arena *arena,
                           Message *message, Fault *fault)
{
    Slice message_id = json_text(json_get(body, carrier->message_id));
    Status status = read_topic(delivery, envelope_topic_name(json_text(json_get(body, carrier->topic))), arena, message, fault);
    if (status)
        return status;
    if (!slice_empty(message_id))
        message->message_id = message_id;
    if (!json_is_string(inner)) {
        message->body = inner;
        return expect_object(inner, fault);
    }
    message->text = json_text(inner);
    status = json_parse(message->text, arena, &message->body, fault);
    return status ? status : expect_object(message->body, fault);
}

Status envelope_decode(const Delivery *delivery, const Carrier *carriers, Arena *arena, Message *message, Fault *fault)
{
    *message = (Message){.topic = envelope_topic_name(delivery->topic), .message_id = delivery->message_id,
                         .text = delivery->body, .carrier = delivery->body, .received_ms = delivery->received_ms};
    const Json *body = NULL, *inner = NULL;
    Status status = json_parse(delivery->body, arena, &body, fault);
    if (status)
        return status;
    status = expect_object(body, fault);
    if (status)
        return status;

    const Carrier *carrier = carrier_of(delivery, carriers, body, &inner);
    if (carrier) {
        status = open_carrier(delivery, carrier, body, inner, arena, message, fault);
        if (status)
            return status;
    } else {
        message->body = body;
    }
    if (slice_empty(message->topic))
        return fault_set(fault, STATUS_REJECT, "topic_missing",
                         "the message does not say its topic: it must be {\"topic\":…,\"message\":{…}}, or the topic must be named where it is sent or received");
    return STATUS_OK;
}
