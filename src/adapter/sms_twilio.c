/* Twilio, Messages resource: https://www.twilio.com/docs/messaging/api/message-resource. It has no key by which a repeat would be known, so
 * what may have been taken is not asked for again. */
#include "adapter/sms_provider.h"

#include "base/digest.h"
#include "net/http_authorization.h"

enum { SERVICE_SID_BYTES = 34 };

/* https://www.twilio.com/docs/api/errors; the same codes come in answers and in receipts. */
static const SmsCodes codes[] = {
    {"21610", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"21211 21214 30005", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"21265 21614 21635 30006", SMS_NOT_CAPABLE, SMS_OF_TEXT},
    {"30001 30003 30017 30022 30023 30027 30036 30410", SMS_TEMP_UNREACHABLE, SMS_OF_TEXT},
    {"30004 30007 30034 30450", SMS_FILTERED, SMS_OF_TEXT},
    {"20003 20005 20404 30002", SMS_ACCOUNT, SMS_OF_ACCOUNT},
    {"21212 21408 21603 21606 21608 21659 21660 21661 21703 21704 21705 30010 30024 30032", SMS_ACCOUNT, SMS_OF_TEXT},
    {"21612 30008", SMS_CLASS_UNKNOWN, SMS_OF_TEXT},
    {"21266 21602 21617 21619", SMS_CLASS_NONE, SMS_OF_TEXT},
    {0},
};

/* ---- sending ---- */

static bool is_service(Slice sender) { return sender.bytes == SERVICE_SID_BYTES && slice_starts_with(sender, SLICE("MG")); }

static Status request(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault)
{
    const Config *config = site->config;
    Slice sender = slice_empty(job->from) ? slice_of(config->twilio_messaging_service_sid) : job->from;
    if (slice_empty(sender))
        return sms_no_sender(fault);
    Text body = text_in(arena);
    form_add(&body, "To", job->to);
    form_add(&body, is_service(sender) ? "MessagingServiceSid" : "From", sender);
    form_add(&body, "Body", job->text);
    if (!slice_empty(job->callback_url))
        form_add(&body, "StatusCallback", job->callback_url);
    const char **headers = ARENA_ARRAY(arena, const char *, 2);
    headers[0] = http_authorization_basic(config->twilio_account_sid, config->twilio_auth_token, arena).at;
    *ret = (HttpRequest){.method = "POST", .content_type = "application/x-www-form-urlencoded", .headers = headers, .body = text_slice(&body),
                         .url = arena_printf(arena, "%s/2010-04-01/Accounts/%s/Messages.json", config->twilio_url, config->twilio_account_sid).at};
    return STATUS_OK;
}

/* {"code":21610,"message":"…","more_info":"…","status":400} */
static void answer(const SmsSite *site, const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    (void)site, (void)now_ms;
    const Json *body = NULL;
    Fault ignored;
    json_parse(answer->body, arena, &body, &ignored);
    const Json *code = json_get(body, "code");
    if (answer->code <= 299)
        *ret = sms_accepted(json_text(json_get(body, "sid")));
    else if (json_is_number(code))
        *ret = sms_refused(codes, arena_printf(arena, "%.0f", code->valuedouble), json_text(json_get(body, "message")), arena);
    else
        *ret = sms_refused_by_http(answer, arena);
}

/* ---- callbacks: https://www.twilio.com/docs/usage/security#validating-requests ---- */

/* The URL, then every field of the form by name, each followed by its value. */
static Slice string_to_sign(Slice url, Form *form, Arena *arena)
{
    Text text = text_in(arena);
    text_add(&text, url);
    form_sort(form);
    for (size_t i = 0; i < form->count; i++) {
        const FormField *field = &form->fields[i];
        bool is_repeated = i && slice_equal(field->name, field[-1].name) && slice_equal(field->value, field[-1].value);
        if (is_repeated)
            continue;
        text_add(&text, field->name);
        text_add(&text, field->value);
    }
    return text_slice(&text);
}

