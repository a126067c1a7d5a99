/* Call records over HTTP: pages as JSON, everything as CSV or NDJSON streams. */
#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "ingress/http_pages.h"
#include "ingress/http_parameters.h"
#include "service/chain.h"

enum { LIST_MOST = 10000, LIST_BYTES_MOST = 8 * 1024 * 1024, STREAM_PAGE = 500 };

typedef enum RecordFormat { FORMAT_JSON, FORMAT_CSV, FORMAT_NDJSON } RecordFormat;

typedef struct Listing {
    CdrFilter filter;
    CdrPlace last;
    RecordFormat format;
    const Rating *rating;
    Text text;
    size_t bytes_most; /* of the text: with more, the page ends */
    Arena scratch;     /* one record */
    size_t count;
    size_t left;       /* of the limit, for streams */
} Listing;

static bool add_record(void *context, const Cdr *cdr, CdrCursor cursor)
{
    Listing *listing = context;
    arena_reset(&listing->scratch);
    if (listing->format == FORMAT_CSV) {
        cdr_print_csv(cdr, &listing->scratch, &listing->text);
    } else {
        if (listing->format == FORMAT_JSON)
            text_add(&listing->text, listing->count ? SLICE(",\n") : SLICE("\n"));
        cdr_print(cdr, &listing->scratch, &listing->text);
        if (listing->format == FORMAT_NDJSON)
            text_add_byte(&listing->text, '\n');
    }
    listing->count++;
    cdr_place_set(&listing->last, cursor);
    listing->filter.after = listing->last.cursor;
    return listing->text.bytes < listing->bytes_most;
}

/* There may be more behind the last record. */
static bool ends_early(const Listing *listing)
{
    return listing->count == listing->filter.limit || listing->text.bytes >= listing->bytes_most;
}

/* ---- what is asked for ---- */

static RecordFormat wanted_format(const Call *call)
{
    Slice accept = http_header(call->request, "Accept");
    if (slice_holds(accept, SLICE("text/csv")))
        return FORMAT_CSV;
    return slice_holds(accept, SLICE("application/x-ndjson")) ? FORMAT_NDJSON : FORMAT_JSON;
}

/* ---- streams ---- */

static PageEnd print_records(void *context, const Ports *ports, size_t bytes, Text *page)
{
    Listing *listing = context;
    Fault fault;
    listing->text = *page;
    listing->bytes_most = bytes;
    listing->count = 0;
    listing->filter.limit = listing->left < STREAM_PAGE ? listing->left : STREAM_PAGE;
    Status status = ports->cdrs.query(ports->cdrs.self, &listing->filter, listing->rating, add_record, listing, &fault);
    arena_done(&listing->scratch);
    *page = listing->text;
    listing->left -= listing->count;
    if (status)
        return PAGE_FAILED;
    return listing->left && ends_early(listing) ? PAGE_MORE : PAGE_LAST;
}

static void start_stream(Call *call, const Listing *listing)
{
    bool is_csv = listing->format == FORMAT_CSV;
    Listing *kept = ARENA_NEW(call->arena, Listing);
    *kept = *listing;
    kept->left = slice_empty(call_query(call, "limit")) ? SIZE_MAX : listing->filter.limit;
    Text head = text_in(call->arena);
    if (is_csv)
        cdr_print_csv_header(&head);
    answer_pages(call, is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson", text_slice(&head), print_records, kept);
}

/* ---- handlers ---- */

static void add_cursor(Text *out, const CdrCursor *last, Arena *arena)
{
    Text cursor = text_in(arena);
    text_printf(&cursor, "%lld.%lld", (long long)last->start_ms, (long long)last->row);
    if (!slice_empty(last->call_id))
        text_printf(&cursor, ".%.*s", SLICE_ARG(last->call_id));
    text_add_literal(out, "],\"nextCursor\":");
    json_add_string(out, text_slice(&cursor));
    text_add_literal(out, "}\n");
}

void cdrs_list(Call *call, const Ports *ports)
{
    Listing listing = {.format = wanted_format(call), .rating = &call->api->settings.rating, .bytes_most = LIST_BYTES_MOST};
    CdrFilter *filter = &listing.filter;
    *filter = (CdrFilter){.campaign_id = call_query(call, "campaignId"), .outcome = call_query(call, "outcome"),
                          .from_ms = call_time(call, "startDate"), .until_ms = call_time(call, "endDate"),
                          .after = call_record_cursor(call, "cursor"), .limit = call_limit(call)};
    if (listing.format != FORMAT_JSON) {
        start_stream(call, &listing);
        return;
    }
    if (filter->limit > LIST_MOST) {
        answer_problem(call, 400, "parameter_invalid", "limit must be a number from 1 to %d; only CSV and NDJSON take more", LIST_MOST);
        return;
    }
    Fault fault;
    listing.text = text_in(call->arena);
    text_add_literal(&listing.text, "{\"records\":[");
    Status status = ports->cdrs.query(ports->cdrs.self, filter, listing.rating, add_record, &listing, &fault);
    arena_done(&listing.scratch);
    if (status) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (ends_early(&listing))
        add_cursor(&listing.text, &filter->after, call->arena);
    else
        text_add_literal(&listing.text, "],\"nextCursor\":null}\n");
    answer_json(call, 200, &listing.text);
}

void cdrs_show(Call *call, const Ports *ports)
{
    Fault fault;
    Cdr *cdr = NULL;
    if (ports->cdrs.load(ports->cdrs.self, &call->parts[0], 1, call->arena, &cdr, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (!cdr->fact_count) {
        answer_problem(call, 404, "call_unknown", "there is no record of that call");
        return;
    }
    Text json = text_in(call->arena);
    Chain chain;
    cdr_derive(cdr, &call->api->settings.rating, call->arena);
    bool is_known = !chain_read(ports, cdr, call->arena, &chain, &fault); /* the record is shown although the ledger is away */
    chain_print_record(cdr, is_known ? &chain : NULL, call->arena, &json);
    text_add_byte(&json, '\n');
    answer_json(call, 200, &json);
}
