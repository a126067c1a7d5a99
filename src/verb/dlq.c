/* Dead letters: messages that could not be applied, with the reason; and those that wait for their next try. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "service/letters.h"
#include "service/print.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

static const Column columns[] = {
    {"id", COLUMN_NUMBER}, {"topic", COLUMN_TEXT}, {"received", COLUMN_TEXT}, {"tries", COLUMN_NUMBER}, {"code", COLUMN_TEXT}, {"reason", COLUMN_WIDE},
};

typedef struct Listing {
    Output *output;
    Arena arena;
} Listing;

static bool list_item(void *context, const SpoolItem *item)
{
    Listing *listing = context;
    Arena *arena = &listing->arena;
    arena_reset(arena);
    const Slice cells[] = {cell_number(arena, item->id), item->topic, cell_time(arena, item->received_ms),
                           cell_number(arena, item->attempts), item->code, item->reason};
    Text json = text_in(arena);
    print_spool_item(&json, item, true);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

static Status list_letters(const Invocation *invocation, const Ports *ports, SpoolFilter *filter, Fault *fault)
{
    const char *nothing = filter->state == SPOOL_WAITING ? "no message waits" : "no dead letters";
    Status status = letters_check_topic(ports, filter, fault);
    if (status)
        return status;
    Listing listing = {.output = output_open(invocation, columns, sizeof columns / sizeof *columns, nothing)};
    filter->limit = output_limit(listing.output, filter->limit);
    status = ports->spool.list(ports->spool.self, filter, list_item, &listing, fault);
    output_close(listing.output, status);
    arena_done(&listing.arena);
    return status;
}

int dlq_list_verb(const Invocation *invocation)
{
    Fault fault;
    bool waiting = invocation_option(invocation, "waiting") != NULL;
    SpoolFilter filter = {.state = waiting ? SPOOL_WAITING : SPOOL_DEAD, .topic = invocation_option_slice(invocation, "topic")};
    if (invocation_number(invocation, "limit", 50, &filter.limit, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Status status = list_letters(invocation, &desk.app.ports, &filter, &fault);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}

static bool read_id(const char *text, int64_t *ret)
{
    char *end;
    *ret = strtoll(text, &end, 10);
    return end != text && !*end && *ret > 0;
}

static void show_item(const Invocation *invocation, const SpoolItem *item)
{
    Text json = text_in(invocation->arena);
    print_spool_item(&json, item, true);
    if (invocation->output == OUTPUT_JSON) {
        printf("%.*s\n", SLICE_ARG(text_slice(&json)));
        return;
    }
    Arena *arena = invocation->arena;
    Text body = text_in(arena);
    json_add_string(&body, item->body); /* escaped: a body may hold anything, also a terminal's commands */
    printf("id        %lld (%s)\ntopic     %.*s\nmessage   %.*s\nreceived  %.*s\ntries     %d\nreason    %.*s: %.*s\nbody      %.*s\n",
           (long long)item->id, item->state == SPOOL_DEAD ? "dead letter" : "waiting", SLICE_ARG(item->topic), SLICE_ARG(item->message_id),
           SLICE_ARG(cell_time(arena, item->received_ms)), item->attempts, SLICE_ARG(item->code), SLICE_ARG(item->reason),
           SLICE_ARG(text_slice(&body)));
}

int dlq_show_verb(const Invocation *invocation)
{
    int64_t id;
    if (!read_id(invocation->arguments[0], &id))
        return verb_usage("\"%.40s\" is not the id of a dead letter; dlq list shows them", invocation->arguments[0]);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    SpoolItem item;
    bool found = false;
    Fault fault;
    const SpoolPort *spool = &desk.app.ports.spool;
    Status status = spool->show(spool->self, id, invocation->arena, &item, &found, &fault);
    if (!status && found)
        show_item(invocation, &item);
    else if (!status)
        verb_note("there is no message %lld; dlq list shows the dead letters", (long long)id);
    desk_close(&desk);
    return status ? verb_fail(&fault) : found ? EXIT_OK : EXIT_FAILED;
}

