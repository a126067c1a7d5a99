/* What the do-not-call list says of a number. It fails closed: who cannot be read or asked is blocked. */
#include <stdio.h>

#include "event/phone.h"
#include "service/dnc_cache.h"
#include "service/print.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

/* An answer about one number. */
typedef struct Answer {
    Slice phone;
    bool blocked;
    Slice why;
    BlockEntry entry; /* empty where the list has none */
    bool has_entry;
} Answer;

static Answer ask(const Ports *ports, Slice phone, Arena *arena)
{
    Fault fault;
    Answer answer = {.phone = phone, .blocked = true};
    if (!phone_is_e164(phone)) {
        answer.why = SLICE("not an E.164 number (+ and 8 to 15 digits), so nobody can say");
        return answer;
    }
    bool is_known = !dnc_show(ports, phone, arena, &answer.entry, &answer.has_entry, &fault);
    if (is_known && answer.has_entry)
        answer.why = answer.entry.reason;
    else
        answer.blocked = dnc_ask(ports, phone, arena, &answer.why) != DNC_CLEAR;
    return answer;
}

static Slice blocked_or_clear(const Answer *answer) { return answer->blocked ? SLICE("blocked") : SLICE("clear"); }

/* ---- check ---- */

static const Column check_columns[] = {{"number", COLUMN_TEXT}, {"answer", COLUMN_TEXT}, {"why", COLUMN_WIDE}};

static void check_row(Output *output, Arena *arena, const Answer *answer)
{
    Slice why = answer->why;
    if (answer->has_entry)
        why = arena_printf(arena, "%.*s, since %.*s", SLICE_ARG(why), SLICE_ARG(cell_time(arena, answer->entry.added_ms)));
    const Slice cells[] = {answer->phone, blocked_or_clear(answer), why};
    Text json = text_in(arena);
    text_add_literal(&json, "{\"phoneNumber\":");
    json_add_string(&json, answer->phone);
    text_printf(&json, ",\"blocked\":%s,\"reason\":", answer->blocked ? "true" : "false");
    json_add_string(&json, why);
    text_add_byte(&json, '}');
    output_row(output, cells, text_slice(&json));
}

int blacklist_check_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_BLOCKED; /* nobody can say */
    Output *output = output_open(invocation, check_columns, sizeof check_columns / sizeof *check_columns, NULL);
    bool any = false;
    for (int i = 0; i < invocation->argument_count; i++) {
        Answer answer = ask(&desk.app.ports, slice_of(invocation->arguments[i]), invocation->arena);
        check_row(output, invocation->arena, &answer);
        any |= answer.blocked;
    }
    output_close(output, STATUS_OK);
    desk_close(&desk);
    return any ? EXIT_BLOCKED : EXIT_OK;
}

/* ---- show: the entry, and what the audit log knows ---- */

static const Column entry_columns[] = {
    {"number", COLUMN_TEXT}, {"answer", COLUMN_TEXT}, {"since", COLUMN_TEXT}, {"source", COLUMN_TEXT}, {"actor", COLUMN_TEXT},
    {"call", COLUMN_TEXT}, {"campaign", COLUMN_TEXT}, {"reason", COLUMN_WIDE},
};
static const Column history_columns[] = {
    {"seq", COLUMN_NUMBER}, {"at", COLUMN_TEXT}, {"kind", COLUMN_TEXT}, {"actor", COLUMN_TEXT}, {"action", COLUMN_TEXT}, {"reason", COLUMN_WIDE},
};

typedef struct History {
    Output *output; /* or */
    Text json;
    Arena arena; /* one entry */
    size_t count;
} History;

static void show_entry(const Invocation *invocation, const Answer *answer)
{
    const BlockEntry *entry = &answer->entry;
    Output *output = output_open(invocation, entry_columns, sizeof entry_columns / sizeof *entry_columns, NULL);
    const Slice cells[] = {answer->phone, blocked_or_clear(answer), cell_time(invocation->arena, entry->added_ms), entry->source,
                           entry->actor, entry->call_id, entry->campaign_id, answer->why};
    output_row(output, cells, (Slice){0});
    output_close(output, STATUS_OK);
    putchar('\n');
}

static bool add_history_row(void *context, const AuditEntry *entry)
{
    History *history = context;
    arena_reset(&history->arena);
    const Slice cells[] = {cell_number(&history->arena, entry->seq), cell_time(&history->arena, entry->at_ms), entry->kind,
                           entry->actor, entry->action_id, entry->reason};
    output_row(history->output, cells, (Slice){0});
    return true;
}

/* CSV is one table: the history. */
static Status show_for_people(const Invocation *invocation, const RegistryPort *registry, const Answer *answer, Fault *fault)
{
    if (invocation->output == OUTPUT_TABLE)
        show_entry(invocation, answer);
    History history = {.output = output_open(invocation, history_columns, sizeof history_columns / sizeof *history_columns,
                                             "the audit log has nothing about it")};
    Status status = registry->audit(registry->self, 1, answer->phone, add_history_row, &history, fault);
    output_close(history.output, status);
    arena_done(&history.arena);
    return status;
}

static bool add_history_json(void *context, const AuditEntry *entry)
{
    History *history = context;
    text_add(&history->json, history->count++ ? SLICE(",\n") : SLICE("\n"));
    print_audit_entry(&history->json, entry);
    return true;
}

/* As the server answers, and whether it is blocked. */
static Status show_as_json(const Invocation *invocation, const RegistryPort *registry, const Answer *answer, Fault *fault)
{
    History history = {.json = text_in(invocation->arena)};
    Text *json = &history.json;
    if (answer->has_entry) {
        print_block_entry(json, &answer->entry);
        json->bytes--; /* it goes on */
    } else {
        text_add_byte(json, '{');
        json_add_text_member(json, "phoneNumber", answer->phone);
        if (answer->blocked)
            json_add_text_member(json, "reason", answer->why);
    }
    json_add_flag_member(json, "blocked", answer->blocked);
    json_add_key(json, "history");
    text_add_byte(json, '[');
    Status status = registry->audit(registry->self, 1, answer->phone, add_history_json, &history, fault);
    if (!status)
        printf("%.*s]}\n", SLICE_ARG(text_slice(json)));
    return status;
}

int blacklist_show_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    const RegistryPort *registry = &desk.app.ports.registry;
    Answer answer = ask(&desk.app.ports, slice_of(invocation->arguments[0]), invocation->arena);
    Fault fault;
    Status status = invocation->output == OUTPUT_JSON ? show_as_json(invocation, registry, &answer, &fault)
                                                      : show_for_people(invocation, registry, &answer, &fault);
    desk_close(&desk);
    if (status)
        return verb_fail(&fault);
    return answer.blocked ? EXIT_BLOCKED : EXIT_OK;
}
