/* The in-process SMS gateway: takes messages into an outbox, one an action id, in the caller's unit of work. They stay
 * "queued": nothing here pretends that a phone network has them. */
#include "adapter/sqlite_store.h"

#include "base/digest.h"

typedef struct SqliteSms {
    SqliteStore *store;
    sqlite3_stmt *find, *enter, *carry;
} SqliteSms;

/* The id of the message that this action id has become, in arena; empty when there is none yet. */
static Status find_message(SqliteSms *sms, Slice action_id, Arena *arena, Slice *ret_id, Fault *fault)
{
    *ret_id = (Slice){0};
    Status status = sql_keep(sms->store, &sms->find, "SELECT id FROM sms WHERE action_id = ?", fault);
    if (status)
        return status;
    sql_bind(sms->find, SQL_TEXT(action_id));
    bool is_row;
    status = sql_step(sms->store, sms->find, &is_row, fault);
    if (!status && is_row)
        *ret_id = sql_column_copy(sms->find, 0, arena);
    sqlite3_reset(sms->find);
    return status;
}

/* Whoever slept through its lease may wake up here: the text is entered only while the ledger has it as SENDING (2) with our fence. */
static Status enter_message(SqliteSms *sms, const Effect *effect, Slice message, int64_t now_ms, SmsOutcome *outcome, Fault *fault)
{
    Status status = sql_keep(sms->store, &sms->enter,
                             "INSERT INTO sms (id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason,"
                             " queued_ms) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', '', ?8"
                             " FROM effect WHERE action_id = ?2 AND fence = ?9 AND state = 2", fault);
    if (status)
        return status;
    sql_bind(sms->enter, SQL_TEXT(outcome->message_id), SQL_TEXT(effect->action_id), SQL_TEXT(effect->call_id), SQL_TEXT(effect->campaign_id),
             SQL_TEXT(effect->contact_id), SQL_TEXT(effect->phone), SQL_TEXT(message), SQL_NUMBER(now_ms),
             SQL_NUMBER(effect->fence));
    status = sql_run(sms->store, sms->enter, fault);
    if (!status && !sqlite3_changes(sms->store->db))
        *outcome = (SmsOutcome){.result = SMS_OVERTAKEN};
    return status;
}

static bool fill_message(const Effect *effect, Arena *arena, Slice *ret_message, SmsOutcome *outcome)
{
    Fault fault;
    if (!effect_fill(effect, arena, ret_message, &fault))
        return true;
    *outcome = (SmsOutcome){.result = SMS_REFUSED, .reason = arena_copy(arena, slice_of(fault.text))};
    return false;
}

static Status send_one(SqliteSms *sms, const Effect *effect, int64_t now_ms, Arena *arena, SmsOutcome *outcome, Fault *fault)
{
    Slice id, message;
    Status status = find_message(sms, effect->action_id, arena, &id, fault);
    if (status)
        return status;
    *outcome = (SmsOutcome){.result = SMS_ACCEPTED, .message_id = id};
    if (!slice_empty(id) || !fill_message(effect, arena, &message, outcome))
        return STATUS_OK;
    char uuid[37];
    digest_uuid(uuid);
    outcome->message_id = arena_copy(arena, slice_of(uuid));
    return enter_message(sms, effect, message, now_ms, outcome, fault);
}

static Status send_texts(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes,
                         Fault *fault)
{
    SqliteSms *sms = self;
    SqliteWork work;
    Status status = sqlite_enter(sms->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = send_one(sms, &effects[i], now_ms, arena, &outcomes[i], fault);
    return sqlite_leave(&work, status, fault);
}

static SmsRecord read_record(sqlite3_stmt *statement)
{
    return (SmsRecord){.row = sqlite3_column_int64(statement, 0), .id = sql_column(statement, 1), .action_id = sql_column(statement, 2),
                       .call_id = sql_column(statement, 3), .campaign_id = sql_column(statement, 4),
                       .contact_id = sql_column(statement, 5), .phone = sql_column(statement, 6), .message = sql_column(statement, 7),
                       .status = sql_column(statement, 8), .failure_reason = sql_column(statement, 9),
                       .queued_ms = sqlite3_column_int64(statement, 10)};
}

#define LIST(order) \
    "SELECT * FROM sms WHERE row < ifnull(nullif(?1, 0), 9223372036854775807) AND (?2 = '' OR campaign_id = ?2) AND (?3 = '' OR phone = ?3)" \
    " ORDER BY row " order " LIMIT ?4"

static Status list(void *self, const SmsFilter *filter, bool (*visit)(void *context, const SmsRecord *record), void *context, Fault *fault)
{
    SqliteSms *sms = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(sms->store, filter->oldest_first ? LIST("ASC") : LIST("DESC"), &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_NUMBER(filter->before_row), SQL_TEXT(filter->campaign_id), SQL_TEXT(filter->phone),
             SQL_NUMBER(filter->limit ? (int64_t)filter->limit : -1));
    bool goes_on = true;
    while (!(status = sql_step(sms->store, statement, &goes_on, fault)) && goes_on) {
        SmsRecord record = read_record(statement);
        if (!visit(context, &record))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

static Status enter_one(SqliteSms *sms, const SmsRecord *record, bool *ret_new, Fault *fault)
{
    Status status = sql_keep(sms->store, &sms->carry,
                             "INSERT INTO sms (id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason,"
                             " queued_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING", fault);
    if (status)
        return status;
    sql_bind(sms->carry, SQL_TEXT(record->id), SQL_TEXT(record->action_id), SQL_TEXT(record->call_id), SQL_TEXT(record->campaign_id),
             SQL_TEXT(record->contact_id), SQL_TEXT(record->phone), SQL_TEXT(record->message), SQL_TEXT(record->status),
             SQL_TEXT(record->failure_reason), SQL_NUMBER(record->queued_ms));
    status = sql_run(sms->store, sms->carry, fault);
    *ret_new = sqlite3_changes(sms->store->db) == 1;
    return status;
}

static Status enter(void *self, const SmsRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    SqliteSms *sms = self;
    SqliteWork work;
    Status status = sqlite_enter(sms->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = enter_one(sms, &records[i], &ret_new[i], fault);
    return sqlite_leave(&work, status, fault);
}

SmsPort sqlite_sms(SqliteStore *store)
{
    SqliteSms *sms = ARENA_NEW(&store->arena, SqliteSms);
    sms->store = store;
    return (SmsPort){.self = sms, .joins_unit = true, .name = SLICE("outbox"), .repeat_ms = REPEAT_ALWAYS, .send = send_texts, .list = list, .enter = enter};
}
