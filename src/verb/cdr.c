/* Call records: one in full, many as a list, all as an export. */
#include <stdio.h>
#include <unistd.h>

#include "service/print.h"
#include "verb/cdr_chain.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

static Status read_filter(const Invocation *invocation, size_t limit, CdrFilter *filter, Fault *fault)
{
    *filter = (CdrFilter){.campaign_id = invocation_option_slice(invocation, "campaign"), .outcome = invocation_option_slice(invocation, "outcome")};
    Status status = invocation_time(invocation, "since", &filter->from_ms, fault);
    status = status ? status : invocation_time(invocation, "until", &filter->until_ms, fault);
    return status ? status : invocation_number(invocation, "limit", limit, &filter->limit, fault);
}

/* ---- list ---- */

static const Column list_columns[] = {
    {"call", COLUMN_TEXT}, {"campaign", COLUMN_TEXT}, {"phone", COLUMN_TEXT}, {"started", COLUMN_TEXT}, {"status", COLUMN_TEXT},
    {"outcome", COLUMN_TEXT}, {"duration", COLUMN_NUMBER}, {"keys", COLUMN_TEXT}, {"cost", COLUMN_NUMBER},
};

typedef struct Listing {
    const Invocation *invocation;
    Output *output;
    Arena arena; /* one row */
    int64_t count;
    Progress progress;
} Listing;

static Slice keys_of(const Cdr *cdr, Arena *arena)
{
    Text keys = text_in(arena);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != CALL_DTMF)
            continue;
        if (keys.bytes)
            text_add_byte(&keys, ' ');
        text_add(&keys, cdr->facts[i].digit);
    }
    return text_slice(&keys);
}

