/* Campaigns: what the records say (stats), what the dashboard reads (live), and whether the two agree (recount). */
#include "verb/campaigns.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

#include "base/clock.h"
#include "service/print.h"
#include "service/recount.h"

typedef struct Showing {
    const Invocation *invocation;
    Output *output;
    Arena arena; /* one row */
    int64_t count;
    Progress progress;
} Showing;

/* ---- stats ---- */

/* People get rates beside the counts, with units; spreadsheets get bare numbers, one a cell. */
static const Column stats_columns[] = {
    {"campaign", COLUMN_TEXT}, {"calls", COLUMN_NUMBER}, {"answered", COLUMN_NUMBER}, {"busy", COLUMN_NUMBER},
    {"failed", COLUMN_NUMBER}, {"no answer", COLUMN_NUMBER}, {"converted", COLUMN_NUMBER}, {"opt-outs", COLUMN_NUMBER},
    {"duration", COLUMN_NUMBER}, {"cost", COLUMN_NUMBER},
};
static const Column stats_csv_columns[] = {
    {"campaign", COLUMN_TEXT}, {"calls", COLUMN_NUMBER}, {"answered", COLUMN_NUMBER}, {"answer rate", COLUMN_NUMBER},
    {"busy", COLUMN_NUMBER}, {"failed", COLUMN_NUMBER}, {"no answer", COLUMN_NUMBER}, {"converted", COLUMN_NUMBER},
    {"conversion rate", COLUMN_NUMBER}, {"opt-outs", COLUMN_NUMBER}, {"opt-out rate", COLUMN_NUMBER},
    {"duration", COLUMN_NUMBER}, {"cost", COLUMN_NUMBER},
};
enum { STATS_COLUMNS = sizeof stats_columns / sizeof *stats_columns, STATS_CSV_COLUMNS = sizeof stats_csv_columns / sizeof *stats_csv_columns };

static Slice campaign_name(const CampaignStats *stats)
{
    return slice_empty(stats->campaign_id) ? SLICE("(unknown)") : stats->campaign_id;
}

static Slice count_and_rate(Arena *arena, int64_t count, double percent)
{
    return arena_printf(arena, "%lld (%.1f %%)", (long long)count, percent);
}

static void stats_row(Showing *showing, const CampaignStats *stats, Slice json)
{
    Arena *arena = &showing->arena;
    const Slice cells[STATS_COLUMNS] = {
        campaign_name(stats), cell_number(arena, stats->total_attempts),
        count_and_rate(arena, stats->answered, campaign_stats_answer_rate(stats)),
        cell_number(arena, stats->busy), cell_number(arena, stats->failed), cell_number(arena, stats->no_answer),
        count_and_rate(arena, stats->converted, campaign_stats_conversion_rate(stats)),
        count_and_rate(arena, stats->opt_outs, campaign_stats_opt_out_rate(stats)),
        cell_duration(arena, stats->total_duration_s),
        cell_money(arena, stats->total_cost_micros, showing->invocation->config->currency),
    };
    output_row(showing->output, cells, json);
}

static Slice bare_rate(Arena *arena, double percent) { return arena_printf(arena, "%.2f", percent); }

static void stats_csv_row(Showing *showing, const CampaignStats *stats)
{
    Arena *arena = &showing->arena;
    const Slice cells[STATS_CSV_COLUMNS] = {
        campaign_name(stats), cell_number(arena, stats->total_attempts),
        cell_number(arena, stats->answered), bare_rate(arena, campaign_stats_answer_rate(stats)),
        cell_number(arena, stats->busy), cell_number(arena, stats->failed), cell_number(arena, stats->no_answer),
        cell_number(arena, stats->converted), bare_rate(arena, campaign_stats_conversion_rate(stats)),
        cell_number(arena, stats->opt_outs), bare_rate(arena, campaign_stats_opt_out_rate(stats)),
        cell_number(arena, stats->total_duration_s), arena_printf(arena, "%.6f", (double)stats->total_cost_micros / 1e6),
    };
    output_row(showing->output, cells, (Slice){0});
}

static bool show_stats(void *context, const CampaignStats *stats)
{
    Showing *showing = context;
    arena_reset(&showing->arena);
    Text json = text_in(&showing->arena);
    campaign_stats_print(stats, slice_of(showing->invocation->config->currency), &json);
    if (showing->invocation->output == OUTPUT_CSV)
        stats_csv_row(showing, stats);
    else
        stats_row(showing, stats, text_slice(&json));
    return true;
}

