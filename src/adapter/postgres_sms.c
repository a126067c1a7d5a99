/* The in-process SMS gateway with its outbox in PostgreSQL: one message an action id, whichever process sends it. They stay
 * "queued": nothing here pretends that a phone network has them. */
#include "adapter/postgres_store.h"

#include "base/digest.h"

#define SMS_COLUMNS "number, id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason, queued_at"

/* Whoever slept through its lease may wake up here, when another process has seen that the number is blocked: the ledger's row
 * is locked, so nobody claims it between this look and the text. */
static const PostgresStatement enter_statement = {
    "sms_enter", "WITH ours AS (SELECT new.*"
                 " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $9::bigint[])"
                 " WITH ORDINALITY AS new (id, action_id, call_id, campaign_id, contact_id, phone, message, fence, n)"
                 " JOIN effect AS held ON held.action_id = new.action_id AND held.fence = new.fence AND held.state = 'sending'"
                 " ORDER BY held.action_id, new.n FOR UPDATE OF held)"
                 " INSERT INTO sms (id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason, queued_at)"
                 " SELECT id, action_id, call_id, campaign_id, contact_id, phone, message, 'queued', '', $8::timestamptz"
                 " FROM ours ON CONFLICT DO NOTHING"};

/* An empty id: there is no message of that action. */
static const PostgresStatement find_statement = {
    "sms_find", "SELECT coalesce((SELECT id FROM sms WHERE sms.action_id = wanted.action_id), '')"
                " FROM unnest($1::text[]) WITH ORDINALITY AS wanted (action_id, n) ORDER BY wanted.n"};

typedef struct Sending {
    const Effect *effects;
    size_t count;
    int64_t now_ms;
    Arena *arena;
    SmsOutcome *outcomes;
    Effect *filled;     /* with their message as it goes out, and an id for it */
    size_t filled_count;
} Sending;

static void fill(Sending *sending)
{
    sending->filled = ARENA_ARRAY(sending->arena, Effect, sending->count + 1);
    for (size_t i = 0; i < sending->count; i++) {
        const Effect *effect = &sending->effects[i];
        Effect filled = *effect;
        Fault fault;
        char uuid[37];
        if (effect_fill(effect, sending->arena, &filled.message, &fault)) {
            sending->outcomes[i] = (SmsOutcome){.result = SMS_REFUSED, .reason = arena_copy(sending->arena, slice_of(fault.text))};
            continue;
        }
        sending->outcomes[i] = (SmsOutcome){.result = SMS_OVERTAKEN};
        digest_uuid(uuid);
        filled.message_id = arena_copy(sending->arena, slice_of(uuid));
        sending->filled[sending->filled_count++] = filled;
    }
}

static void ask_to_enter(Postgres *store, const Effect *filled, size_t count, int64_t now_ms)
{
    Arena *arena = &store->scratch;
    ASK(store, &enter_statement, POSTGRES_COLUMN(texts, arena, filled, count, message_id), POSTGRES_COLUMN(texts, arena, filled, count, action_id),
        POSTGRES_COLUMN(texts, arena, filled, count, call_id), POSTGRES_COLUMN(texts, arena, filled, count, campaign_id),
        POSTGRES_COLUMN(texts, arena, filled, count, contact_id), POSTGRES_COLUMN(texts, arena, filled, count, phone),
        POSTGRES_COLUMN(texts, arena, filled, count, message), postgres_time(arena, now_ms),
        POSTGRES_COLUMN(numbers, arena, filled, count, fence));
}

/* What was sent before, by whomever, counts as accepted, whatever its text would be now. */
static Status send_all(Postgres *store, void *verb, Fault *fault)
{
    const Sending *sending = verb;
    postgres_begin(store);
    ask_to_enter(store, sending->filled, sending->filled_count, sending->now_ms);
    ASK(store, &find_statement, POSTGRES_COLUMN(texts, &store->scratch, sending->effects, sending->count, action_id));
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    for (size_t i = 0; i < sending->count && !status; i++) {
        Slice id = postgres_cell(postgres_answer(store, 2), (int)i, 0);
        if (!slice_empty(id))
            sending->outcomes[i] = (SmsOutcome){.result = SMS_ACCEPTED, .message_id = arena_copy(sending->arena, id)};
    }
    return status;
}

static Status send_texts(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes,
                         Fault *fault)
{
    Sending sending = {.effects = effects, .count = count, .now_ms = now_ms, .arena = arena, .outcomes = outcomes};
    fill(&sending);
    return postgres_run(self, send_all, &sending, fault);
}

