/* Which provider a text is given to, and what becomes of it where the answer does not say. */
#include "adapter/sms_gateway.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "adapter/sms_crew.h"
#include "adapter/sms_senders.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/recent_blocks.h"
#include "base/utf8.h"
#include "event/sms_segments.h"

enum { ANSWER_MS = 10 * 1000, ANSWER_BYTES_MAX = 256 * 1024, LEAST_MS = 100, FAILURES_IN_A_ROW = 3, ACCOUNT_WAIT_MS = 60 * 1000 };
enum { WORD_BYTES_MAX = 128, REASON_BYTES_MAX = 300 };

static const SmsProvider *const every_provider[] = {&sms_twilio, &sms_vonage, &sms_plivo, &sms_aws, &sms_generic, NULL};

struct SmsGateway {
    SmsSite site;
    Rating prices;
    SmsSenders *senders;
    SmsCrew *crew;
    AwsSettings aws;
    const SmsProvider *providers[SMS_PROVIDERS_MAX];
    Breaker breakers[SMS_PROVIDERS_MAX];
    atomic_int failures[SMS_PROVIDERS_MAX]; /* in a row */
    Breaker *in_use[SMS_PROVIDERS_MAX + 1];
    size_t provider_count;
    Arena arena;
};

/* ---- one text ---- */

typedef struct Sending {
    SmsTask task;
    SmsGateway *gateway;
    const Effect *effect;
    Slice text;
    SmsSegments segments;
    int64_t now_ms, start_by_ms, believed_until_ms, end_ms; /* wall time */
    int64_t asked_ms; /* elapsed time from before the list was asked */
    SmsReply reply;
    const SmsProvider *provider; /* who was asked last; NULL = nobody */
    Arena arena;
} Sending;

static void say(SmsReply *reply, SmsResult result, const Fault *fault, Arena *arena)
{
    *reply = (SmsReply){.outcome = {.result = result, .code = arena_copy(arena, slice_of(fault->code)), .reason = arena_copy(arena, slice_of(fault->text))}};
}

static SmsJob job_of(const Sending *sending, const SmsProvider *provider, Arena *arena)
{
    const SmsGateway *gateway = sending->gateway;
    const Effect *effect = sending->effect;
    SmsJob job = {.ref = effect->ref, .to = effect->phone, .text = sending->text, .is_ucs2 = sending->segments.is_ucs2, .now_ms = sending->now_ms,
                  .from = sms_sender_of(gateway->senders, provider->name, effect->phone)};
    if (!slice_empty(gateway->site.public_url))
        job.callback_url = arena_printf(arena, "%.*s/v1/sms/receipts/%s?ref=%.*s", SLICE_ARG(gateway->site.public_url), provider->name,
                                        SLICE_ARG(effect->ref));
    return job;
}

/* A URL of settings may hold a key. */
static void forget_url(Fault *fault, const char *url)
{
    char *at = strstr(fault->text, " does not answer");
    size_t bytes = strlen(url);
    if (at && (size_t)(at - fault->text) == bytes && !memcmp(fault->text, url, bytes))
        memmove(fault->text, at + 1, strlen(at));
    else
        fault_set(fault, fault->status, fault->code, "does not answer");
}

/* Where none can be made the provider is not asked: what is wrong with the sender of one number says nothing of it. */
static bool make_request(Sending *sending, const SmsProvider *provider, const SmsJob *job, HttpRequest *ret)
{
    Fault fault;
    if (provider->ask || !provider->request(&sending->gateway->site, job, &sending->arena, ret, &fault))
        return true;
    say(&sending->reply, SMS_AWAY, &fault, &sending->arena);
    sending->reply.outcome.sms_class = SMS_ACCOUNT;
    return false;
}

/* What never left may go to somebody else; of what did, nobody knows. */
static void ask_by_http(Sending *sending, const SmsProvider *provider, HttpRequest *request, HttpClient *http, int64_t timeout_ms)
{
    Arena *arena = &sending->arena;
    HttpAnswer answer;
    Fault fault;
    request->once = true;
    request->timeout_ms = timeout_ms;
    request->answer_bytes_max = ANSWER_BYTES_MAX;
    if (http_client_ask(http, request, arena, &answer, &fault)) {
        forget_url(&fault, request->url);
        say(&sending->reply, answer.maybe_taken ? SMS_UNKNOWN : SMS_AWAY, &fault, arena);
    } else if (!sms_reply_to_code(&answer, clock_wall_ms(), arena, &sending->reply)) {
        provider->answer(&sending->gateway->site, &answer, clock_wall_ms(), arena, &sending->reply);
    }
}

