/* The record as people and other programs read it. */
#include <stdio.h>

#include "base/clock.h"
#include "event/cdr.h"
#include "event/csv.h"

static void add_seconds(Text *out, const char *key, int64_t seconds)
{
    json_add_key(out, key);
    if (seconds < 0)
        text_add_literal(out, "null");
    else
        text_printf(out, "%lld", (long long)seconds);
}

static void add_dtmf(const Cdr *cdr, Text *out)
{
    bool first = true;
    text_add_literal(out, ",\"dtmfInputs\":[");
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != CALL_DTMF)
            continue;
        if (!first)
            text_add_byte(out, ',');
        json_add_string(out, cdr->facts[i].digit);
        first = false;
    }
    first = true;
    text_add_literal(out, "],\"dtmf\":[");
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != CALL_DTMF)
            continue;
        text_add(out, first ? SLICE("{\"digit\":") : SLICE(",{\"digit\":"));
        json_add_string(out, cdr->facts[i].digit);
        json_add_time_member(out, "at", cdr->facts[i].at_ms);
        text_add_byte(out, '}');
        first = false;
    }
    text_add_byte(out, ']');
}

static void add_actions(const Cdr *cdr, Text *out)
{
    bool first = true;
    text_add_literal(out, ",\"actionsTriggered\":[");
    for (size_t i = 0; i < cdr->fact_count; i++) {
        const Fact *fact = &cdr->facts[i];
        if (fact->type != CALL_ACTION)
            continue;
        text_add(out, first ? SLICE("{\"type\":") : SLICE(",{\"type\":"));
        json_add_string(out, fact->action_type);
        json_add_time_member(out, "at", fact->at_ms);
        json_add_key(out, "action");
        text_add(out, slice_empty(fact->action) ? SLICE("null") : fact->action);
        text_add_byte(out, '}');
        first = false;
    }
    text_add_byte(out, ']');
}

/* The latest fact to name a key stands. */
void cdr_print_metadata(const Cdr *cdr, Arena *arena, Text *out)
{
    const Json **extras = arena_alloc(arena, sizeof *extras * cdr->fact_count);
    size_t extra_count = 0, count = 0;
    for (size_t i = cdr->fact_count; i-- > 0;) {
        if (slice_empty(cdr->facts[i].extra) || json_parse(cdr->facts[i].extra, arena, &extras[extra_count], NULL))
            continue;
        json_each(member, extras[extra_count]) count++;
        extra_count++;
    }
    const Json **members = arena_alloc(arena, sizeof *members * count);
    count = 0;
    for (size_t i = 0; i < extra_count; i++)
        json_each(member, extras[i]) members[count++] = member;
    json_add_members(out, members, count);
}

bool cdr_has_implausible_times(const Cdr *cdr)
{
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (!cdr->facts[i].at_known)
            return true;
    }
    return false;
}

void cdr_print(const Cdr *cdr, Arena *arena, Text *out)
{
    text_add_literal(out, "{\"callId\":");
    json_add_string(out, cdr->call_id);
    json_add_text_member(out, "campaignId", cdr->campaign_id);
    json_add_text_member(out, "contactId", cdr->contact_id);
    json_add_text_member(out, "phoneNumber", cdr->phone);
    json_add_text_member(out, "status", cdr->status);
    json_add_text_member(out, "outcome", cdr->outcome);
    json_add_time_member(out, "startTime", cdr->start_ms);
    json_add_time_member(out, "answerTime", cdr->answer_ms);
    json_add_time_member(out, "endTime", cdr->end_ms);
    add_seconds(out, "duration", cdr->duration_s);
    add_seconds(out, "billsec", cdr->billsec_s);
    add_dtmf(cdr, out);
    add_actions(cdr, out);
    text_printf(out, ",\"cost\":%.6f,\"costMicros\":%lld", (double)cdr->cost_micros / 1e6, (long long)cdr->cost_micros);
    json_add_text_member(out, "currency", cdr->currency);
    if (cdr->hangup_cause)
        text_printf(out, ",\"hangupCause\":%d", cdr->hangup_cause);
    json_add_key(out, "metadata");
    cdr_print_metadata(cdr, arena, out);
    json_add_time_member(out, "createdAt", cdr->created_ms);
    json_add_time_member(out, "updatedAt", cdr->updated_ms);
    text_printf(out, ",\"inferred\":%s", cdr->inferred ? "true" : "false");
    if (cdr_has_implausible_times(cdr))
        text_add_literal(out, ",\"implausibleTimestamps\":true");
    text_add_byte(out, '}');
}

/* ---- CSV ---- */

static const char *const csv_columns[] = {
    "callId", "campaignId", "contactId", "phoneNumber", "status", "outcome", "startTime", "answerTime", "endTime", "duration",
    "billsec", "dtmfInputs", "actionsTriggered", "cost", "currency", "inferred",
};

void cdr_print_csv_header(Text *out) { csv_add_header(out, csv_columns, sizeof csv_columns / sizeof *csv_columns); }

static Slice seconds_cell(int64_t seconds, Arena *arena)
{
    return seconds < 0 ? (Slice){0} : arena_printf(arena, "%lld", (long long)seconds);
}

/* Digits, or action types, with a blank between. */
static Slice list_cell(const Cdr *cdr, CallEventType type, Arena *arena)
{
    Text cell = text_in(arena);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != type)
            continue;
        if (cell.bytes)
            text_add_byte(&cell, ' ');
        text_add(&cell, type == CALL_DTMF ? cdr->facts[i].digit : cdr->facts[i].action_type);
    }
    return text_slice(&cell);
}

void cdr_print_csv(const Cdr *cdr, Arena *arena, Text *out)
{
    const Slice cells[] = {
        cdr->call_id, cdr->campaign_id, cdr->contact_id, cdr->phone, cdr->status, cdr->outcome,
        csv_time(cdr->start_ms, arena), csv_time(cdr->answer_ms, arena), csv_time(cdr->end_ms, arena),
        seconds_cell(cdr->duration_s, arena), seconds_cell(cdr->billsec_s, arena),
        list_cell(cdr, CALL_DTMF, arena), list_cell(cdr, CALL_ACTION, arena),
        arena_printf(arena, "%.6f", (double)cdr->cost_micros / 1e6), cdr->currency,
        cdr->inferred ? SLICE("true") : SLICE("false"),
    };
    _Static_assert(sizeof cells / sizeof *cells == sizeof csv_columns / sizeof *csv_columns, "a cell for each column");
    csv_add_row(out, cells, sizeof cells / sizeof *cells);
}
