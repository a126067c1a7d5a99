/* The do-not-call list on the command line: changes and lists. blacklist_look.c answers for single numbers. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/blacklist.h"
#include "service/dnc_cache.h"
#include "service/print.h"
#include "verb/desk.h"
#include "verb/files.h"
#include "verb/functions.h"
#include "verb/output.h"

enum { IMPORT_ROWS_A_UNIT = 256 };

/* Without a terminal (cron, a container) nobody is logged in; the process still belongs to somebody. */
static const char *login_name(void)
{
    const char *login = getlogin();
    const char *name = login ? login : getenv("USER");
    const struct passwd *owner = name ? NULL : getpwuid(geteuid());
    return name ? name : owner ? owner->pw_name : "command line";
}

static const char *actor_of(const Invocation *invocation)
{
    const char *actor = invocation_option(invocation, "actor");
    return actor ? actor : login_name();
}

static Slice option_or(const Invocation *invocation, const char *name, const char *fallback)
{
    Slice given = invocation_option_slice(invocation, name);
    return slice_empty(given) ? slice_of(fallback) : given;
}

/* Runs work in one unit of the folder's stores. */
static Status in_unit(const Ports *ports, Status (*work)(const Ports *ports, void *context, Fault *fault), void *context, Fault *fault)
{
    Status status = ports->unit.begin(ports->unit.self, fault);
    if (status)
        return status;
    status = work(ports, context, fault);
    if (!status)
        return ports->unit.commit(ports->unit.self, fault);
    ports->unit.rollback(ports->unit.self);
    return status;
}

/* A number that is blocked where nobody looks is called all the same: who mistyped the folder must see it. */
static Slice in_new_folder(const Desk *desk)
{
    if (desk->client || !desk->made_folder)
        return SLICE("");
    const Config *config = desk->app.config;
    if (*config->database_url || *config->database_api_url)
        return SLICE("");
    return arena_printf(desk->arena, ", in %s, which is new: was another folder meant?", config->data_folder);
}

/* ---- add ---- */

typedef struct Addition {
    const Invocation *invocation;
    Slice phone;
    BlockResult result;
} Addition;

static Status add_in_folder(const Ports *ports, void *context, Fault *fault)
{
    Addition *addition = context;
    const Invocation *invocation = addition->invocation;
    return blacklist_add(ports, addition->phone, option_or(invocation, "source", "admin_import"),
                         option_or(invocation, "reason", "added by hand"), slice_of(actor_of(invocation)), clock_wall_ms(),
                         &addition->result, fault);
}

static void add_member(Text *json, const char *key, Slice value)
{
    text_printf(json, "%s\"%s\":", json->bytes > 1 ? "," : "", key);
    json_add_string(json, value);
}

static Status add_by_server(Desk *desk, Addition *addition, Fault *fault)
{
    const Invocation *invocation = addition->invocation;
    Text json = text_in(desk->arena);
    text_add_byte(&json, '{');
    add_member(&json, "phoneNumber", addition->phone);
    add_member(&json, "reason", option_or(invocation, "reason", "added by hand"));
    add_member(&json, "source", option_or(invocation, "source", "admin_import"));
    add_member(&json, "actor", slice_of(actor_of(invocation)));
    text_add_byte(&json, '}');
    Slice body;
    const Json *answer = NULL;
    Status status = desk_ask(desk, "POST", SLICE("/v1/blacklist"), "application/json", text_slice(&json), &body, fault);
    status = status ? status : json_parse(body, desk->arena, &answer, fault);
    bool is_new = !status && slice_equal(json_text(json_get(answer, "result")), SLICE("added"));
    addition->result = is_new ? BLOCK_ADDED : BLOCK_KNOWN;
    return status;
}

static void report_addition(const Desk *desk, const Addition *addition)
{
    if (addition->result == BLOCK_ADDED)
        verb_note("%.*s is blocked%.*s", SLICE_ARG(addition->phone), SLICE_ARG(in_new_folder(desk)));
    else
        verb_note("%.*s was blocked before, and what was entered first stands; blacklist show tells it", SLICE_ARG(addition->phone));
}