static bool list_record(void *context, const Cdr *cdr, CdrCursor cursor)
{
    (void)cursor;
    Listing *listing = context;
    Arena *arena = &listing->arena;
    arena_reset(arena);
    const Slice cells[] = {
        cdr->call_id, cdr->campaign_id, cdr->phone, cell_time(arena, cdr->start_ms), cdr->status, cdr->outcome,
        cell_duration(arena, cdr->duration_s), keys_of(cdr, arena), cell_money(arena, cdr->cost_micros, listing->invocation->config->currency),
    };
    Text json = text_in(arena);
    cdr_print(cdr, arena, &json);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

int cdr_list_verb(const Invocation *invocation)
{
    Fault fault;
    CdrFilter filter;
    if (read_filter(invocation, 20, &filter, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Listing listing = {.invocation = invocation};
    listing.output = output_open(invocation, list_columns, sizeof list_columns / sizeof *list_columns, "no call record fits");
    const CdrsPort *cdrs = &desk.app.ports.cdrs;
    filter.limit = output_limit(listing.output, filter.limit);
    Status status = cdrs->query(cdrs->self, &filter, &desk.app.settings.event.rating, list_record, &listing, &fault);
    output_close(listing.output, status);
    arena_done(&listing.arena);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}

/* ---- export ---- */

static bool export_record(void *context, const Cdr *cdr, CdrCursor cursor)
{
    (void)cursor;
    Listing *listing = context;
    arena_reset(&listing->arena);
    Text line = text_in(&listing->arena);
    if (listing->invocation->output == OUTPUT_JSON) {
        cdr_print(cdr, &listing->arena, &line);
        text_add_byte(&line, '\n');
    } else {
        cdr_print_csv(cdr, &listing->arena, &line);
    }
    progress_show(&listing->progress, ++listing->count);
    return fwrite(line.at, 1, line.bytes, stdout) == line.bytes;
}

int cdr_export_verb(const Invocation *invocation)
{
    Fault fault;
    CdrFilter filter;
    OutputFormat format;
    if (!output_of_export(invocation, &format))
        return EXIT_WRONG_USAGE;
    if (read_filter(invocation, 0, &filter, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Listing listing = {.invocation = invocation};
    const CdrsPort *cdrs = &desk.app.ports.cdrs;
    int64_t records = 0;
    cdrs->count(cdrs->self, &records, &fault);
    progress_init(&listing.progress, "exporting", isatty(STDOUT_FILENO) ? 0 : records);
    listing.progress.visible &= !isatty(STDOUT_FILENO);
    if (format == OUTPUT_CSV) {
        Text header = text_in(&listing.arena);
        cdr_print_csv_header(&header);
        fwrite(header.at, 1, header.bytes, stdout);
    }
    Status status = cdrs->query(cdrs->self, &filter, &desk.app.settings.event.rating, export_record, &listing, &fault);
    progress_done(&listing.progress);
    arena_done(&listing.arena);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}

/* ---- show ---- */

static void show_line(const char *name, Slice value)
{
    if (!slice_empty(value))
        printf("%-12s %.*s\n", name, SLICE_ARG(value));
}

static void show_facts(const Cdr *cdr, const char *name, CallEventType type, Arena *arena)
{
    for (size_t i = 0; i < cdr->fact_count; i++) {
        const Fact *fact = &cdr->facts[i];
        if (fact->type == type)
            show_line(name, arena_printf(arena, "%.*s  at %.*s", SLICE_ARG(type == CALL_DTMF ? fact->digit : fact->action_type),
                                         SLICE_ARG(cell_time(arena, fact->at_ms))));
    }
}

static void show_record(const Cdr *cdr, const char *currency, Arena *arena)
{
    show_line("call", cdr->call_id);
    show_line("campaign", cdr->campaign_id);
    show_line("contact", cdr->contact_id);
    show_line("phone", cdr->phone);
    show_line("status", cdr->inferred ? arena_printf(arena, "%.*s (no end event came; inferred)", SLICE_ARG(cdr->status)) : cdr->status);
    show_line("outcome", cdr->outcome);
    show_line("started", cell_time(arena, cdr->start_ms));
    show_line("answered", cell_time(arena, cdr->answer_ms));
    show_line("ended", cell_time(arena, cdr->end_ms));
    show_line("duration", cell_duration(arena, cdr->duration_s));
    show_line("billed", cell_duration(arena, cdr->billsec_s));
    show_line("cost", cell_money(arena, cdr->cost_micros, currency));
    show_facts(cdr, "key", CALL_DTMF, arena);
    show_facts(cdr, "action", CALL_ACTION, arena);
}

static bool show_action(void *context, const ActionRecord *record)
{
    Arena *arena = context;
    show_line("recorded", arena_printf(arena, "%.*s, %.*s%s%.*s  at %.*s", SLICE_ARG(record->action_type), SLICE_ARG(record->status),
                                       slice_empty(record->failure_reason) ? "" : ": ", SLICE_ARG(record->failure_reason),
                                       SLICE_ARG(cell_time(arena, record->timestamp_ms))));
    show_line("  link", record->donation_link);
    show_line("  sms", record->sms_message_id);
    return true;
}

static void show_json(const Cdr *cdr, const Chain *chain, Arena *arena)
{
    Text json = text_in(arena);
    chain_print_record(cdr, chain, arena, &json);
    printf("%.*s\n", SLICE_ARG(text_slice(&json)));
}

static bool note_action(void *context, const ActionRecord *record)
{
    (void)record;
    *(bool *)context = true;
    return false;
}

/* A call that only texts or actions are known of still has something to show. */
static bool is_known(const Ports *ports, const Cdr *cdr, const Chain *chain, const RegistryFilter *filter)
{
    bool has_anything = cdr->fact_count || chain->effect_count || chain->gift_count;
    Fault ignored;
    if (!has_anything)
        ports->registry.actions(ports->registry.self, filter, note_action, &has_anything, &ignored);
    return has_anything;
}

static int show(const Invocation *invocation, Desk *desk, const Cdr *cdr, Slice call_id)
{
    const Ports *ports = &desk->app.ports;
    RegistryFilter filter = {.call_id = call_id};
    Fault fault;
    Chain chain = {0};
    bool has_chain = !chain_read(ports, cdr, invocation->arena, &chain, &fault), is_json = invocation->output == OUTPUT_JSON;
    if (!is_known(ports, cdr, &chain, &filter)) {
        verb_note("there is no call \"%.*s\"", SLICE_ARG(call_id));
        return EXIT_FAILED;
    }
    if (!cdr->fact_count)
        verb_note("there is no record of the call \"%.*s\"%s", SLICE_ARG(call_id), is_json ? "; without --output json it shows what was done because of it" : "");
    if (is_json && !cdr->fact_count)
        return EXIT_FAILED;
    if (is_json)
        return show_json(cdr, has_chain ? &chain : NULL, invocation->arena), EXIT_OK;
    if (cdr->fact_count)
        show_record(cdr, invocation->config->currency, invocation->arena);
    else
        show_line("call", call_id);
    Status status = ports->registry.actions(ports->registry.self, &filter, show_action, invocation->arena, &fault);
    if (status && strcmp(fault.code, "database_missing"))
        return verb_fail(&fault);
    if (has_chain)
        show_chain(&chain, invocation->arena);
    if (status || !has_chain)
        verb_note("what was done because of it is in another store, which is not named here: DATABASE_URL, DATABASE_API_URL or PLEDGELINE_DATA");
    return EXIT_OK;
}

int cdr_show_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Slice call_id = slice_of(invocation->arguments[0]);
    const CdrsPort *cdrs = &desk.app.ports.cdrs;
    Cdr *cdr = NULL;
    Fault fault;
    int code = EXIT_FAILED;
    if (cdrs->load(cdrs->self, &call_id, 1, invocation->arena, &cdr, &fault)) {
        verb_fail(&fault);
    } else {
        cdr_derive(cdr, &desk.app.settings.event.rating, invocation->arena);
        code = show(invocation, &desk, cdr, call_id);
    }
    desk_close(&desk);
    return code;
}