/* ---- redrive and drop ---- */

typedef struct Change {
    bool redrive;
    int64_t ids[ARGUMENTS_MAX];
    size_t count; /* 0 = all */
    size_t changed;
} Change;

static Status change_in_folder(const Ports *ports, Change *change, Fault *fault)
{
    const SpoolPort *spool = &ports->spool;
    const int64_t *ids = change->count ? change->ids : NULL;
    Status status = ports->unit.begin(ports->unit.self, fault);
    if (status)
        return status;
    status = change->redrive ? spool->redrive(spool->self, ids, change->count, clock_wall_ms(), &change->changed, fault)
                             : spool->drop(spool->self, ids, change->count, &change->changed, fault);
    if (!status)
        return ports->unit.commit(ports->unit.self, fault);
    ports->unit.rollback(ports->unit.self);
    return status;
}

static Status change_by_server(Desk *desk, Change *change, Fault *fault)
{
    Text json = text_in(desk->arena);
    text_add_literal(&json, "{\"ids\":[");
    for (size_t i = 0; i < change->count; i++)
        text_printf(&json, "%s%lld", i ? "," : "", (long long)change->ids[i]);
    text_printf(&json, "],\"all\":%s}", change->count ? "false" : "true");
    Slice body, path = change->redrive ? SLICE("/v1/dlq/redrive") : SLICE("/v1/dlq/drop");
    const Json *answer = NULL;
    Status status = desk_ask(desk, "POST", path, "application/json", text_slice(&json), &body, fault);
    status = status ? status : json_parse(body, desk->arena, &answer, fault);
    const Json *changed = status ? NULL : json_get(answer, "changed");
    if (json_is_number(changed))
        change->changed = (size_t)changed->valuedouble;
    return status;
}

/* What was redriven into a free folder is run at once, so that the command's answer is the result. */
static Status run_redriven(Desk *desk, Fault *fault)
{
    Pipeline *line = pipeline_new(&desk->app.ports, &desk->app.settings);
    size_t count = 1;
    Status status = STATUS_OK;
    while (!status && count)
        status = pipeline_run_due(line, clock_wall_ms(), &count, fault);
    pipeline_free(line);
    return status;
}

static int report_change(const Change *change)
{
    if (change->count == 1 && !change->changed) {
        verb_note("there is no dead letter %lld; dlq list shows them", (long long)change->ids[0]);
        return EXIT_FAILED;
    }
    bool lacks_some = change->changed < change->count;
    verb_note("%zu dead letters %s%s", change->changed, change->redrive ? "go down the line again" : "deleted",
              lacks_some ? "; there are no others of those ids, dlq list shows them" : "");
    return lacks_some ? EXIT_FAILED : EXIT_OK;
}

static int change_verb(const Invocation *invocation, bool redrive)
{
    Change change = {.redrive = redrive};
    bool all = invocation_option(invocation, "all") != NULL;
    if (all == (invocation->argument_count > 0))
        return verb_usage("name dead letters by their ids, or take --all");
    for (int i = 0; i < invocation->argument_count; i++) {
        if (!read_id(invocation->arguments[i], &change.ids[change.count++]))
            return verb_usage("\"%.40s\" is not the id of a dead letter; dlq list shows them", invocation->arguments[i]);
    }
    Desk desk;
    if (!desk_open_to_change(&desk, invocation))
        return EXIT_FAILED;
    Fault fault;
    Status status = desk.client ? change_by_server(&desk, &change, &fault) : change_in_folder(&desk.app.ports, &change, &fault);
    if (!status && redrive && !desk.client)
        status = run_redriven(&desk, &fault);
    desk_close(&desk);
    return status ? verb_fail(&fault) : report_change(&change);
}

int dlq_redrive_verb(const Invocation *invocation) { return change_verb(invocation, true); }
int dlq_drop_verb(const Invocation *invocation) { return change_verb(invocation, false); }
