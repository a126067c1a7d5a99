/* Gifts as a donation page tells of them. Amounts are millionths in whole numbers, so that sums are exact. */
#include "event/gift.h"

#include "base/clock.h"
#include "event/csv.h"
#include "event/event.h"

enum { WHOLE_DIGITS_MAX = 12, DECIMALS_MAX = 6 };

#define MICROS INT64_C(1000000)

/* ---- values ---- */

LinkClicks clicks_copy(const LinkClicks *clicks, Arena *arena)
{
    LinkClicks copy = *clicks;
    copy.ref = arena_copy(arena, clicks->ref);
    return copy;
}

Gift gift_copy(const Gift *gift, Arena *arena)
{
    Gift copy = *gift;
    Slice *const texts[] = {&copy.id, &copy.ref, &copy.call_id, &copy.campaign_id, &copy.contact_id, &copy.currency};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    return copy;
}

bool gift_is_matched(const Gift *gift) { return !slice_empty(gift->campaign_id); }

static const char *const result_names[] = {"added", "known", "differs"};

const char *gift_result_name(GiftResult result) { return result_names[result]; }

/* ---- merging ---- */

/* One of the two things that are said of a gift. */
typedef struct Part { int64_t *micros, *at_ms; } Part;

static GiftResult merge_part(Part held, Part said, bool same_currency)
{
    if (!*said.at_ms)
        return GIFT_KNOWN;
    if (*held.at_ms)
        return *held.micros == *said.micros && same_currency ? GIFT_KNOWN : GIFT_DIFFERS;
    if (!same_currency)
        return GIFT_DIFFERS;
    *held.micros = *said.micros;
    *held.at_ms = *said.at_ms;
    return GIFT_ADDED;
}

static void merge_origin(Gift *held, const Gift *said)
{
    bool names_a_link = slice_empty(held->ref) && !slice_empty(said->ref);
    if (gift_is_matched(held) || !(gift_is_matched(said) || names_a_link))
        return;
    held->ref = said->ref;
    held->call_id = said->call_id;
    held->campaign_id = said->campaign_id;
    held->contact_id = said->contact_id;
}

GiftResult gift_merge(Gift *held, const Gift *said)
{
    Gift news = *said;
    if (slice_empty(held->currency))
        held->currency = said->currency;
    if (!held->received_ms)
        held->received_ms = said->received_ms;
    merge_origin(held, said);
    bool same_currency = slice_equal(held->currency, said->currency);
    GiftResult given = merge_part((Part){&held->given_micros, &held->given_ms}, (Part){&news.given_micros, &news.given_ms}, same_currency);
    GiftResult refunded = merge_part((Part){&held->refunded_micros, &held->refunded_ms}, (Part){&news.refunded_micros, &news.refunded_ms},
                                     same_currency);
    if (given == GIFT_DIFFERS || refunded == GIFT_DIFFERS)
        return GIFT_DIFFERS;
    return given == GIFT_ADDED || refunded == GIFT_ADDED ? GIFT_ADDED : GIFT_KNOWN;
}

/* ---- amounts ---- */

bool gift_parse_amount(Slice text, int64_t *ret_micros)
{
    int64_t micros = 0;
    size_t whole = 0, decimals = 0, at = 0;
    for (; at < text.bytes && text.at[at] >= '0' && text.at[at] <= '9' && whole < WHOLE_DIGITS_MAX; at++, whole++)
        micros = micros * 10 + (text.at[at] - '0');
    bool has_point = at < text.bytes && text.at[at] == '.';
    for (at += has_point; has_point && at < text.bytes && text.at[at] >= '0' && text.at[at] <= '9' && decimals < DECIMALS_MAX; at++, decimals++)
        micros = micros * 10 + (text.at[at] - '0');
    if (!whole || at != text.bytes || (has_point && !decimals))
        return false;
    for (; decimals < DECIMALS_MAX; decimals++)
        micros *= 10;
    *ret_micros = micros;
    return micros > 0;
}

Slice gift_print_amount(int64_t micros, Arena *arena)
{
    Slice printed = arena_printf(arena, "%lld.%06lld", (long long)(micros / MICROS), (long long)(micros % MICROS));
    for (int left = DECIMALS_MAX; left > 2 && printed.at[printed.bytes - 1] == '0'; left--)
        printed.bytes--;
    return printed;
}

/* ---- parsing ---- */

static Slice member(const Json *body, const char *name) { return json_text(json_get(body, name)); }

static Status refuse(Fault *fault, const char *what) { return fault_set(fault, STATUS_REJECT, "gift_invalid", "%s", what); }

static bool is_visible(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    }
    return true;
}

static bool is_currency(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < 'A' || text.at[i] > 'Z')
            return false;
    }
    return text.bytes == 3;
}

