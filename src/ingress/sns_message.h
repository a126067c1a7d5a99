/* A message as SNS posts it over HTTPS, and whether it may be believed as far as that can be seen without its signature. Pure.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html */
#pragma once

#include "ingress/sns_topics.h"
#include "net/signing_certificate.h"

typedef enum SnsType { SNS_NOTIFICATION, SNS_SUBSCRIPTION_CONFIRMATION, SNS_UNSUBSCRIBE_CONFIRMATION } SnsType;

typedef struct SnsMessage {
    SnsType type;
    Slice type_name, message_id, topic_arn, message;
    Slice subject;               /* of a notification, which may have none; an empty one is signed, too */
    bool has_subject;
    Slice token, subscribe_url;  /* of confirmations */
    Slice timestamp;
    int64_t sent_ms;
    Slice version, signature;    /* the signature's bytes */
    Slice certificate_url;       /* as sent */
} SnsMessage;

/* What is believed, once the signature is right. */
typedef struct SnsPolicy {
    SnsTopics topics;
    bool require_v2;
    int64_t oldest_ms; /* how long ago it may have been sent; 0 = any time */
} SnsPolicy;

/* What the signature must be of, and by whom. */
typedef struct SnsClaim {
    const SnsTopic *topic;
    SignatureDigest digest;
    Slice certificate_url; /* put together anew from what is known; ends with a NUL */
} SnsClaim;

/* REJECT: it is no message of SNS. Slices are in arena or in body. */
Status sns_message_read(Slice body, Arena *arena, SnsMessage *ret, Fault *fault);

/* REJECT: it is none that is believed, whatever its signature. */
Status sns_message_check(const SnsMessage *message, const SnsPolicy *policy, int64_t now_ms, Arena *arena, SnsClaim *ret, Fault *fault);

/* What SNS has signed. */
Slice sns_string_to_sign(const SnsMessage *message, Arena *arena);

/* https://HOST/SimpleNotificationService-….pem on just this host, in one form; false for any other URL. */
bool sns_certificate_url(Slice sent, Slice host, Arena *arena, Slice *ret);
