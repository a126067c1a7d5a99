/* Looks at many call detail records: all of them, their sums, what has gone quiet, what is too old. Sums read the columns
 * in front of the facts and leave the facts alone. */
#include "adapter/sqlite_cdrs.h"

/* ---- records ---- */

Status sqlite_cdrs_read(sqlite3_stmt *statement, const Rating *rating, Arena *arena, Cdr *cdr, Fault *fault)
{
    *cdr = (Cdr){.store_row = sqlite3_column_int64(statement, 0), .rev = sqlite3_column_int64(statement, 1),
                 .call_id = sql_column_copy(statement, 3, arena)};
    Status status = cdr_decode(sql_column_copy(statement, 2, arena), arena, cdr, fault);
    if (!status)
        cdr_derive(cdr, rating, arena);
    return status;
}

static Status visit_records(SqliteStore *store, sqlite3_stmt *statement, const Rating *rating,
                            bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    bool goes_on = true;
    Status status = STATUS_OK;
    while (!status && goes_on) {
        Cdr cdr;
        arena_reset(&arena);
        status = sql_step(store, statement, &goes_on, fault);
        if (status || !goes_on)
            break;
        status = sqlite_cdrs_read(statement, rating, &arena, &cdr, fault);
        goes_on = !status && visit(context, &cdr);
    }
    arena_done(&arena);
    return status;
}

/* One statement reads one snapshot. */
Status sqlite_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(cdrs->store, "SELECT " SQLITE_RECORD_COLUMNS " FROM call", &statement, fault);
    if (status)
        return status;
    status = visit_records(cdrs->store, statement, rating, visit, context, fault);
    sqlite3_finalize(statement);
    return status;
}

/* ---- sums ---- */

/* By campaign in the order of names; -1 in duration_s is "unknown". Calls whose campaign nobody has named yet are in no
 * campaign's sums, as they are in no counter. */
static const char *const stats_sql =
    "SELECT text, attempts, answered, busy, failed, no_answer, converted, opted_out, duration_s, cost_micros FROM ("
    " SELECT campaign, count(*) AS attempts, sum(answered) AS answered, sum(outcome = 'busy') AS busy,"
    " sum(outcome = 'failed') AS failed, sum(outcome = 'no_answer') AS no_answer, sum(outcome = 'converted') AS converted,"
    " sum(outcome = 'opted_out') AS opted_out, sum(max(duration_s, 0)) AS duration_s, sum(cost_micros) AS cost_micros"
    " FROM call WHERE start_ms >= ?2 AND start_ms < ?3 AND (?4 = '' OR outcome = ?4)"
    " AND (?1 = '' OR campaign = (SELECT id FROM name WHERE text = ?1)) GROUP BY campaign)"
    " JOIN name ON name.id = campaign WHERE text <> '' ORDER BY text";

static CampaignStats read_stats(sqlite3_stmt *statement)
{
    int64_t numbers[9];
    for (int i = 0; i < 9; i++)
        numbers[i] = sqlite3_column_int64(statement, i + 1);
    return (CampaignStats){sql_column(statement, 0), numbers[0], numbers[1], numbers[2], numbers[3],
                           numbers[4], numbers[5], numbers[6], numbers[7], numbers[8]};
}

