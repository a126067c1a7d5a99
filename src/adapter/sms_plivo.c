/* Plivo, Message resource: https://www.plivo.com/docs/messaging/api/messages. It knows no repeat. */
#include "adapter/sms_provider.h"

#include "base/digest.h"
#include "net/http_authorization.h"

/* https://www.plivo.com/docs/messaging/troubleshooting/error-codes: of receipts; an answer has no code but HTTP's. */
static const SmsCodes codes[] = {
    {"200", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"50 70", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"20 80 300 420", SMS_TEMP_UNREACHABLE, SMS_OF_TEXT},
    {"10 30 100", SMS_FILTERED, SMS_OF_TEXT},
    {"40 450 900 910", SMS_ACCOUNT, SMS_OF_TEXT},
    {"60 90 110 1000", SMS_CLASS_UNKNOWN, SMS_OF_TEXT},
    {0},
};

/* ---- sending ---- */

static Status request(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault)
{
    const Config *config = site->config;
    if (slice_empty(job->from))
        return sms_no_sender(fault);
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "src", job->from);
    json_add_text_member(&body, "dst", job->to);
    json_add_text_member(&body, "text", job->text);
    if (!slice_empty(job->callback_url)) {
        json_add_text_member(&body, "url", job->callback_url);
        json_add_text_member(&body, "method", SLICE("POST"));
    }
    text_add_byte(&body, '}');
    const char **headers = ARENA_ARRAY(arena, const char *, 2);
    headers[0] = http_authorization_basic(config->plivo_auth_id, config->plivo_auth_token, arena).at;
    *ret = (HttpRequest){.method = "POST", .content_type = "application/json", .headers = headers, .body = text_slice(&body),
                         .url = arena_printf(arena, "%s/v1/Account/%s/Message/", config->plivo_url, config->plivo_auth_id).at};
    return STATUS_OK;
}

/* {"message":"message(s) queued","message_uuid":["…"],"api_id":"…"} */
static void answer(const SmsSite *site, const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    (void)site, (void)now_ms;
    const Json *body = NULL;
    Fault ignored;
    if (answer->code > 299) {
        *ret = sms_refused_by_http(answer, arena);
        return;
    }
    json_parse(answer->body, arena, &body, &ignored);
    const Json *ids = json_get(body, "message_uuid");
    *ret = sms_accepted(json_text(json_is_array(ids) ? ids->child : ids));
}

/* ---- callbacks: https://www.plivo.com/docs/messaging/concepts/signature-validation ---- */

/* With several tokens in use there are several signatures. */
static bool is_among(Slice signatures, Slice wanted)
{
    while (signatures.bytes) {
        const char *comma = memchr(signatures.at, ',', signatures.bytes);
        size_t bytes = comma ? (size_t)(comma - signatures.at) : signatures.bytes, skipped = bytes + (comma != NULL);
        Slice one = {signatures.at, bytes};
        while (one.bytes && one.at[0] == ' ')
            one = (Slice){one.at + 1, one.bytes - 1};
        if (sms_same_secret(one, wanted))
            return true;
        signatures = (Slice){signatures.at + skipped, signatures.bytes - skipped};
    }
    return false;
}

static bool fits(const SmsSite *site, const SmsCallback *callback, const char *const headers[2], Slice text, Arena *arena)
{
    uint8_t digest[DIGEST_BYTES];
    digest_hmac_sha256(slice_of(site->config->plivo_auth_token), &text, 1, digest);
    Slice wanted = digest_base64(arena, (Slice){(const char *)digest, DIGEST_BYTES});
    return is_among(callback->header(callback->request, headers[0]), wanted) || is_among(callback->header(callback->request, headers[1]), wanted);
}

