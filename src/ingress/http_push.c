/* POST /sns: an SNS topic's HTTPS subscription. Anybody may send here, so a message is read and its signature verified on a thread
 * of its own, cheap questions first, and its event is not looked at before that. A network is waited for on two other threads. */
#include "ingress/http_push.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/http_handlers.h"
#include "ingress/sns_certificates.h"
#include "net/http_authorization.h"

/* SNS gives up a delivery by HTTPS after an hour, so what comes later is a copy that somebody else has sent. */
enum { NETWORK_THREADS = 2, SECRET_BYTES_MIN = 16, LATE_MS = 60 * 60 * 1000, LOG_EVERY_MS = 1000 };

struct SnsPush {
    SnsPushSettings settings;
    SnsPolicy policy;
    Arena arena;
    Readers *desk, *network;
    SnsCertificates *certificates;
    pthread_mutex_t lock; /* guards the rest */
    int64_t logged_ms;    /* elapsed time */
    int64_t unlogged;
};

/* A message on its way. */
typedef struct Posted {
    Call *call;
    SnsMessage message;
    SnsCheck check;
    Delivery delivery;
    bool is_raw;
} Posted;

/* ---- refusals ---- */

/* Whoever sends rubbish shall not fill the log: a line a second at most says how many there were. */
static void log_refusal(SnsPush *push, const Fault *fault)
{
    int64_t now_ms = clock_elapsed_ms();
    pthread_mutex_lock(&push->lock);
    int64_t count = ++push->unlogged;
    bool is_due = now_ms - push->logged_ms >= LOG_EVERY_MS;
    if (is_due) {
        push->unlogged = 0;
        push->logged_ms = now_ms;
    }
    pthread_mutex_unlock(&push->lock);
    if (is_due)
        log_line(LOG_WARN, "a message to /sns was refused", LOG_CSTR("code", fault->code), LOG_CSTR("error", fault->text), LOG_NUMBER("count", count));
}

/* REJECT is answered with code, which SNS takes for final; everything else 503, after which it comes again. */
static void refuse(Call *call, unsigned code, const Fault *fault)
{
    bool is_final = fault->status == STATUS_REJECT;
    metric_add(!is_final ? METRIC_SNS_UNFINISHED : code == 400 ? METRIC_SNS_MALFORMED : METRIC_SNS_REFUSED, 1);
    log_refusal(call->api->push, fault);
    answer_fault(call, code, fault);
}

static void refuse_later(Call *call, unsigned code, const Fault *fault)
{
    refuse(call, code, fault);
    http_resume(call->request);
}

/* ---- notifications ---- */

/* A copy changes nothing when its event is known. Where it is not, it may be the one that never arrived: it counts, and is named. */
static void note_late(const Posted *posted)
{
    const Delivery *delivery = &posted->delivery;
    int64_t late_ms = delivery->received_ms - posted->message.sent_ms;
    if (posted->is_raw || late_ms <= LATE_MS || delivery->duplicate || delivery->verdict != VERDICT_DONE)
        return;
    metric_add(METRIC_SNS_LATE, 1);
    log_line(LOG_WARN, "a message of SNS came later than SNS delivers, and was new", LOG_TEXT("topic", delivery->topic),
             LOG_TEXT("messageId", delivery->message_id), LOG_NUMBER("minutes", late_ms / 60000));
}

static void notification_finished(Call *call)
{
    const Posted *posted = call->context;
    const Delivery *delivery = &posted->delivery;
    if (!delivery_is_taken(delivery)) {
        Fault fault = delivery->fault;
        fault.status = STATUS_RETRY;
        refuse(call, 503, &fault);
        return;
    }
    metric_add(METRIC_SNS_TAKEN, 1);
    note_late(posted);
    Text json = text_in(call->arena);
    text_printf(&json, "{\"verdict\":\"%s\",\"duplicate\":%s}\n", verdict_name(delivery->verdict), delivery->duplicate ? "true" : "false");
    answer_json(call, 200, &json);
}

static void take_notification(Posted *posted)
{
    posted->delivery = (Delivery){.body = posted->message.message, .topic = posted->check.claim.topic->name,
                                  .message_id = posted->message.message_id, .received_ms = clock_wall_ms()};
    call_submit_deferred(posted->call, &posted->delivery, 1, notification_finished);
}

/* ---- confirmations ---- */

static void answer_said(Call *call, const char *what)
{
    Text json = text_in(call->arena);
    text_printf(&json, "{\"subscription\":\"%s\"}\n", what);
    answer_json(call, 200, &json);
    http_resume(call->request);
}