Status sqlite_cdrs_stats(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats), void *context,
                         Fault *fault)
{
    SqliteCdrs *cdrs = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(cdrs->store, stats_sql, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_TEXT(filter->campaign_id), SQL_NUMBER(filter->from_ms ? filter->from_ms : INT64_MIN),
             SQL_NUMBER(filter->until_ms ? filter->until_ms : INT64_MAX), SQL_TEXT(filter->outcome));
    bool goes_on = true;
    while (!(status = sql_step(cdrs->store, statement, &goes_on, fault)) && goes_on) {
        CampaignStats stats = read_stats(statement);
        if (!visit(context, &stats))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

Status sqlite_cdrs_count(void *self, int64_t *ret_records, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    return sql_number(cdrs->store, "SELECT count(*) FROM call", ret_records, fault);
}

/* Campaign by campaign, so that each is one range of the index. */
static const char *const started_sql =
    "SELECT count(*) FROM name CROSS JOIN call ON call.campaign = name.id WHERE (?1 = '' OR text = ?1) AND start_ms >= ?2";

Status sqlite_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(cdrs->store, started_sql, &statement, fault);
    if (status)
        return status;
    bool is_row;
    sql_bind(statement, SQL_TEXT(campaign_id), SQL_NUMBER(since_ms));
    status = sql_step(cdrs->store, statement, &is_row, fault);
    if (!status && is_row)
        *ret_calls = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

/* ---- age ---- */

static const char *const stale_sql =
    "SELECT call_id, start_ms, id FROM call INDEXED BY call_open WHERE is_open AND start_ms < ?1 AND last_event_ms < ?1"
    " AND (start_ms, id) > (?2, ?3) ORDER BY start_ms, id LIMIT ?4";

Status sqlite_cdrs_stale(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count,
                         Fault *fault)
{
    SqliteCdrs *cdrs = self;
    Status status = sql_keep(cdrs->store, &cdrs->stale, stale_sql, fault);
    if (status)
        return status;
    sql_bind(cdrs->stale, SQL_NUMBER(before_ms), SQL_NUMBER(after->start_ms), SQL_NUMBER(after->row), SQL_NUMBER((int64_t)max));
    size_t count = 0;
    bool is_row = true;
    while (!(status = sql_step(cdrs->store, cdrs->stale, &is_row, fault)) && is_row) {
        out[count++] = sql_column_copy(cdrs->stale, 0, arena);
        *after = (CdrCursor){.start_ms = sqlite3_column_int64(cdrs->stale, 1), .row = sqlite3_column_int64(cdrs->stale, 2)};
    }
    *ret_count = count;
    return status;
}

/* Rows are numbered in the order in which they were stored, so the oldest come first and no index on the age is needed.
 * A record stored while the clock was wrong may stand among younger ones: the look goes SLACK rows further. */
enum { SLACK = 1000 };

static const char *const expired_sql =
    "SELECT " SQLITE_RECORD_COLUMNS " FROM (SELECT *, stored_ms AS age_ms FROM call ORDER BY id LIMIT ?2 + ?3) WHERE age_ms < ?1 LIMIT ?2";

/* Shows what is to be deleted and notes the row numbers. */
typedef struct Expiry {
    bool (*visit)(void *context, const Cdr *cdr);
    void *context;
    int64_t *rows;
    size_t count;
} Expiry;

static bool note_expired(void *context, const Cdr *cdr)
{
    Expiry *expiry = context;
    if (!expiry->visit(expiry->context, cdr))
        return false;
    expiry->rows[expiry->count++] = cdr->store_row;
    return true;
}

static Status show_expired(SqliteCdrs *cdrs, int64_t before_ms, size_t max, const Rating *rating, Expiry *expiry, Fault *fault)
{
    sqlite3_stmt *statement;
    Status status = sql_prepare(cdrs->store, expired_sql, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_NUMBER(before_ms), SQL_NUMBER((int64_t)max), SQL_NUMBER(SLACK));
    status = visit_records(cdrs->store, statement, rating, note_expired, expiry, fault);
    sqlite3_finalize(statement);
    return status;
}

static Status remove_rows(SqliteCdrs *cdrs, const Expiry *expiry, Fault *fault)
{
    Status status = sql_keep(cdrs->store, &cdrs->remove, "DELETE FROM call WHERE id = ?", fault);
    for (size_t i = 0; i < expiry->count && !status; i++) {
        sql_bind(cdrs->remove, SQL_NUMBER(expiry->rows[i]));
        status = sql_run(cdrs->store, cdrs->remove, fault);
    }
    return status;
}

Status sqlite_cdrs_expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                          Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    SqliteWork work;
    Status status = sqlite_enter(cdrs->store, &work, fault);
    if (status)
        return status;
    Arena arena;
    arena_init(&arena);
    Expiry expiry = {.visit = visit, .context = context, .rows = ARENA_ARRAY(&arena, int64_t, max)};
    status = show_expired(cdrs, before_ms, max, rating, &expiry, fault);
    status = status ? status : before_delete(context, fault);
    status = status ? status : remove_rows(cdrs, &expiry, fault);
    cdrs->store->epoch++;
    status = sqlite_leave(&work, status, fault);
    if (!status)
        *ret_deleted = expiry.count;
    arena_done(&arena);
    return status;
}
