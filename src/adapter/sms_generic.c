/* Any gateway that takes a text by one HTTP request: the request is written in settings. It may know a repeat by {ref}, where its settings say
 * for how long. Receipts and messages of persons come as JSON in a form of ours, proved by a keyed hash. */
#include "adapter/sms_provider.h"

#include "adapter/sms_pointer.h"
#include "base/clock.h"
#include "base/digest.h"

enum { HEADERS_MAX = 16, SECRET_BYTES_MIN = 16, CODE_BYTES = 3 };

/* ---- lists ---- */

/* The next part of a list that is not empty, without blanks around it; false at its end. */
static bool next_part(const char **at, const char *separators, Slice *ret)
{
    while (**at) {
        size_t bytes = strcspn(*at, separators);
        *ret = slice_trim((Slice){*at, bytes}, " \r\t");
        *at += bytes + ((*at)[bytes] != 0);
        if (ret->bytes)
            return true;
    }
    return false;
}

/* ---- templates: {to} {from} {text} {ref} {callback} ---- */

typedef Slice (*Escape)(Slice text, Arena *arena);

static Slice escape_json(Slice text, Arena *arena)
{
    Text quoted = text_in(arena);
    json_add_string(&quoted, text);
    return (Slice){quoted.at + 1, quoted.bytes - 2};
}

static Slice escape_nothing(Slice text, Arena *arena)
{
    (void)arena;
    return text;
}

static const Slice *value_of(const SmsJob *job, Slice rest, size_t *ret_bytes)
{
    const struct { Slice name; const Slice *value; } names[] = {
        {SLICE("{to}"), &job->to}, {SLICE("{from}"), &job->from}, {SLICE("{text}"), &job->text}, {SLICE("{ref}"), &job->ref},
        {SLICE("{callback}"), &job->callback_url},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_starts_with(rest, names[i].name)) {
            *ret_bytes = names[i].name.bytes;
            return names[i].value;
        }
    }
    return NULL;
}

static Slice fill(Slice template_text, const SmsJob *job, Escape escape, Arena *arena)
{
    Text out = text_in(arena);
    for (size_t i = 0, bytes; i < template_text.bytes; i += bytes) {
        Slice rest = {template_text.at + i, template_text.bytes - i};
        const Slice *value = value_of(job, rest, &bytes);
        if (value) {
            text_add(&out, escape(*value, arena));
            continue;
        }
        text_add_byte(&out, *rest.at);
        bytes = 1;
    }
    text_add_byte(&out, 0);
    out.bytes--;
    return text_slice(&out);
}

static bool is_json(const Config *config) { return strstr(config->sms_http_content_type, "json") != NULL; }

bool sms_generic_fills(const Config *config, const char *placeholder)
{
    return strstr(config->sms_http_body, placeholder) || strstr(config->sms_http_headers, placeholder) || strstr(config->sms_http_url, placeholder);
}

/* ---- sending ---- */

/* "Name: value" lines, or separated by '|'. */
static const char HEADER_ENDS[] = "|\n";

/* What is put in is of letters that no header minds. */
static const char *const *headers_of(const Config *config, const SmsJob *job, Arena *arena)
{
    const char **headers = ARENA_ARRAY(arena, const char *, HEADERS_MAX + 1);
    SmsJob plain = {.to = job->to, .from = job->from, .ref = job->ref};
    const char *list = config->sms_http_headers;
    Slice line;
    for (size_t count = 0; count < HEADERS_MAX && next_part(&list, HEADER_ENDS, &line); count++)
        headers[count] = fill(line, &plain, escape_nothing, arena).at;
    return headers;
}

static Status request(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault)
{
    const Config *config = site->config;
    if (slice_empty(job->from) && sms_generic_fills(config, "{from}"))
        return sms_no_sender(fault);
    Escape escape = is_json(config) ? escape_json : http_client_escape;
    *ret = (HttpRequest){.method = "POST", .url = fill(slice_of(config->sms_http_url), job, http_client_escape, arena).at,
                         .content_type = config->sms_http_content_type, .headers = headers_of(config, job, arena),
                         .body = fill(slice_of(config->sms_http_body), job, escape, arena)};
    return STATUS_OK;
}

