/* What Vonage posts. The Messages API proves it by a signed token, the SMS API by a `sig` among its fields, where the account has signing
 * switched on and set to SHA-256 HMAC; what has neither is not believed. */
#include "adapter/sms_vonage.h"

#include "base/clock.h"
#include "base/digest.h"
#include "net/jwt.h"

/* https://api.support.vonage.com/hc/en-us/articles/204014733: "err-code" of a delivery receipt of the SMS API. By that page 4 and 9 are
 * persons who do not want to hear from us. */
static const SmsCodes receipt_codes[] = {
    {"4 9", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"3 12", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"2 7 8 16", SMS_TEMP_UNREACHABLE, SMS_OF_TEXT},
    {"6 13 14 50 51 52 53 54", SMS_FILTERED, SMS_OF_TEXT},
    {"15", SMS_ACCOUNT, SMS_OF_TEXT},
    {"1 5 10 11 99", SMS_CLASS_UNKNOWN, SMS_OF_TEXT},
    {0},
};

const SmsCodes vonage_message_codes[] = {
    {"1050 1240", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"1040 1170 1190 1260", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"1180 1220 1230", SMS_TEMP_UNREACHABLE, SMS_OF_TEXT},
    {"1210 1270 1280", SMS_FILTERED, SMS_OF_TEXT},
    {"1060 1070 1080", SMS_ACCOUNT, SMS_OF_ACCOUNT},
    {"1120 1140 1160 1290", SMS_ACCOUNT, SMS_OF_TEXT},
    {"1200 1250 1330", SMS_CLASS_UNKNOWN, SMS_OF_TEXT},
    {"1030 1100", SMS_CLASS_NONE, SMS_OF_PROVIDER},
    {"1010 1020 1090", SMS_CLASS_NONE, SMS_OF_TEXT},
    {0},
};

Slice vonage_code_of_type(Slice type)
{
    const char *hash = type.bytes ? memrchr(type.at, '#', type.bytes) : NULL;
    return hash ? (Slice){hash + 1, (size_t)(type.at + type.bytes - hash - 1)} : (Slice){0};
}

/* ---- the Messages API: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks ---- */

static Slice bearer_of(const SmsCallback *callback)
{
    static const Slice scheme = SLICE_INIT("Bearer ");
    Slice header = callback->header(callback->request, "Authorization");
    return slice_starts_with(header, scheme) ? (Slice){header.at + scheme.bytes, header.bytes - scheme.bytes} : (Slice){0};
}

/* The claim makes it a token of this body, and no other. */
static bool is_of_body(const Json *claims, Slice body)
{
    uint8_t claimed[DIGEST_BYTES], found[DIGEST_BYTES];
    digest_sha256(&body, 1, found);
    return digest_of_hex(json_text(json_get(claims, "payload_hash")), claimed) && digest_equal(claimed, found, DIGEST_BYTES);
}

static Status read_signed_json(const SmsSite *site, const SmsCallback *callback, Arena *arena, const Json **ret, Fault *fault)
{
    const Json *claims;
    Slice secret = slice_of(site->config->vonage_signature_secret);
    if (!jwt_check_hs256(bearer_of(callback), secret, callback->now_ms, arena, &claims) || !is_of_body(claims, callback->body))
        return sms_forged(fault, "its token does not fit VONAGE_SIGNATURE_SECRET and the body");
    if (json_parse(callback->body, arena, ret, fault) || !json_is_object(*ret))
        return sms_malformed(fault, "it is no JSON object");
    return STATUS_OK;
}

static int64_t time_of(Slice text, int64_t otherwise_ms)
{
    int64_t ms;
    return time_parse(text, &ms) ? ms : otherwise_ms;
}

static const SmsStates message_states[] = {
    {"delivered read", RECEIPT_DELIVERED}, {"rejected undeliverable", RECEIPT_UNDELIVERED}, {"submitted", RECEIPT_UNDERWAY}, {0},
};

/* {"message_uuid":"…","timestamp":"…","status":"rejected","client_ref":"…","error":{"type":"…#1180","title":"1180","detail":"…"}} */
static Status read_status(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_signed_json(site, callback, arena, &body, fault);
    if (status)
        return status;
    Slice said = json_text(json_get(body, "status"));
    const Json *error = json_get(body, "error");
    if (slice_empty(said))
        return sms_malformed(fault, "a receipt needs a status");
    Receipt receipt = {.ref = json_text(json_get(body, "client_ref")), .message_id = json_text(json_get(body, "message_uuid")),
                       .code = vonage_code_of_type(json_text(json_get(error, "type"))), .reason = said,
                       .phone = sms_with_plus(sms_json_word(json_get(body, "to"), arena), arena),
                       .at_ms = time_of(json_text(json_get(body, "timestamp")), callback->now_ms)};
    sms_judge_receipt(&receipt, said, message_states, vonage_message_codes);
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

static Status read_signed_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_signed_json(site, callback, arena, &body, fault);
    if (status)
        return status;
    SmsInbound message = {.id = sms_json_word(json_get(body, "message_uuid"), arena), .from = sms_with_plus(sms_json_word(json_get(body, "from"), arena), arena),
                          .to = sms_with_plus(sms_json_word(json_get(body, "to"), arena), arena), .text = sms_json_word(json_get(body, "text"), arena),
                          .at_ms = time_of(json_text(json_get(body, "timestamp")), callback->now_ms)};
    return sms_take_message(ret, callback, message, arena, fault);
}

