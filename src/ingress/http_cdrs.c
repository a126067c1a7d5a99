/* Call records over HTTP: pages as JSON, everything as CSV or NDJSON streams. */
#include <time.h>

#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "ingress/http_parameters.h"

enum { LIST_MOST = 10000, STREAM_PAGE = 500, STREAM_PENDING_ENOUGH = 1024 * 1024 };

typedef enum RecordFormat { FORMAT_JSON, FORMAT_CSV, FORMAT_NDJSON } RecordFormat;

typedef struct Listing {
    CdrFilter filter;
    RecordFormat format;
    Text text;
    Arena scratch; /* one record */
    size_t count;
    size_t left;   /* of the limit, for streams */
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
    listing->filter.after = cursor;
    return true;
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

/* A page, and then the job queues again behind the others, so that a long export keeps no report waiting. */
static void stream_page(ReaderJob *job, const Ports *ports)
{
    Call *call = (Call *)(void *)((char *)job - offsetof(Call, job));
    Listing *listing = call->context;
    struct timespec pause = {.tv_nsec = 2000000};
    Fault fault;
    bool goes_on = true;
    if (http_stream_pending(call->request) < STREAM_PENDING_ENOUGH) {
        Arena page;
        arena_init(&page);
        listing->text = text_in(&page);
        listing->count = 0;
        listing->filter.limit = listing->left < STREAM_PAGE ? listing->left : STREAM_PAGE;
        Status status = ports->cdrs.query(ports->cdrs.self, &listing->filter, &call->api->settings.rating, add_record, listing, &fault);
        listing->left -= listing->count;
        goes_on = !status && listing->count == STREAM_PAGE && listing->left;
        goes_on &= http_stream_push(call->request, text_slice(&listing->text));
        arena_done(&page);
    } else {
        nanosleep(&pause, NULL); /* the client reads more slowly than we do */
        goes_on = http_stream_push(call->request, (Slice){0});
    }
    if (goes_on && readers_do(call->api->readers, job))
        return;
    http_stream_end(call->request);
    arena_done(&listing->scratch);
    http_release(call->request);
}

/* The handler's own job ends with the head; a job of its own goes on with the pages. */
static void start_stream(Call *call, Listing *listing)
{
    listing->left = slice_empty(call_query(call, "limit")) ? SIZE_MAX : listing->filter.limit;
    Call *pages = ARENA_NEW(call->arena, Call);
    Listing *kept = ARENA_NEW(call->arena, Listing);
    *kept = *listing;
    *pages = (Call){.api = call->api, .request = call->request, .arena = call->arena, .context = kept, .job = {.run = stream_page}};
    http_hold(call->request);
    call->request->reply.streams = true;
    answer_text(call, 200, listing->format == FORMAT_CSV ? "text/csv; charset=utf-8" : "application/x-ndjson", (Slice){0});
    if (listing->format == FORMAT_CSV) {
        Text header = text_in(call->arena);
        cdr_print_csv_header(&header);
        http_stream_push(call->request, text_slice(&header));
    }
    if (readers_do(call->api->readers, &pages->job))
        return;
    http_stream_end(call->request);
    http_release(call->request);
}

/* ---- handlers ---- */

void cdrs_list(Call *call, const Ports *ports)
{
    Listing listing = {.format = wanted_format(call)};
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
    Status status = ports->cdrs.query(ports->cdrs.self, filter, &call->api->settings.rating, add_record, &listing, &fault);
    arena_done(&listing.scratch);
    if (status) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (listing.count == filter->limit)
        text_printf(&listing.text, "],\"nextCursor\":\"%lld.%lld\"}\n", (long long)filter->after.start_ms, (long long)filter->after.row);
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
    cdr_derive(cdr, &call->api->settings.rating, call->arena);
    cdr_print(cdr, call->arena, &json);
    text_add_byte(&json, '\n');
    answer_json(call, 200, &json);
}
