/* The SNS Query API (2010-03-31): the AWS command line and every SDK publish here unchanged. A publish is answered when its
 * message is durable: done, kept for later, or a dead letter. As with SNS, what is in a message is not the API's business. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "event/envelope.h"
#include "ingress/http_handlers.h"

/* Limits of SNS: 10 entries, 256 KiB for all messages of a request. */
enum { ENTRIES_MAX = 10, MESSAGE_BYTES_MAX = 256 * 1024, ID_BYTES_MAX = 80, UUID_BYTES = 36 };

static const char *const namespace = "http://sns.amazonaws.com/doc/2010-03-31/";

typedef struct Entry {
    Slice id, message;
    Slice message_id;
} Entry;

typedef struct SnsRequest {
    Slice action, topic_arn, target_arn;
    Entry entries[ENTRIES_MAX + 1]; /* [0] is Publish's own message; one more than allowed is remembered as too many */
    size_t entry_count;             /* highest member number seen */
    char request_id[UUID_BYTES + 1];
    Delivery deliveries[ENTRIES_MAX];
} SnsRequest;

/* ---- reading the form ---- */

static bool take_pair(Slice *rest, Slice *name, Slice *value)
{
    if (!rest->bytes)
        return false;
    const char *and = memchr(rest->at, '&', rest->bytes);
    Slice pair = {rest->at, and ? (size_t)(and - rest->at) : rest->bytes};
    *rest = (Slice){pair.at + pair.bytes + (and != NULL), rest->bytes - pair.bytes - (and != NULL)};
    const char *equals = memchr(pair.at, '=', pair.bytes);
    *name = (Slice){pair.at, equals ? (size_t)(equals - pair.at) : pair.bytes};
    *value = equals ? (Slice){equals + 1, pair.bytes - name->bytes - 1} : (Slice){0};
    return true;
}

/* "PublishBatchRequestEntries.member.3.Message" -> entry 3 and "Message". Numbers beyond the limit count as one too many. */
static Slice *entry_field(SnsRequest *sns, Slice name)
{
    static const Slice prefix = SLICE_INIT("PublishBatchRequestEntries.member.");
    if (!slice_starts_with(name, prefix))
        return NULL;
    size_t number = 0, at = prefix.bytes;
    for (; at < name.bytes && name.at[at] >= '0' && name.at[at] <= '9' && number <= ENTRIES_MAX; at++)
        number = number * 10 + (size_t)(name.at[at] - '0');
    Slice field = {name.at + at, name.bytes - at};
    if (number > ENTRIES_MAX || !number) {
        sns->entry_count = ENTRIES_MAX + 1;
        return NULL;
    }
    sns->entry_count = number > sns->entry_count ? number : sns->entry_count;
    if (slice_equal(field, SLICE(".Message")))
        return &sns->entries[number].message;
    return slice_equal(field, SLICE(".Id")) ? &sns->entries[number].id : NULL;
}

static Slice *field_of(SnsRequest *sns, Slice name)
{
    if (slice_equal(name, SLICE("Action")))
        return &sns->action;
    if (slice_equal(name, SLICE("TopicArn")))
        return &sns->topic_arn;
    if (slice_equal(name, SLICE("TargetArn")))
        return &sns->target_arn;
    if (slice_equal(name, SLICE("Message")))
        return &sns->entries[0].message;
    return entry_field(sns, name);
}

static bool read_form(Call *call, SnsRequest *sns)
{
    Slice rest = call->request->body, name, value;
    char *room = arena_alloc(call->arena, rest.bytes + 1);
    while (take_pair(&rest, &name, &value)) {
        Slice *field = field_of(sns, name);
        if (!field)
            continue;
        field->at = room;
        if (!http_percent_decode(value, true, room, &field->bytes))
            return false;
        room += field->bytes;
    }
    if (slice_empty(sns->topic_arn))
        sns->topic_arn = sns->target_arn;
    return true;
}

/* ---- answers ---- */

static void add_xml(Text *xml, Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        switch (text.at[i]) {
        case '<':
            text_add_literal(xml, "&lt;");
            break;
        case '>':
            text_add_literal(xml, "&gt;");
            break;
        case '&':
            text_add_literal(xml, "&amp;");
            break;
        case '"':
            text_add_literal(xml, "&quot;");
            break;
        default:
            if ((unsigned char)text.at[i] >= 0x20)
                text_add_byte(xml, text.at[i]);
        }
    }
}

static void add_element(Text *xml, const char *name, Slice text)
{
    text_printf(xml, "<%s>", name);
    add_xml(xml, text);
    text_printf(xml, "</%s>", name);
}

