/* Calls that an Asterisk has recorded itself: those from before Pledgeline, and those that nobody followed. */
#include <stdio.h>

#include "event/handlers.h"
#include "ingress/cdr_file.h"
#include "verb/files.h"
#include "verb/functions.h"
#include "verb/publish.h"

enum { ERRORS_SHOWN_MAX = 20 };

typedef struct Import {
    const char *file;
    Text lines;
    int64_t complaints;
} Import;

static void take_event(void *context, Slice topic, Slice body)
{
    Import *import = context;
    if (!slice_equal(topic, slice_of(call_handler.topic)))
        return; /* what became of a text is not told by a file */
    text_add(&import->lines, body);
    text_add_byte(&import->lines, '\n');
}

static void complain(void *context, size_t line, size_t column, const char *why)
{
    Import *import = context;
    if (import->complaints++ >= ERRORS_SHOWN_MAX)
        return;
    if (column)
        verb_note("%s line %zu, column %zu: %s", import->file, line, column, why);
    else
        verb_note("%s line %zu: %s", import->file, line, why);
}

static void say_what_was_read(const CdrFileReport *report)
{
    bool is_row = report->rows == 1, is_bad_row = report->bad_rows == 1, is_nameless = report->nameless == 1;
    verb_note("%lld %s %lld %s", (long long)report->rows, is_row ? "row is" : "rows are", (long long)report->calls,
              report->calls == 1 ? "call" : "calls");
    if (report->bad_rows)
        verb_note("%lld %s left out", (long long)report->bad_rows, is_bad_row ? "row could not be read and was" : "rows could not be read and were");
    if (report->nameless)
        verb_note("%lld %s left out: --campaign ID takes %s in", (long long)report->nameless,
                  is_nameless ? "call names no campaign and was" : "calls name no campaign and were", is_nameless ? "it" : "them");
}

/* *ret_zone NULL: UTC. */
static Status read_zone(const Invocation *invocation, Zone *room, const Zone **ret_zone, Fault *fault)
{
    Slice name = invocation_option_slice(invocation, "zone");
    *ret_zone = slice_empty(name) ? NULL : room;
    return slice_empty(name) ? STATUS_OK : zone_read(invocation->config->zone_folder, name, invocation->arena, room, fault);
}

int cdr_import_verb(const Invocation *invocation)
{
    Import import = {.file = invocation->arguments[0], .lines = text_in(invocation->arena)};
    CdrFileSettings settings = {.campaign_id = invocation_option_slice(invocation, "campaign"), .country_code = slice_of(invocation->config->country_code),
                                .tell = take_event, .complain = complain, .context = &import};
    CdrFileReport report;
    Slice csv;
    Zone zone;
    Fault fault;
    Status status = read_zone(invocation, &zone, &settings.zone, &fault);
    status = status ? status : file_read(import.file, invocation->arena, &csv, &fault);
    if (status)
        return verb_fail(&fault);
    cdr_file_read(csv, &settings, invocation->arena, &report);
    say_what_was_read(&report);
    if (!import.lines.bytes)
        return report.rows ? EXIT_FAILED : EXIT_OK;
    int code = publish_given(invocation, slice_of(call_handler.topic), "events", text_slice(&import.lines));
    return code ? code : report.bad_rows ? EXIT_FAILED : EXIT_OK;
}
