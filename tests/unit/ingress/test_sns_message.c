/* What is read out of a message of SNS, what is signed of it, and what is not believed whatever its signature. */
#include "../check.h"

#include "ingress/sns_message.h"

#define ARN "arn:aws:sns:us-east-1:123456789012:optout-events"
#define URL "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abc.pem"
#define REST "\"Signature\":\"c2lnbmVk\",\"SignatureVersion\":\"2\",\"SigningCertURL\":\"" URL "\""
#define BASE "\"Message\":\"{}\",\"MessageId\":\"id-1\",\"Timestamp\":\"2025-04-30T12:00:00.000Z\",\"TopicArn\":\"" ARN "\"," REST
#define NOTIFICATION(more) "{\"Type\":\"Notification\"," BASE more "}"
#define CONFIRMATION(more) "{\"Type\":\"SubscriptionConfirmation\"," BASE more "}"

enum { MINUTE_MS = 60 * 1000 };
static const int64_t noon_ms = 1746014400000;

static Status read_one(Arena *arena, const char *body, SnsMessage *ret, Fault *fault) { return sns_message_read(slice_of(body), arena, ret, fault); }

static SnsPolicy policy_of(Arena *arena, const char *topics)
{
    SnsPolicy policy = {0};
    assert_int_equal(sns_topics_read(topics, arena, &policy.topics, NULL), STATUS_OK);
    return policy;
}

static void notification_is_signed_in_the_order_of_names(void **state)
{
    Arena *arena = *state;
    SnsMessage message;
    assert_int_equal(read_one(arena, NOTIFICATION(",\"Subject\":\"Hi\""), &message, NULL), STATUS_OK);
    assert_slice(sns_string_to_sign(&message, arena), "Message\n{}\nMessageId\nid-1\nSubject\nHi\nTimestamp\n2025-04-30T12:00:00.000Z\nTopicArn\n" ARN
                                                      "\nType\nNotification\n");
}

static void subject_that_is_empty_is_signed_and_one_that_is_absent_is_not(void **state)
{
    Arena *arena = *state;
    SnsMessage with, without;
    assert_int_equal(read_one(arena, NOTIFICATION(",\"Subject\":\"\""), &with, NULL), STATUS_OK);
    assert_int_equal(read_one(arena, NOTIFICATION(""), &without, NULL), STATUS_OK);
    assert_true(slice_holds(sns_string_to_sign(&with, arena), SLICE("\nSubject\n\nTimestamp\n")));
    assert_false(slice_holds(sns_string_to_sign(&without, arena), SLICE("Subject")));
}

static void confirmation_is_signed_with_its_token_and_url(void **state)
{
    Arena *arena = *state;
    SnsMessage message;
    assert_int_equal(read_one(arena, CONFIRMATION(",\"Token\":\"t\",\"SubscribeURL\":\"https://x/\",\"Subject\":\"never\""), &message, NULL), STATUS_OK);
    assert_slice(sns_string_to_sign(&message, arena), "Message\n{}\nMessageId\nid-1\nSubscribeURL\nhttps://x/\nTimestamp\n2025-04-30T12:00:00.000Z\nToken\nt\n"
                                                      "TopicArn\n" ARN "\nType\nSubscriptionConfirmation\n");
}

static void values_are_signed_without_their_escapes(void **state)
{
    Arena *arena = *state;
    SnsMessage message;
    assert_int_equal(read_one(arena, NOTIFICATION(",\"Subject\":\"\\u05e9 \\\"x\\\" \\/\""), &message, NULL), STATUS_OK);
    assert_true(slice_holds(sns_string_to_sign(&message, arena), SLICE("\nSubject\nש \"x\" /\n")));
}

static void what_is_no_message_of_sns_is_malformed(void **state)
{
    static const char *const bodies[] = {
        "", "[]", "null", "\"text\"", "{}", "{\"Type\":\"Notification\"}", NOTIFICATION("") "x", "{\"Type\":\"Other\"," BASE "}",
        "{\"Type\":7," BASE "}", "{" BASE "}", NOTIFICATION(",\"Subject\":null"), NOTIFICATION(",\"Subject\":[\"x\"]"),
        NOTIFICATION(",\"Subject\":\"a\\nTimestamp\""), NOTIFICATION(",\"MessageId\":\"id-2\""), NOTIFICATION(",\"messageId\":\"id-2\""),
        NOTIFICATION(",\"SIGNATURE\":\"x\""), NOTIFICATION(",\"type\":\"Notification\""), NOTIFICATION(",\"x\":{\"a\":{\"b\":{\"c\":{}}}}"),
        CONFIRMATION(""), CONFIRMATION(",\"Token\":\"t\""), CONFIRMATION(",\"Token\":\"\",\"SubscribeURL\":\"https://x/\""),
        CONFIRMATION(",\"Token\":\"a\\u000ab\",\"SubscribeURL\":\"https://x/\""), NOTIFICATION(",\"y\":\"\\u0000\""), NOTIFICATION(",\"y\":\"\\ud800\""),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        SnsMessage message;
        if (read_one(*state, bodies[i], &message, NULL) != STATUS_REJECT)
            fail_msg("taken for a message of SNS: %s", bodies[i]);
    }
}