static int finish(Desk *desk, Showing *showing, Status status, const char *nothing, const Fault *fault)
{
    const char *campaign = showing->invocation->arguments[0];
    size_t rows = output_close(showing->output, status);
    int code = status ? verb_fail(fault) : EXIT_OK;
    if (!status && !rows && campaign)
        code = campaign_has_nothing(&desk->app.ports, showing->invocation->verb->name, campaign, nothing, showing->invocation->arena);
    arena_done(&showing->arena);
    desk_close(desk);
    return code;
}

int stats_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Showing showing = {.invocation = invocation};
    bool csv = invocation->output == OUTPUT_CSV;
    const char *campaign = invocation->arguments[0];
    showing.output = output_open(invocation, csv ? stats_csv_columns : stats_columns, csv ? STATS_CSV_COLUMNS : STATS_COLUMNS,
                                 campaign ? NULL : "no campaign has calls yet");
    CdrFilter filter = {.campaign_id = slice_of(campaign)};
    Fault fault;
    Status status = desk.app.ports.cdrs.stats(desk.app.ports.cdrs.self, &filter, show_stats, &showing, &fault);
    return finish(&desk, &showing, status, "has no calls yet", &fault);
}

/* ---- live ---- */

/* For people, the original system's counters side by side; for spreadsheets, every counter in a row of its own. */
static const Column live_columns[] = {
    {"campaign", COLUMN_TEXT}, {"calls", COLUMN_NUMBER}, {"active", COLUMN_NUMBER}, {"answered", COLUMN_NUMBER}, {"busy", COLUMN_NUMBER},
    {"failed", COLUMN_NUMBER}, {"no answer", COLUMN_NUMBER}, {"converted", COLUMN_NUMBER}, {"opted out", COLUMN_NUMBER},
    {"donations", COLUMN_NUMBER}, {"opt-outs", COLUMN_NUMBER}, {"last activity", COLUMN_TEXT},
};
static const Slice live_counters[] = {
    SLICE_INIT("total_attempts"), SLICE_INIT("active_calls"), SLICE_INIT("answered"), SLICE_INIT("busy"), SLICE_INIT("failed"),
    SLICE_INIT("no_answer"), SLICE_INIT("converted"), SLICE_INIT("opted_out"), SLICE_INIT("donations"), SLICE_INIT("optouts"),
};
enum { LIVE_COUNTERS = sizeof live_counters / sizeof *live_counters, LIVE_COLUMNS = sizeof live_columns / sizeof *live_columns };
_Static_assert(LIVE_COLUMNS == LIVE_COUNTERS + 2, "campaign, a column for each counter, last activity");

static const Column counter_columns[] = {
    {"campaign", COLUMN_TEXT}, {"counter", COLUMN_TEXT}, {"value", COLUMN_NUMBER}, {"last activity", COLUMN_TEXT},
};
enum { COUNTER_COLUMNS = sizeof counter_columns / sizeof *counter_columns };

static int64_t counter_value(Slice name, const Counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(counters[i].name, name))
            return counters[i].value;
    }
    return 0;
}

static void one_row(Showing *showing, Slice campaign_id, Slice last, const Counter *counters, size_t count, Slice json)
{
    Slice cells[LIVE_COLUMNS] = {campaign_id};
    for (size_t i = 0; i < LIVE_COUNTERS; i++)
        cells[i + 1] = cell_number(&showing->arena, counter_value(live_counters[i], counters, count));
    cells[LIVE_COLUMNS - 1] = last;
    output_row(showing->output, cells, json);
}

static void row_each(Showing *showing, Slice campaign_id, Slice last, const Counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Slice cells[] = {campaign_id, counters[i].name, cell_number(&showing->arena, counters[i].value), last};
        output_row(showing->output, cells, (Slice){0});
    }
}

static bool show_live(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Showing *showing = context;
    arena_reset(&showing->arena);
    Text json = text_in(&showing->arena);
    print_live(&json, campaign_id, last_activity_ms, counters, count);
    Slice last = cell_time(&showing->arena, last_activity_ms);
    if (showing->invocation->output == OUTPUT_CSV)
        row_each(showing, campaign_id, last, counters, count);
    else
        one_row(showing, campaign_id, last, counters, count, text_slice(&json));
    return true;
}

int live_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Showing showing = {.invocation = invocation};
    bool csv = invocation->output == OUTPUT_CSV;
    const char *campaign = invocation->arguments[0];
    showing.output = output_open(invocation, csv ? counter_columns : live_columns, csv ? COUNTER_COLUMNS : LIVE_COLUMNS,
                                 campaign ? NULL : "no campaign has counters yet");
    Fault fault;
    Status status = desk.app.ports.live.read(desk.app.ports.live.self, slice_of(campaign), show_live, &showing, &fault);
    return finish(&desk, &showing, status, "has no counters yet", &fault);
}

