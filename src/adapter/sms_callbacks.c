/* What providers' callbacks have in common: URLs, forms, numbers. */
#include "adapter/sms_provider.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "event/link.h"
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

void sms_judge_receipt(Receipt *receipt, Slice word, const SmsStates *states, const SmsCodes *codes)
{
    while (states->words && !sms_has_word(states->words, word))
        states++;
    receipt->state = states->words ? states->state : RECEIPT_NONE;
    if (receipt->state == RECEIPT_UNDELIVERED)
        receipt->sms_class = sms_class_of_code(codes, receipt->code);
}

void sms_take_receipt(SmsCallbackRead *ret, Receipt receipt, Arena *arena)
{
    if (receipt.state == RECEIPT_NONE || !link_is_ref(receipt.ref))
        return;
    receipt.message_id = utf8_plain(receipt.message_id, WORD_BYTES_MAX, arena);
    receipt.code = utf8_plain(receipt.code, WORD_BYTES_MAX, arena);
    receipt.reason = utf8_plain(receipt.reason, REASON_BYTES_MAX, arena);
    ret->receipts = ARENA_NEW(arena, Receipt);
    *ret->receipts = receipt;
    ret->receipt_count = 1;
}

Slice sms_with_plus(Slice number, Arena *arena)
{
    Slice whole = arena_printf(arena, "+%.*s", SLICE_ARG(number));
    return phone_is_e164(whole) ? whole : number;
}

/* Nobody who could be blocked. */
static bool is_short_code(Slice from)
{
    for (size_t i = 0; i < from.bytes; i++) {
        if (from.at[i] < '0' || from.at[i] > '9')
            return false;
    }
    return from.bytes >= 3 && from.bytes <= 6;
}

/* No text is longer, and what opts out stands at its front. */
static Slice front(Slice text)
{
    if (text.bytes <= TEXT_BYTES_MAX)
        return text;
    text.bytes = TEXT_BYTES_MAX;
    while (text.bytes && utf8_is_continuation((unsigned char)text.at[text.bytes]))
        text.bytes--;
    return text;
}

/* Of what was posted, where it names none: the provider's repeat has the same. */
static Slice message_id(Slice id, const SmsCallback *callback, Arena *arena)
{
    enum { ENOUGH_BYTES = 16 };
    if (!slice_empty(id) && id.bytes <= WORD_BYTES_MAX)
        return utf8_plain(id, WORD_BYTES_MAX, arena);
    uint8_t digest[DIGEST_BYTES];
    const Slice posted[] = {callback->query, callback->body};
    digest_sha256(posted, 2, digest);
    return arena_printf(arena, "posted_%.*s", SLICE_ARG(digest_hex(arena, digest, ENOUGH_BYTES)));
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

Status sms_take_message(SmsCallbackRead *ret, const SmsCallback *callback, SmsInbound message, Arena *arena, Fault *fault)
{
    if (slice_empty(message.from) && slice_empty(message.text))
        return sms_malformed(fault, "a message needs a sender or a text");
    if (is_short_code(message.from))
        return STATUS_OK;
    bool is_number = phone_is_e164(message.from);
    message.from = is_number ? message.from : utf8_plain(message.from, WORD_BYTES_MAX, arena);
    message.to = is_number ? utf8_plain(message.to, WORD_BYTES_MAX, arena) : (Slice){0}; /* ours, which is not to be taken for the sender's */
    message.id = message_id(message.id, callback, arena);
    message.text = carried(front(message.text), arena);
    ret->messages = ARENA_NEW(arena, SmsInbound);
    *ret->messages = message;
    ret->message_count = 1;
    return STATUS_OK;
}

Slice sms_json_word(const Json *value, Arena *arena)
{
    enum { EXACT_BITS = 53 }; /* RFC 8259 6: beyond these two ids may read as one */
    if (json_is_number(value) && !(value->valuedouble < (double)(1LL << EXACT_BITS)))
        return (Slice){0};
    return json_is_number(value) ? arena_printf(arena, "%.0f", value->valuedouble) : json_text(value);
}

bool sms_same_secret(Slice given, Slice wanted)
{
    uint8_t given_digest[DIGEST_BYTES], wanted_digest[DIGEST_BYTES];
    digest_sha256(&given, 1, given_digest);
    digest_sha256(&wanted, 1, wanted_digest);
    return wanted.bytes && digest_equal(given_digest, wanted_digest, DIGEST_BYTES);
}
