/* SQLite's statements and result codes, so that the ports above speak of rows and faults only. */
#include <errno.h>

#include "adapter/sqlite_store.h"

/* ---- results ---- */

/* The unix layer says SQLITE_FULL for ENOSPC alone; a quota and a size limit are the same trouble. SQLite keeps the reason of
 * a failed statement, but not that of a failed commit: there it is still in errno. */
static bool is_disk_full(sqlite3 *db, int code)
{
    int reason = errno ? errno : sqlite3_system_errno(db);
    return (code & 0xff) == SQLITE_FULL ||
           (code == SQLITE_IOERR_WRITE && (reason == EFBIG || reason == EDQUOT || reason == ENOSPC));
}

typedef struct ResultRow { int code; Status status; const char *word, *advice; } ResultRow;

/* Extended codes first: the first row that fits speaks. */
static const ResultRow result_rows[] = {
    {SQLITE_IOERR_FSYNC, STATUS_FATAL, "fsync_failed", "the disk did not confirm a write: look at the disk, then start again"},
    {SQLITE_IOERR_DIR_FSYNC, STATUS_FATAL, "fsync_failed", "the disk did not confirm a write: look at the disk, then start again"},
    {SQLITE_IOERR, STATUS_FATAL, "io_error", "look at the disk and at the kernel's log"},
    {SQLITE_READONLY, STATUS_FATAL, "read_only", "make the file and its folder writable for this user"},
    {SQLITE_CANTOPEN, STATUS_FATAL, "cannot_open", "check that this user may read and write the data folder"},
    {SQLITE_PERM, STATUS_FATAL, "cannot_open", "check that this user may read and write the data folder"},
    {SQLITE_AUTH, STATUS_FATAL, "cannot_open", "check that this user may read and write the data folder"},
    {SQLITE_CORRUPT, STATUS_FATAL, "database_damaged", "stop, copy the data folder away, and restore a backup"},
    {SQLITE_NOTADB, STATUS_FATAL, "database_damaged", "this is not one of our databases: restore a backup, or name another data folder"},
    {SQLITE_NOMEM, STATUS_FATAL, "out_of_memory", "give the process more memory"},
    {SQLITE_BUSY, STATUS_RETRY, "database_busy", "another process holds the file for longer than it should"},
    {SQLITE_LOCKED, STATUS_RETRY, "database_busy", "another statement holds the table"},
    {SQLITE_INTERRUPT, STATUS_RETRY, "interrupted", "try again"},
    {SQLITE_ABORT, STATUS_RETRY, "interrupted", "try again"},
    {SQLITE_SCHEMA, STATUS_RETRY, "interrupted", "the schema was changed meanwhile: try again"},
    {SQLITE_PROTOCOL, STATUS_RETRY, "database_busy", "try again"},
    {SQLITE_CONSTRAINT, STATUS_REJECT, "constraint", "the store's rules do not allow this"},
    {SQLITE_TOOBIG, STATUS_REJECT, "too_big", "a value is larger than the store can hold"},
    {SQLITE_MISMATCH, STATUS_REJECT, "mismatch", "a value is of the wrong type"},
};

static const ResultRow *row_of(int code)
{
    for (size_t i = 0; i < sizeof result_rows / sizeof *result_rows; i++) {
        if (result_rows[i].code == code || result_rows[i].code == (code & 0xff))
            return &result_rows[i];
    }
    return NULL;
}

Status sql_fault_missing(const SqliteStore *store, Fault *fault)
{
    return fault_set(fault, STATUS_FATAL, "database_missing", "there is no %s yet: nothing was ever recorded in this data folder",
                     store->path);
}

Status sql_fault(SqliteStore *store, Fault *fault)
{
    if (store->is_missing)
        return sql_fault_missing(store, fault);
    int code = sqlite3_extended_errcode(store->db);
    if (is_disk_full(store->db, code))
        return fault_set(fault, STATUS_FATAL, "disk_full",
                         "no room to write %s: free some space; it goes on by itself then", store->path);
    const ResultRow *row = row_of(code);
    if (!row)
        return fault_set(fault, STATUS_FATAL, "database_error", "%s: %s (SQLite %d)", store->path, sqlite3_errmsg(store->db), code);
    return fault_set(fault, row->status, row->word, "%s: %s (SQLite %d); %s", store->path, sqlite3_errmsg(store->db), code, row->advice);
}

/* ---- statements ---- */

Status sql_keep(SqliteStore *store, sqlite3_stmt **slot, const char *sql, Fault *fault)
{
    if (*slot) {
        sqlite3_reset(*slot);
        return STATUS_OK;
    }
    if (store->is_missing || sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL))
        return sql_fault(store, fault);
    return STATUS_OK;
}

Status sql_prepare(SqliteStore *store, const char *sql, sqlite3_stmt **ret, Fault *fault)
{
    *ret = NULL;
    if (store->is_missing || sqlite3_prepare_v3(store->db, sql, -1, 0, ret, NULL))
        return sql_fault(store, fault);
    return STATUS_OK;
}

/* An empty slice may point nowhere, which SQLite would take for NULL. */
static void bind_value(sqlite3_stmt *statement, int index, const SqlValue *value)
{
    const char *at = value->slice.at ? value->slice.at : "";
    switch (value->type) {
    case SQL_VALUE_NUMBER:
        sqlite3_bind_int64(statement, index, value->number);
        break;
    case SQL_VALUE_TEXT:
        sqlite3_bind_text64(statement, index, at, value->slice.bytes, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case SQL_VALUE_BYTES:
        sqlite3_bind_blob64(statement, index, at, value->slice.bytes, SQLITE_STATIC);
        break;
    case SQL_VALUE_NULL:
        sqlite3_bind_null(statement, index);
        break;
    }
}

void sql_bind_values(sqlite3_stmt *statement, const SqlValue *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bind_value(statement, (int)i + 1, &values[i]);
}

Status sql_step(SqliteStore *store, sqlite3_stmt *statement, bool *ret_row, Fault *fault)
{
    errno = 0;
    int result = sqlite3_step(statement);
    *ret_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW)
        return STATUS_OK;
    Status status = result == SQLITE_DONE ? STATUS_OK : sql_fault(store, fault);
    sqlite3_reset(statement);
    return status;
}

Status sql_run(SqliteStore *store, sqlite3_stmt *statement, Fault *fault)
{
    bool is_row = true;
    Status status = STATUS_OK;
    while (!status && is_row)
        status = sql_step(store, statement, &is_row, fault);
    return status;
}

Slice sql_column(sqlite3_stmt *statement, int column)
{
    const char *at = sqlite3_column_blob(statement, column);
    return (Slice){at ? at : "", at ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}

Slice sql_column_copy(sqlite3_stmt *statement, int column, Arena *arena) { return arena_copy(arena, sql_column(statement, column)); }

Status sql_script(SqliteStore *store, const char *sql, Fault *fault)
{
    return store->is_missing || sqlite3_exec(store->db, sql, NULL, NULL, NULL) ? sql_fault(store, fault) : STATUS_OK;
}

Status sql_number(SqliteStore *store, const char *sql, int64_t *ret, Fault *fault)
{
    sqlite3_stmt *statement;
    Status status = sql_prepare(store, sql, &statement, fault);
    if (status)
        return status;
    bool is_row;
    status = sql_step(store, statement, &is_row, fault);
    if (!status && is_row)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}