static void answer_error(Call *call, const SnsRequest *sns, unsigned code, const char *name, const char *message)
{
    Text xml = text_in(call->arena);
    text_printf(&xml, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type><Code>%s</Code>", namespace, code < 500 ? "Sender" : "Receiver", name);
    add_element(&xml, "Message", slice_of(message));
    text_printf(&xml, "</Error><RequestId>%s</RequestId></ErrorResponse>\n", sns->request_id);
    if (code == 503)
        http_add_header(call->request, "Retry-After", "1");
    answer_text(call, code, "text/xml", text_slice(&xml));
}

static SnsRequest *sns_new(Call *call)
{
    SnsRequest *sns = ARENA_NEW(call->arena, SnsRequest);
    digest_uuid(sns->request_id);
    return sns;
}

void sns_refuse(Call *call, unsigned code, Slice detail)
{
    const SnsRequest *sns = call->context ? call->context : sns_new(call);
    if (code == 401)
        answer_error(call, sns, code, "InvalidClientTokenId",
                     "The AWS access key id is no token of this server; set AWS_ACCESS_KEY_ID to a token with role service or admin "
                     "(see PLEDGELINE_TOKENS; any secret access key will do)");
    else
        answer_error(call, sns, code, code == 403 ? "AuthorizationError" : "ServiceUnavailable", detail.at);
}

static Text open_answer(Call *call, const char *action)
{
    Text xml = text_in(call->arena);
    text_grow(&xml, 2048);
    text_printf(&xml, "<%sResponse xmlns=\"%s\"><%sResult>", action, namespace, action);
    return xml;
}

static void close_answer(Call *call, const SnsRequest *sns, Text *xml, const char *action)
{
    text_printf(xml, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>\n", action, sns->request_id, action);
    answer_text(call, 200, "text/xml", text_slice(xml));
}

/* ---- Publish ---- */

static void answer_unstored(Call *call, const SnsRequest *sns, const Fault *fault)
{
    answer_error(call, sns, 503, "ServiceUnavailable", fault->text);
}

static void publish_finished(Call *call)
{
    const SnsRequest *sns = call->context;
    if (!delivery_is_taken(&sns->deliveries[0])) {
        answer_unstored(call, sns, &sns->deliveries[0].fault);
        return;
    }
    Text xml = open_answer(call, "Publish");
    add_element(&xml, "MessageId", sns->deliveries[0].message_id);
    close_answer(call, sns, &xml, "Publish");
}

/* Ids of a request's messages differ from its own in the last byte. */
static Slice message_id_of(Call *call, const SnsRequest *sns, size_t index)
{
    char *id = arena_alloc(call->arena, UUID_BYTES + 1);
    memcpy(id, sns->request_id, UUID_BYTES + 1);
    id[UUID_BYTES - 2] = "fedcba98"[index / 16 % 8];
    id[UUID_BYTES - 1] = "0123456789abcdef"[index % 16];
    return (Slice){id, UUID_BYTES};
}

static bool topic_is_known(Call *call, const SnsRequest *sns)
{
    char topics[EVENT_TOPICS_BYTES];
    if (slice_empty(sns->topic_arn)) {
        answer_error(call, sns, 400, "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter");
        return false;
    }
    if (!slice_starts_with(sns->topic_arn, SLICE("arn:"))) {
        answer_error(call, sns, 400, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must begin with arn:");
        return false;
    }
    if (event_handler_of(envelope_topic_name(sns->topic_arn)))
        return true;
    answer_error(call, sns, 404, "NotFound", arena_printf(call->arena, "Topic does not exist; there are %s", event_topics(topics)).at);
    return false;
}

static bool message_is_fine(Call *call, const SnsRequest *sns, Slice message)
{
    if (slice_empty(message))
        answer_error(call, sns, 400, "InvalidParameter", "Invalid parameter: Empty message");
    else if (message.bytes > MESSAGE_BYTES_MAX)
        answer_error(call, sns, 400, "InvalidParameter", "Invalid parameter: Message too long");
    else
        return true;
    return false;
}

static void submit(Call *call, SnsRequest *sns, const Entry *entries, size_t count, void (*finished)(Call *))
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < count; i++)
        sns->deliveries[i] = (Delivery){.body = entries[i].message, .topic = envelope_topic_name(sns->topic_arn),
                                        .message_id = message_id_of(call, sns, i), .received_ms = now_ms};
    call_submit(call, sns->deliveries, count, finished);
}

static void publish(Call *call, SnsRequest *sns)
{
    if (topic_is_known(call, sns) && message_is_fine(call, sns, sns->entries[0].message))
        submit(call, sns, sns->entries, 1, publish_finished);
}

/* ---- PublishBatch ---- */

static void add_success(Text *xml, const Entry *entry, const Delivery *delivery)
{
    text_add_literal(xml, "<member>");
    add_element(xml, "Id", entry->id);
    add_element(xml, "MessageId", delivery->message_id);
    text_add_literal(xml, "</member>");
}

static void add_failure(Text *xml, const Entry *entry, const Delivery *delivery)
{
    text_add_literal(xml, "<member>");
    add_element(xml, "Id", entry->id);
    add_element(xml, "Code", SLICE("InternalError"));
    add_element(xml, "Message", slice_of(delivery->fault.text));
    text_add_literal(xml, "<SenderFault>false</SenderFault></member>");
}

static void batch_finished(Call *call)
{
    const SnsRequest *sns = call->context;
    size_t taken = 0;
    for (size_t i = 0; i < sns->entry_count; i++)
        taken += delivery_is_taken(&sns->deliveries[i]);
    if (!taken) {
        answer_unstored(call, sns, &sns->deliveries[0].fault);
        return;
    }
    Text xml = open_answer(call, "PublishBatch");
    text_add_literal(&xml, "<Successful>");
    for (size_t i = 0; i < sns->entry_count; i++) {
        if (delivery_is_taken(&sns->deliveries[i]))
            add_success(&xml, &sns->entries[i + 1], &sns->deliveries[i]);
    }
    text_add_literal(&xml, "</Successful><Failed>");
    for (size_t i = 0; i < sns->entry_count; i++) {
        if (!delivery_is_taken(&sns->deliveries[i]))
            add_failure(&xml, &sns->entries[i + 1], &sns->deliveries[i]);
    }
    text_add_literal(&xml, "</Failed>");
    close_answer(call, sns, &xml, "PublishBatch");
}

static bool is_entry_id(Slice id)
{
    if (!id.bytes || id.bytes > ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!fits)
            return false;
    }
    return true;
}

