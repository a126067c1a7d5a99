/* What answers mean, whoever gives them. A text is never sent twice, so only what certainly was not taken is asked for again. */
#include "adapter/sms_provider.h"

enum { WORDS_MAX = 160, RETRY_AFTER_MOST_S = 15 * 60 };

Status sms_no_sender(Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "no_sender", "PLEDGELINE_SMS_FROM has no sender for this number");
}

SmsReply sms_accepted(Slice id)
{
    if (slice_empty(id))
        return (SmsReply){.outcome = {.result = SMS_UNKNOWN, .reason = SLICE("the answer does not say which message it is")}};
    return (SmsReply){.outcome = {.result = SMS_ACCEPTED, .message_id = id}};
}

bool sms_has_word(const char *separated, Slice word)
{
    for (Slice words = slice_of(separated); words.bytes;) {
        const char *blank = memchr(words.at, ' ', words.bytes);
        size_t bytes = blank ? (size_t)(blank - words.at) : words.bytes, skipped = bytes + (blank != NULL);
        if (slice_equal((Slice){words.at, bytes}, word))
            return true;
        words = (Slice){words.at + skipped, words.bytes - skipped};
    }
    return false;
}

const SmsCodes *sms_codes_find(const SmsCodes *table, Slice code)
{
    while (table->codes && !sms_has_word(table->codes, code))
        table++;
    return table->codes ? table : NULL;
}

SmsClass sms_class_of_code(const SmsCodes *table, Slice code)
{
    const SmsCodes *row = sms_codes_find(table, code);
    return row ? row->sms_class : SMS_CLASS_UNKNOWN;
}

static SmsResult result_of(SmsClass sms_class)
{
    switch (sms_class) {
    case SMS_TEMP_UNREACHABLE:
    case SMS_CLASS_UNKNOWN:
        return SMS_UNSENT;
    case SMS_ACCOUNT:
        return SMS_AWAY;
    case SMS_CLASS_NONE:
    case SMS_NOT_CAPABLE:
    case SMS_OPTED_OUT:
    case SMS_DEAD_NUMBER:
    case SMS_FILTERED:
        break;
    }
    return SMS_REFUSED;
}

static Slice shortened(Slice words) { return (Slice){words.at, words.bytes < WORDS_MAX ? words.bytes : WORDS_MAX}; }

SmsReply sms_refused(const SmsCodes *table, Slice code, Slice words, Arena *arena)
{
    const SmsCodes *row = sms_codes_find(table, code);
    SmsClass sms_class = row ? row->sms_class : SMS_CLASS_UNKNOWN;
    SmsFault fault = row ? row->fault : SMS_OF_TEXT;
    Slice reason = arena_printf(arena, "%.*s: %.*s", SLICE_ARG(code), SLICE_ARG(shortened(words)));
    return (SmsReply){.outcome = {.result = fault == SMS_OF_PROVIDER ? SMS_UNSENT : result_of(sms_class), .sms_class = sms_class,
                                  .code = arena_copy(arena, code), .reason = reason},
                      .parks = fault == SMS_OF_ACCOUNT};
}

static Slice http_code(const HttpAnswer *answer, Arena *arena) { return arena_printf(arena, "http_%ld", answer->code); }

static Slice reason_of(const HttpAnswer *answer, Arena *arena)
{
    return arena_printf(arena, "answered %ld: %.*s", answer->code, SLICE_ARG(shortened(answer->body)));
}

SmsReply sms_throttled(const HttpAnswer *answer, int64_t now_ms, Arena *arena)
{
    int64_t wait_s = answer->retry_after_s < RETRY_AFTER_MOST_S ? answer->retry_after_s : RETRY_AFTER_MOST_S;
    return (SmsReply){.outcome = {.result = SMS_AWAY, .code = http_code(answer, arena), .reason = SLICE("it wants to be asked less often"),
                                  .not_before_ms = now_ms + (wait_s > 0 ? wait_s : 1) * 1000},
                      .is_throttled = true};
}

/* Who we are, what we may, what we have paid for, and where it is. */
SmsReply sms_refused_by_http(const HttpAnswer *answer, Arena *arena)
{
    long code = answer->code;
    bool is_account = code == 401 || code == 402 || code == 403 || code == 404 || code == 405 || code == 407;
    bool is_request_late = code == 408 || code == 425; /* RFC 9110 15.5.9, RFC 8470: it was not looked at */
    SmsReply reply = {.outcome = {.result = SMS_REFUSED, .code = http_code(answer, arena), .reason = reason_of(answer, arena)}};
    if (is_account) {
        reply.outcome.result = SMS_AWAY;
        reply.outcome.sms_class = SMS_ACCOUNT;
        reply.parks = true;
    } else if (is_request_late) {
        reply.outcome.result = SMS_UNSENT;
    }
    return reply;
}

/* 503: it, or what stands before it, takes nothing now (RFC 9110 15.6.4). After any other 5xx it may have the text. */
bool sms_reply_to_code(const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret)
{
    if (answer->code == 429) {
        *ret = sms_throttled(answer, now_ms, arena);
        return true;
    }
    if (answer->code >= 300 && answer->code <= 399) {
        *ret = (SmsReply){.outcome = {.result = SMS_AWAY, .sms_class = SMS_ACCOUNT, .code = http_code(answer, arena),
                                      .reason = SLICE("it answers with a redirect: its URL is set wrong")}, .parks = true};
        return true;
    }
    if (answer->code < 500)
        return false;
    bool is_away = answer->code == 503 || answer->code == 501;
    *ret = (SmsReply){.outcome = {.result = is_away ? SMS_AWAY : SMS_UNKNOWN, .code = http_code(answer, arena), .reason = reason_of(answer, arena)}};
    if (is_away && answer->retry_after_s > 0)
        ret->outcome.not_before_ms = sms_throttled(answer, now_ms, arena).outcome.not_before_ms;
    return true;
}
