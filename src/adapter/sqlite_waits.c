/* Times that lie too far ahead, brought near: in the spool and in the ledger of effects. Both have an index on the times of
 * what waits, so a look that finds nothing costs next to nothing. */
#include "adapter/sqlite_store.h"

typedef struct SqliteWaits {
    SqliteStore *store;
    sqlite3_stmt *messages, *effects;
} SqliteWaits;

static Status bring_near(SqliteStore *store, sqlite3_stmt **slot, const char *sql, int64_t latest_ms, Fault *fault)
{
    Status status = sql_keep(store, slot, sql, fault);
    if (status)
        return status;
    sql_bind(*slot, SQL_NUMBER(latest_ms));
    return sql_run(store, *slot, fault);
}

static Status pull_in(void *self, int64_t latest_ms, Fault *fault)
{
    SqliteWaits *waits = self;
    SqliteWork work;
    Status status = sqlite_enter(waits->store, &work, fault);
    if (status)
        return status;
    status = bring_near(waits->store, &waits->messages, "UPDATE spool SET due_ms = ?1 WHERE state = 0 AND due_ms > ?1", latest_ms, fault);
    if (!status)
        status = bring_near(waits->store, &waits->effects, "UPDATE effect SET due_ms = ?1 WHERE state <= 2 AND due_ms > ?1", latest_ms, fault);
    return sqlite_leave(&work, status, fault);
}

WaitsPort sqlite_waits(SqliteStore *store)
{
    SqliteWaits *waits = ARENA_NEW(&store->arena, SqliteWaits);
    waits->store = store;
    return (WaitsPort){.self = waits, .pull_in = pull_in};
}