/* What AWS answers to a batch that is wrong as a whole; NULL = nothing. */
static const char *wrong_with_batch(const SnsRequest *sns, const char **ret_message)
{
    size_t bytes = 0;
    *ret_message = "The batch request doesn't contain any entries.";
    if (!sns->entry_count)
        return "EmptyBatchRequest";
    *ret_message = "The batch request contains more entries than permissible (10).";
    if (sns->entry_count > ENTRIES_MAX)
        return "TooManyEntriesInBatchRequest";
    for (size_t i = 1; i <= sns->entry_count; i++) {
        bytes += sns->entries[i].message.bytes;
        *ret_message = "The Id of a batch entry is missing or has other characters than letters, digits, - and _ (at most 80).";
        if (!is_entry_id(sns->entries[i].id))
            return "InvalidBatchEntryId";
        *ret_message = "Two or more batch entries have the same Id.";
        for (size_t k = 1; k < i; k++) {
            if (slice_equal(sns->entries[k].id, sns->entries[i].id))
                return "BatchEntryIdsNotDistinct";
        }
    }
    *ret_message = "The messages of the batch are longer than 262144 bytes together.";
    return bytes > MESSAGE_BYTES_MAX ? "BatchRequestTooLong" : NULL;
}

static void publish_batch(Call *call, SnsRequest *sns)
{
    const char *message, *wrong = wrong_with_batch(sns, &message);
    if (!topic_is_known(call, sns))
        return;
    if (wrong) {
        answer_error(call, sns, 400, wrong, message);
        return;
    }
    for (size_t i = 1; i <= sns->entry_count; i++) {
        if (!message_is_fine(call, sns, sns->entries[i].message))
            return;
    }
    submit(call, sns, sns->entries + 1, sns->entry_count, batch_finished);
}

/* ---- topics ---- */

static void list_topics(Call *call, SnsRequest *sns)
{
    Text xml = open_answer(call, "ListTopics");
    text_add_literal(&xml, "<Topics>");
    for (size_t i = 0; event_handlers[i]; i++)
        text_printf(&xml, "<member><TopicArn>arn:aws:sns:us-east-1:000000000000:%s</TopicArn></member>", event_handlers[i]->topic);
    text_add_literal(&xml, "</Topics>");
    close_answer(call, sns, &xml, "ListTopics");
}

static void add_attribute(Text *xml, const char *key, Slice value)
{
    text_printf(xml, "<entry><key>%s</key>", key);
    add_element(xml, "value", value);
    text_add_literal(xml, "</entry>");
}

static void get_topic_attributes(Call *call, SnsRequest *sns)
{
    if (!topic_is_known(call, sns))
        return;
    Text xml = open_answer(call, "GetTopicAttributes");
    text_add_literal(&xml, "<Attributes>");
    add_attribute(&xml, "TopicArn", sns->topic_arn);
    add_attribute(&xml, "DisplayName", envelope_topic_name(sns->topic_arn));
    add_attribute(&xml, "SubscriptionsConfirmed", SLICE("1"));
    text_add_literal(&xml, "</Attributes>");
    close_answer(call, sns, &xml, "GetTopicAttributes");
}

static const struct SnsAction {
    const char *name;
    void (*run)(Call *call, SnsRequest *sns);
} actions[] = {
    {"Publish", publish}, {"PublishBatch", publish_batch}, {"ListTopics", list_topics}, {"GetTopicAttributes", get_topic_attributes},
};

void sns_api(Call *call, const Ports *ports)
{
    (void)ports;
    SnsRequest *sns = sns_new(call);
    call->context = sns;
    if (!read_form(call, sns)) {
        answer_error(call, sns, 400, "InvalidParameter", "the form is not percent-encoded as it should be");
        return;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (slice_equal(slice_of(actions[i].name), sns->action)) {
            actions[i].run(call, sns);
            return;
        }
    }
    answer_error(call, sns, 400, "InvalidAction", "this endpoint knows Publish, PublishBatch, ListTopics and GetTopicAttributes");
}