/* A provider that is away, or has nothing for us, is asked by one text at a time until it is back. One that fails now and then is not away. */
static void tell_breaker(const Sending *sending, size_t i)
{
    const SmsReply *reply = &sending->reply;
    Breaker *breaker = &sending->gateway->breakers[i];
    atomic_int *failures = &sending->gateway->failures[i];
    bool is_account = reply->outcome.sms_class == SMS_ACCOUNT;
    bool is_away = reply->outcome.result == SMS_AWAY && !reply->is_throttled && !is_account;
    bool failed = is_away || reply->outcome.result == SMS_UNKNOWN;
    int in_a_row = failed ? atomic_fetch_add(failures, 1) + 1 : 0;
    Fault why;
    fault_set(&why, STATUS_RETRY, is_account ? "sms_account" : "sms_away", "%.*s", SLICE_ARG(reply->outcome.reason));
    log_mask_phones(why.text);
    if (!failed)
        atomic_store(failures, 0);
    if (reply->parks || in_a_row >= FAILURES_IN_A_ROW)
        breaker_failed(breaker, &why);
    else if (is_account)
        breaker_refused(breaker, &why);
    else if (!failed)
        breaker_answered(breaker);
}

static void ask(Sending *sending, size_t i, SmsConnection *connection)
{
    SmsGateway *gateway = sending->gateway;
    const SmsProvider *provider = gateway->providers[i];
    SmsJob job = job_of(sending, provider, &sending->arena);
    HttpRequest request;
    Fault fault;
    if (!make_request(sending, provider, &job, &request))
        return;
    if (breaker_enter(&gateway->breakers[i], &fault)) {
        say(&sending->reply, SMS_AWAY, &fault, &sending->arena);
        return;
    }
    sending->provider = provider;
    int64_t patience_ms = breaker_patience_ms(&gateway->breakers[i], ANSWER_MS), left_ms = sending->end_ms - clock_wall_ms();
    int64_t timeout_ms = left_ms < patience_ms ? left_ms : patience_ms;
    AwsDeadline deadline = {.elapsed_ms = clock_elapsed_ms() + timeout_ms, .wall_ms = sending->end_ms};
    if (provider->ask)
        provider->ask(&gateway->site, connection, &job, deadline, &sending->arena, &sending->reply);
    else
        ask_by_http(sending, provider, &request, connection->http, timeout_ms);
    tell_breaker(sending, i);
}

/* It waits for nobody: whoever takes it next asks the list again. */
static void put_back(Sending *sending, const char *code, const char *why)
{
    Fault fault;
    fault_set(&fault, STATUS_RETRY, code, "%s", why);
    say(&sending->reply, SMS_AWAY, &fault, &sending->arena);
    sending->reply.outcome.not_before_ms = clock_wall_ms();
}

static bool has_time(const Sending *sending)
{
    int64_t now_ms = clock_wall_ms();
    return now_ms + LEAST_MS < sending->start_by_ms && now_ms < sending->believed_until_ms;
}

/* Somebody else may have it once its lease is over; before, it is simply put back. */
static bool is_late(Sending *sending)
{
    if (has_time(sending))
        return false;
    put_back(sending, "sms_late", "there was no time left to ask for it");
    if (clock_wall_ms() >= sending->end_ms)
        sending->reply.outcome.result = SMS_OVERTAKEN;
    return true;
}

/* Of what a person is told on their own word no list is asked. */
static bool is_blocked_meanwhile(Sending *sending)
{
    const Effect *effect = sending->effect;
    if (effect->kind == EFFECT_REPLY || !recent_blocks_has(effect->phone, sending->asked_ms))
        return false;
    put_back(sending, "sms_blocked", "the number was put on the do-not-call list meanwhile");
    return true;
}

static bool may_ask_next(const SmsReply *reply) { return reply->outcome.result == SMS_AWAY && !reply->is_throttled; }

static void run(SmsTask *task, SmsConnection *connection)
{
    Sending *sending = (Sending *)(void *)((char *)task - offsetof(Sending, task));
    bool goes_on = !is_late(sending);
    for (size_t i = 0; goes_on && i < sending->gateway->provider_count && !is_blocked_meanwhile(sending); i++) {
        ask(sending, i, connection);
        goes_on = may_ask_next(&sending->reply) && has_time(sending);
    }
}

