/* AWS End User Messaging SMS: https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html, which has no
 * client token, so it knows no repeat. Its events come by an SNS topic that posts them here: with raw message delivery, whose proof is the
 * secret that SNS sends as the password of Basic auth. */
#include "adapter/sms_provider.h"

#include "net/http_authorization.h"

/* Reasons of its exceptions, the exceptions themselves, and types of events. */
static const SmsCodes codes[] = {
    {"DESTINATION_PHONE_NUMBER_OPTED_OUT", SMS_OPTED_OUT, SMS_OF_TEXT},
    {"TEXT_INVALID", SMS_DEAD_NUMBER, SMS_OF_TEXT},
    {"TEXT_TTL_EXPIRED TEXT_CARRIER_UNREACHABLE TEXT_UNREACHABLE", SMS_TEMP_UNREACHABLE, SMS_OF_TEXT},
    {"DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE TEXT_BLOCKED TEXT_CARRIER_BLOCKED TEXT_SPAM "
     "TEXT_INVALID_MESSAGE", SMS_FILTERED, SMS_OF_TEXT},
    {"AccessDeniedException ServiceQuotaExceededException", SMS_ACCOUNT, SMS_OF_ACCOUNT},
    {"DESTINATION_PHONE_NUMBER_NOT_VERIFIED DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION "
     "NO_ORIGINATION_IDENTITIES_FOUND MESSAGE_TYPE_MISMATCH PHONE_NUMBER_NOT_IN_REGISTRATION_REGION "
     "RESOURCE_NOT_ACTIVE ResourceNotFoundException DESTINATION_COUNTRY_BLOCKED TEXT_PROTECT_BLOCKED", SMS_ACCOUNT, SMS_OF_TEXT},
    {"ConflictException TEXT_UNKNOWN", SMS_CLASS_UNKNOWN, SMS_OF_TEXT},
    {"ValidationException INVALID_PARAMETER", SMS_CLASS_NONE, SMS_OF_TEXT},
    {0},
};

/* ---- sending ---- */

static Slice request_of(const SmsSite *site, const SmsJob *job, Arena *arena)
{
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "DestinationPhoneNumber", job->to);
    if (!slice_empty(job->from))
        json_add_text_member(&body, "OriginationIdentity", job->from);
    json_add_text_member(&body, "MessageBody", job->text);
    json_add_text_member(&body, "MessageType", slice_of(site->config->sms_aws_message_type));
    if (*site->config->sms_aws_configuration_set)
        json_add_text_member(&body, "ConfigurationSetName", slice_of(site->config->sms_aws_configuration_set));
    json_add_key(&body, "Context");
    text_add_byte(&body, '{');
    json_add_text_member(&body, "ref", job->ref);
    text_add_literal(&body, "}}");
    return text_slice(&body);
}

static SmsReply refusal(const AwsAnswer *answer, Arena *arena)
{
    const Json *body = NULL;
    Fault ignored;
    json_parse(answer->body, arena, &body, &ignored);
    Slice reason = json_text(json_get(body, "Reason"));
    if (sms_codes_find(codes, reason))
        return sms_refused(codes, reason, answer->message, arena);
    if (sms_codes_find(codes, answer->error))
        return sms_refused(codes, answer->error, answer->message, arena);
    return sms_refused_by_http(&(HttpAnswer){.code = answer->code, .body = answer->body}, arena);
}

/* What may have been taken is not tried again (never_twice), what was throttled is, until the deadline. */
static void ask(const SmsSite *site, SmsConnection *connection, const SmsJob *job, AwsDeadline deadline, Arena *arena, SmsReply *ret)
{
    AwsAnswer answer;
    Fault fault;
    Slice request = request_of(site, job, arena);
    Status status = aws_call(connection->aws, "PinpointSMSVoiceV2.SendTextMessage", request, deadline, arena, &answer, &fault);
    const Json *body = NULL;
    Fault ignored;
    if (!status) {
        json_parse(answer.body, arena, &body, &ignored);
        *ret = sms_accepted(json_text(json_get(body, "MessageId")));
        return;
    }
    bool is_refused = status == STATUS_REJECT && answer.code && !answer.maybe_taken;
    if (is_refused) {
        *ret = refusal(&answer, arena);
        return;
    }
    bool is_throttled = !strcmp(fault.code, "aws_throttled"), has_no_keys = !strcmp(fault.code, "aws_credentials");
    *ret = (SmsReply){.outcome = {.result = answer.maybe_taken ? SMS_UNKNOWN : SMS_AWAY, .reason = arena_copy(arena, slice_of(fault.text)),
                                  .code = arena_copy(arena, slice_of(fault.code)), .sms_class = has_no_keys ? SMS_ACCOUNT : SMS_CLASS_NONE},
                      .is_throttled = is_throttled, .parks = has_no_keys};
}