int blacklist_add_verb(const Invocation *invocation)
{
    if (!blacklist_source_is_known(option_or(invocation, "source", "admin_import")))
        return verb_usage("--source is admin_import, compliance or user_optout");
    Desk desk;
    if (!desk_open_to_change(&desk, invocation))
        return EXIT_FAILED;
    int code = EXIT_OK;
    for (int i = 0; i < invocation->argument_count; i++) {
        Fault fault;
        Addition addition = {.invocation = invocation, .phone = slice_of(invocation->arguments[i])};
        Status status = desk.client ? add_by_server(&desk, &addition, &fault)
                                    : in_unit(&desk.app.ports, add_in_folder, &addition, &fault);
        if (status)
            verb_note("%s: %s", invocation->arguments[i], fault.text);
        else
            report_addition(&desk, &addition);
        code = status ? EXIT_FAILED : code;
    }
    desk_close(&desk);
    return code;
}

/* ---- remove ---- */

typedef struct Removal {
    const Invocation *invocation;
    bool was_blocked;
} Removal;

static Status remove_in_folder(const Ports *ports, void *context, Fault *fault)
{
    Removal *removal = context;
    const Invocation *invocation = removal->invocation;
    return blacklist_remove(ports, slice_of(invocation->arguments[0]), invocation_option_slice(invocation, "reason"),
                            invocation_option_slice(invocation, "actor"), clock_wall_ms(), &removal->was_blocked, fault);
}

static Status remove_by_server(Desk *desk, Removal *removal, Fault *fault)
{
    const Invocation *invocation = removal->invocation;
    Slice phone = http_client_escape(slice_of(invocation->arguments[0]), desk->arena);
    Slice actor = http_client_escape(invocation_option_slice(invocation, "actor"), desk->arena);
    Slice reason = http_client_escape(invocation_option_slice(invocation, "reason"), desk->arena);
    Slice path = arena_printf(desk->arena, "/v1/blacklist/%.*s?actor=%.*s&reason=%.*s", SLICE_ARG(phone), SLICE_ARG(actor), SLICE_ARG(reason));
    Slice body;
    Status status = desk_ask(desk, "DELETE", path, NULL, (Slice){0}, &body, fault);
    removal->was_blocked = !status;
    return status;
}

int blacklist_remove_verb(const Invocation *invocation)
{
    if (!invocation_option(invocation, "actor") || !invocation_option(invocation, "reason"))
        return verb_usage("taking a number off the list needs --actor (who) and --reason (why it may be called again)");
    Desk desk;
    if (!desk_open_to_change(&desk, invocation))
        return EXIT_FAILED;
    Fault fault;
    Removal removal = {.invocation = invocation};
    Status status = desk.client ? remove_by_server(&desk, &removal, &fault) : in_unit(&desk.app.ports, remove_in_folder, &removal, &fault);
    desk_close(&desk);
    if (status)
        return verb_fail(&fault);
    verb_note(removal.was_blocked ? "%s may be called again; its history stays" : "%s was not on the list", invocation->arguments[0]);
    return removal.was_blocked ? EXIT_OK : EXIT_FAILED;
}

/* ---- list, export ---- */

static const Column entry_columns[] = {
    {"phoneNumber", COLUMN_TEXT}, {"addedAt", COLUMN_TEXT}, {"source", COLUMN_TEXT}, {"reason", COLUMN_WIDE},
    {"actor", COLUMN_TEXT}, {"callId", COLUMN_TEXT}, {"campaignId", COLUMN_TEXT},
};
enum { ENTRY_COLUMNS = sizeof entry_columns / sizeof *entry_columns };

typedef struct Listing {
    Output *output;
    bool is_csv;
    Arena arena;
} Listing;