/* ---- what came of it ---- */

static void note_unknown_code(const char *provider, Slice code)
{
    metric_add(METRIC_SMS_CODES_UNKNOWN, 1);
    log_line(LOG_WARN, "an SMS provider gave a code that says nothing to us", LOG_CSTR("provider", provider), LOG_TEXT("code", code));
}

/* Between one and two of them: those who wait for our account do not come back in one moment. */
static int64_t account_wait_ms(void)
{
    uint16_t random;
    digest_random(&random, sizeof random);
    return ACCOUNT_WAIT_MS + random % ACCOUNT_WAIT_MS;
}

/* What a stranger says is stored as text and shown to people, so it is text, and has no numbers of people in it. */
static Slice reason_of(Slice said, Arena *arena)
{
    Slice plain = utf8_plain(said, REASON_BYTES_MAX, arena);
    char *reason = arena_zalloc(arena, plain.bytes + 1);
    if (plain.bytes)
        memcpy(reason, plain.at, plain.bytes);
    log_mask_phones(reason);
    return slice_of(reason);
}

static SmsOutcome outcome_of(const Sending *sending, Arena *arena)
{
    SmsOutcome outcome = sending->reply.outcome;
    const SmsProvider *provider = sending->provider;
    outcome.reason = reason_of(outcome.reason, arena);
    outcome.code = utf8_plain(outcome.code, WORD_BYTES_MAX, arena);
    outcome.message_id = utf8_plain(outcome.message_id, WORD_BYTES_MAX, arena);
    outcome.provider = provider ? slice_of(provider->name) : (Slice){0};
    if (provider && outcome.sms_class == SMS_CLASS_UNKNOWN)
        note_unknown_code(provider->name, outcome.code);
    if (outcome.sms_class == SMS_ACCOUNT && outcome.result == SMS_AWAY && !outcome.not_before_ms)
        outcome.not_before_ms = clock_wall_ms() + account_wait_ms();
    if (outcome.result != SMS_ACCEPTED)
        return outcome;
    enum { SECONDS_A_SEGMENT = 60 }; /* prices are read as rates, which are of a minute */
    outcome.segments = sending->segments.segments;
    outcome.cost_micros = rating_cost_micros(&sending->gateway->prices, sending->effect->phone, (int64_t)outcome.segments * SECONDS_A_SEGMENT);
    return outcome;
}

/* ---- all of them ---- */

/* False: it does not leave, and *ret says why. */
static bool prepare(SmsGateway *gateway, const Effect *effect, int64_t now_ms, Arena *arena, Sending *sending, SmsOutcome *ret)
{
    Fault fault;
    int64_t lease_ms = effect->due_ms - now_ms, wait_ms = 0;
    *sending = (Sending){.task.run = run, .gateway = gateway, .effect = effect, .now_ms = now_ms, .start_by_ms = now_ms + lease_ms / 2,
                         .believed_until_ms = now_ms + TEXT_BELIEVED_MS, .end_ms = now_ms + lease_ms / 4 * 3,
                         .asked_ms = recent_blocks_since(now_ms)};
    if (effect_fill(effect, arena, &sending->text, &fault)) {
        *ret = (SmsOutcome){.result = SMS_REFUSED, .reason = arena_copy(arena, slice_of(fault.text))};
        return false;
    }
    sending->segments = sms_segments(sending->text);
    Slice sender = sms_sender_of(gateway->senders, gateway->providers[0]->name, effect->phone);
    if (sms_sender_may_send(gateway->senders, sender, &wait_ms))
        return true;
    *ret = (SmsOutcome){.result = SMS_AWAY, .not_before_ms = now_ms + wait_ms, .reason = SLICE("PLEDGELINE_SMS_RATE is reached")};
    return false;
}

static Status send_texts(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    SmsGateway *gateway = self;
    Sending *sendings = ARENA_ARRAY(arena, Sending, count + 1);
    SmsTask **tasks = ARENA_ARRAY(arena, SmsTask *, count + 1);
    size_t *places = ARENA_ARRAY(arena, size_t, count + 1), leaving = 0;
    for (size_t i = 0; i < count; i++) {
        if (!prepare(gateway, &effects[i], now_ms, arena, &sendings[leaving], &outcomes[i]))
            continue;
        tasks[leaving] = &sendings[leaving].task;
        places[leaving++] = i;
    }
    bool ran = sms_crew_do(gateway->crew, tasks, leaving);
    for (size_t k = 0; k < leaving; k++) {
        outcomes[places[k]] = ran ? outcome_of(&sendings[k], arena) : (SmsOutcome){.result = SMS_AWAY, .reason = SLICE("no thread could be started")};
        arena_done(&sendings[k].arena);
    }
    return STATUS_OK;
}

