/* Call detail records, the hot path: for each changed call one look-up by the hash of its id and one write by row number.
 * A write says which revision it replaces. */
#include "adapter/sqlite_cdrs.h"

/* ---- load ---- */

static const char *const load_sql = "SELECT id, rev, facts, call_id FROM call WHERE hash = ?";

static bool row_is(sqlite3_stmt *statement, Slice call_id) { return slice_equal(sql_column(statement, 3), call_id); }

/* Goes to the row of a call id among those with its hash. The statement stays on it: reset it. */
static Status find_row(SqliteCdrs *cdrs, Slice call_id, bool *ret_found, Fault *fault)
{
    Status status = sql_keep(cdrs->store, &cdrs->load, load_sql, fault);
    if (status)
        return status;
    sql_bind(cdrs->load, SQL_NUMBER((int64_t)slice_hash(call_id)));
    do
        status = sql_step(cdrs->store, cdrs->load, ret_found, fault);
    while (!status && *ret_found && !row_is(cdrs->load, call_id));
    return status;
}

/* The facts borrow their bytes, so these go into the arena first. */
static Status load_one(SqliteCdrs *cdrs, Slice call_id, Arena *arena, Cdr *cdr, Fault *fault)
{
    bool found;
    *cdr = (Cdr){.call_id = arena_copy(arena, call_id), .store_row = -cdrs->store->epoch};
    Status status = find_row(cdrs, call_id, &found, fault);
    if (status || !found)
        return status;
    cdr->store_row = sqlite3_column_int64(cdrs->load, 0);
    cdr->rev = sqlite3_column_int64(cdrs->load, 1);
    status = cdr_decode(sql_column_copy(cdrs->load, 2, arena), arena, cdr, fault);
    sqlite3_reset(cdrs->load);
    return status;
}