/* An import reads CSV back, and must find the very time; people are content with seconds. */
static Slice added_cell(Listing *listing, const BlockEntry *entry)
{
    char exact[TIME_TEXT_BYTES];
    time_print(entry->added_ms, exact);
    return listing->is_csv ? arena_copy(&listing->arena, slice_of(exact)) : cell_time(&listing->arena, entry->added_ms);
}

static bool list_entry(void *context, const BlockEntry *entry)
{
    Listing *listing = context;
    arena_reset(&listing->arena);
    const Slice cells[] = {entry->phone, added_cell(listing, entry), entry->source, entry->reason,
                           entry->actor, entry->call_id, entry->campaign_id};
    Text json = text_in(&listing->arena);
    print_block_entry(&json, entry);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

static int list_entries(const Invocation *invocation, size_t limit)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Fault fault;
    Listing listing = {.output = output_open(invocation, entry_columns, ENTRY_COLUMNS, "nobody is on the do-not-call list"),
                       .is_csv = invocation->output == OUTPUT_CSV};
    RegistryFilter filter = {.limit = output_limit(listing.output, limit)};
    const RegistryPort *registry = &desk.app.ports.registry;
    Status status = registry->list(registry->self, &filter, list_entry, &listing, &fault);
    output_close(listing.output, status);
    arena_done(&listing.arena);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}

int blacklist_list_verb(const Invocation *invocation)
{
    Fault fault;
    size_t limit;
    if (invocation_number(invocation, "limit", 50, &limit, &fault))
        return verb_fail(&fault);
    return list_entries(invocation, limit);
}

int blacklist_export_verb(const Invocation *invocation)
{
    Invocation export = *invocation;
    return output_of_export(invocation, &export.output) ? list_entries(&export, 0) : EXIT_WRONG_USAGE;
}

/* ---- import ---- */

typedef struct Import {
    const Invocation *invocation;
    ImportReader reader;
    ImportReport report;
    Arena arena;
    bool more;
} Import;

static Status import_unit(const Ports *ports, void *context, Fault *fault)
{
    Import *import = context;
    const Invocation *invocation = import->invocation;
    Slice actor = slice_of(actor_of(invocation));
    arena_reset(&import->arena);
    Status status = blacklist_import_some(ports, &import->reader, IMPORT_ROWS_A_UNIT, option_or(invocation, "reason", "imported list"),
                                          actor, clock_wall_ms(), &import->arena, &import->report, &import->more, fault);
    if (status || import->more)
        return status;
    return blacklist_import_audit(ports, slice_of(invocation->arguments[0]), actor, &import->report, clock_wall_ms(), fault);
}

static Status import_in_folder(Desk *desk, Import *import, Slice csv, Fault *fault)
{
    Progress progress;
    progress_init(&progress, "importing", (int64_t)csv.bytes);
    import_reader_init(&import->reader, csv, desk->app.settings.event.country_code);
    Status status = STATUS_OK;
    for (import->more = true; !status && import->more;) {
        status = in_unit(&desk->app.ports, import_unit, import, fault);
        progress_show(&progress, (int64_t)(csv.bytes - import->reader.csv.rest.bytes));
    }
    progress_done(&progress);
    arena_done(&import->arena);
    return status;
}

static int64_t number_of(const Json *object, const char *key)
{
    const Json *value = json_get(object, key);
    return json_is_number(value) ? (int64_t)value->valuedouble : 0;
}

