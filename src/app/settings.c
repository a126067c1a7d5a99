/* What the settings say, checked: each refusal names the setting and what it must be. */
#include "app/settings.h"

#include "app/carriers.h"
#include "app/link_settings.h"
#include "app/settings_file.h"
#include "event/block.h"
#include "event/phone.h"
#include "event/text_template.h"

static Status refuse(Fault *fault, const char *env, const char *value, const char *expected)
{
    return fault_set(fault, STATUS_REJECT, "setting_value", "%s is \"%.80s\"; it must be %s", env, value, expected);
}

static Status check_numbers(const Config *config, Fault *fault)
{
    const struct { const char *env; int64_t value, min, max; } limits[] = {
        {"PORT", config->port, 0, 65535},
        {"REDIS_PORT", config->redis_port, 1, 65535},
        {"PLEDGELINE_MAX_CONNECTIONS", config->max_connections, 1, 1000000},
        {"PLEDGELINE_MAX_CONNECTIONS_PER_IP", config->max_connections_per_ip, 1, 1000000},
        {"PLEDGELINE_QUEUE_CAPACITY", config->queue_capacity, 1, 10000000},
        {"PLEDGELINE_EFFECT_LEASE", config->effect_lease_s, 1, 86400},
        {"CALL_TIMEOUT", config->call_timeout_s, 1, 366 * 86400},
        {"CDR_RETENTION_DAYS", config->cdr_retention_days, 0, 36600},
        {"PLEDGELINE_MAX_ATTEMPTS", config->max_attempts, 1, 1000},
        {"PLEDGELINE_LINK_RATE", config->link_rate, 1, 1000000},
        {"PLEDGELINE_LINK_RATE_ALL", config->link_rate_all, 1, 100000000},
        {"PLEDGELINE_BACKOFF_FIRST", config->backoff_first_s, 0, 86400},
        {"PLEDGELINE_BACKOFF_MOST", config->backoff_most_s, 0, 86400},
        {"PLEDGELINE_SMS_TRIES", config->sms_tries, 1, 10},
        {"PLEDGELINE_SMS_RETRY", config->sms_retry_s, 0, 86400},
        {"PLEDGELINE_SPEECH_TRIES", config->speech_tries, 0, 10},
        {"PLEDGELINE_SPEECH_RETRY", config->speech_retry_s, 0, 86400},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max)
            return fault_set(fault, STATUS_REJECT, "setting_value", "%s is %lld; it must be %lld to %lld", limits[i].env,
                             (long long)limits[i].value, (long long)limits[i].min, (long long)limits[i].max);
    }
    return STATUS_OK;
}

static bool is_currency(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < 'A' || text.at[i] > 'Z')
            return false;
    }
    return text.bytes == 3;
}

static Status read_rating(const Config *config, Arena *arena, Rating *rating, Fault *fault)
{
    *rating = (Rating){.currency = slice_of(config->currency)};
    if (!is_currency(rating->currency))
        return refuse(fault, "PLEDGELINE_CURRENCY", config->currency, "three capital letters (ISO 4217), like USD");
    if (!rating_parse_money(slice_of(config->rate_per_minute), &rating->micros_per_minute))
        return refuse(fault, "PLEDGELINE_RATE_PER_MINUTE", config->rate_per_minute, "an amount like 0.01");
    Slice rates;
    if (!*config->rates_file)
        return STATUS_OK;
    Fault why;
    Status status = settings_read_file("PLEDGELINE_RATES_FILE", config->rates_file, arena, &rates, fault);
    if (status || rating_parse(rates, arena, rating, &why) == STATUS_OK)
        return status;
    return fault_set(fault, STATUS_REJECT, why.code, "PLEDGELINE_RATES_FILE %.120s: %s", config->rates_file, why.text);
}

static Status read_country_code(const Config *config, Slice *ret, Fault *fault)
{
    *ret = slice_of(config->country_code);
    if (slice_empty(*ret) || phone_is_country_code(*ret))
        return STATUS_OK;
    return refuse(fault, "PLEDGELINE_COUNTRY_CODE", config->country_code, "1 to 3 digits without +, like 972 or 1");
}

/* Whoever presses it is blocked, on every topic. */
static Status check_donation_key(const Config *config, Fault *fault)
{
    if (!block_is_asked_by(slice_of(config->donation_key)))
        return STATUS_OK;
    return refuse(fault, "PLEDGELINE_DONATION_KEY", config->donation_key,
                  "another key, like 1: 9 opts out, and whoever asks for a link by it would be blocked");
}

/* Filled once with empty values: an unknown placeholder shows now and not in a message. */
static Status check_template(const char *env, const char *value, Arena *arena, Fault *fault)
{
    const TemplateVariable variables[] = {{"donationLink", {0}}, {"campaignName", {0}}};
    Slice filled;
    Fault why;
    if (text_template_fill(slice_of(value), variables, sizeof variables / sizeof *variables, arena, &filled, &why))
        return fault_set(fault, STATUS_REJECT, "setting_value", "%s: %s; known are donationLink and campaignName", env, why.text);
    return STATUS_OK;
}

/* Filled with one link and then with another: a text that stays the same would leave the person without. */
static Status check_sms_template(const Config *config, Arena *arena, Fault *fault)
{
    Slice filled[2];
    Status status = check_template("PLEDGELINE_SMS_TEMPLATE", config->sms_template, arena, fault);
    for (size_t i = 0; i < 2 && !status; i++) {
        const TemplateVariable variables[] = {{"donationLink", i ? SLICE("b") : SLICE("a")}, {"campaignName", {0}}};
        status = text_template_fill(slice_of(config->sms_template), variables, sizeof variables / sizeof *variables, arena, &filled[i], fault);
    }
    if (status || !slice_equal(filled[0], filled[1]))
        return status;
    return refuse(fault, "PLEDGELINE_SMS_TEMPLATE", config->sms_template, "a text with {{donationLink}}: without it nobody gets the link");
}

