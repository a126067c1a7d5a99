/* What became of a donation link: who opened it, and what was given. The money is moved elsewhere; this is what a donation page says
 * of it. Nothing here says who gave. Pure. */
#pragma once

#include "base/json.h"
#include "event/visitor.h"

/* How often a link was opened by one kind of visitor. */
typedef struct LinkClicks {
    Slice ref;
    ClickKind kind;
    int64_t first_ms, last_ms;
    int64_t count;
} LinkClicks;

LinkClicks clicks_copy(const LinkClicks *clicks, Arena *arena);

enum { GIFT_ID_BYTES_MAX = 128, GIFT_REF_BYTES_MAX = 64 };

/* A gift, and what was given back of it. */
typedef struct Gift {
    int64_t row;      /* the store's own: later gifts have higher ones */
    Slice id;         /* the donation page's, one for each gift */
    Slice ref;        /* of its link; as the page wrote it where the ledger has no such link */
    Slice call_id, campaign_id, contact_id; /* of the text with the link; campaign_id empty: not known whose it is */
    Slice currency;   /* ISO 4217 */
    int64_t given_micros, given_ms;       /* 0 = the page has only told of the refund, so far */
    int64_t refunded_micros, refunded_ms; /* 0 = nothing was given back */
    int64_t received_ms; /* when we were first told */
} Gift;

Gift gift_copy(const Gift *gift, Arena *arena);

/* Whose gift it is, is known. */
bool gift_is_matched(const Gift *gift);

typedef enum GiftResult {
    GIFT_ADDED,   /* its giving, or its refund, was not known */
    GIFT_KNOWN,   /* nothing new */
    GIFT_DIFFERS, /* known with another amount or currency: the first one stands */
} GiftResult;

const char *gift_result_name(GiftResult result);

/* Takes what was said of a gift into what is held of it (all but the id empty when it is new). The first word on the giving and the
 * first one on the refund stand, in whatever order they come; whose it is, is filled in once it is known. */
GiftResult gift_merge(Gift *held, const Gift *said);

/* What a donation page posts: donationId, ref or callId, amount, currency, status, timestamp. Whatever else it says, as the giver's
 * name, is not looked at. ref may be a link's token or the reference that the page was called with. REJECT "gift_invalid". */
Status gift_parse(const Json *body, int64_t now_ms, Arena *arena, Gift *ret, Fault *fault);

/* "18.00" -> 18000000. False unless it is a decimal above 0 with at most twelve digits before the point and six behind it. */
bool gift_parse_amount(Slice text, int64_t *ret_micros);
/* "18.00": two digits behind the point, or as many as it takes. */
Slice gift_print_amount(int64_t micros, Arena *arena);

void gift_print(const Gift *gift, Arena *arena, Text *out); /* one JSON object */
void clicks_print(const LinkClicks *clicks, Text *out);         /* {"first":…,"last":…,"count":…} */

void gift_print_csv_header(Text *out);
void gift_print_csv(const Gift *gift, Arena *arena, Text *out);