/* ---- list ---- */

#define LIST(is_behind, order) \
    "SELECT " SMS_COLUMNS " FROM sms WHERE ($1::bigint = 0 OR number " is_behind " $1::bigint) AND ($2::text = '' OR campaign_id = $2::text)" \
    " AND ($3::text = '' OR phone = $3::text) ORDER BY number " order " LIMIT $4::bigint"

static const PostgresStatement list_newest = {NULL, LIST("<", "DESC")}, list_oldest = {NULL, LIST(">", "ASC")};

typedef struct SmsList {
    const SmsFilter *filter;
    bool (*visit)(void *context, const SmsRecord *record);
    void *context;
} SmsList;

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const SmsFilter *filter = ((const SmsList *)verb)->filter;
    int64_t cursor = before ? postgres_cell_number(before, PQntuples(before) - 1, 0) : filter->oldest_first ? 0 : filter->before_row;
    ASK(store, filter->oldest_first ? &list_oldest : &list_newest, postgres_number(&store->scratch, cursor), postgres_text(filter->campaign_id),
        postgres_text(filter->phone), postgres_number(&store->scratch, rows));
}

static bool show_record(const void *verb, const PGresult *page, int row)
{
    const SmsList *list = verb;
    SmsRecord record = {.row = postgres_cell_number(page, row, 0), .id = postgres_cell(page, row, 1), .action_id = postgres_cell(page, row, 2),
                        .call_id = postgres_cell(page, row, 3), .campaign_id = postgres_cell(page, row, 4),
                        .contact_id = postgres_cell(page, row, 5), .phone = postgres_cell(page, row, 6), .message = postgres_cell(page, row, 7),
                        .status = postgres_cell(page, row, 8), .failure_reason = postgres_cell(page, row, 9),
                        .queued_ms = postgres_cell_time(page, row, 10)};
    return list->visit(list->context, &record);
}

static Status list_records(void *self, const SmsFilter *filter, bool (*visit)(void *context, const SmsRecord *record), void *context,
                           Fault *fault)
{
    SmsList verb = {filter, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_record, .verb = &verb, .limit = filter->limit};
    return postgres_list(self, &list, fault);
}

/* ---- moving in ---- */

/* In the order in which they came: they are numbered so. */
static const PostgresStatement carry_statement = {
    NULL, "WITH entered AS (INSERT INTO sms (id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason, queued_at)"
          " SELECT id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason, queued_at"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],"
          " $10::timestamptz[]) WITH ORDINALITY AS new (id, action_id, call_id, campaign_id, contact_id, phone, message, status,"
          " failure_reason, queued_at, n) ORDER BY n ON CONFLICT DO NOTHING RETURNING action_id)"
          " SELECT action_id FROM entered ORDER BY action_id COLLATE \"C\""};

typedef struct Entering {
    const SmsRecord *records;
    size_t count;
    bool *is_new;
} Entering;

static Status enter_all(Postgres *store, void *verb, Fault *fault)
{
    const Entering *entering = verb;
    Arena *arena = &store->scratch;
    const SmsRecord *records = entering->records;
    size_t count = entering->count;
    postgres_begin(store);
    ASK(store, &carry_statement, POSTGRES_COLUMN(texts, arena, records, count, id), POSTGRES_COLUMN(texts, arena, records, count, action_id),
        POSTGRES_COLUMN(texts, arena, records, count, call_id), POSTGRES_COLUMN(texts, arena, records, count, campaign_id),
        POSTGRES_COLUMN(texts, arena, records, count, contact_id), POSTGRES_COLUMN(texts, arena, records, count, phone),
        POSTGRES_COLUMN(texts, arena, records, count, message), POSTGRES_COLUMN(texts, arena, records, count, status),
        POSTGRES_COLUMN(texts, arena, records, count, failure_reason), POSTGRES_COLUMN(times, arena, records, count, queued_ms));
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (!status)
        postgres_first_of_each(postgres_answer(store, 1), &records[0].action_id, sizeof *records, count, entering->is_new);
    return status;
}

static Status enter(void *self, const SmsRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    Entering entering = {records, count, ret_new};
    return postgres_run(self, enter_all, &entering, fault);
}

SmsPort postgres_sms(Postgres *store)
{
    return (SmsPort){.self = store, .joins_unit = false, .name = SLICE("outbox"), .repeat_ms = REPEAT_ALWAYS, .send = send_texts, .list = list_records,
                     .enter = enter};
}
