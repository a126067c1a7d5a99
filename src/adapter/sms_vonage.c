/* Vonage, by one of two APIs: with an application and its key the Messages API (https://developer.vonage.com/en/api/messages), whose
 * callbacks are always signed; else the SMS API (https://developer.vonage.com/en/api/sms). Neither knows a repeat. What comes back is
 * read in both forms, since the account says which one it takes for messages of persons. */
#include "adapter/sms_vonage.h"

#include "base/digest.h"
#include "net/jwt.h"

enum { CALLBACK_BYTES_MAX = 100 /* of the SMS API */, TOKEN_LIFE_S = 300 };

/* https://developer.vonage.com/en/api-errors/sms: "status" of an answer of the SMS API. */
static const SmsCodes answers[] = {
    {"7", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"6 33", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"4 8 9 10 11 14 23 32", SMS_ACCOUNT, SMS_OF_ACCOUNT},
    {"15 29", SMS_ACCOUNT, SMS_OF_TEXT},
    {"5", SMS_CLASS_NONE, SMS_OF_PROVIDER},
    {"2 3 12 22", SMS_CLASS_NONE, SMS_OF_TEXT},
    {0},
};

static bool has_application(const Config *config) { return *config->vonage_application_id; }

/* ---- the SMS API ---- */

static Slice without_plus(Slice number) { return number.bytes && number.at[0] == '+' ? (Slice){number.at + 1, number.bytes - 1} : number; }

static void request_sms(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret)
{
    const Config *config = site->config;
    Text body = text_in(arena);
    form_add(&body, "api_key", slice_of(config->vonage_api_key));
    form_add(&body, "api_secret", slice_of(config->vonage_api_secret));
    form_add(&body, "to", without_plus(job->to));
    form_add(&body, "from", without_plus(job->from));
    form_add(&body, "text", job->text);
    form_add(&body, "type", job->is_ucs2 ? SLICE("unicode") : SLICE("text"));
    form_add(&body, "client-ref", job->ref);
    form_add(&body, "status-report-req", SLICE("1"));
    if (!slice_empty(site->public_url))
        form_add(&body, "callback", arena_printf(arena, "%.*s/v1/sms/receipts/vonage", SLICE_ARG(site->public_url)));
    *ret = (HttpRequest){.method = "POST", .content_type = "application/x-www-form-urlencoded", .body = text_slice(&body),
                         .url = arena_printf(arena, "%s/sms/json", *config->vonage_url ? config->vonage_url : "https://rest.nexmo.com").at};
}

/* {"message-count":"2","messages":[{"status":"0","message-id":"…"},…]}: one for each part; a text with a part that was taken is sent. */
static void answer_sms(const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    const Json *body = NULL, *refused = NULL;
    Fault ignored;
    json_parse(answer->body, arena, &body, &ignored);
    json_each(message, json_get(body, "messages")) {
        if (slice_equal(json_text(json_get(message, "status")), SLICE("0"))) {
            *ret = sms_accepted(json_text(json_get(message, "message-id")));
            return;
        }
        refused = refused ? refused : message;
    }
    Slice status = json_text(json_get(refused, "status"));
    if (slice_equal(status, SLICE("1")))
        *ret = sms_throttled(answer, now_ms, arena);
    else if (!slice_empty(status))
        *ret = sms_refused(answers, status, json_text(json_get(refused, "error-text")), arena);
    else if (answer->code <= 299)
        *ret = sms_accepted((Slice){0});
    else
        *ret = sms_refused_by_http(answer, arena);
}

/* ---- the Messages API ---- */

static Status bearer(const SmsSite *site, int64_t now_ms, Arena *arena, Slice *ret, Fault *fault)
{
    char id[37];
    digest_uuid(id);
    Text claims = text_in(arena);
    text_add_byte(&claims, '{');
    json_add_text_member(&claims, "application_id", slice_of(site->config->vonage_application_id));
    json_add_number_member(&claims, "iat", now_ms / 1000);
    json_add_number_member(&claims, "exp", now_ms / 1000 + TOKEN_LIFE_S);
    json_add_text_member(&claims, "jti", slice_of(id));
    text_add_byte(&claims, '}');
    Slice token;
    Status status = jwt_sign_rs256(slice_of(site->config->vonage_private_key), text_slice(&claims), arena, &token, fault);
    if (!status)
        *ret = arena_printf(arena, "Authorization: Bearer %.*s", SLICE_ARG(token));
    return status;
}

