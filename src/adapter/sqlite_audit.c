/* The audit chain: entries are only ever appended, each sealed with the hash of the one before it. The head is kept in a
 * row of its own and read once a verb: one look-up, and nothing in memory that a rollback could leave wrong. */
#include "adapter/sqlite_audit.h"

static Status read_head(SqliteAudit *audit, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    Status status = sql_keep(audit->store, &audit->head, "SELECT entries, hash FROM audit_head", fault);
    if (status)
        return status;
    bool is_row;
    status = sql_step(audit->store, audit->head, &is_row, fault);
    Slice hash = !status && is_row ? sql_column(audit->head, 1) : (Slice){0};
    if (!status && hash.bytes != DIGEST_BYTES)
        status = fault_set(fault, STATUS_FATAL, "audit_head_damaged", "%s has lost the head of its audit chain: restore a backup",
                           audit->store->path);
    if (!status) {
        *ret_entries = sqlite3_column_int64(audit->head, 0);
        memcpy(ret_hash, hash.at, DIGEST_BYTES);
    }
    sqlite3_reset(audit->head);
    return status;
}

Status sqlite_audit_begin(SqliteAudit *audit, Fault *fault)
{
    audit->changed = false;
    return read_head(audit, &audit->entries, audit->hash, fault);
}

Status sqlite_audit_add(SqliteAudit *audit, const AuditEntry *entry, Fault *fault)
{
    Status status = sql_keep(audit->store, &audit->append, "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", fault);
    if (status)
        return status;
    AuditEntry sealed = *entry;
    sealed.seq = audit->entries + 1;
    audit_seal(&sealed, audit->hash);
    sql_bind(audit->append, SQL_NUMBER(sealed.seq), SQL_NUMBER(sealed.at_ms), SQL_TEXT(sealed.kind), SQL_TEXT(sealed.subject),
             SQL_TEXT(sealed.action_id), SQL_TEXT(sealed.actor), SQL_TEXT(sealed.reason), SQL_TEXT(sealed.detail),
             SQL_BYTES(((Slice){(const char *)sealed.hash, DIGEST_BYTES})));
    status = sql_run(audit->store, audit->append, fault);
    if (status)
        return status;
    audit->entries = sealed.seq;
    memcpy(audit->hash, sealed.hash, DIGEST_BYTES);
    audit->changed = true;
    return STATUS_OK;
}

Status sqlite_audit_add_once(SqliteAudit *audit, const AuditEntry *entry, bool *ret_new, Fault *fault)
{
    bool is_there;
    Status status = sql_keep(audit->store, &audit->find,
                             "SELECT 1 FROM audit WHERE subject = ?1 AND action_id = ?2 AND kind = ?3 AND detail = ?4", fault);
    if (status)
        return status;
    sql_bind(audit->find, SQL_TEXT(entry->subject), SQL_TEXT(entry->action_id), SQL_TEXT(entry->kind), SQL_TEXT(entry->detail));
    status = sql_step(audit->store, audit->find, &is_there, fault);
    sqlite3_reset(audit->find);
    if (status)
        return status;
    *ret_new = !is_there;
    return is_there ? STATUS_OK : sqlite_audit_add(audit, entry, fault);
}

Status sqlite_audit_end(SqliteAudit *audit, Fault *fault)
{
    if (!audit->changed)
        return STATUS_OK;
    Status status = sql_keep(audit->store, &audit->move_head, "UPDATE audit_head SET entries = ?1, hash = ?2", fault);
    if (status)
        return status;
    sql_bind(audit->move_head, SQL_NUMBER(audit->entries), SQL_BYTES(((Slice){(const char *)audit->hash, DIGEST_BYTES})));
    return sql_run(audit->store, audit->move_head, fault);
}

static AuditEntry read_entry(sqlite3_stmt *statement)
{
    AuditEntry entry = {.seq = sqlite3_column_int64(statement, 0), .at_ms = sqlite3_column_int64(statement, 1),
                        .kind = sql_column(statement, 2), .subject = sql_column(statement, 3), .action_id = sql_column(statement, 4),
                        .actor = sql_column(statement, 5), .reason = sql_column(statement, 6), .detail = sql_column(statement, 7)};
    Slice hash = sql_column(statement, 8);
    memcpy(entry.hash, hash.at, hash.bytes < DIGEST_BYTES ? hash.bytes : DIGEST_BYTES);
    return entry;
}

Status sqlite_audit_read(SqliteAudit *audit, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry),
                         void *context, Fault *fault)
{
    const char *all = "SELECT * FROM audit WHERE seq >= ?1 ORDER BY seq";
    const char *of_one = "SELECT * FROM audit WHERE seq >= ?1 AND subject = ?2 ORDER BY seq";
    sqlite3_stmt *statement;
    Status status = sql_prepare(audit->store, slice_empty(subject) ? all : of_one, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_NUMBER(from_seq), SQL_TEXT(subject));
    bool goes_on = true;
    while (!(status = sql_step(audit->store, statement, &goes_on, fault)) && goes_on) {
        AuditEntry entry = read_entry(statement);
        if (!visit(context, &entry))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

Status sqlite_audit_head(SqliteAudit *audit, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    return read_head(audit, ret_entries, ret_hash, fault);
}
