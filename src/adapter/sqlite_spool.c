/* The spool: messages to try again and dead letters, in one table. A message is known by its topic and bytes, so that the
 * same poison sent a thousand times is one dead letter with a thousand attempts. */
#include "adapter/sqlite_store.h"

typedef struct SqliteSpool {
    SqliteStore *store;
    sqlite3_stmt *twin, *count_on, *enter, *change, *remove, *due, *show, *redrive_one, *redrive_all, *drop_one, *drop_all, *pull_in;
} SqliteSpool;

#define SPOOL_COLUMNS "id, state, topic, message_id, body, received_ms, due_ms, attempts, code, reason"

static SpoolItem read_item(sqlite3_stmt *statement)
{
    return (SpoolItem){.id = sqlite3_column_int64(statement, 0), .state = (SpoolState)sqlite3_column_int(statement, 1),
                       .topic = sql_column(statement, 2), .message_id = sql_column(statement, 3), .body = sql_column(statement, 4),
                       .received_ms = sqlite3_column_int64(statement, 5), .due_ms = sqlite3_column_int64(statement, 6),
                       .attempts = sqlite3_column_int(statement, 7), .code = sql_column(statement, 8), .reason = sql_column(statement, 9)};
}

static SpoolItem copy_item(const SpoolItem *item, Arena *arena)
{
    SpoolItem copy = *item;
    Slice *const texts[] = {&copy.topic, &copy.message_id, &copy.body, &copy.code, &copy.reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    return copy;
}

static int64_t hash_of(const SpoolItem *item) { return (int64_t)(slice_hash(item->body) ^ slice_hash(item->topic) * 31); }

/* ---- keep ---- */

/* Another row with the same topic and body in the same state; 0 when there is none. */
static Status find_twin(SqliteSpool *spool, const SpoolItem *item, int64_t *ret_id, Fault *fault)
{
    *ret_id = 0;
    Status status = sql_keep(spool->store, &spool->twin,
                             "SELECT id FROM spool WHERE hash = ?1 AND state = ?2 AND topic = ?3 AND body = ?4 AND id <> ?5", fault);
    if (status)
        return status;
    sql_bind(spool->twin, SQL_NUMBER(hash_of(item)), SQL_NUMBER((int64_t)item->state), SQL_TEXT(item->topic), SQL_BYTES(item->body),
             SQL_NUMBER(item->id));
    bool is_row;
    status = sql_step(spool->store, spool->twin, &is_row, fault);
    if (!status && is_row)
        *ret_id = sqlite3_column_int64(spool->twin, 0);
    sqlite3_reset(spool->twin);
    return status;
}

/* One that waits keeps its time and its attempts: a sender that repeats itself neither hurries it nor uses it up. */
static Status count_on(SqliteSpool *spool, int64_t id, const SpoolItem *item, Fault *fault)
{
    Status status = sql_keep(spool->store, &spool->count_on,
                             "UPDATE spool SET attempts = attempts + iif(state = 0, 0, ?2), code = ?3, reason = ?4 WHERE id = ?1", fault);
    if (status)
        return status;
    sql_bind(spool->count_on, SQL_NUMBER(id), SQL_NUMBER(item->attempts), SQL_TEXT(item->code), SQL_TEXT(item->reason));
    return sql_run(spool->store, spool->count_on, fault);
}

static Status enter(SqliteSpool *spool, SpoolItem *item, Fault *fault)
{
    Status status = sql_keep(spool->store, &spool->enter,
                             "INSERT INTO spool (state, hash, topic, message_id, body, received_ms, due_ms, attempts, code, reason)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", fault);
    if (status)
        return status;
    sql_bind(spool->enter, SQL_NUMBER((int64_t)item->state), SQL_NUMBER(hash_of(item)), SQL_TEXT(item->topic), SQL_TEXT(item->message_id),
             SQL_BYTES(item->body), SQL_NUMBER(item->received_ms), SQL_NUMBER(item->due_ms), SQL_NUMBER(item->attempts),
             SQL_TEXT(item->code), SQL_TEXT(item->reason));
    status = sql_run(spool->store, spool->enter, fault);
    item->id = sqlite3_last_insert_rowid(spool->store->db);
    return status;
}

static Status change(SqliteSpool *spool, const SpoolItem *item, Fault *fault)
{
    Status status = sql_keep(spool->store, &spool->change,
                             "UPDATE spool SET state = ?2, due_ms = ?3, attempts = ?4, code = ?5, reason = ?6 WHERE id = ?1", fault);
    if (status)
        return status;
    sql_bind(spool->change, SQL_NUMBER(item->id), SQL_NUMBER((int64_t)item->state), SQL_NUMBER(item->due_ms), SQL_NUMBER(item->attempts),
             SQL_TEXT(item->code), SQL_TEXT(item->reason));
    return sql_run(spool->store, spool->change, fault);
}

static Status remove_row(SqliteSpool *spool, int64_t id, Fault *fault)
{
    Status status = sql_keep(spool->store, &spool->remove, "DELETE FROM spool WHERE id = ?", fault);
    if (status)
        return status;
    sql_bind(spool->remove, SQL_NUMBER(id));
    return sql_run(spool->store, spool->remove, fault);
}

static Status keep_one(SqliteSpool *spool, SpoolItem *item, Fault *fault)
{
    int64_t twin = 0;
    Status status = find_twin(spool, item, &twin, fault);
    if (status)
        return status;
    if (!twin)
        return item->id ? change(spool, item, fault) : enter(spool, item, fault);
    status = item->id ? remove_row(spool, item->id, fault) : STATUS_OK;
    item->id = twin;
    return status ? status : count_on(spool, twin, item, fault);
}

static Status keep(void *self, SpoolItem *items, size_t count, Fault *fault)
{
    SqliteSpool *spool = self;
    SqliteWork work;
    Status status = sqlite_enter(spool->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = keep_one(spool, &items[i], fault);
    return sqlite_leave(&work, status, fault);
}

static Status settle(void *self, const int64_t *ids, size_t count, Fault *fault)
{
    SqliteSpool *spool = self;
    SqliteWork work;
    Status status = sqlite_enter(spool->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = remove_row(spool, ids[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- look ---- */

static Status due(void *self, int64_t now_ms, size_t max, Arena *arena, SpoolItem *out, size_t *ret_count, Fault *fault)
{
    SqliteSpool *spool = self;
    Status status = sql_keep(spool->store, &spool->due,
                             "SELECT " SPOOL_COLUMNS " FROM spool WHERE state = 0 AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2", fault);
    if (status)
        return status;
    sql_bind(spool->due, SQL_NUMBER(now_ms), SQL_NUMBER((int64_t)max));
    size_t count = 0;
    bool is_row = true;
    while (!(status = sql_step(spool->store, spool->due, &is_row, fault)) && is_row) {
        SpoolItem item = read_item(spool->due);
        out[count++] = copy_item(&item, arena);
    }
    *ret_count = count;
    return status;
}

static Status next_due(void *self, int64_t *ret_due_ms, Fault *fault)
{
    SqliteSpool *spool = self;
    return sql_number(spool->store, "SELECT ifnull(min(due_ms), 9223372036854775807) FROM spool WHERE state = 0", ret_due_ms, fault);
}

static const char *const list_sql =
    "SELECT " SPOOL_COLUMNS " FROM spool WHERE state = ?1 AND id < ifnull(nullif(?2, 0), 9223372036854775807)"
    " AND (?3 = '' OR topic = ?3) ORDER BY id DESC LIMIT ?4";

static Status list(void *self, const SpoolFilter *filter, bool (*visit)(void *context, const SpoolItem *item), void *context, Fault *fault)
{
    SqliteSpool *spool = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(spool->store, list_sql, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_NUMBER((int64_t)filter->state), SQL_NUMBER(filter->before_id), SQL_TEXT(filter->topic),
             SQL_NUMBER(filter->limit ? (int64_t)filter->limit : -1));
    bool goes_on = true;
    while (!(status = sql_step(spool->store, statement, &goes_on, fault)) && goes_on) {
        SpoolItem item = read_item(statement);
        if (!visit(context, &item))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

static Status show(void *self, int64_t id, Arena *arena, SpoolItem *ret_item, bool *ret_found, Fault *fault)
{
    SqliteSpool *spool = self;
    Status status = sql_keep(spool->store, &spool->show, "SELECT " SPOOL_COLUMNS " FROM spool WHERE id = ?", fault);
    if (status)
        return status;
    sql_bind(spool->show, SQL_NUMBER(id));
    status = sql_step(spool->store, spool->show, ret_found, fault);
    if (!status && *ret_found) {
        SpoolItem item = read_item(spool->show);
        *ret_item = copy_item(&item, arena);
    }
    sqlite3_reset(spool->show);
    return status;
}

static Status count_rows(void *self, SpoolState state, int64_t *ret_rows, Fault *fault)
{
    static const char *const counts[] = {[SPOOL_WAITING] = "SELECT count(*) FROM spool WHERE state = 0",
                                         [SPOOL_DEAD] = "SELECT count(*) FROM spool WHERE state = 1"};
    SqliteSpool *spool = self;
    return sql_number(spool->store, counts[state], ret_rows, fault);
}

/* ---- dead letters ---- */

/* The same change to one dead letter (?2 = its id) and to all; ?1 is the time. */
typedef struct DeadChange { sqlite3_stmt **one, **all; const char *one_sql, *all_sql; } DeadChange;

static Status run_change(SqliteSpool *spool, const DeadChange *dead, const int64_t *id, int64_t now_ms, size_t *changed, Fault *fault)
{
    sqlite3_stmt **slot = id ? dead->one : dead->all;
    Status status = sql_keep(spool->store, slot, id ? dead->one_sql : dead->all_sql, fault);
    if (status)
        return status;
    sql_bind(*slot, SQL_NUMBER(now_ms), id ? SQL_NUMBER(*id) : SQL_NULL);
    status = sql_run(spool->store, *slot, fault);
    *changed += (size_t)sqlite3_changes(spool->store->db);
    return status;
}

static Status change_dead(SqliteSpool *spool, const DeadChange *dead, const int64_t *ids, size_t count, int64_t now_ms,
                          size_t *ret_changed, Fault *fault)
{
    SqliteWork work;
    Status status = sqlite_enter(spool->store, &work, fault);
    if (status)
        return status;
    size_t changed = 0;
    if (!ids)
        status = run_change(spool, dead, NULL, now_ms, &changed, fault);
    for (size_t i = 0; ids && i < count && !status; i++)
        status = run_change(spool, dead, &ids[i], now_ms, &changed, fault);
    status = sqlite_leave(&work, status, fault);
    if (!status)
        *ret_changed = changed;
    return status;
}

static Status redrive(void *self, const int64_t *ids, size_t count, int64_t now_ms, size_t *ret_changed, Fault *fault)
{
    SqliteSpool *spool = self;
    DeadChange dead = {&spool->redrive_one, &spool->redrive_all,
                       "UPDATE spool SET state = 0, due_ms = ?1, attempts = 0 WHERE id = ?2 AND state = 1",
                       "UPDATE spool SET state = 0, due_ms = ?1, attempts = 0 WHERE state = 1"};
    return change_dead(spool, &dead, ids, count, now_ms, ret_changed, fault);
}

static Status drop(void *self, const int64_t *ids, size_t count, size_t *ret_changed, Fault *fault)
{
    SqliteSpool *spool = self;
    DeadChange dead = {&spool->drop_one, &spool->drop_all, "DELETE FROM spool WHERE id = ?2 AND state = 1",
                       "DELETE FROM spool WHERE state = 1"};
    return change_dead(spool, &dead, ids, count, 0, ret_changed, fault);
}

/* A clock that ran ahead may have written times that are months away. */
static Status pull_in(void *self, int64_t latest_ms, Fault *fault)
{
    SqliteSpool *spool = self;
    SqliteWork work;
    Status status = sqlite_enter(spool->store, &work, fault);
    if (status)
        return status;
    status = sql_keep(spool->store, &spool->pull_in, "UPDATE spool SET due_ms = ?1 WHERE state = 0 AND due_ms > ?1", fault);
    if (!status) {
        sql_bind(spool->pull_in, SQL_NUMBER(latest_ms));
        status = sql_run(spool->store, spool->pull_in, fault);
    }
    return sqlite_leave(&work, status, fault);
}

SpoolPort sqlite_spool(SqliteStore *store)
{
    SqliteSpool *spool = ARENA_NEW(&store->arena, SqliteSpool);
    spool->store = store;
    return (SpoolPort){.self = spool, .keep = keep, .settle = settle, .due = due, .pull_in = pull_in, .next_due = next_due, .list = list, .show = show,
                       .redrive = redrive, .drop = drop, .count = count_rows};
}
