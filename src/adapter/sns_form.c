/* The Query protocol: everything is a field of one form, and lists are numbered from 1. */
#include "adapter/sns_form.h"

#include "base/digest.h"
#include "base/trace.h"
#include "base/utf8.h"
#include "net/http_client.h"
#include "net/xml.h"

enum { ID_BYTES_MAX = 128, ATTRIBUTE_BYTES_MAX = 512, OVERHEAD_BYTES = 1024 };

size_t sns_message_bytes(const SnsMessage *message) { return message->body.bytes + 2 * ATTRIBUTE_BYTES_MAX + OVERHEAD_BYTES; }

static void add_field(Text *form, size_t member, const char *name, Slice value)
{
    text_printf(form, "&PublishBatchRequestEntries.member.%zu.%s=", member, name);
    text_add(form, http_client_escape(value, form->arena));
}

/* One line of text, and never empty: SNS takes nothing else. */
static void add_attribute(Text *form, size_t member, int *number, const char *name, Slice value)
{
    Slice line = utf8_plain(value, ATTRIBUTE_BYTES_MAX, form->arena);
    if (slice_empty(line))
        return;
    ++*number;
    add_field(form, member, arena_printf(form->arena, "MessageAttributes.entry.%d.Name", *number).at, slice_of(name));
    add_field(form, member, arena_printf(form->arena, "MessageAttributes.entry.%d.Value.DataType", *number).at, SLICE("String"));
    add_field(form, member, arena_printf(form->arena, "MessageAttributes.entry.%d.Value.StringValue", *number).at, line);
}

/* Up to 128 printable ASCII characters without blanks; what is none becomes its digest. */
static Slice fifo_id(Slice text, Arena *arena)
{
    bool fits = text.bytes > 0 && text.bytes <= ID_BYTES_MAX;
    for (size_t i = 0; i < text.bytes; i++)
        fits = fits && text.at[i] > ' ' && text.at[i] < 127;
    if (fits)
        return text;
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(&text, 1, digest);
    return digest_hex(arena, digest, DIGEST_BYTES);
}

static void add_message(Text *form, size_t member, bool is_fifo, const SnsMessage *message)
{
    int attributes = 0;
    add_field(form, member, "Id", arena_printf(form->arena, "%zu", member));
    add_field(form, member, "Subject", slice_of(message->subject));
    add_field(form, member, "Message", message->body);
    add_attribute(form, member, &attributes, "actionId", message->action_id);
    add_attribute(form, member, &attributes, "campaignId", message->campaign_id);
    add_attribute(form, member, &attributes, "traceparent", slice_of(trace_current()));
    if (!is_fifo)
        return;
    add_field(form, member, "MessageDeduplicationId", fifo_id(message->action_id, form->arena));
    add_field(form, member, "MessageGroupId", fifo_id(message->group, form->arena));
}

Slice sns_batch_form(const char *topic_arn, bool is_fifo, const SnsMessage *messages, size_t count, Arena *arena)
{
    Text form = text_in(arena);
    text_add_literal(&form, "Action=PublishBatch&Version=2010-03-31&TopicArn=");
    text_add(&form, http_client_escape(slice_of(topic_arn), arena));
    for (size_t i = 0; i < count; i++)
        add_message(&form, i + 1, is_fifo, &messages[i]);
    return text_slice(&form);
}

/* ---- the answer ---- */

/* 0: it is none of ours. */
static size_t number_of(Slice id)
{
    size_t number = 0;
    for (size_t i = 0; i < id.bytes; i++) {
        if (id.at[i] < '0' || id.at[i] > '9' || number > SNS_BATCH_MAX)
            return 0;
        number = number * 10 + (size_t)(id.at[i] - '0');
    }
    return number;
}

/* The texts of one <member>, which says by its Id which message it is about. */
static void read_member(const XmlText *texts, size_t texts_count, size_t count, SnsResult *results)
{
    size_t number = number_of(xml_find(texts, texts_count, "Id"));
    if (number < 1 || number > count)
        return;
    results[number - 1] = (SnsResult){.message_id = xml_find(texts, texts_count, "MessageId"), .code = xml_find(texts, texts_count, "Code"),
                                      .words = xml_find(texts, texts_count, "Message"),
                                      .is_senders_fault = slice_equal(xml_find(texts, texts_count, "SenderFault"), SLICE("true"))};
}

void sns_batch_results(Slice answer, size_t count, Arena *arena, SnsResult *results)
{
    const XmlText *texts;
    size_t texts_count, begin = 0;
    memset(results, 0, count * sizeof *results);
    xml_read(answer, arena, &texts, &texts_count);
    while (begin < texts_count) {
        size_t end = begin + 1;
        while (end < texts_count && texts[end].member == texts[begin].member)
            end++;
        if (texts[begin].member)
            read_member(texts + begin, end - begin, count, results);
        begin = end;
    }
}
