/* What providers' callbacks have in common: URLs, forms, numbers. */
#include "adapter/sms_provider.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "event/phone.h"

enum { TEXT_BYTES_MAX = 8 * 1024, WORD_BYTES_MAX = 128, REASON_BYTES_MAX = 300 };

Status sms_forged(Fault *fault, const char *why) { return fault_set(fault, STATUS_REJECT, "forged", "%s", why); }
Status sms_malformed(Fault *fault, const char *why) { return fault_set(fault, STATUS_REJECT, "callback_malformed", "%s", why); }

Slice sms_callback_url(const SmsSite *site, const SmsCallback *callback, Arena *arena)
{
    return arena_printf(arena, "%.*s%.*s%s%.*s", SLICE_ARG(site->public_url), SLICE_ARG(callback->path), callback->query.bytes ? "?" : "",
                        SLICE_ARG(callback->query));
}

Status sms_callback_form(const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault)
{
    ret->count = 0;
    bool is_get = slice_equal(callback->method, SLICE("GET"));
    if (form_read(is_get ? callback->query : callback->body, arena, ret, fault))
        return sms_malformed(fault, "it is no form");
    return STATUS_OK;
}

Slice sms_callback_query(const SmsCallback *callback, const char *name, Arena *arena)
{
    Form *form = ARENA_NEW(arena, Form);
    Fault ignored;
    return form_read(callback->query, arena, form, &ignored) ? (Slice){0} : form_get(form, name);
}

bool sms_is_ref(Slice ref)
{
    for (size_t i = 0; i < ref.bytes; i++) {
        char c = ref.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return ref.bytes == REF_BYTES;
}

void sms_take_receipt(SmsCallbackRead *ret, Receipt receipt, Arena *arena)
{
    if (receipt.state == RECEIPT_NONE || !sms_is_ref(receipt.ref))
        return;
    receipt.message_id = utf8_plain(receipt.message_id, WORD_BYTES_MAX, arena);
    receipt.code = utf8_plain(receipt.code, WORD_BYTES_MAX, arena);
    receipt.reason = utf8_plain(receipt.reason, REASON_BYTES_MAX, arena);
    ret->receipts = ARENA_NEW(arena, Receipt);
    *ret->receipts = receipt;
    ret->receipt_count = 1;
}

Slice sms_e164(Slice number, Arena *arena)
{
    Slice whole = number.bytes && number.at[0] == '+' ? number : arena_printf(arena, "+%.*s", SLICE_ARG(number));
    return phone_is_e164(whole) ? whole : (Slice){0};
}

static bool may_be_number(Slice text)
{
    bool has_plus = text.bytes && text.at[0] == '+';
    for (size_t i = has_plus; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    return text.bytes > 6; /* shorter: a short code */
}

/* What JSON can carry stays as it was written, line ends and all. */
static Slice carried(Slice text, Arena *arena)
{
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.bytes;
    size_t bytes = 1;
    while (at < end && bytes && *at) {
        bytes = *at < 0x80 ? 1 : utf8_length(at, end);
        at += bytes;
    }
    return at == end ? text : utf8_plain(text, TEXT_BYTES_MAX, arena);
}

Status sms_take_message(SmsCallbackRead *ret, SmsInbound message, Arena *arena, Fault *fault)
{
    if (slice_empty(message.id) || slice_empty(message.from))
        return sms_malformed(fault, "a message needs an id and a sender");
    if (message.text.bytes > TEXT_BYTES_MAX)
        return sms_malformed(fault, "the message is longer than any text");
    if (!may_be_number(message.from))
        return STATUS_OK;
    message.from = sms_e164(message.from, arena);
    if (slice_empty(message.from))
        return sms_malformed(fault, "the sender is no phone number");
    message.id = utf8_plain(message.id, WORD_BYTES_MAX, arena);
    message.to = utf8_plain(message.to, WORD_BYTES_MAX, arena);
    message.text = carried(message.text, arena);
    ret->messages = ARENA_NEW(arena, SmsInbound);
    *ret->messages = message;
    ret->message_count = 1;
    return STATUS_OK;
}

bool sms_same_secret(Slice given, Slice wanted)
{
    uint8_t given_digest[DIGEST_BYTES], wanted_digest[DIGEST_BYTES];
    digest_sha256(&given, 1, given_digest);
    digest_sha256(&wanted, 1, wanted_digest);
    return wanted.bytes && digest_equal(given_digest, wanted_digest, DIGEST_BYTES);
}