static void run_confirm(ReaderJob *job, const Ports *ports)
{
    (void)ports;
    Call *call = (Call *)(void *)((char *)job - offsetof(Call, job));
    const Posted *posted = call->context;
    Fault fault;
    if (sns_confirm(&call->api->push->settings.place, posted->check.claim.topic, posted->message.token, call->arena, &fault)) {
        fault.status = STATUS_RETRY;
        refuse_later(call, 503, &fault);
        return;
    }
    metric_add(METRIC_SNS_CONFIRMED, 1);
    log_line(LOG_INFO, "a subscription was confirmed", LOG_TEXT("topic", posted->message.topic_arn));
    answer_said(call, "confirmed");
}

static void confirm(Posted *posted)
{
    Fault fault;
    posted->call->job.run = run_confirm;
    if (readers_do(posted->call->api->push->network, &posted->call->job))
        return;
    fault_set(&fault, STATUS_RETRY, "stopping", "the server is stopping, or too busy");
    refuse_later(posted->call, 503, &fault);
}

/* Nothing is to be done: whoever wants it back subscribes again. */
static void note_unsubscribed(Posted *posted)
{
    metric_add(METRIC_SNS_UNSUBSCRIBED, 1);
    log_line(LOG_WARN, "a topic is no longer subscribed to", LOG_TEXT("topic", posted->message.topic_arn));
    answer_said(posted->call, "ended");
}

/* ---- from bytes to what is believed ---- */

static void checked(SnsCheck *check)
{
    Posted *posted = (Posted *)(void *)((char *)check - offsetof(Posted, check));
    if (check->status) {
        refuse_later(posted->call, 403, &check->fault);
        return;
    }
    switch (posted->message.type) {
    case SNS_NOTIFICATION:
        take_notification(posted);
        return;
    case SNS_SUBSCRIPTION_CONFIRMATION:
        confirm(posted);
        return;
    case SNS_UNSUBSCRIBE_CONFIRMATION:
        note_unsubscribed(posted);
        return;
    }
}

static void run_message(ReaderJob *job, const Ports *ports)
{
    (void)ports;
    Call *call = (Call *)(void *)((char *)job - offsetof(Call, job));
    SnsPush *push = call->api->push;
    Posted *posted = call->context;
    Fault fault;
    if (sns_message_read(call->request->body, call->arena, &posted->message, &fault)) {
        refuse_later(call, 400, &fault);
        return;
    }
    if (sns_message_check(&posted->message, &push->policy, clock_wall_ms(), call->arena, &posted->check.claim, &fault)) {
        refuse_later(call, 403, &fault);
        return;
    }
    posted->check.text = sns_string_to_sign(&posted->message, call->arena);
    posted->check.signature = posted->message.signature;
    posted->check.done = checked;
    sns_certificates_check(push->certificates, &posted->check);
}

static void take_message(Call *call)
{
    Posted *posted = ARENA_NEW(call->arena, Posted);
    posted->call = call;
    call->context = posted;
    call->job.run = run_message;
    http_defer(call->request);
    if (readers_do(call->api->push->desk, &call->job))
        return;
    Fault fault;
    fault_set(&fault, STATUS_RETRY, "overloaded", "too many messages wait already; try again later");
    refuse_later(call, 503, &fault);
}

void sns_push(Call *call, const Ports *ports)
{
    (void)ports;
    if (!call->api->push->policy.topics.count)
        answer_problem(call, 404, "sns_off", "nothing is taken from SNS here unless PLEDGELINE_SNS_TOPICS names its topics");
    else
        take_message(call);
}

/* ---- raw message delivery: no signature, but a secret ---- */

static bool has_secret(const Call *call, Slice authorization)
{
    Slice given = http_authorization_secret(authorization, call->arena), wanted = slice_of(call->api->push->settings.raw_secret);
    uint8_t given_digest[DIGEST_BYTES], wanted_digest[DIGEST_BYTES];
    digest_sha256(&given, 1, given_digest);
    digest_sha256(&wanted, 1, wanted_digest);
    return digest_equal(given_digest, wanted_digest, DIGEST_BYTES);
}