/* Whether a list like "200, 202" has the code. */
static bool is_success(const Config *config, long code, Arena *arena)
{
    Slice one = arena_printf(arena, "%ld", code), listed;
    const char *list = config->sms_http_success;
    while (next_part(&list, ",", &listed)) {
        if (slice_equal(listed, one))
            return true;
    }
    return false;
}

/* A yes that the settings do not know. */
static SmsReply not_named(long code, Arena *arena)
{
    Slice reason = arena_printf(arena, "the gateway answered %ld, which PLEDGELINE_SMS_HTTP_SUCCESS does not name", code);
    return (SmsReply){.outcome = {.result = SMS_UNKNOWN, .reason = reason}};
}

static SmsReply accepted_with_id(const Config *config, const Json *body, Arena *arena)
{
    Slice id = sms_pointer_text(body, slice_of(config->sms_http_id_pointer), arena);
    if (!slice_empty(id))
        return sms_accepted(id);
    Slice reason = arena_printf(arena, "its answer has no id at %.80s (PLEDGELINE_SMS_HTTP_ID_POINTER)", config->sms_http_id_pointer);
    return (SmsReply){.outcome = {.result = SMS_UNKNOWN, .reason = reason}};
}

static void answer(const SmsSite *site, const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    (void)now_ms;
    const Json *body = NULL;
    Fault ignored;
    json_parse(answer->body, arena, &body, &ignored);
    if (is_success(site->config, answer->code, arena) && !*site->config->sms_http_id_pointer)
        *ret = (SmsReply){.outcome.result = SMS_ACCEPTED};
    else if (is_success(site->config, answer->code, arena))
        *ret = accepted_with_id(site->config, body, arena);
    else if (answer->code <= 299)
        *ret = not_named(answer->code, arena);
    else
        *ret = sms_refused_by_http(answer, arena);
}

/* ---- callbacks ---- */

/* X-Pledgeline-Signature: sha256= and the HMAC-SHA-256 of the body, in hex. */
static bool is_signed(const SmsSite *site, const SmsCallback *callback)
{
    static const Slice method = SLICE_INIT("sha256=");
    Slice header = callback->header(callback->request, "X-Pledgeline-Signature"), secret = slice_of(site->config->sms_http_secret);
    if (!slice_starts_with(header, method) || slice_empty(secret))
        return false;
    uint8_t given[DIGEST_BYTES], wanted[DIGEST_BYTES];
    digest_hmac_sha256(secret, &callback->body, 1, wanted);
    Slice hex = {header.at + method.bytes, header.bytes - method.bytes};
    return digest_of_hex(hex, given) && digest_equal(given, wanted, DIGEST_BYTES);
}

static Status read_json(const SmsSite *site, const SmsCallback *callback, Arena *arena, const Json **ret, Fault *fault)
{
    if (!is_signed(site, callback))
        return sms_forged(fault, "X-Pledgeline-Signature does not fit PLEDGELINE_SMS_HTTP_SECRET and the body");
    if (json_parse(callback->body, arena, ret, fault) || !json_is_object(*ret))
        return sms_malformed(fault, "it is no JSON object");
    return STATUS_OK;
}

static int64_t time_of(const Json *body, int64_t otherwise_ms)
{
    int64_t ms;
    return time_parse(json_text(json_get(body, "timestamp")), &ms) ? ms : otherwise_ms;
}

static Status read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_json(site, callback, arena, &body, fault);
    if (status)
        return status;
    Slice ref = json_text(json_get(body, "ref")), state = json_text(json_get(body, "state"));
    Receipt receipt = {.ref = slice_empty(ref) ? sms_callback_query(callback, "ref", arena) : ref,
                       .message_id = json_text(json_get(body, "messageId")), .code = json_text(json_get(body, "code")), .reason = json_text(json_get(body, "reason")),
                       .phone = json_text(json_get(body, "phoneNumber")),
                       .at_ms = time_of(body, callback->now_ms)};
    for (int i = RECEIPT_UNDERWAY; i <= RECEIPT_DELIVERED; i++) {
        if (slice_equal(state, slice_of(receipt_state_name((ReceiptState)i))))
            receipt.state = (ReceiptState)i;
    }
    if (receipt.state == RECEIPT_NONE)
        return sms_malformed(fault, "state must be underway, undelivered or delivered");
    if (receipt.state == RECEIPT_UNDELIVERED) {
        SmsClass sms_class = sms_class_of(json_text(json_get(body, "class")));
        receipt.sms_class = sms_class == SMS_CLASS_NONE ? SMS_CLASS_UNKNOWN : sms_class;
    }
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