/* The URL with its query in order, the fields of the form in order, and the nonce. */
static Slice text_of_v3(const SmsSite *site, const SmsCallback *callback, Slice nonce, const Form *posted, Arena *arena)
{
    Form *query = ARENA_NEW(arena, Form), *form = ARENA_NEW(arena, Form);
    Fault ignored;
    form_read(callback->query, arena, query, &ignored);
    form_sort(query);
    if (!slice_equal(callback->method, SLICE("GET")))
        *form = *posted;
    form_sort(form);
    Text text = text_in(arena);
    text_add(&text, site->public_url);
    text_add(&text, callback->path);
    if (query->count || form->count)
        text_add_byte(&text, '?');
    for (size_t i = 0; i < query->count; i++) {
        text_add(&text, i ? SLICE("&") : (Slice){0});
        text_add(&text, query->fields[i].name);
        text_add_byte(&text, '=');
        text_add(&text, query->fields[i].value);
    }
    if (query->count && form->count)
        text_add_byte(&text, '.');
    for (size_t i = 0; i < form->count; i++) {
        text_add(&text, form->fields[i].name);
        text_add(&text, form->fields[i].value);
    }
    text_add_byte(&text, '.');
    text_add(&text, nonce);
    return text_slice(&text);
}

/* Version 2 signs neither query nor form: it proves that Plivo asked for this path, which nobody between Plivo and us can have seen. */
static Slice text_of_v2(const SmsSite *site, const SmsCallback *callback, Slice nonce, Arena *arena)
{
    return arena_printf(arena, "%.*s%.*s%.*s", SLICE_ARG(site->public_url), SLICE_ARG(callback->path), SLICE_ARG(nonce));
}

/* Messages come with version 2 as Plivo's page has it, and with version 3 as its libraries have it: the newer one counts where it is. */
static bool is_signed(const SmsSite *site, const SmsCallback *callback, const Form *form, Arena *arena)
{
    static const char *const v3[] = {"X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"};
    static const char *const v2[] = {"X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"};
    Slice nonce = callback->header(callback->request, "X-Plivo-Signature-V3-Nonce");
    if (!slice_empty(nonce))
        return fits(site, callback, v3, text_of_v3(site, callback, nonce, form, arena), arena);
    nonce = callback->header(callback->request, "X-Plivo-Signature-V2-Nonce");
    return !slice_empty(nonce) && fits(site, callback, v2, text_of_v2(site, callback, nonce, arena), arena);
}

static Status read_form(const SmsSite *site, const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault)
{
    Status status = sms_callback_form(callback, arena, ret, fault);
    if (!status && !is_signed(site, callback, ret, arena))
        status = sms_forged(fault, "no X-Plivo-Signature fits PLEDGELINE_PUBLIC_URL, PLIVO_AUTH_TOKEN and what was posted");
    return status;
}

/* https://www.plivo.com/docs/messaging/api/message/message-status-callbacks */
static const SmsStates states[] = {
    {"delivered", RECEIPT_DELIVERED}, {"undelivered failed rejected", RECEIPT_UNDELIVERED}, {"sent", RECEIPT_UNDERWAY}, {0},
};

static Status read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_form(site, callback, arena, form, fault);
    if (status)
        return status;
    Slice said = form_get(form, "Status"), code = form_get(form, "ErrorCode");
    if (slice_empty(said))
        return sms_malformed(fault, "a receipt needs a Status");
    Receipt receipt = {.ref = sms_callback_query(callback, "ref", arena), .message_id = form_get(form, "MessageUUID"), .code = code, .reason = said,
                       .phone = sms_with_plus(form_get(form, "To"), arena), .at_ms = callback->now_ms};
    sms_judge_receipt(&receipt, said, states, codes);
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

static Status read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    Form *form = ARENA_NEW(arena, Form);
    Status status = read_form(site, callback, arena, form, fault);
    SmsInbound message = {.id = form_get(form, "MessageUUID"), .from = sms_with_plus(form_get(form, "From"), arena),
                          .to = sms_with_plus(form_get(form, "To"), arena),
                          .text = form_get(form, "Text"), .at_ms = callback->now_ms};
    return status ? status : sms_take_message(ret, callback, message, arena, fault);
}

static const char *const needs[] = {"PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN", NULL};

const SmsProvider sms_plivo = {.name = "plivo", .needs = needs, .needs_sender = true, .signs_url = true, .request = request,
                               .answer = answer, .read_receipt = read_receipt, .read_message = read_message};
