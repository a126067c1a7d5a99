#include "app/sms_warnings.h"

#include <string.h>

#include "adapter/sms_provider.h"
#include "base/log.h"

static const char not_believed[] = "no receipt of it and no STOP by text is believed";

/* Whether PLEDGELINE_SMS_PROVIDERS names it. */
static bool is_named(const Config *config, const char *provider)
{
    size_t wanted = strlen(provider);
    for (const char *at = config->sms_providers; *at;) {
        at += strspn(at, ", ");
        size_t bytes = strcspn(at, ", ");
        if (bytes == wanted && !memcmp(at, provider, bytes))
            return true;
        at += bytes;
    }
    return false;
}

/* It is asked as it is, and something does not come back. */
static void warn_of_missing(const Config *config)
{
    bool takes_callback = sms_generic_fills(config, "{callback}"), takes_from = sms_generic_fills(config, "{from}");
    const struct { const char *provider; bool is_wanted; const char *setting, *value, *lost; } rows[] = {
        {"twilio", true, "PLEDGELINE_PUBLIC_URL", config->public_url, not_believed},
        {"plivo", true, "PLEDGELINE_PUBLIC_URL", config->public_url, not_believed},
        {"vonage", true, "PLEDGELINE_PUBLIC_URL", config->public_url, "texts do not say where their receipts go: they go where the account at Vonage says"},
        {"vonage", true, "VONAGE_SIGNATURE_SECRET", config->vonage_signature_secret, not_believed},
        {"aws", true, "PLEDGELINE_SNS_RAW_SECRET", config->sns_raw_secret, not_believed},
        {"generic", true, "PLEDGELINE_SMS_HTTP_SECRET", config->sms_http_secret, not_believed},
        {"generic", takes_callback, "PLEDGELINE_PUBLIC_URL", config->public_url, "{callback} is empty, so it cannot say what became of a text"},
        {"generic", takes_from, "PLEDGELINE_SMS_FROM", config->sms_from, "{from} has no sender for any number, so every text waits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].is_wanted && !*rows[i].value && is_named(config, rows[i].provider))
            log_line(LOG_WARN, "a setting of an SMS provider is missing", LOG_CSTR("provider", rows[i].provider), LOG_CSTR("setting", rows[i].setting),
                     LOG_CSTR("lost", rows[i].lost));
    }
}

/* Somebody set a provider up, and no text leaves. */
static void warn_of_nobody_named(const Config *config)
{
    const struct { const char *setting, *value; } rows[] = {
        {"TWILIO_ACCOUNT_SID", config->twilio_account_sid}, {"VONAGE_APPLICATION_ID", config->vonage_application_id}, {"VONAGE_API_KEY", config->vonage_api_key},
        {"PLIVO_AUTH_ID", config->plivo_auth_id}, {"PLEDGELINE_SMS_HTTP_URL", config->sms_http_url},
        {"PLEDGELINE_SMS_AWS_CONFIGURATION_SET", config->sms_aws_configuration_set}, {"PLEDGELINE_SMS_FROM", config->sms_from},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!*rows[i].value)
            continue;
        log_line(LOG_WARN, "an SMS provider is set up, and PLEDGELINE_SMS_PROVIDERS names none: no text leaves", LOG_CSTR("setting", rows[i].setting));
        return;
    }
}

void sms_warn_of_losses(const Config *config)
{
    if (*config->sms_providers)
        warn_of_missing(config);
    else if (!*config->sms_gateway_topic_arn)
        warn_of_nobody_named(config);
}