/* ---- the SMS API: https://developer.vonage.com/en/getting-started/concepts/signing-messages ---- */

static Status read_members(Slice json, Arena *arena, Form *ret, Fault *fault)
{
    const Json *body;
    if (json_parse(json, arena, &body, fault) || !json_is_object(body))
        return sms_malformed(fault, "it is neither a form nor a JSON object");
    json_each(member, body) {
        if (!json_is_string(member) || ret->count == FORM_FIELDS_MAX)
            return sms_malformed(fault, "its members are not what the SMS API posts");
        ret->fields[ret->count++] = (FormField){slice_of(member->string), json_text(member)};
    }
    return STATUS_OK;
}

/* A GET, a form or JSON, as the account has it set. */
static Status read_fields(const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault)
{
    bool is_json = callback->body.bytes && callback->body.at[0] == '{';
    return is_json ? read_members(callback->body, arena, ret, fault) : sms_callback_form(callback, arena, ret, fault);
}

/* What separates fields cannot be in them. */
static void add_defused(Text *text, Slice value)
{
    for (size_t i = 0; i < value.bytes; i++)
        text_add_byte(text, value.at[i] == '&' || value.at[i] == '=' ? '_' : value.at[i]);
}

static bool is_signed(Form *form, Slice secret, Arena *arena)
{
    Text text = text_in(arena);
    form_sort(form);
    for (size_t i = 0; i < form->count; i++) {
        if (slice_equal(form->fields[i].name, SLICE("sig")))
            continue;
        text_add_byte(&text, '&');
        text_add(&text, form->fields[i].name);
        text_add_byte(&text, '=');
        add_defused(&text, form->fields[i].value);
    }
    uint8_t given[DIGEST_BYTES], wanted[DIGEST_BYTES];
    Slice signed_text = text_slice(&text);
    digest_hmac_sha256(secret, &signed_text, 1, wanted);
    return secret.bytes && digest_of_hex(form_get(form, "sig"), given) && digest_equal(given, wanted, DIGEST_BYTES);
}

static Status read_signed_form(const SmsSite *site, const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault)
{
    Status status = read_fields(callback, arena, ret, fault);
    if (!status && !is_signed(ret, slice_of(site->config->vonage_signature_secret), arena))
        status = sms_forged(fault, "its sig does not fit VONAGE_SIGNATURE_SECRET by SHA-256 HMAC");
    return status;
}

/* "2020-01-01 12:00:00", in UTC */
static int64_t time_of_form(const Form *form, int64_t otherwise_ms, Arena *arena)
{
    Slice text = form_get(form, "message-timestamp");
    if (text.bytes != 19)
        return otherwise_ms;
    return time_of(arena_printf(arena, "%.10sT%.8sZ", text.at, text.at + 11), otherwise_ms);
}

/* Of buffered and unknown nothing follows. */
static const SmsStates receipt_states[] = {
    {"delivered", RECEIPT_DELIVERED}, {"accepted", RECEIPT_UNDERWAY}, {"expired failed rejected", RECEIPT_UNDELIVERED}, {0},
};

static Status read_delivery(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_signed_form(site, callback, arena, form, fault);
    if (status)
        return status;
    Slice said = form_get(form, "status");
    if (slice_empty(said))
        return sms_malformed(fault, "a receipt needs a status");
    Receipt receipt = {.ref = form_get(form, "client-ref"), .message_id = form_get(form, "messageId"), .reason = said,
                       .code = form_get(form, "err-code"),
                       .phone = sms_with_plus(form_get(form, "msisdn"), arena), .at_ms = time_of_form(form, callback->now_ms, arena)};
    sms_judge_receipt(&receipt, said, receipt_states, receipt_codes);
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

static Status read_text(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_signed_form(site, callback, arena, form, fault);
    SmsInbound message = {.id = form_get(form, "messageId"), .from = sms_with_plus(form_get(form, "msisdn"), arena), .to = sms_with_plus(form_get(form, "to"), arena),
                          .text = form_get(form, "text")};
    if (status)
        return status;
    message.at_ms = time_of_form(form, callback->now_ms, arena);
    return sms_take_message(ret, callback, message, arena, fault);
}

/* ---- either ---- */

Status vonage_read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    return (slice_empty(bearer_of(callback)) ? read_delivery : read_status)(site, callback, arena, ret, fault);
}

Status vonage_read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    return (slice_empty(bearer_of(callback)) ? read_text : read_signed_message)(site, callback, arena, ret, fault);
}
