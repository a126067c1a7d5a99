/* The SMS gateway behind an SNS topic: texts are published there, and whoever subscribes sends them. */
#pragma once

#include "adapter/sns_topic.h"

typedef struct SnsSms SnsSms;

typedef struct SnsSmsSettings {
    const char *topic_arn;     /* SMS_GATEWAY_TOPIC_ARN; the region is the ARN's */
    const char *tts_topic_arn; /* TTS_FALLBACK_TOPIC_ARN; "" = none */
    SnsTopicSettings topic;
    Breaker *breaker;          /* borrowed */
} SnsSmsSettings;

/* Asks nobody. REJECT "setting_value" when an ARN is none of a topic, or that of one by which events come. Texts of settings are borrowed. */
Status sns_sms_open(const SnsSmsSettings *settings, SnsSms **ret, Fault *fault);
void sns_sms_close(SnsSms *sns); /* NULL is fine */

/* Up to ten texts a request, in one after the other, within 5 s; what there is no time for is SMS_AWAY. Once three
 * quarters of the lease, or a minute, are over by the wall clock since now_ms, nothing goes out: SMS_OVERTAKEN. A topic that is FIFO knows a repeat for five minutes, so a lost answer is asked for again (repeat_ms), unless speech
 * goes to a topic that is not; on another topic
 * a lost answer is SMS_UNKNOWN at once. SMS_REFUSED is a 400 about the text. What the topic says of us, our rights or its keys, is no
 * fault of a text, and is waited for: SMS_AWAY.
 * A text that is refused is asked for as speech where there is a topic for that: the outcome's message_id is then that of the
 * request. There is no list: the topic keeps nothing. */
SmsPort sns_sms(SnsSms *sns);
