/* What a record adds to the counters of its campaign, and the sums that reports show. */
#include "event/decision.h"
#include "event/event_parse.h"

void contribution_add(Contribution *contribution, Slice name, int64_t value)
{
    for (size_t i = 0; i < contribution->count; i++) {
        if (slice_equal(contribution->counters[i].name, name)) {
            contribution->counters[i].value += value;
            return;
        }
    }
    if (contribution->count < CONTRIBUTION_MAX)
        contribution->counters[contribution->count++] = (Counter){name, value};
}

Contribution *contribution_copy(const Contribution *contribution, Arena *arena)
{
    Contribution *copy = ARENA_NEW(arena, Contribution);
    *copy = *contribution;
    copy->campaign_id = arena_copy(arena, contribution->campaign_id);
    for (size_t i = 0; i < copy->count; i++)
        copy->counters[i].name = arena_copy(arena, contribution->counters[i].name);
    return copy;
}

static const Slice outcome_names[] = {SLICE_INIT("answered"), SLICE_INIT("busy"), SLICE_INIT("failed"), SLICE_INIT("no_answer"),
                                      SLICE_INIT("converted"), SLICE_INIT("opted_out"), SLICE_INIT("blacklisted")};
static const Slice own_names[] = {SLICE_INIT("total_attempts"), SLICE_INIT("active_calls"), SLICE_INIT("donations"), SLICE_INIT("optouts"),
                                  SLICE_INIT("last_activity")};

static bool is_among(Slice name, const Slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(names[i], name))
            return true;
    }
    return false;
}

static bool is_outcome(Slice name) { return is_among(name, outcome_names, sizeof outcome_names / sizeof *outcome_names); }
static bool is_own(Slice name) { return is_among(name, own_names, sizeof own_names / sizeof *own_names); }

static void add_outcome(const Cdr *cdr, Arena *arena, Contribution *ret)
{
    if (!event_is_counter_name(cdr->outcome) || slice_equal(cdr->outcome, SLICE("answered")))
        return; /* "answered" counts calls that were answered, whatever they became */
    Slice name = is_own(cdr->outcome) ? arena_printf(arena, "outcome_%.*s", SLICE_ARG(cdr->outcome)) : cdr->outcome;
    contribution_add(ret, name, 1);
}

static void add_action(const Fact *fact, Arena *arena, Contribution *ret)
{
    if (!event_is_counter_name(fact->action_type))
        return;
    bool is_taken = is_own(fact->action_type) || is_outcome(fact->action_type);
    contribution_add(ret, is_taken ? arena_printf(arena, "action_%.*s", SLICE_ARG(fact->action_type)) : fact->action_type, 1);
}

/* The end of the call is a second record of the same opt-out. */
static bool is_optout(const ActionRecord *record)
{
    return slice_starts_with(record->action_type, SLICE("optout_")) && !slice_equal(record->action_type, SLICE("optout_call_terminated"));
}

void action_contribution(const ActionRecord *record, Contribution *ret)
{
    *ret = (Contribution){.campaign_id = record->campaign_id, .last_activity_ms = record->timestamp_ms};
    if (!slice_empty(record->campaign_id) && is_optout(record))
        contribution_add(ret, SLICE("optouts"), 1);
}

void donation_contribution(const Effect *effect, Contribution *ret)
{
    *ret = (Contribution){.campaign_id = effect->campaign_id, .last_activity_ms = effect->created_ms};
    if (effect->kind == EFFECT_DONATION)
        contribution_add(ret, SLICE("donations"), 1);
}

void cdr_contribution(const Cdr *cdr, Arena *arena, Contribution *ret)
{
    ret->campaign_id = cdr->campaign_id;
    ret->last_activity_ms = cdr->last_event_ms;
    ret->count = 0;
    if (cdr->fact_count == 0 || slice_empty(cdr->campaign_id))
        return;
    contribution_add(ret, SLICE("total_attempts"), 1);
    if (cdr->open)
        contribution_add(ret, SLICE("active_calls"), 1);
    if (cdr->answered)
        contribution_add(ret, SLICE("answered"), 1);
    add_outcome(cdr, arena, ret);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type == CALL_ACTION)
            add_action(&cdr->facts[i], arena, ret);
    }
}

static double percent(int64_t part, int64_t whole) { return whole ? (double)part * 100.0 / (double)whole : 0; }

double campaign_stats_answer_rate(const CampaignStats *stats) { return percent(stats->answered, stats->total_attempts); }
double campaign_stats_conversion_rate(const CampaignStats *stats) { return percent(stats->converted, stats->answered); }
double campaign_stats_opt_out_rate(const CampaignStats *stats) { return percent(stats->opt_outs, stats->total_attempts); }

void campaign_stats_print(const CampaignStats *stats, Slice currency, Text *out)
{
    text_add_literal(out, "{\"campaignId\":");
    json_add_string(out, stats->campaign_id);
    const struct { const char *name; int64_t value; } numbers[] = {
        {"totalAttempts", stats->total_attempts}, {"answered", stats->answered}, {"busy", stats->busy},
        {"failed", stats->failed}, {"noAnswer", stats->no_answer}, {"converted", stats->converted},
        {"optOuts", stats->opt_outs}, {"totalDuration", stats->total_duration_s},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        text_printf(out, ",\"%s\":%lld", numbers[i].name, (long long)numbers[i].value);
    text_printf(out, ",\"answerRate\":%.2f,\"conversionRate\":%.2f,\"optOutRate\":%.2f,\"totalCost\":%.6f,\"totalCostMicros\":%lld,\"currency\":",
                campaign_stats_answer_rate(stats), campaign_stats_conversion_rate(stats), campaign_stats_opt_out_rate(stats),
                (double)stats->total_cost_micros / 1e6, (long long)stats->total_cost_micros);
    json_add_string(out, currency);
    text_add_byte(out, '}');
}