/* ---- callbacks ---- */

static const SmsProvider *provider_of(const SmsGateway *gateway, Slice name)
{
    for (size_t i = 0; i < gateway->provider_count; i++) {
        if (slice_equal(name, slice_of(gateway->providers[i]->name)))
            return gateway->providers[i];
    }
    return NULL;
}

static Status read_callback(void *self, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const SmsGateway *gateway = self;
    const SmsProvider *provider = provider_of(gateway, callback->provider);
    *ret = (SmsCallbackRead){0};
    if (!provider)
        return fault_set(fault, STATUS_REJECT, "provider_unknown", "PLEDGELINE_SMS_PROVIDERS does not name this provider");
    if (provider->signs_url && slice_empty(gateway->site.public_url))
        return sms_forged(fault, "PLEDGELINE_PUBLIC_URL is not set, and without it no signature of this provider can be checked");
    bool is_message = slice_starts_with(callback->path, SLICE("/v1/sms/inbound/"));
    Status status = (is_message ? provider->read_message : provider->read_receipt)(&gateway->site, callback, arena, ret, fault);
    for (size_t i = 0; !status && i < ret->receipt_count; i++) {
        Receipt *receipt = &ret->receipts[i];
        receipt->provider = slice_of(provider->name);
        if (receipt->state != RECEIPT_UNDELIVERED)
            receipt->code = receipt->reason = (Slice){0};
        else if (receipt->sms_class == SMS_CLASS_UNKNOWN)
            note_unknown_code(provider->name, receipt->code);
    }
    return status;
}

/* ---- open and close ---- */

const SmsProvider *sms_provider_named(Slice name)
{
    for (size_t i = 0; every_provider[i]; i++) {
        if (slice_equal(name, slice_of(every_provider[i]->name)))
            return every_provider[i];
    }
    return NULL;
}

static const char *setting(const Config *config, const char *env)
{
    size_t i = 0;
    while (strcmp(config_rows[i].env, env) != 0)
        i++;
    return *(const char *const *)(const void *)((const char *)config + config_rows[i].offset);
}

static Status check(const SmsGateway *gateway, const SmsProvider *provider, Fault *fault)
{
    for (const char *const *env = provider->needs; *env; env++) {
        if (!*setting(gateway->site.config, *env))
            return fault_set(fault, STATUS_REJECT, "setting_missing", "PLEDGELINE_SMS_PROVIDERS names %s, which needs %s", provider->name, *env);
    }
    if (provider->needs_sender && !*gateway->site.config->sms_from)
        return fault_set(fault, STATUS_REJECT, "setting_missing", "PLEDGELINE_SMS_PROVIDERS names %s, which needs PLEDGELINE_SMS_FROM", provider->name);
    return provider->check ? provider->check(&gateway->site, fault) : STATUS_OK;
}

static Status add_provider(SmsGateway *gateway, Slice name, Fault *fault)
{
    const SmsProvider *provider = sms_provider_named(name);
    if (!provider || provider_of(gateway, name))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_PROVIDERS names \"%.*s\"; it must name some of twilio, vonage, plivo, aws"
                         " and generic, each once", name.bytes > 40 ? 40 : (int)name.bytes, name.at);
    size_t i = gateway->provider_count++;
    gateway->providers[i] = provider;
    breaker_init(&gateway->breakers[i], arena_printf(&gateway->arena, "sms_%s", provider->name).at);
    gateway->in_use[i] = &gateway->breakers[i];
    return check(gateway, provider, fault);
}

static Status add_providers(SmsGateway *gateway, Fault *fault)
{
    const char *at = gateway->site.config->sms_providers;
    Status status = STATUS_OK;
    while (*at && !status) {
        size_t blanks = strspn(at, ", "), bytes = strcspn(at + blanks, ", ");
        status = bytes ? add_provider(gateway, (Slice){at + blanks, bytes}, fault) : STATUS_OK;
        at += blanks + bytes;
    }
    if (!status && !gateway->provider_count)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_PROVIDERS names no provider");
    return status;
}