/* A token and a reference are made of these. What is not, as the links of other systems that have a phone number in them, is not kept. */
static bool is_reference(Slice text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < text.bytes; i++) {
        if (!text.at[i] || !strchr(letters, text.at[i]))
            return false;
    }
    return text.bytes <= GIFT_REF_BYTES_MAX;
}

static Status parse_time(Slice text, int64_t now_ms, int64_t *ret_ms, Fault *fault)
{
    *ret_ms = now_ms;
    if (slice_empty(text) || (time_parse(text, ret_ms) && *ret_ms > 0))
        return STATUS_OK;
    return refuse(fault, "timestamp must be a time as in RFC 3339, like 2024-01-15T10:30:00Z");
}

static Status parse_money(const Json *body, int64_t now_ms, Gift *gift, Fault *fault)
{
    Slice status = member(body, "status");
    bool is_refund = slice_equal(status, SLICE("refunded"));
    if (!is_refund && !slice_equal(status, SLICE("given")))
        return refuse(fault, "status must be given or refunded");
    if (!is_currency(gift->currency))
        return refuse(fault, "currency must be three capital letters (ISO 4217), like USD");
    if (!gift_parse_amount(member(body, "amount"), is_refund ? &gift->refunded_micros : &gift->given_micros))
        return refuse(fault, "amount must be a decimal above 0, written as a text, like \"18.00\"");
    return parse_time(member(body, "timestamp"), now_ms, is_refund ? &gift->refunded_ms : &gift->given_ms, fault);
}

Status gift_parse(const Json *body, int64_t now_ms, Arena *arena, Gift *ret, Fault *fault)
{
    Gift gift = {.id = member(body, "donationId"), .ref = member(body, "ref"), .call_id = member(body, "callId"),
                 .currency = member(body, "currency"), .received_ms = now_ms};
    if (slice_empty(gift.id) || gift.id.bytes > GIFT_ID_BYTES_MAX || !is_visible(gift.id))
        return refuse(fault, "donationId must be 1 to 128 visible ASCII characters");
    if (!is_reference(gift.ref))
        gift.ref = (Slice){0};
    if (gift.call_id.bytes > CALL_ID_BYTES_MAX)
        gift.call_id = (Slice){0};
    Status status = parse_money(body, now_ms, &gift, fault);
    if (!status)
        *ret = gift_copy(&gift, arena);
    return status;
}

/* ---- printing ---- */

static Slice status_of(const Gift *gift) { return gift->refunded_ms ? SLICE("refunded") : SLICE("given"); }

static Slice amount_of(int64_t micros, Arena *arena) { return micros ? gift_print_amount(micros, arena) : (Slice){0}; }

void gift_print(const Gift *gift, Arena *arena, Text *out)
{
    text_add_literal(out, "{\"donationId\":");
    json_add_string(out, gift->id);
    json_add_text_member(out, "status", status_of(gift));
    json_add_text_member(out, "amount", amount_of(gift->given_micros, arena));
    json_add_text_member(out, "refunded", amount_of(gift->refunded_micros, arena));
    json_add_text_member(out, "currency", gift->currency);
    json_add_text_member(out, "campaignId", gift->campaign_id);
    json_add_text_member(out, "callId", gift->call_id);
    json_add_text_member(out, "contactId", gift->contact_id);
    json_add_text_member(out, "ref", gift->ref);
    json_add_flag_member(out, "matched", gift_is_matched(gift));
    json_add_time_member(out, "givenAt", gift->given_ms);
    json_add_time_member(out, "refundedAt", gift->refunded_ms);
    json_add_time_member(out, "receivedAt", gift->received_ms);
    text_add_byte(out, '}');
}

void clicks_print(const LinkClicks *clicks, Text *out)
{
    text_printf(out, "{\"count\":%lld", (long long)clicks->count);
    json_add_time_member(out, "first", clicks->first_ms);
    json_add_time_member(out, "last", clicks->last_ms);
    text_add_byte(out, '}');
}

/* ---- CSV ---- */

static const char *const csv_columns[] = {
    "donationId", "status", "amount", "refunded", "currency", "campaignId", "callId", "contactId", "ref", "givenAt", "refundedAt", "receivedAt",
};

void gift_print_csv_header(Text *out) { csv_add_header(out, csv_columns, sizeof csv_columns / sizeof *csv_columns); }

void gift_print_csv(const Gift *gift, Arena *arena, Text *out)
{
    const Slice cells[] = {
        gift->id, status_of(gift), amount_of(gift->given_micros, arena), amount_of(gift->refunded_micros, arena), gift->currency,
        gift->campaign_id, gift->call_id, gift->contact_id, gift->ref,
        csv_time(gift->given_ms, arena), csv_time(gift->refunded_ms, arena), csv_time(gift->received_ms, arena),
    };
    _Static_assert(sizeof cells / sizeof *cells == sizeof csv_columns / sizeof *csv_columns, "a cell for each column");
    csv_add_row(out, cells, sizeof cells / sizeof *cells);
}
