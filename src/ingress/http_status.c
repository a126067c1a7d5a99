/* Is it there, is it well, how is it doing, what is it. */
#include "ingress/http_handlers.h"

#include "base/metrics.h"

void health(Call *call, const Ports *ports)
{
    (void)ports;
    answer_text(call, 200, "application/json", SLICE("{\"status\":\"ok\"}\n"));
}

void readiness(Call *call, const Ports *ports)
{
    (void)ports;
    IntakeState state;
    intake_state(call->api->intake, &state);
    Text json = text_in(call->arena);
    text_printf(&json, "{\"status\":\"%s\",\"dependencies\":{\"store\":", state.healthy ? "ok" : "unavailable");
    if (state.healthy) {
        text_add_literal(&json, "\"ok\"");
    } else {
        text_printf(&json, "{\"code\":\"%s\",\"detail\":", state.fault.code);
        json_add_string(&json, slice_of(state.fault.text));
        text_add_byte(&json, '}');
    }
    text_printf(&json, "},\"queued\":{\"optout\":%zu,\"donation\":%zu,\"call\":%zu}}\n", state.queued[LANE_OPTOUT],
                state.queued[LANE_DONATION], state.queued[LANE_CALL]);
    answer_json(call, state.healthy ? 200 : 503, &json);
    if (!state.healthy)
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
