/* Only what is signed is read, strictly: a message that two readers could understand differently is none. */
#include "ingress/sns_message.h"

#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

enum { ENVELOPE_DEPTH_MAX = 4, FIELD_BYTES_MAX = 4096, KEY_ID_BYTES_MAX = 64, AHEAD_MS_MAX = 15 * 60 * 1000 };

/* ---- reading ---- */

static const char *const type_names[] = {[SNS_NOTIFICATION] = "Notification", [SNS_SUBSCRIPTION_CONFIRMATION] = "SubscriptionConfirmation",
                                         [SNS_UNSUBSCRIBE_CONFIRMATION] = "UnsubscribeConfirmation"};

typedef enum FieldUse { IN_ALL, IN_CONFIRMATIONS, IF_THERE } FieldUse;

static const struct Field {
    const char *name;
    size_t offset;
    FieldUse use;
    bool is_free; /* any text of any length */
} fields[] = {
    {"Message", offsetof(SnsMessage, message), IN_ALL, true},
    {"MessageId", offsetof(SnsMessage, message_id), IN_ALL, false},
    {"Signature", offsetof(SnsMessage, signature), IN_ALL, false},
    {"SignatureVersion", offsetof(SnsMessage, version), IN_ALL, false},
    {"SigningCertURL", offsetof(SnsMessage, certificate_url), IN_ALL, false},
    {"Subject", offsetof(SnsMessage, subject), IF_THERE, false},
    {"SubscribeURL", offsetof(SnsMessage, subscribe_url), IN_CONFIRMATIONS, false},
    {"Timestamp", offsetof(SnsMessage, timestamp), IN_ALL, false},
    {"Token", offsetof(SnsMessage, token), IN_CONFIRMATIONS, false},
    {"TopicArn", offsetof(SnsMessage, topic_arn), IN_ALL, false},
    {"Type", offsetof(SnsMessage, type_name), IN_ALL, false},
};

static Status malformed(Fault *fault, const char *name, const char *what)
{
    return fault_set(fault, STATUS_REJECT, "sns_malformed", "%s %s; a message of SNS is expected as it posts them", name, what);
}

static size_t depth_of(const Json *value)
{
    size_t deepest = 0;
    json_each(member, value) {
        size_t depth = depth_of(member);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + (json_is_object(value) || json_is_array(value));
}

/* A name in other letters would be a second one to a reader that does not mind. */
static Status check_names(const Json *body, Fault *fault)
{
    json_each(member, body) {
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            if (!strcasecmp(member->string, fields[i].name) && strcmp(member->string, fields[i].name))
                return malformed(fault, fields[i].name, "is not written like that");
        }
    }
    return STATUS_OK;
}

/* Lines separate the fields of what is signed. Were there line ends in another field than the first, one signature would fit
 * several messages. */
static bool is_line(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    }
    return text.bytes <= FIELD_BYTES_MAX;
}

static Status read_field(const Json *body, const struct Field *field, SnsMessage *message, Fault *fault)
{
    const Json *value = json_get(body, field->name);
    bool is_needed = field->use == IN_ALL || (field->use == IN_CONFIRMATIONS && message->type != SNS_NOTIFICATION);
    if (!value)
        return is_needed ? malformed(fault, field->name, "is missing") : STATUS_OK;
    if (!json_is_string(value))
        return malformed(fault, field->name, "is no text");
    Slice text = json_text(value);
    if (!field->is_free && !is_line(text))
        return malformed(fault, field->name, "has control characters, or is too long");
    if (is_needed && slice_empty(text) && !field->is_free)
        return malformed(fault, field->name, "is empty");
    *(Slice *)(void *)((char *)message + field->offset) = text;
    return STATUS_OK;
}

static Status read_type(const Json *body, SnsMessage *message, Fault *fault)
{
    Slice type = json_text(json_get(body, "Type"));
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        message->type = (SnsType)i;
        if (slice_equal(slice_of(type_names[i]), type))
            return STATUS_OK;
    }
    return malformed(fault, "Type", "is none that SNS has");
}

static Status read_fields(const Json *body, SnsMessage *message, Fault *fault)
{
    Status status = check_names(body, fault);
    status = status ? status : read_type(body, message, fault);
    for (size_t i = 0; !status && i < sizeof fields / sizeof *fields; i++)
        status = read_field(body, &fields[i], message, fault);
    message->has_subject = message->type == SNS_NOTIFICATION && json_get(body, "Subject");
    return status;
}

Status sns_message_read(Slice body, Arena *arena, SnsMessage *ret, Fault *fault)
{
    const Json *json = NULL;
    SnsMessage message = {0};
    Status status = json_parse(body, arena, &json, fault);
    if (status)
        return status;
    if (!json_is_object(json) || depth_of(json) > ENVELOPE_DEPTH_MAX)
        return malformed(fault, "the body", "is no flat JSON object");
    status = read_fields(json, &message, fault);
    if (status)
        return status;
    if (!time_parse(message.timestamp, &message.sent_ms))
        return malformed(fault, "Timestamp", "is no time");
    if (!digest_of_base64(message.signature, arena, &message.signature))
        return malformed(fault, "Signature", "is not in base64");
    *ret = message;
    return STATUS_OK;
}

