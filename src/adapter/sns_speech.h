/* Calls that speak a text, asked for by an SNS topic: whoever subscribes places them. */
#pragma once

#include "adapter/sns_topic.h"

typedef struct SnsSpeech SnsSpeech;

/* topic_arn: TTS_FALLBACK_TOPIC_ARN. Asks nobody. REJECT "setting_value". Everything is borrowed. */
Status sns_speech_open(const char *topic_arn, const SnsTopicSettings *settings, Breaker *breaker, SnsSpeech **ret, Fault *fault);
void sns_speech_close(SnsSpeech *sns); /* NULL is fine */

/* Up to ten a request. ACCEPTED: the topic has it; what becomes of the call is not heard of here. */
SpeechPort sns_speech(SnsSpeech *sns);
