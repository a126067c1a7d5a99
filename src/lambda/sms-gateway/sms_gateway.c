/* Texts that are asked for by a topic, to a provider; and a call asked for where a text cannot reach. */
#include "lambda/function.h"

static const char *const required[] = {"REDIS_HOST|REDIS_URL", "PLEDGELINE_SMS_PROVIDERS", NULL};
static const BackEnd *const back_ends[] = {&redis_back_end, &postgresql_back_end, &database_api_back_end, &sms_providers_back_end,
                                           &tts_topic_back_end, NULL};

const Function gateway_function = {.name = "sms-gateway", .topic = "sms-gateway", .makes_links = false, .required = required, .back_ends = back_ends};