static void attributes_and_what_aws_may_add_are_let_be(void **state)
{
    SnsMessage message;
    assert_int_equal(read_one(*state, NOTIFICATION(",\"MessageAttributes\":{\"a\":{\"Type\":\"String\",\"Value\":\"x\"}},\"New\":[1]"), &message, NULL), STATUS_OK);
}

static void each_field_that_is_signed_is_needed(void **state)
{
    static const char *const needed[] = {"Message", "MessageId", "Timestamp", "TopicArn", "Signature", "SignatureVersion", "SigningCertURL"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char body[] = NOTIFICATION(""), name[32] = "\"";
        strcat(strcat(name, needed[i]), "\"");
        strstr(body, name)[1] = 'X';
        SnsMessage message;
        Fault fault;
        assert_int_equal(read_one(*state, body, &message, &fault), STATUS_REJECT);
        assert_string_equal(fault.code, "sns_malformed");
    }
}

static void assert_refused(Arena *arena, SnsMessage message, const SnsPolicy *policy, int64_t now_ms, const char *code)
{
    SnsClaim claim;
    Fault fault;
    assert_int_equal(sns_message_check(&message, policy, now_ms, arena, &claim, &fault), STATUS_REJECT);
    assert_string_equal(fault.code, code);
}

static void message_of_the_policy_is_believed_if_its_signature_is(void **state)
{
    Arena *arena = *state;
    SnsMessage message;
    SnsClaim claim;
    SnsPolicy policy = policy_of(arena, "arn:aws:sns:us-east-1:123456789012:call-events, " ARN);
    assert_int_equal(read_one(arena, NOTIFICATION(""), &message, NULL), STATUS_OK);
    assert_int_equal(sns_message_check(&message, &policy, noon_ms, arena, &claim, NULL), STATUS_OK);
    assert_slice(claim.certificate_url, URL);
    assert_slice(claim.topic->name, "optout-events");
    assert_int_equal(claim.digest, SIGNATURE_SHA256);
}

static void what_is_not_in_the_policy_is_refused(void **state)
{
    Arena *arena = *state;
    SnsMessage message;
    SnsPolicy policy = policy_of(arena, ARN), other = policy_of(arena, "arn:aws:sns:us-east-1:999999999999:optout-events");
    assert_int_equal(read_one(arena, NOTIFICATION(""), &message, NULL), STATUS_OK);
    assert_refused(arena, message, &other, noon_ms, "sns_topic");
    assert_refused(arena, message, &policy, noon_ms - 16 * MINUTE_MS, "sns_future");
    policy.oldest_ms = 60 * MINUTE_MS;
    assert_refused(arena, message, &policy, noon_ms + 61 * MINUTE_MS, "sns_old");
    message.version = SLICE("3");
    assert_refused(arena, message, &policy, noon_ms, "sns_version");
    message.version = SLICE("1");
    policy.require_v2 = true;
    assert_refused(arena, message, &policy, noon_ms, "sns_version");
}

static void certificate_url_is_put_together_anew(void **state)
{
    Slice host = SLICE("sns.us-east-1.amazonaws.com"), url;
    assert_true(sns_certificate_url(SLICE("https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-0123abc.pem"), host, *state, &url));
    assert_slice(url, URL);
}

static void topics_are_read_with_the_host_of_their_partition(void **state)
{
    SnsPolicy policy = policy_of(*state, "arn:aws-cn:sns:cn-north-1:123456789012:call-events\narn:aws-us-gov:sns:us-gov-east-1:123456789012:call-events");
    assert_slice(policy.topics.topics[0].host, "sns.cn-north-1.amazonaws.com.cn");
    assert_slice(policy.topics.topics[1].host, "sns.us-gov-east-1.amazonaws.com");
    assert_int_equal(policy.topics.count, 2);
}

static void topics_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {
        "optout-events", "arn:aws:sns:us-east-1:123456789012:other", "arn:aws:sqs:us-east-1:123456789012:optout-events", "arn:aws:sns:us-east-1:12:optout-events",
        "arn:aws:sns:us-east-1:123456789012:optout-events:more", "arn:aws-x:sns:us-east-1:123456789012:optout-events", "arn:aws:sns:US-EAST-1:123456789012:optout-events",
        "arn:aws:sns:evil.example/:123456789012:optout-events", "arn:aws:sns:-a:123456789012:optout-events", "arn:aws:sns::123456789012:optout-events", ARN ";" ARN,
        "arn:aws:sns:us-east-1:123456789012:*",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        SnsTopics topics;
        if (sns_topics_read(wrong[i], *state, &topics, NULL) != STATUS_REJECT)
            fail_msg("taken for a topic: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notification_is_signed_in_the_order_of_names), cmocka_unit_test(subject_that_is_empty_is_signed_and_one_that_is_absent_is_not),
        cmocka_unit_test(confirmation_is_signed_with_its_token_and_url), cmocka_unit_test(values_are_signed_without_their_escapes),
        cmocka_unit_test(what_is_no_message_of_sns_is_malformed), cmocka_unit_test(attributes_and_what_aws_may_add_are_let_be),
        cmocka_unit_test(each_field_that_is_signed_is_needed), cmocka_unit_test(message_of_the_policy_is_believed_if_its_signature_is),
        cmocka_unit_test(what_is_not_in_the_policy_is_refused), cmocka_unit_test(certificate_url_is_put_together_anew),
        cmocka_unit_test(topics_are_read_with_the_host_of_their_partition), cmocka_unit_test(topics_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