/* A body that is no form is signed by its hash, in the query. */
static bool has_hash_of_body(const SmsCallback *callback, Arena *arena)
{
    uint8_t given[DIGEST_BYTES], found[DIGEST_BYTES];
    digest_sha256(&callback->body, 1, found);
    return digest_of_hex(sms_callback_query(callback, "bodySHA256", arena), given) && digest_equal(given, found, DIGEST_BYTES);
}

static bool is_signed(const SmsSite *site, const SmsCallback *callback, Slice text, Arena *arena)
{
    uint8_t digest[DIGEST_SHA1_BYTES];
    digest_hmac_sha1(slice_of(site->config->twilio_auth_token), text, digest);
    Slice wanted = digest_base64(arena, (Slice){(const char *)digest, DIGEST_SHA1_BYTES});
    return sms_same_secret(callback->header(callback->request, "X-Twilio-Signature"), wanted);
}

static bool is_json(const SmsCallback *callback)
{
    return slice_starts_with(callback->header(callback->request, "Content-Type"), SLICE("application/json"));
}

/* *ret is filled for a form alone: nothing of Messages comes as JSON. */
static Status read_form(const SmsSite *site, const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault)
{
    ret->count = 0;
    Slice url = sms_callback_url(site, callback, arena);
    if (is_json(callback)) {
        bool is_proven = has_hash_of_body(callback, arena) && is_signed(site, callback, url, arena);
        return is_proven ? sms_malformed(fault, "it is no form") : sms_forged(fault, "X-Twilio-Signature does not fit");
    }
    bool is_get = slice_equal(callback->method, SLICE("GET"));
    Status status = is_get ? STATUS_OK : sms_callback_form(callback, arena, ret, fault);
    if (!status && !is_signed(site, callback, string_to_sign(url, ret, arena), arena))
        status = sms_forged(fault, "X-Twilio-Signature does not fit PLEDGELINE_PUBLIC_URL, TWILIO_AUTH_TOKEN and what was posted");
    return status || !is_get ? status : sms_callback_form(callback, arena, ret, fault);
}

/* https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks */
static const SmsStates states[] = {
    {"delivered read", RECEIPT_DELIVERED}, {"undelivered failed canceled", RECEIPT_UNDELIVERED}, {"sent", RECEIPT_UNDERWAY}, {0},
};

static Status read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_form(site, callback, arena, form, fault);
    if (status)
        return status;
    Slice said = form_get(form, "MessageStatus"), id = form_get(form, "MessageSid"), code = form_get(form, "ErrorCode");
    if (slice_empty(said) || slice_empty(id))
        return sms_malformed(fault, "a receipt needs MessageSid and MessageStatus");
    Receipt receipt = {.ref = sms_callback_query(callback, "ref", arena), .message_id = id, .code = code, .reason = said, .phone = form_get(form, "To"),
                       .at_ms = callback->now_ms};
    sms_judge_receipt(&receipt, said, states, codes);
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

/* https://www.twilio.com/docs/messaging/guides/webhook-request: it does not say when. */
static Status read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_form(site, callback, arena, form, fault);
    SmsInbound message = {.id = form_get(form, "MessageSid"), .from = form_get(form, "From"), .to = form_get(form, "To"),
                          .text = form_get(form, "Body"), .at_ms = callback->now_ms};
    return status ? status : sms_take_message(ret, callback, message, arena, fault);
}

static const char *const needs[] = {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", NULL};

static Status check(const SmsSite *site, Fault *fault)
{
    if (*site->config->sms_from || *site->config->twilio_messaging_service_sid)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_missing",
                     "PLEDGELINE_SMS_PROVIDERS names twilio, which needs PLEDGELINE_SMS_FROM or TWILIO_MESSAGING_SERVICE_SID");
}

const SmsProvider sms_twilio = {.name = "twilio", .needs = needs, .signs_url = true, .check = check, .request = request, .answer = answer,
                                .read_receipt = read_receipt, .read_message = read_message};