/* What persons are answered is no template. */
static Status read_reply(const char *env, const char *value, Slice *ret, Fault *fault)
{
    *ret = slice_of(value);
    return slice_holds(*ret, SLICE("{{")) ? refuse(fault, env, value, "a text without {{placeholders}}") : STATUS_OK;
}

static Status read_quiet_hours(const Config *config, const PhoneZones *zones, QuietHours *ret, Fault *fault)
{
    Fault why;
    if (quiet_hours_parse(slice_of(config->quiet_hours), zones, ret, &why))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_QUIET_HOURS: %s", why.text);
    return STATUS_OK;
}

static Status check_one_registry(const Config *config, Fault *fault)
{
    if (!*config->database_url || !*config->database_api_url)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_conflict",
                     "DATABASE_URL and DATABASE_API_URL are both set, and the do-not-call list can be in one place only: unset one of them");
}

/* Two that end the same call would each say how it went. */
static Status check_one_exchange(const Config *config, Fault *fault)
{
    bool is_ours = *config->ami_url || *config->ari_url;
    if (is_ours && *config->asterisk_worker_url)
        return fault_set(fault, STATUS_REJECT, "setting_conflict",
                         "ASTERISK_WORKER_URL and %s are both set, and calls can be ended in one way only: unset one of them",
                         *config->ari_url ? "PLEDGELINE_ARI_URL" : "PLEDGELINE_AMI_URL");
    if (*config->dial && *config->tts_fallback_topic_arn)
        return fault_set(fault, STATUS_REJECT, "setting_conflict",
                         "PLEDGELINE_DIAL and TTS_FALLBACK_TOPIC_ARN are both set, and a text can be spoken by one only: unset one of them");
    if (*config->dial && !is_ours)
        return fault_set(fault, STATUS_REJECT, "setting_conflict",
                         "PLEDGELINE_DIAL places calls through Asterisk: set PLEDGELINE_ARI_URL or PLEDGELINE_AMI_URL, too");
    return STATUS_OK;
}

Status settings_read(const Config *config, Arena *arena, PipelineSettings *ret, Fault *fault)
{
    *ret = (PipelineSettings){.lease_ms = config->effect_lease_s * 1000, .max_attempts = (int)config->max_attempts,
                              .backoff_first_ms = config->backoff_first_s * 1000, .backoff_most_ms = config->backoff_most_s * 1000};
    ret->event.carriers = known_carriers;
    ret->event.sms_template = slice_of(config->sms_template);
    ret->ladder = (SmsLadder){.texts = (int)config->sms_tries, .text_wait_ms = config->sms_retry_s * 1000, .calls = (int)config->speech_tries,
                              .call_wait_ms = config->speech_retry_s * 1000, .speech = slice_of(config->speech_text)};
    ret->event.donation_key = slice_of(config->donation_key);
    ret->event.call_timeout_ms = config->call_timeout_s * 1000;
    Status status = check_numbers(config, fault);
    status = status ? status : check_one_registry(config, fault);
    status = status ? status : check_one_exchange(config, fault);
    status = status ? status : read_rating(config, arena, &ret->event.rating, fault);
    status = status ? status : read_country_code(config, &ret->event.country_code, fault);
    status = status ? status : check_donation_key(config, fault);
    status = status ? status : check_sms_template(config, arena, fault);
    status = status ? status : check_template("PLEDGELINE_SPEECH_TEXT", config->speech_text, arena, fault);
    status = status ? status : read_reply("PLEDGELINE_STOP_REPLY", config->stop_reply, &ret->event.stop_reply, fault);
    status = status ? status : read_reply("PLEDGELINE_HELP_REPLY", config->help_reply, &ret->event.help_reply, fault);
    QuietHours checked;
    status = status ? status : read_quiet_hours(config, NULL, &checked, fault);
    return status ? status : link_settings_read(config, arena, &ret->event, fault);
}

/* ---- once the ports are there ---- */

static Status read_zones(const Config *config, Arena *arena, PhoneZones *zones, Fault *fault)
{
    for (size_t i = 0; i < zones->count; i++) {
        Fault why;
        if (zone_read(config->zone_folder, zones->names[i], arena, &zones->zones[i], &why))
            return fault_set(fault, STATUS_REJECT, "setting_file",
                             "PLEDGELINE_QUIET_HOURS needs the time zones of TZDIR, which come with tzdata: %s", why.text);
    }
    return STATUS_OK;
}

Status settings_meet_ports(const Config *config, const Ports *ports, Arena *arena, PipelineSettings *settings, Fault *fault)
{
    bool has_pbx = *config->ami_url || *config->ari_url; /* who is asked by a topic keeps the hours himself */
    bool texts_people = ports->sms.wants_courier, calls_people = ports->speech.send && has_pbx;
    settings->event.replies = texts_people;
    if (!texts_people && !calls_people)
        return STATUS_OK;
    QuietHours *hours = ARENA_NEW(arena, QuietHours);
    PhoneZones *zones = phone_zones_new(arena);
    Status status = read_quiet_hours(config, zones, hours, fault);
    if (status || !hours->count)
        return status;
    settings->quiet_hours = hours;
    return read_zones(config, arena, zones, fault);
}
