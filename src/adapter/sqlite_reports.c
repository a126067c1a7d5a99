/* Looks at many call detail records: lists newest first, sums, what has gone quiet, what is too old. Sums read the columns
 * in front of the facts and leave the facts alone. */
#include "adapter/sqlite_cdrs.h"

/* ---- records ---- */

#define RECORD_COLUMNS "id, rev, facts, call_id, start_ms"

/* The statement stands on a row of RECORD_COLUMNS. */
static Status read_record(sqlite3_stmt *statement, const Rating *rating, Arena *arena, Cdr *cdr, Fault *fault)
{
    *cdr = (Cdr){.store_row = sqlite3_column_int64(statement, 0), .rev = sqlite3_column_int64(statement, 1),
                 .call_id = sql_column_copy(statement, 3, arena)};
    Status status = cdr_decode(sql_column_copy(statement, 2, arena), arena, cdr, fault);
    if (!status)
        cdr_derive(cdr, rating, arena);
    return status;
}

/* A visitor of either kind, so that one loop serves query and scan. */
typedef struct Visitor {
    bool (*with_cursor)(void *context, const Cdr *cdr, CdrCursor cursor);
    bool (*plain)(void *context, const Cdr *cdr);
    void *context;
} Visitor;

static bool show_record(const Visitor *visitor, const Cdr *cdr, int64_t start_ms)
{
    if (visitor->plain)
        return visitor->plain(visitor->context, cdr);
    return visitor->with_cursor(visitor->context, cdr, (CdrCursor){start_ms, cdr->store_row});
}

static Status visit_records(SqliteStore *store, sqlite3_stmt *statement, const Rating *rating, const Visitor *visitor, Fault *fault)
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
        status = read_record(statement, rating, &arena, &cdr, fault);
        goes_on = !status && show_record(visitor, &cdr, sqlite3_column_int64(statement, 4));
    }
    arena_done(&arena);
    return status;
}

/* ---- filters ---- */

/* The conditions of a filter over ?1 campaign, ?2 outcome, ?3 from, ?4 until, ?5 and ?6 cursor. */
static void add_conditions(Text *sql, const CdrFilter *filter)
{
    text_add_literal(sql, " WHERE 1");
    if (!slice_empty(filter->campaign_id))
        text_add_literal(sql, " AND campaign = (SELECT id FROM name WHERE text = ?1)");
    if (!slice_empty(filter->outcome))
        text_add_literal(sql, " AND outcome = ?2");
    if (filter->from_ms)
        text_add_literal(sql, " AND start_ms >= ?3");
    if (filter->until_ms)
        text_add_literal(sql, " AND start_ms < ?4");
    if (filter->after.row)
        text_add_literal(sql, " AND (start_ms, id) < (?5, ?6)");
}

static void bind_filter(sqlite3_stmt *statement, const CdrFilter *filter)
{
    sql_bind(statement, SQL_TEXT(filter->campaign_id), SQL_TEXT(filter->outcome), SQL_NUMBER(filter->from_ms), SQL_NUMBER(filter->until_ms),
             SQL_NUMBER(filter->after.start_ms), SQL_NUMBER(filter->after.row));
}

static Status prepare_filtered(SqliteStore *store, const char *head, const CdrFilter *filter, const char *tail, sqlite3_stmt **ret,
                               Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Text sql = text_in(&arena);
    text_add(&sql, slice_of(head));
    add_conditions(&sql, filter);
    text_printf(&sql, "%s", tail);
    if (filter->limit)
        text_printf(&sql, " LIMIT %zu", filter->limit);
    text_add_byte(&sql, 0);
    Status status = sql_prepare(store, sql.at, ret, fault);
    if (!status)
        bind_filter(*ret, filter);
    arena_done(&arena);
    return status;
}

Status sqlite_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating,
                         bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    sqlite3_stmt *statement;
    Status status = prepare_filtered(cdrs->store, "SELECT " RECORD_COLUMNS " FROM call", filter, " ORDER BY start_ms DESC, id DESC",
                                     &statement, fault);
    if (status)
        return status;
    status = visit_records(cdrs->store, statement, rating, &(Visitor){.with_cursor = visit, .context = context}, fault);
    sqlite3_finalize(statement);
    return status;
}

/* One statement reads one snapshot. */
Status sqlite_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(cdrs->store, "SELECT " RECORD_COLUMNS " FROM call", &statement, fault);
    if (status)
        return status;
    status = visit_records(cdrs->store, statement, rating, &(Visitor){.plain = visit, .context = context}, fault);
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
    " FROM call";

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
    CdrFilter sums = {.campaign_id = filter->campaign_id, .outcome = filter->outcome, .from_ms = filter->from_ms,
                      .until_ms = filter->until_ms};
    sqlite3_stmt *statement;
    Status status = prepare_filtered(cdrs->store, stats_sql, &sums,
                                     " GROUP BY campaign) JOIN name ON name.id = campaign WHERE text <> '' ORDER BY text", &statement, fault);
    bool goes_on = true;
    while (!status && goes_on) {
        status = sql_step(cdrs->store, statement, &goes_on, fault);
        if (status || !goes_on)
            break;
        CampaignStats stats = read_stats(statement);
        goes_on = visit(context, &stats);
    }
    sqlite3_finalize(statement);
    return status;
}

Status sqlite_cdrs_count(void *self, int64_t *ret_records, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    return sql_number(cdrs->store, "SELECT count(*) FROM call", ret_records, fault);
}

Status sqlite_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    CdrFilter filter = {.campaign_id = campaign_id, .from_ms = since_ms};
    sqlite3_stmt *statement;
    Status status = prepare_filtered(cdrs->store, "SELECT count(*) FROM call", &filter, "", &statement, fault);
    if (status)
        return status;
    bool is_row;
    status = sql_step(cdrs->store, statement, &is_row, fault);
    if (!status && is_row)
        *ret_calls = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

/* ---- age ---- */

Status sqlite_cdrs_stale(void *self, int64_t before_ms, size_t max, Arena *arena, Slice *out, size_t *ret_count, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    Status status = sql_keep(cdrs->store, &cdrs->stale,
                             "SELECT call_id FROM call INDEXED BY call_open WHERE is_open AND start_ms < ?1 AND last_event_ms < ?1"
                             " ORDER BY start_ms LIMIT ?2", fault);
    if (status)
        return status;
    sql_bind(cdrs->stale, SQL_NUMBER(before_ms), SQL_NUMBER((int64_t)max));
    size_t count = 0;
    bool is_row = true;
    while (!(status = sql_step(cdrs->store, cdrs->stale, &is_row, fault)) && is_row)
        out[count++] = sql_column_copy(cdrs->stale, 0, arena);
    *ret_count = count;
    return status;
}

/* Rows are numbered in the order in which they were stored, so the oldest come first and no index on the age is needed.
 * A record stored while the clock was wrong may stand among younger ones: the look goes SLACK rows further. */
enum { SLACK = 1000 };

static const char *const expired_sql =
    "SELECT " RECORD_COLUMNS " FROM (SELECT *, stored_ms AS age_ms FROM call ORDER BY id LIMIT ?2 + ?3) WHERE age_ms < ?1 LIMIT ?2";

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
    status = visit_records(cdrs->store, statement, rating, &(Visitor){.plain = note_expired, .context = expiry}, fault);
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
                          void *context, size_t *ret_deleted, Fault *fault)
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
    status = status ? status : remove_rows(cdrs, &expiry, fault);
    cdrs->store->epoch++;
    status = sqlite_leave(&work, status, fault);
    if (!status)
        *ret_deleted = expiry.count;
    arena_done(&arena);
    return status;
}
