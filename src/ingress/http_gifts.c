/* Gifts over HTTP: what a donation page tells, signed, and the list of all. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/http_handlers.h"
#include "ingress/http_pages.h"
#include "ingress/http_parameters.h"
#include "ingress/webhook.h"
#include "service/gift_origin.h"

/* Standard Webhooks are some 20 kB at most; a stranger's body is digested up to here. */
enum { BODY_BYTES_MAX = 64 * 1024, LIST_MOST = 10000, STREAM_PAGE = 500 };

/* ---- what a donation page tells ---- */

static void note_result(const Gift *gift, GiftResult result)
{
    static const Metric metrics[] = {[GIFT_ADDED] = METRIC_GIFTS_ADDED, [GIFT_KNOWN] = METRIC_GIFTS_KNOWN, [GIFT_DIFFERS] = METRIC_GIFTS_DIFFER};
    metric_add(metrics[result], 1);
    if (result == GIFT_DIFFERS)
        log_line(LOG_WARN, "a donation page told of a gift again, with another amount or currency; the first one stands",
                 LOG_TEXT("donationId", gift->id));
}

static void answer_gift(Call *call, const Gift *gift, GiftResult result)
{
    Text json = text_in(call->arena);
    text_add_literal(&json, "{\"donationId\":");
    json_add_string(&json, gift->id);
    json_add_text_member(&json, "result", slice_of(gift_result_name(result)));
    json_add_flag_member(&json, "matched", gift_is_matched(gift));
    json_add_text_member(&json, "campaignId", gift->campaign_id);
    text_add_literal(&json, "}\n");
    answer_json(call, gift_is_matched(gift) ? 200 : 202, &json);
}

/* In a unit of work, on the worker's thread. */
static void take_gift(Call *call, const Ports *ports)
{
    Gift *gift = call->context;
    GiftResult result;
    Fault fault;
    Status status = gift_find_origin(ports, call->api->settings.link_secret, gift, call->arena, &fault);
    status = status ? status : ports->gifts.give(ports->gifts.self, gift, 1, &result, &fault);
    if (status) {
        answer_fault(call, 422, &fault);
        return;
    }
    note_result(gift, result);
    answer_gift(call, gift, result);
}

static void refuse(Call *call, unsigned code, const Fault *fault)
{
    metric_add(METRIC_GIFTS_REFUSED, 1);
    answer_fault(call, code, fault);
}

static bool is_proven(Call *call, int64_t now_ms)
{
    const HttpRequest *request = call->request;
    Webhook webhook = {.id = http_header(request, "webhook-id"), .timestamp = http_header(request, "webhook-timestamp"),
                       .signatures = http_header(request, "webhook-signature"), .body = request->body};
    Fault fault;
    if (!webhook_verify(call->api->donations_secrets, &webhook, now_ms, call->arena, &fault))
        return true;
    refuse(call, strcmp(fault.code, "signature_missing") ? 403 : 401, &fault);
    return false;
}

void gifts_take(Call *call, const Ports *ports)
{
    (void)ports;
    int64_t now_ms = clock_wall_ms();
    Fault fault;
    if (!call->api->donations_secrets)
        answer_problem(call, 404, "donations_off", "nothing is taken here unless PLEDGELINE_DONATIONS_SECRET is set");
    else if (call->request->body.bytes > BODY_BYTES_MAX)
        answer_problem(call, 413, "body_too_large", "what is told of a gift has %d bytes at most", BODY_BYTES_MAX);
    if (call->request->reply.code || !is_proven(call, now_ms))
        return;
    const Json *body = call_body(call);
    Gift *gift = ARENA_NEW(call->arena, Gift);
    if (!body)
        return;
    if (gift_parse(body, now_ms, call->arena, gift, &fault)) {
        refuse(call, 422, &fault);
        return;
    }
    call->context = gift;
    call_change(call, take_gift);
}

/* ---- the list ---- */

typedef struct Listing {
    GiftFilter filter;
    bool is_csv;
    Text text;
    Arena scratch; /* one gift */
    size_t count;
    size_t left;   /* of the limit, for CSV */
} Listing;

static bool add_gift(void *context, const Gift *gift)
{
    Listing *listing = context;
    arena_reset(&listing->scratch);
    if (listing->is_csv) {
        gift_print_csv(gift, &listing->scratch, &listing->text);
    } else {
        text_add(&listing->text, listing->count ? SLICE(",\n") : SLICE("\n"));
        gift_print(gift, &listing->scratch, &listing->text);
    }
    listing->count++;
    listing->filter.before_row = gift->row;
    return true;
}

static PageEnd print_gifts(void *context, const Ports *ports, size_t bytes, Text *page)
{
    (void)bytes;
    Listing *listing = context;
    Fault fault;
    listing->text = *page;
    listing->count = 0;
    listing->filter.limit = listing->left < STREAM_PAGE ? listing->left : STREAM_PAGE;
    Status status = ports->gifts.list(ports->gifts.self, &listing->filter, add_gift, listing, &fault);
    arena_done(&listing->scratch);
    *page = listing->text;
    listing->left -= listing->count;
    if (status)
        return PAGE_FAILED;
    return listing->left && listing->count == listing->filter.limit ? PAGE_MORE : PAGE_LAST;
}

static void start_csv(Call *call, const Listing *listing)
{
    Listing *kept = ARENA_NEW(call->arena, Listing);
    *kept = *listing;
    kept->left = slice_empty(call_query(call, "limit")) ? SIZE_MAX : listing->filter.limit;
    Text head = text_in(call->arena);
    gift_print_csv_header(&head);
    answer_pages(call, "text/csv; charset=utf-8", text_slice(&head), print_gifts, kept);
}

static void answer_list(Call *call, const Ports *ports, Listing *listing)
{
    Fault fault;
    listing->text = text_in(call->arena);
    text_add_literal(&listing->text, "{\"donations\":[");
    Status status = ports->gifts.list(ports->gifts.self, &listing->filter, add_gift, listing, &fault);
    arena_done(&listing->scratch);
    if (status) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (listing->count == listing->filter.limit)
        text_printf(&listing->text, "],\"nextCursor\":\"%lld\"}\n", (long long)listing->filter.before_row);
    else
        text_add_literal(&listing->text, "],\"nextCursor\":null}\n");
    answer_json(call, 200, &listing->text);
}

void gifts_list(Call *call, const Ports *ports)
{
    Listing listing = {.is_csv = slice_holds(http_header(call->request, "Accept"), SLICE("text/csv"))};
    listing.filter = (GiftFilter){.campaign_id = call_query(call, "campaignId"), .call_id = call_query(call, "callId"),
                                  .ref = call_query(call, "ref"), .unmatched = slice_equal(call_query(call, "matched"), SLICE("no")),
                                  .before_row = call_position(call, "cursor"), .limit = call_limit(call)};
    if (listing.is_csv)
        start_csv(call, &listing);
    else if (listing.filter.limit > LIST_MOST)
        answer_problem(call, 400, "parameter_invalid", "limit must be a number from 1 to %d; only CSV takes more", LIST_MOST);
    else
        answer_list(call, ports, &listing);
}
