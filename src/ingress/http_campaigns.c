/* Campaigns over HTTP: recorded truth (stats), live counters (live), both for a dashboard. */
#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "service/print.h"
#include "service/recount.h"

enum { COMPARED_MAX = 50, DIALING_WINDOW_MS = 60 * 1000 };

typedef struct Listing {
    Text json;
    size_t count;
    Slice currency;
} Listing;

static bool add_live(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE(""));
    print_live(&listing->json, campaign_id, last_activity_ms, counters, count);
    return true;
}

void campaigns_list(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = {.json = text_in(call->arena)};
    text_add_literal(&listing.json, "{\"campaigns\":[");
    if (ports->live.read(ports->live.self, (Slice){0}, add_live, &listing, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    text_add_literal(&listing.json, "],\"nextCursor\":null}\n");
    answer_json(call, 200, &listing.json);
}

/* ---- stats ---- */

static bool add_stats(void *context, const CampaignStats *stats)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE(""));
    campaign_stats_print(stats, listing->currency, &listing->json);
    return true;
}

static Status stats_of(Call *call, const Ports *ports, Slice campaign_id, Listing *listing, Fault *fault)
{
    CdrFilter filter = {.campaign_id = campaign_id};
    listing->currency = call->api->settings.currency;
    return ports->cdrs.stats(ports->cdrs.self, &filter, add_stats, listing, fault);
}

void campaign_stats(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = {.json = text_in(call->arena)};
    if (stats_of(call, ports, call->parts[0], &listing, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (!listing.count) {
        answer_problem(call, 404, "campaign_unknown", "no call of that campaign is recorded");
        return;
    }
    text_add_byte(&listing.json, '\n');
    answer_json(call, 200, &listing.json);
}

static Slice take_id(Slice *rest)
{
    const char *comma = memchr(rest->at, ',', rest->bytes);
    Slice id = {rest->at, comma ? (size_t)(comma - rest->at) : rest->bytes};
    size_t taken = id.bytes + (comma != NULL);
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return id;
}

void campaigns_compare(Call *call, const Ports *ports)
{
    Fault fault;
    Slice ids = call_query(call, "ids");
    Listing listing = {.json = text_in(call->arena)};
    if (slice_empty(ids)) {
        answer_problem(call, 400, "ids_missing", "name the campaigns: ?ids=a,b");
        return;
    }
    text_add_literal(&listing.json, "{\"campaigns\":[");
    for (size_t i = 0; ids.bytes; i++) {
        Slice id = take_id(&ids);
        if (i == COMPARED_MAX) {
            answer_problem(call, 400, "ids_too_many", "at most %d campaigns at a time", COMPARED_MAX);
            return;
        }
        if (!slice_empty(id) && stats_of(call, ports, id, &listing, &fault)) {
            answer_fault(call, 503, &fault);
            return;
        }
    }
    text_add_literal(&listing.json, "]}\n");
    answer_json(call, 200, &listing.json);
}

/* ---- live ---- */

/* Beside the counters, what a dashboard shows of now: messages that wait, and calls begun within the last minute. */
static Status add_now(Call *call, const Ports *ports, Text *json, Fault *fault)
{
    int64_t calls = 0, waiting = 0;
    IntakeState state;
    Status status = ports->cdrs.started_since(ports->cdrs.self, call->parts[0], clock_wall_ms() - DIALING_WINDOW_MS, &calls, fault);
    status = status ? status : ports->spool.count(ports->spool.self, SPOOL_WAITING, &waiting, fault);
    intake_state(call->api->intake, &state);
    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        waiting += (int64_t)state.queued[lane];
    json->bytes--;
    text_printf(json, ",\"queueDepth\":%lld,\"dialingRate\":%lld}\n", (long long)waiting, (long long)calls);
    return status;
}

void campaign_live(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = {.json = text_in(call->arena)};
    Status status = ports->live.read(ports->live.self, call->parts[0], add_live, &listing, &fault);
    if (!status && !listing.count) {
        answer_problem(call, 404, "campaign_unknown", "nothing of that campaign is counted");
        return;
    }
    status = status ? status : add_now(call, ports, &listing.json, &fault);
    if (status)
        answer_fault(call, 503, &fault);
    else
        answer_json(call, 200, &listing.json);
}

void counters_recount(Call *call, const Ports *ports)
{
    Fault fault;
    int64_t drifts = 0;
    if (recount_fix(ports, &call->api->settings.rating, &drifts, &fault)) {
        answer_fault(call, 422, &fault);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"drifts\":%lld}\n", (long long)drifts);
    answer_json(call, 200, &json);
}
