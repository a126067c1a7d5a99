#include "adapter/sns_sms.h"
#include "app/back_end.h"

static bool is_set(const Config *config) { return *config->sms_gateway_topic_arn; }

static Status open_gateway(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    SnsSmsSettings settings = {.topic_arn = config->sms_gateway_topic_arn, .tts_topic_arn = config->tts_fallback_topic_arn,
                               .topic = sns_topic_settings(config), .breaker = breaker};
    SnsSms *sns = NULL;
    Status status = sns_sms_open(&settings, &sns, fault);
    *ret = sns;
    return status;
}

static void close_gateway(void *self) { sns_sms_close(self); }

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->sms = sns_sms(self);
}

const BackEnd sms_gateway_back_end = {.name = "sms_gateway", .is_set = is_set, .open = open_gateway, .close = close_gateway, .wire = wire};
