#include "adapter/sns_speech.h"

#include <stdlib.h>

struct SnsSpeech {
    SnsTopic topic;
    Breaker *breaker;
    Arena arena;
};

static Status send_calls(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    SnsSpeech *sns = self;
    SnsSending sending = sns_sending(sns->breaker, effects, count, now_ms, arena);
    SnsMessage *messages = ARENA_ARRAY(arena, SnsMessage, count + 1);
    SmsOutcome *results = ARENA_ARRAY(arena, SmsOutcome, count + 1);
    size_t *places = ARENA_ARRAY(arena, size_t, count + 1), leaving = 0;
    for (size_t i = 0; i < count; i++) {
        Fault why;
        Slice text;
        if (effect_fill(&effects[i], arena, &text, &why)) {
            outcomes[i] = sns_outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        messages[leaving] = sns_message_of(&effects[i], "TTS Fallback Request", sns_speech_request(&effects[i], text, effects[i].reason, now_ms, arena));
        places[leaving++] = i;
    }
    for (size_t done = 0, taken; done < leaving; done += taken) {
        taken = sns_batch_of(messages + done, leaving - done);
        sns_publish(&sending, &sns->topic, messages + done, taken, results + done);
    }
    for (size_t k = 0; k < leaving; k++)
        outcomes[places[k]] = results[k];
    return STATUS_OK;
}

Status sns_speech_open(const char *topic_arn, const SnsTopicSettings *settings, Breaker *breaker, SnsSpeech **ret, Fault *fault)
{
    SnsSpeech *sns = calloc(1, sizeof *sns);
    if (!sns)
        abort();
    sns->breaker = breaker;
    Status status = sns_topic_open(settings, "TTS_FALLBACK_TOPIC_ARN", topic_arn, &sns->arena, &sns->topic, fault);
    if (status) {
        sns_speech_close(sns);
        return status;
    }
    *ret = sns;
    return STATUS_OK;
}

void sns_speech_close(SnsSpeech *sns)
{
    if (!sns)
        return;
    sns_topic_close(&sns->topic);
    arena_done(&sns->arena);
    free(sns);
}

SpeechPort sns_speech(SnsSpeech *sns) { return (SpeechPort){.self = sns, .name = SLICE("topic"), .send = send_calls}; }