static bool is_allowed(Call *call)
{
    Slice authorization = http_header(call->request, "Authorization");
    if (slice_empty(authorization)) {
        answer_problem(call, 401, "secret_required", "PLEDGELINE_SNS_RAW_SECRET is needed, as a bearer token or as the password of Basic auth");
        http_add_header(call->request, "WWW-Authenticate", "Basic realm=\"pledgeline\"");
        return false;
    }
    Fault fault = {0};
    Slice arn = http_header(call->request, "x-amz-sns-topic-arn");
    const SnsTopic *topic = sns_topic_of(&call->api->push->policy.topics, arn);
    if (!has_secret(call, authorization))
        fault_set(&fault, STATUS_REJECT, "secret_wrong", "the secret is not PLEDGELINE_SNS_RAW_SECRET");
    else if (!slice_empty(arn) && !topic)
        fault_set(&fault, STATUS_REJECT, "sns_topic", "its topic is not in PLEDGELINE_SNS_TOPICS");
    else if (topic && !slice_equal(topic->name, call->parts[0]))
        fault_set(&fault, STATUS_REJECT, "topic_contradicts", "it was sent to another topic's path");
    if (fault.status)
        refuse(call, 403, &fault);
    return !fault.status;
}

static void take_raw(Call *call)
{
    Posted *posted = ARENA_NEW(call->arena, Posted);
    *posted = (Posted){.call = call, .is_raw = true};
    posted->delivery = (Delivery){.body = call->request->body, .topic = call->parts[0], .received_ms = clock_wall_ms(),
                                  .message_id = http_header(call->request, "x-amz-sns-message-id")};
    call->context = posted;
    call_submit(call, &posted->delivery, 1, notification_finished);
}

void sns_push_raw(Call *call, const Ports *ports)
{
    (void)ports;
    static const Slice confirmation = SLICE_INIT("Confirmation");
    Slice type = http_header(call->request, "x-amz-sns-message-type");
    char topics[EVENT_TOPICS_BYTES];
    if (!*call->api->push->settings.raw_secret)
        answer_problem(call, 404, "sns_raw_off", "nothing is taken here unless PLEDGELINE_SNS_RAW_SECRET is set");
    else if (!event_handler_of(call->parts[0]))
        answer_problem(call, 404, "topic_unknown", "there is no such topic; there are %s", event_topics(topics));
    else if (!is_allowed(call))
        return;
    else if (slice_holds(type, confirmation)) /* of a subscription: never raw, always signed */
        take_message(call);
    else
        take_raw(call);
}

/* ---- life ---- */

static Status open_threads(SnsPush *push, Fault *fault)
{
    static const Ports *const no_ports[NETWORK_THREADS];
    push->desk = readers_open(no_ports, 1, fault);
    push->network = push->desk ? readers_open(no_ports, NETWORK_THREADS, fault) : NULL;
    if (!push->network)
        return STATUS_FATAL;
    push->certificates = sns_certificates_new(push->network, push->settings.place.ca_bundle);
    return STATUS_OK;
}

static Status open_push(SnsPush *push, Fault *fault)
{
    size_t secret_bytes = strlen(push->settings.raw_secret);
    if (secret_bytes && secret_bytes < SECRET_BYTES_MIN)
        return fault_set(fault, STATUS_REJECT, "sns_raw_secret_short", "PLEDGELINE_SNS_RAW_SECRET must have %d bytes or more", SECRET_BYTES_MIN);
    push->policy = (SnsPolicy){.require_v2 = push->settings.require_v2, .oldest_ms = push->settings.oldest_ms};
    Status status = sns_topics_read(push->settings.topics, &push->arena, &push->policy.topics, fault);
    bool listens = push->policy.topics.count || secret_bytes;
    return status || !listens ? status : open_threads(push, fault);
}

Status sns_push_open(const SnsPushSettings *settings, SnsPush **ret, Fault *fault)
{
    SnsPush *push = calloc(1, sizeof *push);
    if (!push)
        abort();
    push->settings = *settings;
    push->logged_ms = -LOG_EVERY_MS;
    arena_init(&push->arena);
    pthread_mutex_init(&push->lock, NULL);
    Status status = open_push(push, fault);
    if (!status) {
        *ret = push;
        return STATUS_OK;
    }
    sns_push_stop(push);
    sns_push_free(push);
    return status;
}

void sns_push_stop(SnsPush *push)
{
    if (push->certificates)
        sns_certificates_stop(push->certificates);
    readers_stop(push->desk);
    readers_stop(push->network);
}

void sns_push_free(SnsPush *push)
{
    if (!push)
        return;
    sns_certificates_free(push->certificates);
    readers_free(push->network);
    readers_free(push->desk);
    pthread_mutex_destroy(&push->lock);
    arena_done(&push->arena);
    free(push);
}
