#include "adapter/sns_speech.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/recent_blocks.h"

struct SnsSpeech {
    SnsTopic topic;
    Breaker *breaker;
    Arena arena;
};

/* Calls of one send(). */
typedef struct Calls {
    SnsSending *sending;
    int64_t asked_ms;     /* elapsed time before the list was asked */
    const Effect *effects;
    SnsMessage *messages; /* messages[k] asks for effects[places[k]] */
    size_t *places, count;
    SmsOutcome *outcomes; /* of the effects */
} Calls;

static SmsOutcome blocked_meanwhile(Arena *arena)
{
    Fault why;
    fault_set(&why, STATUS_RETRY, "call_blocked", "the number was put on the do-not-call list meanwhile");
    SmsOutcome away = sns_outcome_because(SMS_AWAY, &why, arena);
    away.not_before_ms = clock_wall_ms(); /* whoever takes it next asks the list again */
    return away;
}

/* A request takes a while, in which more numbers may come on the list: what is on it by now leaves. */
static void leave_out_blocked(Calls *calls)
{
    size_t left = 0;
    for (size_t k = 0; k < calls->count; k++) {
        size_t place = calls->places[k];
        if (recent_blocks_has(calls->effects[place].phone, calls->asked_ms)) {
            calls->outcomes[place] = blocked_meanwhile(calls->sending->arena);
            continue;
        }
        calls->messages[left] = calls->messages[k];
        calls->places[left++] = place;
    }
    calls->count = left;
}

/* As many as fit into one request. */
static void publish_some(const SnsSpeech *sns, Calls *calls)
{
    SmsOutcome results[SNS_BATCH_MAX];
    size_t taken = sns_batch_of(calls->messages, calls->count);
    sns_publish(calls->sending, &sns->topic, calls->messages, taken, results);
    for (size_t k = 0; k < taken; k++)
        calls->outcomes[calls->places[k]] = results[k];
    calls->messages += taken;
    calls->places += taken;
    calls->count -= taken;
}

static Status send_calls(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    SnsSpeech *sns = self;
    SnsSending sending = sns_sending(sns->breaker, effects, count, now_ms, arena);
    Calls calls = {.sending = &sending, .asked_ms = recent_blocks_since(now_ms), .effects = effects, .outcomes = outcomes,
                   .messages = ARENA_ARRAY(arena, SnsMessage, count + 1), .places = ARENA_ARRAY(arena, size_t, count + 1)};
    for (size_t i = 0; i < count; i++) {
        Fault why;
        Slice text;
        if (effect_fill(&effects[i], arena, &text, &why)) {
            outcomes[i] = sns_outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        calls.messages[calls.count] = sns_message_of(&effects[i], "TTS Fallback Request",
                                                     sns_speech_request(&effects[i], text, effects[i].reason, now_ms, arena));
        calls.places[calls.count++] = i;
    }
    for (leave_out_blocked(&calls); calls.count; leave_out_blocked(&calls))
        publish_some(sns, &calls);
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

SpeechPort sns_speech(SnsSpeech *sns) { return (SpeechPort){.self = sns, .name = sns_topic_name(&sns->topic, &sns->arena), .send = send_calls}; }
