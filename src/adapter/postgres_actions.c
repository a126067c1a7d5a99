/* The record of actions: what was done for whom, and what came of it. The first record of an action id stands. */
#include "adapter/postgres_store.h"

#include "event/audit_entries.h"

#define ACTION_COLUMNS \
    "id, call_id, campaign_id, contact_id, phone, action_type, donation_link, sms_message_id, tts_fallback_triggered, timestamp," \
    " status, failure_reason"

/* In order of id: two processes that enter the same ones wait for each other in one direction only. */
static const PostgresStatement enter_statement = {
    "action_enter", "INSERT INTO action (" ACTION_COLUMNS ")"
                    " SELECT " ACTION_COLUMNS " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
                    " $8::text[], $9::boolean[], $10::timestamptz[], $11::text[], $12::text[]) WITH ORDINALITY AS new (" ACTION_COLUMNS ", n)"
                    " ORDER BY id COLLATE \"C\", n ON CONFLICT DO NOTHING RETURNING id"};

typedef struct Recording {
    const ActionRecord *records;
    size_t count;
    bool *is_new;
} Recording;

static bool any_audited(const Recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        if (action_is_audited(&recording->records[i]))
            return true;
    }
    return false;
}

static void ask_to_enter(Postgres *store, const ActionRecord *records, size_t count)
{
    Arena *arena = &store->scratch;
    ASK(store, &enter_statement, POSTGRES_COLUMN(texts, arena, records, count, id), POSTGRES_COLUMN(texts, arena, records, count, call_id),
        POSTGRES_COLUMN(texts, arena, records, count, campaign_id), POSTGRES_COLUMN(texts, arena, records, count, contact_id),
        POSTGRES_COLUMN(texts, arena, records, count, phone), POSTGRES_COLUMN(texts, arena, records, count, action_type),
        POSTGRES_COLUMN(texts, arena, records, count, donation_link), POSTGRES_COLUMN(texts, arena, records, count, sms_message_id),
        POSTGRES_COLUMN(flags, arena, records, count, tts_fallback_triggered), POSTGRES_COLUMN(times, arena, records, count, timestamp_ms),
        POSTGRES_COLUMN(texts, arena, records, count, status), POSTGRES_COLUMN(texts, arena, records, count, failure_reason));
}

static void read_new(const Recording *recording, const PGresult *entered)
{
    postgres_first_of_each(entered, &recording->records[0].id, sizeof *recording->records, recording->count, recording->is_new);
}

static Status audit_new(Postgres *store, const Recording *recording, const PGresult *head, Fault *fault)
{
    AuditEntry *entries = ARENA_ARRAY(&store->scratch, AuditEntry, recording->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < recording->count; i++) {
        if (recording->is_new[i] && action_is_audited(&recording->records[i]))
            entries[count++] = audit_entry_of_action(&recording->records[i]);
    }
    return postgres_audit_append(store, head, entries, count, fault);
}

/* Opt-outs alone, and what moves in, need no look at the chain, and so one round trip. */
static Status record_unaudited(Postgres *store, void *verb, Fault *fault)
{
    const Recording *recording = verb;
    postgres_begin(store);
    ask_to_enter(store, recording->records, recording->count);
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (!status)
        read_new(recording, postgres_answer(store, 1));
    return status;
}

static Status record_all(Postgres *store, void *verb, Fault *fault)
{
    const Recording *recording = verb;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    ask_to_enter(store, recording->records, recording->count);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    read_new(recording, postgres_answer(store, 2));
    status = audit_new(store, recording, postgres_answer(store, 1), fault);
    if (status)
        return status;
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

Status postgres_record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    Recording recording = {records, count, ret_new};
    return postgres_run(self, any_audited(&recording) ? record_all : record_unaudited, &recording, fault);
}

Status postgres_enter_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    Recording recording = {records, count, ret_new};
    return postgres_run(self, record_unaudited, &recording, fault);
}

/* ---- list ---- */

typedef struct ActionList {
    const RegistryFilter *filter;
    bool (*visit)(void *context, const ActionRecord *record);
    void *context;
} ActionList;

static const PostgresStatement list_statement = {
    NULL, "SELECT " ACTION_COLUMNS " FROM action WHERE id > $1::text AND ($2::text = '' OR campaign_id = $2::text)"
          " AND ($3::text = '' OR call_id = $3::text) AND ($4::text = '' OR phone = $4::text)"
          " AND ($5::text = '' OR action_type = $5::text) ORDER BY id LIMIT $6::bigint"};

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const RegistryFilter *filter = ((const ActionList *)verb)->filter;
    ASK(store, &list_statement, postgres_text(postgres_after(before, 0, filter->after)), postgres_text(filter->campaign_id),
        postgres_text(filter->call_id), postgres_text(filter->phone), postgres_text(filter->action_type),
        postgres_number(&store->scratch, rows));
}

static bool show_record(const void *verb, const PGresult *page, int row)
{
    const ActionList *list = verb;
    ActionRecord record = {.id = postgres_cell(page, row, 0), .call_id = postgres_cell(page, row, 1),
                           .campaign_id = postgres_cell(page, row, 2), .contact_id = postgres_cell(page, row, 3),
                           .phone = postgres_cell(page, row, 4), .action_type = postgres_cell(page, row, 5),
                           .donation_link = postgres_cell(page, row, 6), .sms_message_id = postgres_cell(page, row, 7),
                           .tts_fallback_triggered = postgres_cell_flag(page, row, 8), .timestamp_ms = postgres_cell_time(page, row, 9),
                           .status = postgres_cell(page, row, 10), .failure_reason = postgres_cell(page, row, 11)};
    return list->visit(list->context, &record);
}

Status postgres_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                        Fault *fault)
{
    ActionList verb = {filter, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_record, .verb = &verb, .limit = filter->limit};
    return postgres_list(self, &list, fault);
}