/* ---- callbacks: https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html ---- */

static Status read_event(const SmsSite *site, const SmsCallback *callback, Arena *arena, const Json **ret, Fault *fault)
{
    Slice authorization = callback->header(callback->request, "Authorization");
    if (!sms_same_secret(http_authorization_secret(authorization, arena), slice_of(site->config->sns_raw_secret)))
        return sms_forged(fault, "its secret is not PLEDGELINE_SNS_RAW_SECRET");
    if (json_parse(callback->body, arena, ret, fault) || !json_is_object(*ret))
        return sms_malformed(fault, "it is no JSON object: does the subscription have raw message delivery?");
    return STATUS_OK;
}

static int64_t time_of(const Json *timestamp, int64_t otherwise_ms)
{
    bool fits = json_is_number(timestamp) && timestamp->valuedouble > 0 && timestamp->valuedouble < 1e15;
    return fits ? (int64_t)timestamp->valuedouble : otherwise_ms;
}

/* SUCCESSFUL is the carrier's word, DELIVERED the telephone's. */
static ReceiptState state_of(Slice type)
{
    if (slice_equal(type, SLICE("TEXT_DELIVERED")))
        return RECEIPT_DELIVERED;
    if (slice_equal(type, SLICE("TEXT_SUCCESSFUL")))
        return RECEIPT_UNDERWAY;
    bool says_nothing = slice_equal(type, SLICE("TEXT_QUEUED")) || slice_equal(type, SLICE("TEXT_PENDING"));
    return says_nothing || !slice_starts_with(type, SLICE("TEXT_")) ? RECEIPT_NONE : RECEIPT_UNDELIVERED;
}

static Status read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_event(site, callback, arena, &body, fault);
    if (status)
        return status;
    Slice type = json_text(json_get(body, "eventType"));
    if (slice_empty(type))
        return sms_malformed(fault, "an event needs an eventType");
    Receipt receipt = {.ref = json_text(json_get(json_get(body, "context"), "ref")), .message_id = json_text(json_get(body, "messageId")),
                       .state = state_of(type), .code = type, .reason = json_text(json_get(body, "messageStatusDescription")),
                       .at_ms = time_of(json_get(body, "eventTimestamp"), callback->now_ms)};
    if (receipt.state == RECEIPT_UNDELIVERED)
        receipt.sms_class = sms_class_of_code(codes, type);
    sms_take_receipt(ret, receipt, arena);
    return STATUS_OK;
}

/* https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html */
static Status read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault)
{
    const Json *body;
    Status status = read_event(site, callback, arena, &body, fault);
    if (status)
        return status;
    SmsInbound message = {.id = sms_json_word(json_get(body, "inboundMessageId"), arena), .from = sms_json_word(json_get(body, "originationNumber"), arena),
                          .to = sms_json_word(json_get(body, "destinationNumber"), arena), .text = sms_json_word(json_get(body, "messageBody"), arena),
                          .at_ms = callback->now_ms};
    return sms_take_message(ret, callback, message, arena, fault);
}

static Status check(const SmsSite *site, Fault *fault)
{
    const char *type = site->config->sms_aws_message_type;
    if (!strcmp(type, "PROMOTIONAL") || !strcmp(type, "TRANSACTIONAL"))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_AWS_MESSAGE_TYPE is \"%.40s\"; it must be PROMOTIONAL or TRANSACTIONAL", type);
}

static const char *const needs[] = {NULL};

const SmsProvider sms_aws = {.name = "aws", .needs = needs, .check = check, .ask = ask, .read_receipt = read_receipt,
                             .read_message = read_message};
