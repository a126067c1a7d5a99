/* Calls that speak a text, placed by a PBX. */
#include "lambda/function.h"

static const char *const required[] = {"REDIS_HOST|REDIS_URL", "PLEDGELINE_ARI_URL|PLEDGELINE_AMI_URL", "PLEDGELINE_DIAL", "PLEDGELINE_CALLER_ID", NULL};
static const BackEnd *const back_ends[] = {&redis_back_end, &postgresql_back_end, &database_api_back_end, &asterisk_ami_back_end,
                                           &asterisk_ari_back_end, NULL};

const Function speech_function = {.name = "tts-fallback", .topic = "tts-fallback", .makes_links = false, .required = required, .back_ends = back_ends};