static Status check_public_url(Slice url, Fault *fault)
{
    bool is_http = slice_starts_with(url, SLICE("http://")) || slice_starts_with(url, SLICE("https://"));
    if (slice_empty(url) || (is_http && !memchr(url.at, '?', url.bytes) && !memchr(url.at, '#', url.bytes)))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_PUBLIC_URL must be a URL like https://pledgeline.example.org, without a query");
}

static Status check_numbers(const Config *config, Fault *fault)
{
    enum { RATE_MAX = 100000, CONNECTIONS_MAX = 256 };
    if (config->sms_rate > RATE_MAX)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_RATE must be 0 to %d", RATE_MAX);
    if (config->sms_connections < 1 || config->sms_connections > CONNECTIONS_MAX)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_CONNECTIONS must be 1 to %d", CONNECTIONS_MAX);
    return STATUS_OK;
}

static SmsSite site_of(const Config *config)
{
    Slice url = slice_of(config->public_url);
    while (url.bytes && url.at[url.bytes - 1] == '/')
        url.bytes--;
    return (SmsSite){config, url};
}

Status sms_gateway_open(const Config *config, const Rating *prices, SmsGateway **ret, Fault *fault)
{
    SmsGateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway)
        abort();
    gateway->site = site_of(config);
    gateway->prices = *prices;
    gateway->aws = (AwsSettings){.region = config->aws_region, .ca_bundle = config->aws_ca_bundle, .use_fips = config->aws_use_fips_endpoint,
                                 .never_twice = true,
                                 .endpoint_url = *config->aws_endpoint_url_sms ? config->aws_endpoint_url_sms : config->aws_endpoint_url};
    Status status = check_numbers(config, fault);
    status = status ? status : check_public_url(gateway->site.public_url, fault);
    status = status ? status : add_providers(gateway, fault);
    status = status ? status : sms_senders_open(config->sms_from, config->sms_rate, &gateway->senders, fault);
    if (status) {
        sms_gateway_close(gateway);
        return status;
    }
    bool asks_aws = provider_of(gateway, SLICE("aws")) != NULL;
    gateway->crew = sms_crew_new((size_t)config->sms_connections, asks_aws ? &gateway->aws : NULL);
    *ret = gateway;
    return STATUS_OK;
}

void sms_gateway_close(SmsGateway *gateway)
{
    if (!gateway)
        return;
    sms_crew_free(gateway->crew);
    sms_senders_close(gateway->senders);
    for (size_t i = 0; i < gateway->provider_count; i++)
        breaker_done(&gateway->breakers[i]);
    arena_done(&gateway->arena);
    free(gateway);
}

Breaker *const *sms_gateway_breakers(SmsGateway *gateway) { return gateway->in_use; }

/* Of two gateways of the form `generic`, or two accounts of one, neither knows the other's repeats; nor does one that is told the ref in another
 * place. */
static void add_what_knows_repeats(Text *name, const Config *config, Arena *arena)
{
    enum { ENOUGH_BYTES = 4 };
    const char *const asked[] = {config->sms_http_url, config->sms_http_headers, config->sms_http_body, config->sms_http_content_type};
    Slice parts[sizeof asked / sizeof *asked];
    uint8_t digest[DIGEST_BYTES];
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        parts[i] = (Slice){asked[i], strlen(asked[i]) + 1}; /* with its end, so that nothing moves from one to the next */
    digest_sha256(parts, sizeof parts / sizeof *parts, digest);
    text_add_byte(name, ':');
    text_add(name, digest_hex(arena, digest, ENOUGH_BYTES));
}

static Slice name_of(SmsGateway *gateway, bool knows_repeats)
{
    Text name = text_in(&gateway->arena);
    for (size_t i = 0; i < gateway->provider_count; i++)
        text_printf(&name, "%s%s", i ? "," : "", gateway->providers[i]->name);
    if (knows_repeats)
        add_what_knows_repeats(&name, gateway->site.config, &gateway->arena);
    return text_slice(&name);
}

SmsPort sms_gateway(SmsGateway *gateway)
{
    bool is_generic = gateway->provider_count == 1 && gateway->providers[0] == &sms_generic;
    int64_t repeat_ms = is_generic ? gateway->site.config->sms_http_repeat_s * 1000 : 0;
    return (SmsPort){.self = gateway, .joins_unit = false, .wants_courier = true, .name = name_of(gateway, repeat_ms > 0), .repeat_ms = repeat_ms,
                     .send = send_texts, .read_callback = read_callback};
}