static Status load(void *self, const Slice *call_ids, size_t count, Arena *arena, Cdr **ret, Fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        ret[i] = ARENA_NEW(arena, Cdr);
        Status status = load_one(self, call_ids[i], arena, ret[i], fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* ---- save ---- */

/* Where nothing else was stored since load found nothing, in the same transaction, the call cannot be there. */
static bool is_surely_absent(const SqliteCdrs *cdrs, const Cdr *cdr) { return cdr->store_row == -cdrs->store->epoch; }

static const char *const insert_sql =
    "INSERT INTO call (hash, call_id, campaign, rev, start_ms, stored_ms, last_event_ms, is_open, answered, outcome, duration_s,"
    " cost_micros, facts) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

static Status insert(SqliteCdrs *cdrs, Cdr *cdr, Slice facts, int64_t campaign, int64_t now_ms, Fault *fault)
{
    Status status = sql_keep(cdrs->store, &cdrs->insert, insert_sql, fault);
    if (status)
        return status;
    sql_bind(cdrs->insert, SQL_NUMBER((int64_t)slice_hash(cdr->call_id)), SQL_TEXT(cdr->call_id), SQL_NUMBER(campaign),
             SQL_NUMBER(cdr->start_ms), SQL_NUMBER(now_ms ? now_ms : cdr->created_ms), SQL_NUMBER(cdr->last_event_ms), SQL_NUMBER(cdr->open),
             SQL_NUMBER(cdr->answered), SQL_TEXT(cdr->outcome), SQL_NUMBER(cdr->duration_s), SQL_NUMBER(cdr->cost_micros),
             SQL_BYTES(facts));
    status = sql_run(cdrs->store, cdrs->insert, fault);
    cdr->store_row = sqlite3_last_insert_rowid(cdrs->store->db);
    return status;
}

/* An index is touched by a statement that names its column, changed or not. Most changes leave campaign, start and openness
 * as they were, and of the others most close the call; so three statements, each of which sees whether it fits. */
#define CHANGED_COLUMNS "rev = rev + 1, last_event_ms = ?7, answered = ?8, outcome = ?9, duration_s = ?10, cost_micros = ?11, facts = ?12"
#define AS_READ " WHERE id = ?1 AND rev = ?2 AND hash = ?3"

static const char *const update_open_sql =
    "UPDATE call SET " CHANGED_COLUMNS AS_READ " AND campaign = ?4 AND start_ms = ?5 AND is_open = ?6";
static const char *const update_closed_sql =
    "UPDATE call SET " CHANGED_COLUMNS ", is_open = ?6" AS_READ " AND campaign = ?4 AND start_ms = ?5";
static const char *const update_all_sql =
    "UPDATE call SET " CHANGED_COLUMNS ", is_open = ?6, campaign = ?4, start_ms = ?5" AS_READ;

static Status update(SqliteCdrs *cdrs, sqlite3_stmt **slot, const char *sql, const Cdr *cdr, Slice facts, int64_t campaign,
                     bool *ret_done, Fault *fault)
{
    Status status = sql_keep(cdrs->store, slot, sql, fault);
    if (status)
        return status;
    sql_bind(*slot, SQL_NUMBER(cdr->store_row), SQL_NUMBER(cdr->rev), SQL_NUMBER((int64_t)slice_hash(cdr->call_id)),
             SQL_NUMBER(campaign), SQL_NUMBER(cdr->start_ms), SQL_NUMBER(cdr->open), SQL_NUMBER(cdr->last_event_ms),
             SQL_NUMBER(cdr->answered), SQL_TEXT(cdr->outcome), SQL_NUMBER(cdr->duration_s), SQL_NUMBER(cdr->cost_micros),
             SQL_BYTES(facts));
    status = sql_run(cdrs->store, *slot, fault);
    *ret_done = sqlite3_changes(cdrs->store->db) == 1;
    return status;
}

static Status replace(SqliteCdrs *cdrs, const Cdr *cdr, Slice facts, int64_t campaign, bool *ret_done, Fault *fault)
{
    Status status = cdr->open ? update(cdrs, &cdrs->update_open, update_open_sql, cdr, facts, campaign, ret_done, fault)
                              : update(cdrs, &cdrs->update_closed, update_closed_sql, cdr, facts, campaign, ret_done, fault);
    if (status || *ret_done)
        return status;
    return update(cdrs, &cdrs->update_all, update_all_sql, cdr, facts, campaign, ret_done, fault);
}

/* For records that did not come from load in this transaction. */
static Status settle_row(SqliteCdrs *cdrs, Cdr *cdr, bool *ret_conflict, Fault *fault)
{
    if (is_surely_absent(cdrs, cdr) || (cdr->rev > 0 && cdr->store_row > 0))
        return STATUS_OK;
    bool found;
    Status status = find_row(cdrs, cdr->call_id, &found, fault);
    if (status)
        return status;
    *ret_conflict = found != (cdr->rev > 0);
    cdr->store_row = found ? sqlite3_column_int64(cdrs->load, 0) : 0;
    sqlite3_reset(cdrs->load);
    return STATUS_OK;
}

static Status save_one(SqliteCdrs *cdrs, Cdr *cdr, int64_t now_ms, bool *ret_conflict, Arena *arena, Fault *fault)
{
    int64_t campaign;
    *ret_conflict = false;
    Status status = settle_row(cdrs, cdr, ret_conflict, fault);
    status = status ? status : sqlite_name_number(cdrs->store, cdr->campaign_id, &campaign, fault);
    if (status || *ret_conflict)
        return status;
    Slice facts = cdr_encode(cdr, arena);
    bool done = true;
    if (cdr->rev == 0)
        status = insert(cdrs, cdr, facts, campaign, now_ms, fault);
    else
        status = replace(cdrs, cdr, facts, campaign, &done, fault);
    if (status)
        return status;
    *ret_conflict = !done;
    cdr->rev += done;
    return STATUS_OK;
}

static Status save(void *self, Cdr *const *records, size_t count, int64_t now_ms, bool *ret_conflict, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    SqliteWork work;
    Status status = sqlite_enter(cdrs->store, &work, fault);
    if (status)
        return status;
    arena_reset(&cdrs->store->scratch);
    for (size_t i = 0; i < count && !status; i++)
        status = save_one(cdrs, records[i], now_ms, &ret_conflict[i], &cdrs->store->scratch, fault);
    cdrs->store->epoch++;
    return sqlite_leave(&work, status, fault);
}

CdrsPort sqlite_cdrs(SqliteStore *store)
{
    SqliteCdrs *cdrs = ARENA_NEW(&store->arena, SqliteCdrs);
    cdrs->store = store;
    return (CdrsPort){.self = cdrs, .load = load, .save = save, .query = sqlite_cdrs_query, .scan = sqlite_cdrs_scan,
                      .stats = sqlite_cdrs_stats, .stale = sqlite_cdrs_stale, .expire = sqlite_cdrs_expire,
                      .count = sqlite_cdrs_count, .started_since = sqlite_cdrs_started_since};
}
