/* The record of actions: what was done for whom, and what came of it. The first record of an action id stands. */
#include "adapter/sqlite_registry.h"

#include "event/audit_entries.h"

static Status enter_record(SqliteRegistry *registry, const ActionRecord *record, bool *ret_new, Fault *fault)
{
    Status status = sql_keep(registry->store, &registry->record,
                             "INSERT INTO action VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING", fault);
    if (status)
        return status;
    sql_bind(registry->record, SQL_TEXT(record->id), SQL_TEXT(record->call_id), SQL_TEXT(record->campaign_id),
             SQL_TEXT(record->contact_id), SQL_TEXT(record->phone), SQL_TEXT(record->action_type), SQL_TEXT(record->donation_link),
             SQL_TEXT(record->sms_message_id), SQL_NUMBER(record->tts_fallback_triggered), SQL_NUMBER(record->timestamp_ms),
             SQL_TEXT(record->status), SQL_TEXT(record->failure_reason));
    status = sql_run(registry->store, registry->record, fault);
    *ret_new = sqlite3_changes(registry->store->db) == 1;
    return status;
}

static Status record_one(SqliteRegistry *registry, const ActionRecord *record, bool *ret_new, Fault *fault)
{
    Status status = enter_record(registry, record, ret_new, fault);
    if (status || !*ret_new || !action_is_audited(record))
        return status;
    AuditEntry entry = audit_entry_of_action(record);
    return sqlite_audit_add(&registry->audit, &entry, fault);
}

typedef Status (*EnterOne)(SqliteRegistry *registry, const ActionRecord *record, bool *ret_new, Fault *fault);

static Status enter_all(SqliteRegistry *registry, EnterOne enter_one, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    SqliteWork work;
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    status = sqlite_audit_begin(&registry->audit, fault);
    for (size_t i = 0; i < count && !status; i++)
        status = enter_one(registry, &records[i], &ret_new[i], fault);
    status = status ? status : sqlite_audit_end(&registry->audit, fault);
    return sqlite_leave(&work, status, fault);
}

Status sqlite_record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    return enter_all(self, record_one, records, count, ret_new, fault);
}

Status sqlite_enter_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    return enter_all(self, enter_record, records, count, ret_new, fault);
}

static ActionRecord read_record(sqlite3_stmt *statement)
{
    return (ActionRecord){.id = sql_column(statement, 0), .call_id = sql_column(statement, 1), .campaign_id = sql_column(statement, 2),
                          .contact_id = sql_column(statement, 3), .phone = sql_column(statement, 4),
                          .action_type = sql_column(statement, 5), .donation_link = sql_column(statement, 6),
                          .sms_message_id = sql_column(statement, 7), .tts_fallback_triggered = sqlite3_column_int(statement, 8) != 0,
                          .timestamp_ms = sqlite3_column_int64(statement, 9), .status = sql_column(statement, 10),
                          .failure_reason = sql_column(statement, 11)};
}

Status sqlite_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                      Fault *fault)
{
    SqliteRegistry *registry = self;
    sqlite3_stmt *statement;
    Status status = sqlite_registry_prepare(registry, "SELECT * FROM action", "id", filter, &statement, fault);
    if (status)
        return status;
    bool goes_on = true;
    while (!(status = sql_step(registry->store, statement, &goes_on, fault)) && goes_on) {
        ActionRecord record = read_record(statement);
        if (!visit(context, &record))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}
