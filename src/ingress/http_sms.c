/* What providers of texts post: receipts, and messages of persons. Who proves to be the provider is believed; what it says goes through the
 * line as any other event, and is answered when it is durable. A copy changes nothing. */
#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/http_handlers.h"

enum { BODY_BYTES_MAX = 64 * 1024, LOG_EVERY_MS = 60 * 1000 };

/* ---- the request as it came ---- */

static Slice header_of(const void *request, const char *name) { return http_header(request, name); }

/* libmicrohttpd has made each '+' a blank, which no URL has. */
static bool add_parameter(void *context, const char *name, Slice sent)
{
    Text *query = context;
    if (query->bytes)
        text_add_byte(query, '&');
    size_t from = query->bytes;
    text_add(query, slice_of(name));
    if (sent.at)
        text_add_byte(query, '=');
    text_add(query, sent);
    for (size_t i = from; i < query->bytes; i++)
        query->at[i] = query->at[i] == ' ' ? '+' : query->at[i];
    return true;
}

static SmsCallback callback_of(const Call *call)
{
    Text query = text_in(call->arena);
    http_query_each(call->request, add_parameter, &query);
    return (SmsCallback){.provider = call->parts[0], .method = slice_of(call->request->method), .path = call->request->path,
                         .query = text_slice(&query), .body = call->request->body, .header = header_of, .request = call->request,
                         .now_ms = clock_wall_ms()};
}

/* ---- into the line ---- */

static Slice receipt_event(const Receipt *receipt, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "ref", receipt->ref);
    json_add_text_member(&json, "provider", receipt->provider);
    json_add_text_member(&json, "messageId", receipt->message_id);
    json_add_text_member(&json, "state", slice_of(receipt_state_name(receipt->state)));
    json_add_text_member(&json, "class", slice_of(sms_class_name(receipt->sms_class)));
    json_add_text_member(&json, "code", receipt->code);
    json_add_text_member(&json, "reason", receipt->reason);
    if (!slice_empty(receipt->phone))
        json_add_text_member(&json, "phoneNumber", receipt->phone);
    json_add_time_member(&json, "timestamp", receipt->at_ms);
    text_add_byte(&json, '}');
    return text_slice(&json);
}

static Slice message_event(const SmsInbound *message, Slice provider, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "messageId", message->id);
    json_add_text_member(&json, "provider", provider);
    json_add_text_member(&json, "phoneNumber", message->from);
    json_add_text_member(&json, "to", message->to);
    json_add_text_member(&json, "text", message->text);
    json_add_time_member(&json, "timestamp", message->at_ms);
    text_add_byte(&json, '}');
    return text_slice(&json);
}

typedef struct Posted {
    Delivery *deliveries;
    size_t count;
} Posted;

static Posted *posted_of(const SmsCallbackRead *read, const SmsCallback *callback, Arena *arena)
{
    Posted *posted = ARENA_NEW(arena, Posted);
    posted->deliveries = ARENA_ARRAY(arena, Delivery, read->receipt_count + read->message_count + 1);
    for (size_t i = 0; i < read->receipt_count; i++)
        posted->deliveries[posted->count++] = (Delivery){.topic = SLICE("delivery-receipts"), .body = receipt_event(&read->receipts[i], arena),
                                                         .message_id = read->receipts[i].message_id, .received_ms = callback->now_ms};
    for (size_t i = 0; i < read->message_count; i++)
        posted->deliveries[posted->count++] = (Delivery){.topic = SLICE("inbound-messages"), .message_id = read->messages[i].id,
                                                         .body = message_event(&read->messages[i], callback->provider, arena),
                                                         .received_ms = callback->now_ms};
    return posted;
}

/* ---- answers ---- */