static Status request_message(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault)
{
    const Config *config = site->config;
    Slice authorization;
    Status status = bearer(site, job->now_ms, arena, &authorization, fault);
    if (status)
        return status;
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "message_type", SLICE("text"));
    json_add_text_member(&body, "channel", SLICE("sms"));
    json_add_text_member(&body, "to", without_plus(job->to));
    json_add_text_member(&body, "from", without_plus(job->from));
    json_add_text_member(&body, "text", job->text);
    json_add_text_member(&body, "client_ref", job->ref);
    if (!slice_empty(job->callback_url)) {
        json_add_text_member(&body, "webhook_url", job->callback_url);
        json_add_text_member(&body, "webhook_version", SLICE("v1"));
    }
    text_add_byte(&body, '}');
    const char **headers = ARENA_ARRAY(arena, const char *, 2);
    headers[0] = authorization.at;
    *ret = (HttpRequest){.method = "POST", .content_type = "application/json", .headers = headers, .body = text_slice(&body),
                         .url = arena_printf(arena, "%s/v1/messages", *config->vonage_url ? config->vonage_url : "https://api.nexmo.com").at};
    return STATUS_OK;
}

/* RFC 9457: {"type":"https://developer.vonage.com/api-errors/messages#1120","title":"…","detail":"…"} */
static void answer_message(const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    const Json *body = NULL;
    Fault ignored;
    json_parse(answer->body, arena, &body, &ignored);
    Slice code = vonage_code_of_type(json_text(json_get(body, "type"))), detail = json_text(json_get(body, "detail"));
    if (answer->code <= 299)
        *ret = sms_accepted(json_text(json_get(body, "message_uuid")));
    else if (slice_equal(code, SLICE("1000")))
        *ret = sms_throttled(answer, now_ms, arena);
    else if (sms_codes_find(vonage_message_codes, code))
        *ret = sms_refused(vonage_message_codes, code, detail, arena);
    else
        *ret = sms_refused_by_http(answer, arena);
}

/* ---- the row ---- */

static Status request(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault)
{
    if (slice_empty(job->from))
        return sms_no_sender(fault);
    if (has_application(site->config))
        return request_message(site, job, arena, ret, fault);
    request_sms(site, job, arena, ret);
    return STATUS_OK;
}

static void answer(const SmsSite *site, const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    (has_application(site->config) ? answer_message : answer_sms)(answer, now_ms, arena, ret);
}

static Status check_key(const Config *config, Fault *fault)
{
    Arena arena = {0};
    Slice ignored;
    Status status = jwt_sign_rs256(slice_of(config->vonage_private_key), SLICE("{}"), &arena, &ignored, fault);
    arena_done(&arena);
    return status ? fault_set(fault, STATUS_REJECT, "setting_value", "VONAGE_PRIVATE_KEY is no RSA private key in PEM form") : STATUS_OK;
}

static Status check(const SmsSite *site, Fault *fault)
{
    const Config *config = site->config;
    if (has_application(config))
        return check_key(config, fault);
    if (!*config->vonage_api_key || !*config->vonage_api_secret)
        return fault_set(fault, STATUS_REJECT, "setting_missing", "PLEDGELINE_SMS_PROVIDERS names vonage, which needs VONAGE_APPLICATION_ID and"
                         " VONAGE_PRIVATE_KEY, or VONAGE_API_KEY and VONAGE_API_SECRET");
    if (site->public_url.bytes + sizeof "/v1/sms/receipts/vonage" > CALLBACK_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_PUBLIC_URL is too long for Vonage's SMS API, which takes"
                         " callback URLs of %d bytes", CALLBACK_BYTES_MAX);
    return STATUS_OK;
}

static const char *const needs[] = {NULL};

const SmsProvider sms_vonage = {.name = "vonage", .needs = needs, .needs_sender = true, .check = check, .request = request,
                                .answer = answer, .read_receipt = vonage_read_receipt, .read_message = vonage_read_message};
