/* Which topic a message is of, by its carrier and by whoever brought it. */
#include "../check.h"

#include "app/carriers.h"
#include "event/envelope.h"

#define SNS(topic) "{\"Type\":\"Notification\",\"TopicArn\":\"arn:aws:sns:us-east-1:1:" topic "\",\"MessageId\":\"m\",\"Message\":\"{\\\"callId\\\":\\\"c\\\"}\"}"
#define EVENTBRIDGE(type) "{\"version\":\"0\",\"id\":\"m\",\"detail-type\":\"" type "\",\"source\":\"ivr\",\"detail\":{\"callId\":\"c\"}}"

static void the_topic_is_what_carrier_and_operator_agree_on(void **state)
{
    (void)state;
    static const struct { const char *body, *topic; bool topic_wins; const char *expected; } rows[] = {
        {SNS("optout-events"), "", false, "optout-events"},
        {SNS("prod-optout-events"), "", false, "prod-optout-events"},
        {SNS("prod-optout-events"), "optout-events", false, "topic_contradicts"},
        {SNS("prod-optout-events"), "optout-events", true, "optout-events"},
        {SNS("optout-events"), "call-events", true, "topic_contradicts"}, /* a name of ours is never taken for another */
        {EVENTBRIDGE("donation-events"), "", false, "donation-events"},
        {EVENTBRIDGE("Key pressed"), "donation-events", true, "donation-events"},
        {EVENTBRIDGE("Key pressed"), "donation-events", false, "topic_contradicts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena arena;
        Message message;
        Fault fault;
        arena_init(&arena);
        Delivery delivery = {.body = slice_of(rows[i].body), .topic = slice_of(rows[i].topic), .topic_wins = rows[i].topic_wins};
        Status status = envelope_decode(&delivery, known_carriers, &arena, &message, &fault);
        if (status)
            assert_string_equal(fault.code, rows[i].expected);
        else
            assert_slice(message.topic, rows[i].expected);
        arena_done(&arena);
    }
}

static void the_message_comes_out_of_its_carrier(void **state)
{
    (void)state;
    static const char *const bodies[] = {SNS("call-events"), EVENTBRIDGE("call-events")};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena arena;
        Message message;
        Fault fault;
        arena_init(&arena);
        Delivery delivery = {.body = slice_of(bodies[i]), .message_id = SLICE("of the transport")};
        assert_int_equal(envelope_decode(&delivery, known_carriers, &arena, &message, &fault), STATUS_OK);
        assert_slice(json_text(json_get(message.body, "callId")), "c");
        assert_slice(message.message_id, "m");
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_topic_is_what_carrier_and_operator_agree_on), cmocka_unit_test(the_message_comes_out_of_its_carrier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
