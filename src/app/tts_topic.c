#include "adapter/sns_speech.h"
#include "app/back_end.h"

/* Where texts go to a topic, too, that one asks for their speech itself. */
static bool is_set(const Config *config) { return *config->tts_fallback_topic_arn && !*config->sms_gateway_topic_arn; }

static Status open_topic(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    SnsTopicSettings settings = sns_topic_settings(config);
    SnsSpeech *sns = NULL;
    Status status = sns_speech_open(config->tts_fallback_topic_arn, &settings, breaker, &sns, fault);
    *ret = sns;
    return status;
}

static void close_topic(void *self) { sns_speech_close(self); }

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->speech = sns_speech(self);
}

const BackEnd tts_topic_back_end = {.name = "tts_topic", .is_set = is_set, .open = open_topic, .close = close_topic, .wire = wire};