static Status import_by_server(Desk *desk, Import *import, Slice csv, Fault *fault)
{
    const Invocation *invocation = import->invocation;
    Slice actor = http_client_escape(slice_of(actor_of(invocation)), desk->arena);
    Slice reason = http_client_escape(option_or(invocation, "reason", "imported list"), desk->arena);
    Slice path = arena_printf(desk->arena, "/v1/blacklist/import?actor=%.*s&reason=%.*s", SLICE_ARG(actor), SLICE_ARG(reason));
    Slice body;
    const Json *answer = NULL;
    Status status = desk_ask(desk, "POST", path, "text/csv", csv, &body, fault);
    status = status ? status : json_parse(body, desk->arena, &answer, fault);
    if (status)
        return status;
    import->report.added = number_of(answer, "added");
    import->report.known = number_of(answer, "known");
    import->report.rejected = number_of(answer, "rejected");
    import->report.first_bad_line = (size_t)number_of(answer, "firstBadLine");
    Slice reason_of_it = json_text(json_get(answer, "firstBadReason"));
    snprintf(import->report.first_bad_reason, sizeof import->report.first_bad_reason, "%.*s", SLICE_ARG(reason_of_it));
    return STATUS_OK;
}

static int report_import(const ImportReport *report, Slice where)
{
    verb_note("%lld numbers blocked, %lld were blocked before, %lld lines could not be read%.*s", (long long)report->added,
              (long long)report->known, (long long)report->rejected, SLICE_ARG(where));
    if (!report->rejected)
        return EXIT_OK;
    verb_note("the first of them is line %zu: %s", report->first_bad_line, report->first_bad_reason);
    verb_note("no number of such a line is blocked");
    return EXIT_FAILED;
}

int blacklist_import_verb(const Invocation *invocation)
{
    Slice csv;
    Fault fault;
    if (file_read(invocation->arguments[0], invocation->arena, &csv, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_change(&desk, invocation))
        return EXIT_FAILED;
    Import import = {.invocation = invocation};
    Status status = desk.client ? import_by_server(&desk, &import, csv, &fault) : import_in_folder(&desk, &import, csv, &fault);
    Slice where = in_new_folder(&desk);
    desk_close(&desk);
    return status ? verb_fail(&fault) : report_import(&import.report, where);
}

/* ---- sync ---- */

static Status sync_from_file(const Invocation *invocation, const App *app, ImportReport *report, Fault *fault)
{
    Slice csv;
    ImportReader reader;
    if (!*app->config->database_api_url)
        return fault_set(fault, STATUS_REJECT, "sync_file", "FILE is for a list behind DATABASE_API_URL; this list can be read: leave FILE out");
    Status status = file_read(invocation->arguments[0], invocation->arena, &csv, fault);
    if (status)
        return status;
    import_reader_init(&reader, csv, app->settings.event.country_code);
    return blacklist_give_cache(&app->ports, &reader, clock_wall_ms(), report, fault);
}

static Status sync_from_registry(const Ports *ports, ImportReport *report, Fault *fault)
{
    int64_t numbers = 0, missing = 0;
    Status status = dnc_sync(ports, &numbers, &missing, fault);
    report->added = missing;
    report->known = numbers - missing;
    return status;
}

static int report_sync(const ImportReport *report)
{
    verb_note("%lld numbers are in the cache, of which %lld were missing", (long long)(report->known + report->added), (long long)report->added);
    if (!report->rejected)
        return report->added ? EXIT_DRIFT : EXIT_OK;
    verb_note("%lld lines could not be read, so the cache is not taken for all of the list; the first of them is line %zu: %s",
              (long long)report->rejected, report->first_bad_line, report->first_bad_reason);
    return EXIT_FAILED;
}

int blacklist_sync_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation)) /* the cache is not in the folder, so whoever holds that does not matter */
        return EXIT_FAILED;
    Fault fault;
    ImportReport report = {0};
    bool has_cache = desk.app.ports.live.block != NULL;
    Status status = STATUS_OK;
    if (has_cache && invocation->arguments[0])
        status = sync_from_file(invocation, &desk.app, &report, &fault);
    else if (has_cache)
        status = sync_from_registry(&desk.app.ports, &report, &fault);
    desk_close(&desk);
    if (status)
        return verb_fail(&fault);
    if (has_cache)
        return report_sync(&report);
    verb_note("the list has no cache beside it: there is nothing to bring level");
    return EXIT_OK;
}