/* Twilio takes what stands here for what is to be done; the others look at the code, and read at most JSON. */
static void answer_taken(Call *call)
{
    metric_add(METRIC_SMS_CALLBACKS_TAKEN, 1);
    if (slice_equal(call->parts[0], SLICE("twilio")))
        answer_text(call, 200, "text/xml", SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>\n"));
    else
        answer_text(call, 200, "application/json", SLICE("{}\n"));
}

static void finished(Call *call)
{
    const Posted *posted = call->context;
    for (size_t i = 0; i < posted->count; i++) {
        Fault fault = posted->deliveries[i].fault;
        if (delivery_is_taken(&posted->deliveries[i]))
            continue;
        fault.status = STATUS_RETRY;
        metric_add(METRIC_SMS_CALLBACKS_UNFINISHED, 1);
        answer_fault(call, 503, &fault);
        return;
    }
    answer_taken(call);
}

/* What was forged in the name of one provider. */
typedef struct Forgeries {
    char provider[16];
    int64_t logged_ms;
    int64_t unlogged; /* since then */
} Forgeries;

static Forgeries forgeries[8]; /* as they come: whose names there are the port knows */
static pthread_mutex_t forgeries_lock = PTHREAD_MUTEX_INITIALIZER; /* guards them */

static Forgeries *forgeries_of(Slice provider)
{
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        Forgeries *one = &forgeries[i];
        if (!*one->provider && provider.bytes < sizeof one->provider)
            memcpy(one->provider, provider.at, provider.bytes);
        if (slice_equal(provider, slice_of(one->provider)))
            return one;
    }
    return NULL;
}

/* How many there were since the last line; 0 where it is too early for one. */
static int64_t count_forgery(Slice provider)
{
    int64_t now_ms = clock_elapsed_ms(), count = 0;
    pthread_mutex_lock(&forgeries_lock);
    Forgeries *one = forgeries_of(provider);
    if (one)
        one->unlogged++;
    if (one && (!one->logged_ms || now_ms - one->logged_ms >= LOG_EVERY_MS)) {
        count = one->unlogged;
        one->unlogged = 0;
        one->logged_ms = now_ms;
    }
    pthread_mutex_unlock(&forgeries_lock);
    return count;
}

/* Whoever posts rubbish shall not fill the log, and a wrong secret shall not go unseen: a line a minute at most for each provider. */
static void log_forgery(Slice provider, const Fault *fault)
{
    int64_t count = count_forgery(provider);
    if (count)
        log_line(LOG_WARN, "what was posted for an SMS provider is not believed", LOG_TEXT("provider", provider), LOG_CSTR("code", fault->code),
                 LOG_CSTR("error", fault->text), LOG_NUMBER("count", count));
}

/* SNS sends its password only when it was asked for one (RFC 9110 11.6.1). */
static void refuse(Call *call, const Fault *fault)
{
    bool is_forged = !strcmp(fault->code, "forged"), is_unknown = !strcmp(fault->code, "provider_unknown");
    bool may_have_password = is_forged && slice_equal(call->parts[0], SLICE("aws")) && slice_empty(http_header(call->request, "Authorization"));
    metric_add(is_forged || is_unknown ? METRIC_SMS_CALLBACKS_REFUSED : METRIC_SMS_CALLBACKS_MALFORMED, 1);
    if (is_forged && !may_have_password)
        log_forgery(call->parts[0], fault);
    answer_fault(call, may_have_password ? 401 : is_unknown ? 404 : is_forged ? 403 : 400, fault);
    if (may_have_password)
        http_add_header(call->request, "WWW-Authenticate", "Basic realm=\"pledgeline\"");
}

/* Of the subscription of AWS's topic: signed, and never raw. */
static bool is_confirmation(const Call *call)
{
    static const Slice confirmation = SLICE_INIT("Confirmation");
    return slice_equal(call->parts[0], SLICE("aws")) && slice_holds(http_header(call->request, "x-amz-sns-message-type"), confirmation);
}

void sms_callback(Call *call, const Ports *ports)
{
    const SmsPort *sms = call->api->settings.sms;
    SmsCallback callback = callback_of(call);
    SmsCallbackRead read = {0};
    Fault fault;
    if (!sms || !sms->read_callback) {
        answer_problem(call, 404, "sms_off", "nothing is taken here unless PLEDGELINE_SMS_PROVIDERS names providers of texts");
        return;
    }
    if (is_confirmation(call)) {
        sns_push(call, ports);
        return;
    }
    Status status = callback.body.bytes > BODY_BYTES_MAX ? fault_set(&fault, STATUS_REJECT, "callback_malformed", "it is larger than 64 KiB")
                                                         : sms->read_callback(sms->self, &callback, call->arena, &read, &fault);
    if (status) {
        refuse(call, &fault);
        return;
    }
    Posted *posted = posted_of(&read, &callback, call->arena);
    call->context = posted;
    if (posted->count)
        call_submit(call, posted->deliveries, posted->count, finished);
    else
        answer_taken(call);
}
