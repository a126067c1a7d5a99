/* What the files of the embedded store share: the connection, statements that are kept, transactions, and SQLite's results
 * in our words. Used by sqlite_*.c only. */
#pragma once

#include <sqlite3.h>

#include "adapter/sqlite.h"

typedef struct SqliteNames SqliteNames;
typedef struct SqliteCheckpoints SqliteCheckpoints;

struct SqliteStore {
    sqlite3 *db;
    SqliteMode mode;
    const char *path;
    bool is_missing;   /* there is no file, and none is needed yet: db is NULL */
    Arena arena;       /* what lives as long as the store: the ports' selves */
    Arena scratch;     /* of the verb that runs; never across a visitor */
    bool in_unit;      /* between begin and commit of the unit port */
    bool spoiled;      /* a verb failed in the unit: it can only be rolled back */
    int64_t epoch;     /* grows with each transaction that begins or ends, and each time that records are saved */
    int64_t undone;    /* grows with each rollback: what was cached before may never have happened */
    SqliteNames *names;
    SqliteCheckpoints *checkpoints; /* of a writer */
    sqlite3_stmt *begin, *commit, *rollback;
};

/* ---- statements (sqlite_sql.c) ---- */

/* The statement of that slot, prepared at its first use and kept until the store closes; reset, ready to bind. */
Status sql_keep(SqliteStore *store, sqlite3_stmt **slot, const char *sql, Fault *fault);

/* For verbs that are rare or whose visitor may come back in: prepared for this call; sqlite3_finalize it. */
Status sql_prepare(SqliteStore *store, const char *sql, sqlite3_stmt **ret, Fault *fault);

typedef struct SqlValue {
    enum { SQL_VALUE_NUMBER, SQL_VALUE_TEXT, SQL_VALUE_BYTES, SQL_VALUE_NULL } type;
    int64_t number;
    Slice slice;
} SqlValue;

#define SQL_NUMBER(value) ((SqlValue){.type = SQL_VALUE_NUMBER, .number = (value)})
#define SQL_TEXT(value) ((SqlValue){.type = SQL_VALUE_TEXT, .slice = (value)})
#define SQL_BYTES(value) ((SqlValue){.type = SQL_VALUE_BYTES, .slice = (value)})
#define SQL_NULL ((SqlValue){.type = SQL_VALUE_NULL})

/* Parameters ?1, ?2 … in their order. Texts are borrowed until the statement is reset. */
void sql_bind_values(sqlite3_stmt *statement, const SqlValue *values, size_t count);
#define sql_bind(statement, ...) \
    sql_bind_values((statement), (const SqlValue[]){__VA_ARGS__}, sizeof((const SqlValue[]){__VA_ARGS__}) / sizeof(SqlValue))

/* The next row, or *ret_row false and the statement reset. */
Status sql_step(SqliteStore *store, sqlite3_stmt *statement, bool *ret_row, Fault *fault);

/* Runs to the end. */
Status sql_run(SqliteStore *store, sqlite3_stmt *statement, Fault *fault);

/* Text or bytes of a column: until the next step, or a copy. */
Slice sql_column(sqlite3_stmt *statement, int column);
Slice sql_column_copy(sqlite3_stmt *statement, int column, Arena *arena);

/* Statements without parameters, separated by semicolons. */
Status sql_script(SqliteStore *store, const char *sql, Fault *fault);

/* One number from a statement without parameters. */
Status sql_number(SqliteStore *store, const char *sql, int64_t *ret, Fault *fault);

/* FATAL "database_missing": there is no file to read. */
Status sql_fault_missing(const SqliteStore *store, Fault *fault);

/* The last failure of the connection as a Status, with a text that says what to do. */
Status sql_fault(SqliteStore *store, Fault *fault);

/* ---- transactions (sqlite_store.c) ---- */

/* A verb that writes runs in the caller's unit of work, or in one of its own where there is none. */
typedef struct SqliteWork { SqliteStore *store; bool owned; } SqliteWork;

Status sqlite_enter(SqliteStore *store, SqliteWork *work, Fault *fault);
/* Commits what is its own when status is OK, else undoes it; returns how the verb ends. */
Status sqlite_leave(const SqliteWork *work, Status status, Fault *fault);

/* ---- schema (sqlite_schema.c) ---- */

/* Brings an open writer's file to the newest version, one transaction a step; a reader's is only looked at. */
Status sqlite_migrate(SqliteStore *store, Fault *fault);

/* ---- checkpoints (sqlite_checkpoints.c) ---- */

/* From here on the log of an open writer goes to the database by itself. Stop waits for a copy that runs, some 100 ms;
 * NULL is fine. */
SqliteCheckpoints *sqlite_checkpoints_start(SqliteStore *store);
void sqlite_checkpoints_stop(SqliteCheckpoints *checkpoints);

/* ---- names (sqlite_names.c): campaign ids as small numbers ---- */

void sqlite_names_free(SqliteNames *names);
/* The number of a name, entered when it is new. In a transaction. */
Status sqlite_name_number(SqliteStore *store, Slice text, int64_t *ret_number, Fault *fault);
