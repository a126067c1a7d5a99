/* Opens the embedded store and runs its transactions. The file is in WAL mode with a synced commit, so that readers never
 * wait and what was acknowledged survives a power cut. After a failure (a full disk, an I/O error) everything since begin
 * is undone and the same connection goes on: it recovers without a restart. */
#include "adapter/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_TIMEOUT_MS = 5000,       /* only a checkpoint or a recovery by a reader ever makes a writer wait */
    CHECK_BYTES_MAX = 1073741824, /* bound of the search for damage after a crash */
};

/* Pages of 1 and 2 kB and memory-mapped reads were slower. What is left of a long log after it starts again is cut to the limit. */
static const char *const writer_settings =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA cache_size = -32768;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 134217728;";

static const char *const reader_settings =
    "PRAGMA query_only = ON;"
    "PRAGMA cache_size = -4096;"
    "PRAGMA temp_store = MEMORY;";

/* ---- opening ---- */

/* SQLite counts every allocation under one lock unless told not to, before its first use. */
static void configure_library(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

static bool file_is_there(const char *path, off_t *ret_bytes)
{
    struct stat info;
    bool is_there = stat(path, &info) == 0;
    *ret_bytes = is_there ? info.st_size : 0;
    return is_there;
}

/* A log without its database is a database that somebody moved away: starting afresh would throw the log away too. */
static Status look_at_files(SqliteStore *store, Fault *fault)
{
    off_t bytes, log_bytes;
    if (file_is_there(store->path, &bytes))
        return STATUS_OK;
    if (store->mode == SQLITE_READER)
        return sql_fault_missing(store, fault);
    Slice log_path = arena_printf(&store->arena, "%s-wal", store->path);
    if (file_is_there(log_path.at, &log_bytes) && log_bytes > 0)
        return fault_set(fault, STATUS_FATAL, "database_missing",
                         "%s is gone, but its log %s is there: put the database back, or move the log away too", store->path,
                         log_path.at);
    return STATUS_OK;
}

/* The whole of a file that takes seconds to read (0.6 GB/s from memory, measured), and of a larger one the do-not-call list:
 * SQLite cannot be interrupted in a check. */
static Status check_for_damage(SqliteStore *store, Fault *fault)
{
    off_t bytes;
    file_is_there(store->path, &bytes);
    sqlite3_stmt *statement;
    const char *sql = bytes <= CHECK_BYTES_MAX ? "PRAGMA quick_check(1)" : "PRAGMA quick_check(blocked)";
    Status status = sql_prepare(store, sql, &statement, fault);
    bool is_row = false;
    status = status ? status : sql_step(store, statement, &is_row, fault);
    if (is_row && !slice_equal(sql_column(statement, 0), SLICE("ok")))
        status = fault_set(fault, STATUS_FATAL, "database_damaged",
                           "%s is damaged (%.80s): copy the data folder away, then restore a backup", store->path,
                           (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

/* SQLite gives the log and the index of the log the mode of the database: phone numbers are nobody else's to read. */
static Status make_private(const char *path, Fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_set(fault, STATUS_FATAL, "cannot_open", "%s cannot be opened: %s", path, strerror(errno));
    close(fd);
    return STATUS_OK;
}

static Status open_file(SqliteStore *store, const SqliteSettings *settings, Fault *fault)
{
    Status status = look_at_files(store, fault);
    store->is_missing = status && settings->may_be_missing && settings->mode == SQLITE_READER;
    if (status)
        return store->is_missing ? STATUS_OK : status;
    bool is_writer = settings->mode == SQLITE_WRITER;
    status = is_writer ? make_private(store->path, fault) : STATUS_OK;
    if (status)
        return status;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (is_writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL))
        return sql_fault(store, fault);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    status = sql_script(store, is_writer ? writer_settings : reader_settings, fault);
    if (!status && is_writer && settings->after_crash)
        status = check_for_damage(store, fault);
    status = status ? status : sqlite_migrate(store, fault);
    if (!status && is_writer)
        store->checkpoints = sqlite_checkpoints_start(store);
    return status;
}

Status sqlite_store_open(const SqliteSettings *settings, SqliteStore **ret, Fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    SqliteStore *store = calloc(1, sizeof *store);
    if (!store)
        abort();
    arena_init(&store->arena);
    arena_init(&store->scratch);
    store->mode = settings->mode;
    store->epoch = 1;
    Slice path = arena_printf(&store->arena, "%s/pledgeline.db", settings->folder);
    store->path = path.at;
    Status status = open_file(store, settings, fault);
    if (status) {
        sqlite_store_close(store);
        return status;
    }
    *ret = store;
    return STATUS_OK;
}

static void close_connection(sqlite3 *db)
{
    if (!db)
        return;
    for (sqlite3_stmt *statement; (statement = sqlite3_next_stmt(db, NULL));)
        sqlite3_finalize(statement);
    sqlite3_close(db);
}

void sqlite_store_close(SqliteStore *store)
{
    if (!store)
        return;
    sqlite_checkpoints_stop(store->checkpoints);
    close_connection(store->db);
    sqlite_names_free(store->names);
    arena_done(&store->scratch);
    arena_done(&store->arena);
    free(store);
}

/* ---- transactions ---- */

static Status start(SqliteStore *store, Fault *fault)
{
    const char *sql = store->mode == SQLITE_WRITER ? "BEGIN IMMEDIATE" : "BEGIN";
    Status status = sql_keep(store, &store->begin, sql, fault);
    status = status ? status : sql_run(store, store->begin, fault);
    store->epoch++;
    store->spoiled = false;
    return status;
}

/* SQLite may have undone it already, as it does when the disk is full. */
static void undo(SqliteStore *store)
{
    store->undone++;
    store->epoch++;
    store->spoiled = false;
    if (sqlite3_get_autocommit(store->db))
        return;
    if (!sql_keep(store, &store->rollback, "ROLLBACK", NULL))
        sql_run(store, store->rollback, NULL);
}

static Status finish(SqliteStore *store, Fault *fault)
{
    store->epoch++;
    Status status = sql_keep(store, &store->commit, "COMMIT", fault);
    status = status ? status : sql_run(store, store->commit, fault);
    if (status)
        undo(store);
    return status;
}

static Status refuse_lost(SqliteStore *store, Fault *fault)
{
    if (!store->spoiled && !sqlite3_get_autocommit(store->db))
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, "unit_lost", "a step of this unit of work failed before, so all of it is undone");
}

Status sqlite_enter(SqliteStore *store, SqliteWork *work, Fault *fault)
{
    *work = (SqliteWork){.store = store, .owned = !store->in_unit};
    return work->owned ? start(store, fault) : refuse_lost(store, fault);
}

Status sqlite_leave(const SqliteWork *work, Status status, Fault *fault)
{
    SqliteStore *store = work->store;
    if (!work->owned) {
        store->spoiled = store->spoiled || status;
        return status;
    }
    if (!status)
        return finish(store, fault);
    undo(store);
    return status;
}

/* ---- the unit port ---- */

/* Where there is no file there is nothing to view; what is read from another store needs none. */
static Status unit_begin(void *self, Fault *fault)
{
    SqliteStore *store = self;
    if (store->is_missing)
        return STATUS_OK;
    Status status = start(store, fault);
    store->in_unit = !status;
    return status;
}

static void unit_rollback(void *self)
{
    SqliteStore *store = self;
    if (!store->in_unit)
        return;
    store->in_unit = false;
    undo(store);
}

static Status unit_commit(void *self, Fault *fault)
{
    SqliteStore *store = self;
    Status status = refuse_lost(store, fault);
    if (status) {
        unit_rollback(self);
        return status;
    }
    store->in_unit = false;
    return finish(store, fault);
}

/* As much as a small batch writes: a disk with room for a page only is not well. (To write what is there already would
 * write nothing: SQLite leaves a page alone that would not change.) */
static Status unit_probe(void *self, Fault *fault)
{
    SqliteStore *store = self;
    SqliteWork work;
    Status status = sqlite_enter(store, &work, fault);
    if (status)
        return status;
    status = sql_script(store, "INSERT OR REPLACE INTO probe VALUES (1, zeroblob(65536))", fault);
    return sqlite_leave(&work, status, fault);
}

UnitPort sqlite_unit(SqliteStore *store)
{
    return (UnitPort){.self = store, .atomic = true, .begin = unit_begin, .commit = unit_commit, .rollback = unit_rollback,
                      .probe = unit_probe};
}