static Status read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_json(site, callback, arena, &body, fault);
    if (status)
        return status;
    SmsInbound message = {.id = sms_json_word(json_get(body, "messageId"), arena), .from = sms_json_word(json_get(body, "phoneNumber"), arena),
                          .to = sms_json_word(json_get(body, "to"), arena), .text = sms_json_word(json_get(body, "text"), arena), .at_ms = time_of(body, callback->now_ms)};
    return sms_take_message(ret, callback, message, arena, fault);
}

/* ---- the row ---- */

static bool is_code(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    return text.bytes == CODE_BYTES;
}

/* What no answer could fit would make each text one of which nobody can say. */
static Status check_answer(const Config *config, Fault *fault)
{
    const char *list = config->sms_http_success;
    Slice code;
    size_t count = 0, wrong = 0;
    for (; next_part(&list, ",", &code); count++)
        wrong += !is_code(code);
    if (wrong || !count)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_SUCCESS is \"%.60s\"; it must be codes like 200,202",
                         config->sms_http_success);
    if (*config->sms_http_id_pointer && *config->sms_http_id_pointer != '/')
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "PLEDGELINE_SMS_HTTP_ID_POINTER is \"%.60s\"; it must begin with /, like /messages/0/id, or be empty", config->sms_http_id_pointer);
    return STATUS_OK;
}

static bool is_header(Slice line)
{
    size_t name_bytes = 0;
    while (name_bytes < line.bytes && !strchr(": \t", line.at[name_bytes]))
        name_bytes++;
    return name_bytes && name_bytes < line.bytes && line.at[name_bytes] == ':';
}

/* What is none would be left out without a word. The line may be a secret, so its number is told. */
static Status check_headers(const Config *config, Fault *fault)
{
    const char *list = config->sms_http_headers;
    Slice line;
    for (size_t number = 1; next_part(&list, HEADER_ENDS, &line); number++) {
        if (!is_header(line))
            return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_HEADERS: header %zu is not Name: value", number);
        if (number > HEADERS_MAX)
            return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_HEADERS must have %d headers or fewer", HEADERS_MAX);
    }
    return STATUS_OK;
}

static Status check(const SmsSite *site, Fault *fault)
{
    const Config *config = site->config;
    if (!is_json(config) && !strstr(config->sms_http_content_type, "x-www-form-urlencoded"))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_CONTENT_TYPE is \"%.60s\"; it must be one of JSON or of forms",
                         config->sms_http_content_type);
    if (strncmp(config->sms_http_url, "http://", 7) && strncmp(config->sms_http_url, "https://", 8))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_URL must be a URL like https://gateway.example/send");
    if (!strstr(config->sms_http_body, "{to}") || !strstr(config->sms_http_body, "{text}"))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_BODY must have {to} and {text}");
    if (*config->sms_http_secret && strlen(config->sms_http_secret) < SECRET_BYTES_MIN)
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_SECRET must have %d bytes or more", SECRET_BYTES_MIN);
    if (config->sms_http_repeat_s && !sms_generic_fills(config, "{ref}"))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_HTTP_REPEAT is set, and no template has {ref}:"
                         " a repeat would be another text");
    Status status = check_headers(config, fault);
    return status ? status : check_answer(config, fault);
}

static const char *const needs[] = {"PLEDGELINE_SMS_HTTP_URL", "PLEDGELINE_SMS_HTTP_BODY", NULL};

const SmsProvider sms_generic = {.name = "generic", .needs = needs, .check = check, .request = request, .answer = answer,
                                 .read_receipt = read_receipt, .read_message = read_message};
