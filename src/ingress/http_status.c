/* Is it there, is it well, how is it doing, what is it. */
#include "ingress/http_handlers.h"

#include "base/metrics.h"

void health(Call *call, const Ports *ports)
{
    (void)ports;
    answer_text(call, 200, "application/json", SLICE("{\"status\":\"ok\"}\n"));
}

static void add_dependency(Text *json, const char *name, const Fault *fault)
{
    text_printf(json, "\"%s\":", name);
    if (!fault) {
        text_add_literal(json, "\"ok\"");
        return;
    }
    text_printf(json, "{\"code\":\"%s\",\"detail\":", fault->code);
    json_add_string(json, slice_of(fault->text));
    text_add_byte(json, '}');
}

/* A store that is away, or refuses, degrades the service and does not end it: what it misses is kept and comes again. */
static bool add_breakers(Text *json, Breaker *const *breakers)
{
    bool all_well = true;
    for (; breakers && *breakers; breakers++) {
        Fault why;
        bool is_unwell = breaker_is_unwell(*breakers, &why);
        text_add_byte(json, ',');
        add_dependency(json, (*breakers)->name, is_unwell ? &why : NULL);
        all_well = all_well && !is_unwell;
    }
    return all_well;
}

/* An opt-out that can be written nowhere is the one thing that must not happen. */
static bool add_journal(Text *json, OptoutJournal *journal)
{
    if (!journal)
        return true;
    JournalState state;
    optout_journal_state(journal, &state);
    text_add_byte(json, ',');
    add_dependency(json, "optout_journal", state.healthy ? NULL : &state.fault);
    return state.healthy;
}

void readiness(Call *call, const Ports *ports)
{
    (void)ports;
    IntakeState state;
    intake_state(call->api->intake, &state);
    Text json = text_in(call->arena);
    Text stores = text_in(call->arena);
    bool all_well = add_breakers(&stores, call->api->settings.breakers);
    bool can_store = add_journal(&stores, call->api->settings.journal) && state.healthy;
    text_printf(&json, "{\"status\":\"%s\",\"dependencies\":{", !can_store ? "unavailable" : all_well ? "ok" : "degraded");
    add_dependency(&json, "store", state.healthy ? NULL : &state.fault);
    text_add(&json, text_slice(&stores));
    text_printf(&json, "},\"queued\":{\"optout\":%zu,\"donation\":%zu,\"call\":%zu}}\n", state.queued[LANE_OPTOUT],
                state.queued[LANE_DONATION], state.queued[LANE_CALL]);
    answer_json(call, can_store ? 200 : 503, &json);
    if (!can_store)
        http_add_header(call->request, "Retry-After", "1");
}

void metrics_page(Call *call, const Ports *ports)
{
    Fault fault;
    int64_t rows = 0;
    if (!ports->spool.count(ports->spool.self, SPOOL_WAITING, &rows, &fault))
        metric_set(METRIC_SPOOL_WAITING, rows);
    if (!ports->spool.count(ports->spool.self, SPOOL_DEAD, &rows, &fault))
        metric_set(METRIC_SPOOL_DEAD, rows);
    Text text = text_in(call->arena);
    metrics_print(&text);
    answer_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", text_slice(&text));
}

void version_page(Call *call, const Ports *ports)
{
    (void)ports;
    Text json = text_in(call->arena);
    text_printf(&json, "{\"name\":\"pledgeline\",\"version\":\"%s\"}\n", PLEDGELINE_VERSION);
    answer_json(call, 200, &json);
}
