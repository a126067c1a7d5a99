/* Key 1: a personal donation link, by text. */
#include "lambda/function.h"

static const char *const required[] = {"REDIS_HOST|REDIS_URL", "SMS_GATEWAY_TOPIC_ARN", NULL};
static const BackEnd *const back_ends[] = {&redis_back_end, &postgresql_back_end, &database_api_back_end, &sms_gateway_back_end, NULL};

const Function donation_function = {.name = "donation-handler", .topic = "donation-events", .makes_links = true, .required = required, .back_ends = back_ends};