/* ---- what can be seen without the signature ---- */

static bool take(Slice *text, Slice prefix)
{
    if (!slice_starts_with(*text, prefix))
        return false;
    *text = (Slice){text->at + prefix.bytes, text->bytes - prefix.bytes};
    return true;
}

static size_t letters_and_digits(Slice text)
{
    size_t count = 0;
    while (count < text.bytes && ((text.at[count] >= 'a' && text.at[count] <= 'z') || (text.at[count] >= 'A' && text.at[count] <= 'Z') ||
                                  (text.at[count] >= '0' && text.at[count] <= '9')))
        count++;
    return count;
}

bool sns_certificate_url(Slice sent, Slice host, Arena *arena, Slice *ret)
{
    if (!take(&sent, SLICE("https://")) || !take(&sent, host))
        return false;
    take(&sent, SLICE(":443"));
    if (!take(&sent, SLICE("/SimpleNotificationService-")))
        return false;
    Slice id = {sent.at, letters_and_digits(sent)};
    sent = (Slice){sent.at + id.bytes, sent.bytes - id.bytes};
    if (!id.bytes || id.bytes > KEY_ID_BYTES_MAX || !slice_equal(sent, SLICE(".pem")))
        return false;
    *ret = arena_printf(arena, "https://%.*s/SimpleNotificationService-%.*s.pem", SLICE_ARG(host), SLICE_ARG(id));
    return true;
}

static Status check_version(Slice version, bool require_v2, SignatureDigest *ret, Fault *fault)
{
    bool is_v1 = slice_equal(version, SLICE("1")), is_v2 = slice_equal(version, SLICE("2"));
    if (!is_v1 && !is_v2)
        return fault_set(fault, STATUS_REJECT, "sns_version", "its signature is of a version other than 1 and 2");
    if (is_v1 && require_v2)
        return fault_set(fault, STATUS_REJECT, "sns_version", "its signature is of version 1, and PLEDGELINE_SNS_REQUIRE_V2 is set");
    *ret = is_v2 ? SIGNATURE_SHA256 : SIGNATURE_SHA1;
    return STATUS_OK;
}

static Status check_time(int64_t sent_ms, int64_t oldest_ms, int64_t now_ms, Fault *fault)
{
    if (sent_ms - now_ms > AHEAD_MS_MAX)
        return fault_set(fault, STATUS_REJECT, "sns_future", "it was sent more than 15 minutes from now; is this machine's clock right?");
    if (oldest_ms && now_ms - sent_ms > oldest_ms)
        return fault_set(fault, STATUS_REJECT, "sns_old", "it was sent longer ago than records are kept; what came of it is no longer known");
    return STATUS_OK;
}

Status sns_message_check(const SnsMessage *message, const SnsPolicy *policy, int64_t now_ms, Arena *arena, SnsClaim *ret, Fault *fault)
{
    SnsClaim claim = {.topic = sns_topic_of(&policy->topics, message->topic_arn)};
    if (!claim.topic)
        return fault_set(fault, STATUS_REJECT, "sns_topic", "its topic is not in PLEDGELINE_SNS_TOPICS");
    Status status = check_version(message->version, policy->require_v2, &claim.digest, fault);
    status = status ? status : check_time(message->sent_ms, policy->oldest_ms, now_ms, fault);
    if (status)
        return status;
    if (!sns_certificate_url(message->certificate_url, claim.topic->host, arena, &claim.certificate_url))
        return fault_set(fault, STATUS_REJECT, "sns_certificate_url", "its SigningCertURL is not that of a certificate of %s", claim.topic->host.at);
    *ret = claim;
    return STATUS_OK;
}

/* ---- what is signed ---- */

static void add_line(Text *text, const char *name, Slice value)
{
    text_printf(text, "%s\n", name);
    text_add(text, value);
    text_add_byte(text, '\n');
}

Slice sns_string_to_sign(const SnsMessage *message, Arena *arena)
{
    bool is_notification = message->type == SNS_NOTIFICATION;
    Text text = text_in(arena);
    add_line(&text, "Message", message->message);
    add_line(&text, "MessageId", message->message_id);
    if (message->has_subject)
        add_line(&text, "Subject", message->subject);
    if (!is_notification)
        add_line(&text, "SubscribeURL", message->subscribe_url);
    add_line(&text, "Timestamp", message->timestamp);
    if (!is_notification)
        add_line(&text, "Token", message->token);
    add_line(&text, "TopicArn", message->topic_arn);
    add_line(&text, "Type", message->type_name);
    return text_slice(&text);
}