/* ---- recount ---- */

static const Column recount_columns[] = {
    {"campaign", COLUMN_TEXT}, {"counter", COLUMN_TEXT}, {"live", COLUMN_NUMBER}, {"recounted", COLUMN_NUMBER}, {"drift", COLUMN_NUMBER},
};

static bool show_drift(void *context, const CounterDrift *drift)
{
    Showing *showing = context;
    Arena *arena = &showing->arena;
    arena_reset(arena);
    progress_done(&showing->progress);
    showing->count += drift->live != drift->recounted;
    const Slice cells[] = {drift->campaign_id, drift->counter, cell_number(arena, drift->live),
                           cell_number(arena, drift->recounted), cell_number(arena, drift->live - drift->recounted)};
    Text json = text_in(arena);
    text_add_literal(&json, "{\"campaignId\":");
    json_add_string(&json, drift->campaign_id);
    text_add_literal(&json, ",\"counter\":");
    json_add_string(&json, drift->counter);
    text_printf(&json, ",\"live\":%lld,\"recounted\":%lld}", (long long)drift->live, (long long)drift->recounted);
    output_row(showing->output, cells, text_slice(&json));
    return true;
}

static void show_progress(void *context, int64_t records) { progress_show(&((Showing *)context)->progress, records); }

static Status compare_once(const Ports *ports, Showing *showing, const Rating *rating, Fault *fault)
{
    bool every = invocation_option(showing->invocation, "all") != NULL;
    Status status = ports->unit.begin(ports->unit.self, fault);
    status = status ? status : recount_compare(ports, rating, every, show_drift, showing, show_progress, fault);
    ports->unit.rollback(ports->unit.self);
    return status;
}

static int compare(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Showing showing = {.invocation = invocation};
    Fault fault;
    const Ports *ports = &desk.app.ports;
    int64_t records = 0;
    ports->cdrs.count(ports->cdrs.self, &records, &fault);
    progress_init(&showing.progress, "recounting", records);
    showing.output = output_open(invocation, recount_columns, sizeof recount_columns / sizeof *recount_columns,
                                 "no drift: every counter equals its records");
    Status status;
    int64_t began_ms = clock_elapsed_ms();
    do
        status = compare_once(ports, &showing, &desk.app.settings.event.rating, &fault);
    while (recount_waits_for_turn(status, &fault, began_ms));
    progress_done(&showing.progress);
    output_close(showing.output, status);
    arena_done(&showing.arena);
    desk_close(&desk);
    if (status)
        return verb_fail(&fault);
    return showing.count ? EXIT_DRIFT : EXIT_OK;
}

static Status fix_by_server(Desk *desk, int64_t *ret_drifts, Fault *fault)
{
    Slice body;
    const Json *answer = NULL;
    Status status = desk_ask(desk, "POST", SLICE("/v1/recount"), "application/json", (Slice){0}, &body, fault);
    status = status ? status : json_parse(body, desk->arena, &answer, fault);
    const Json *drifts = status ? NULL : json_get(answer, "drifts");
    if (json_is_number(drifts))
        *ret_drifts = (int64_t)drifts->valuedouble;
    return status;
}

/* Where counters are in a store of their own, whoever holds the folder does not matter. */
static bool open_to_fix(Desk *desk, const Invocation *invocation)
{
    if (!desk_open_to_read(desk, invocation))
        return false;
    if (desk->app.ports.live.generation_begin)
        return true;
    desk_close(desk);
    return desk_open_to_change(desk, invocation);
}

static int fix(const Invocation *invocation)
{
    Desk desk;
    if (!open_to_fix(&desk, invocation))
        return EXIT_FAILED;
    Fault fault;
    int64_t drifts = 0;
    Status status = desk.client ? fix_by_server(&desk, &drifts, &fault)
                                : recount_fix_alone(&desk.app.ports, &desk.app.settings.event.rating, &drifts, &fault);
    desk_close(&desk);
    if (status)
        return verb_fail(&fault);
    verb_note("%lld counters were off and are right again", (long long)drifts);
    return drifts ? EXIT_DRIFT : EXIT_OK;
}

int recount_verb(const Invocation *invocation)
{
    return invocation_option(invocation, "fix") ? fix(invocation) : compare(invocation);
}
