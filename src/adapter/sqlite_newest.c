/* Lists records newest first. The index orders them within a campaign only: one over all campaigns would cost every insert
 * a tenth of its time. So a list over all is a merge of one cursor a campaign; it streams, and nothing is sorted. */
#include "adapter/sqlite_cdrs.h"

typedef struct Newest {
    sqlite3_stmt *statement; /* stands on the newest record of its campaign that was not shown yet */
    int64_t start_ms, row;
} Newest;

/* A heap with the newest of all in front. */
typedef struct Merge {
    Newest *cursors;
    size_t count;
} Merge;

/* ---- heap ---- */

static bool is_newer(const Newest *a, const Newest *b)
{
    return a->start_ms != b->start_ms ? a->start_ms > b->start_ms : a->row > b->row;
}

static void sink(Merge *merge, size_t at)
{
    for (;;) {
        size_t newest = at;
        for (size_t below = 2 * at + 1; below <= 2 * at + 2 && below < merge->count; below++) {
            if (is_newer(&merge->cursors[below], &merge->cursors[newest]))
                newest = below;
        }
        if (newest == at)
            return;
        Newest moved = merge->cursors[at];
        merge->cursors[at] = merge->cursors[newest];
        merge->cursors[newest] = moved;
        at = newest;
    }
}

/* ---- cursors ---- */

static Status step(SqliteStore *store, Newest *cursor, bool *ret_row, Fault *fault)
{
    Status status = sql_step(store, cursor->statement, ret_row, fault);
    if (status || !*ret_row)
        return status;
    cursor->row = sqlite3_column_int64(cursor->statement, 0);
    cursor->start_ms = sqlite3_column_int64(cursor->statement, 4);
    return STATUS_OK;
}

static const char *const newest_sql =
    "SELECT " SQLITE_RECORD_COLUMNS ", start_ms FROM call WHERE campaign = ?1 AND start_ms >= ?2 AND start_ms < ?3"
    " AND (?4 = '' OR outcome = ?4) ORDER BY start_ms DESC, id DESC";
static const char *const newest_after_sql =
    "SELECT " SQLITE_RECORD_COLUMNS ", start_ms FROM call WHERE campaign = ?1 AND start_ms >= ?2 AND start_ms < ?3"
    " AND (?4 = '' OR outcome = ?4) AND (start_ms, id) < (?5, ?6) ORDER BY start_ms DESC, id DESC";

static Status open_cursor(SqliteStore *store, int64_t campaign, const CdrFilter *filter, Merge *merge, Fault *fault)
{
    Newest *cursor = &merge->cursors[merge->count];
    Status status = sql_prepare(store, filter->after.row ? newest_after_sql : newest_sql, &cursor->statement, fault);
    if (status)
        return status;
    sql_bind(cursor->statement, SQL_NUMBER(campaign), SQL_NUMBER(filter->from_ms ? filter->from_ms : INT64_MIN),
             SQL_NUMBER(filter->until_ms ? filter->until_ms : INT64_MAX), SQL_TEXT(filter->outcome), SQL_NUMBER(filter->after.start_ms),
             SQL_NUMBER(filter->after.row));
    bool is_row = false;
    status = step(store, cursor, &is_row, fault);
    if (is_row)
        merge->count++;
    else
        sqlite3_finalize(cursor->statement);
    return status;
}

static Status read_campaigns(SqliteStore *store, Slice campaign_id, Arena *arena, int64_t **ret_numbers, size_t *ret_count, Fault *fault)
{
    int64_t most = 0;
    Status status = sql_number(store, "SELECT count(*) FROM name", &most, fault);
    sqlite3_stmt *statement = NULL;
    status = status ? status : sql_prepare(store, "SELECT id FROM name WHERE ?1 = '' OR text = ?1 LIMIT ?2", &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_TEXT(campaign_id), SQL_NUMBER(most));
    *ret_numbers = ARENA_ARRAY(arena, int64_t, (size_t)most);
    *ret_count = 0;
    bool is_row = true;
    while (!(status = sql_step(store, statement, &is_row, fault)) && is_row)
        (*ret_numbers)[(*ret_count)++] = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

/* The first cursor that is open holds the snapshot for those that follow. */
static Status open_cursors(SqliteStore *store, const CdrFilter *filter, Arena *arena, Merge *merge, Fault *fault)
{
    int64_t *campaigns;
    size_t count;
    Status status = read_campaigns(store, filter->campaign_id, arena, &campaigns, &count, fault);
    if (status)
        return status;
    merge->cursors = ARENA_ARRAY(arena, Newest, count);
    for (size_t i = 0; i < count && !status; i++)
        status = open_cursor(store, campaigns[i], filter, merge, fault);
    for (size_t i = merge->count; i > 0; i--)
        sink(merge, i - 1);
    return status;
}

static void close_cursors(Merge *merge)
{
    for (size_t i = 0; i < merge->count; i++)
        sqlite3_finalize(merge->cursors[i].statement);
}

/* ---- the list ---- */

/* Moves the newest cursor to its next record, or out of the merge. */
static Status advance(SqliteStore *store, Merge *merge, Fault *fault)
{
    bool is_row = false;
    Status status = step(store, &merge->cursors[0], &is_row, fault);
    if (status)
        return status;
    if (!is_row) {
        sqlite3_finalize(merge->cursors[0].statement);
        merge->cursors[0] = merge->cursors[--merge->count];
    }
    sink(merge, 0);
    return STATUS_OK;
}

typedef bool VisitRecord(void *context, const Cdr *cdr, CdrCursor cursor);

static Status show_newest(SqliteStore *store, Merge *merge, size_t limit, const Rating *rating, VisitRecord *visit, void *context,
                          Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    for (size_t shown = 0; !status && merge->count && (!limit || shown < limit); shown++) {
        Newest *newest = &merge->cursors[0];
        Cdr cdr;
        arena_reset(&arena);
        status = sqlite_cdrs_read(newest->statement, rating, &arena, &cdr, fault);
        if (status || !visit(context, &cdr, (CdrCursor){newest->start_ms, newest->row}))
            break;
        status = advance(store, merge, fault);
    }
    arena_done(&arena);
    return status;
}

Status sqlite_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating, VisitRecord *visit, void *context, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    Arena arena;
    arena_init(&arena);
    Merge merge = {0};
    Status status = open_cursors(cdrs->store, filter, &arena, &merge, fault);
    if (!status)
        status = show_newest(cdrs->store, &merge, filter->limit, rating, visit, context, fault);
    close_cursors(&merge);
    arena_done(&arena);
    return status;
}
