/* Lists records newest first. The index orders them within a campaign only: one over all campaigns would cost every insert
 * a tenth of its time. So a list over all is a merge: of each campaign it knows the newest record that was not shown yet, and
 * one statement walks the campaign whose turn it is. An open cursor a campaign would be simpler, but SQLite looks through all
 * open cursors whenever it opens another one. */
#include "adapter/sqlite_cdrs.h"

typedef struct Newest { int64_t campaign, start_ms, row; } Newest;

typedef struct Merge {
    SqliteStore *store;
    const CdrFilter *filter;
    Newest *heads; /* a heap with the newest of all in front */
    size_t count;
    sqlite3_stmt *view; /* open from before the first look to the end: all looks see the same */
    sqlite3_stmt *look, *walk;
    int64_t walked;     /* the campaign in which walk stands, on its head; 0 = none */
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
            if (is_newer(&merge->heads[below], &merge->heads[newest]))
                newest = below;
        }
        if (newest == at)
            return;
        Newest moved = merge->heads[at];
        merge->heads[at] = merge->heads[newest];
        merge->heads[newest] = moved;
        at = newest;
    }
}

/* ---- looks and walks ---- */

/* From a record on downwards, that record included. In two halves, because of (start_ms, id) <= (?, ?) the index would be
 * searched by the first only, and a whole batch of records may have started in one millisecond. */
#define FROM_HERE(columns) \
    "SELECT " columns " FROM call WHERE campaign = ?1 AND start_ms = ?3 AND ?3 >= ?2 AND id <= ?4 AND (?5 = '' OR outcome = ?5)" \
    " UNION ALL SELECT " columns " FROM call WHERE campaign = ?1 AND start_ms >= ?2 AND start_ms < ?3 AND (?5 = '' OR outcome = ?5)" \
    " ORDER BY start_ms DESC, id DESC"

static const char *const look_sql = FROM_HERE("id, start_ms"); /* without an outcome the index alone answers */
static const char *const walk_sql = FROM_HERE(SQLITE_RECORD_COLUMNS ", start_ms");

static void start_from(Merge *merge, sqlite3_stmt *statement, const Newest *from)
{
    const CdrFilter *filter = merge->filter;
    sqlite3_reset(statement);
    sql_bind(statement, SQL_NUMBER(from->campaign), SQL_NUMBER(filter->from_ms ? filter->from_ms : INT64_MIN), SQL_NUMBER(from->start_ms),
             SQL_NUMBER(from->row), SQL_TEXT(filter->outcome));
}

/* Where a list begins in each campaign: behind the record seen last, and before the end of the time asked for. */
static Newest first_of(const CdrFilter *filter, int64_t campaign)
{
    int64_t until_ms = filter->until_ms ? filter->until_ms : INT64_MAX;
    bool goes_on = filter->after.row > 0 && filter->after.start_ms < until_ms;
    return goes_on ? (Newest){campaign, filter->after.start_ms, filter->after.row - 1} : (Newest){campaign, until_ms - 1, INT64_MAX};
}

static Status look_into(Merge *merge, int64_t campaign, Fault *fault)
{
    bool is_row;
    Newest first = first_of(merge->filter, campaign);
    start_from(merge, merge->look, &first);
    Status status = sql_step(merge->store, merge->look, &is_row, fault);
    if (status || !is_row)
        return status;
    merge->heads[merge->count++] = (Newest){campaign, sqlite3_column_int64(merge->look, 1), sqlite3_column_int64(merge->look, 0)};
    sqlite3_reset(merge->look);
    return STATUS_OK;
}

/* The row becomes the head of its campaign; where there is none, the campaign leaves the merge. */
static Status walk_on(Merge *merge, Fault *fault)
{
    bool is_row;
    Status status = sql_step(merge->store, merge->walk, &is_row, fault);
    if (status)
        return status;
    if (is_row) {
        merge->heads[0].row = sqlite3_column_int64(merge->walk, 0);
        merge->heads[0].start_ms = sqlite3_column_int64(merge->walk, 4);
    } else {
        merge->heads[0] = merge->heads[--merge->count];
        merge->walked = 0;
    }
    return STATUS_OK;
}

/* Walk stands on the newest record of all. */
static Status walk_to_newest(Merge *merge, Fault *fault)
{
    if (merge->walked == merge->heads[0].campaign)
        return STATUS_OK;
    start_from(merge, merge->walk, &merge->heads[0]);
    merge->walked = merge->heads[0].campaign;
    return walk_on(merge, fault);
}

/* ---- open and close ---- */

static Status open_view(Merge *merge, Fault *fault)
{
    bool is_row;
    Status status = sql_prepare(merge->store, "SELECT 1 FROM call", &merge->view, fault);
    status = status ? status : sql_step(merge->store, merge->view, &is_row, fault);
    status = status ? status : sql_prepare(merge->store, look_sql, &merge->look, fault);
    return status ? status : sql_prepare(merge->store, walk_sql, &merge->walk, fault);
}

static Status look_into_all(Merge *merge, sqlite3_stmt *campaigns, size_t most, Fault *fault)
{
    bool is_row = true;
    Status status = STATUS_OK;
    while (!status && merge->count < most) {
        status = sql_step(merge->store, campaigns, &is_row, fault);
        if (status || !is_row)
            break;
        status = look_into(merge, sqlite3_column_int64(campaigns, 0), fault);
    }
    for (size_t i = merge->count; i > 0; i--)
        sink(merge, i - 1);
    return status;
}

static Status open_merge(Merge *merge, Arena *arena, Fault *fault)
{
    int64_t most = 0;
    Status status = open_view(merge, fault);
    status = status ? status : sql_number(merge->store, "SELECT count(*) FROM name", &most, fault);
    sqlite3_stmt *campaigns = NULL;
    status = status ? status : sql_prepare(merge->store, "SELECT id FROM name WHERE ?1 = '' OR text = ?1", &campaigns, fault);
    if (status)
        return status;
    sql_bind(campaigns, SQL_TEXT(merge->filter->campaign_id));
    merge->heads = ARENA_ARRAY(arena, Newest, (size_t)most);
    status = look_into_all(merge, campaigns, (size_t)most, fault);
    sqlite3_finalize(campaigns);
    return status;
}

static void close_merge(Merge *merge)
{
    sqlite3_finalize(merge->look);
    sqlite3_finalize(merge->walk);
    sqlite3_finalize(merge->view);
}

/* ---- the list ---- */

typedef bool VisitRecord(void *context, const Cdr *cdr, CdrCursor cursor);

static Status show_newest(Merge *merge, const Rating *rating, VisitRecord *visit, void *context, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    size_t limit = merge->filter->limit;
    for (size_t shown = 0; !status && merge->count && (!limit || shown < limit); shown++) {
        Cdr cdr;
        arena_reset(&arena);
        status = walk_to_newest(merge, fault);
        status = status ? status : sqlite_cdrs_read(merge->walk, rating, &arena, &cdr, fault);
        if (status || !visit(context, &cdr, (CdrCursor){.start_ms = merge->heads[0].start_ms, .row = merge->heads[0].row}))
            break;
        status = walk_on(merge, fault);
        sink(merge, 0);
    }
    arena_done(&arena);
    return status;
}

Status sqlite_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating, VisitRecord *visit, void *context, Fault *fault)
{
    SqliteCdrs *cdrs = self;
    CdrFilter asked = *filter; /* the visitor may keep its cursor in the one that was passed */
    Arena arena;
    arena_init(&arena);
    Merge merge = {.store = cdrs->store, .filter = &asked};
    Status status = open_merge(&merge, &arena, fault);
    status = status ? status : show_newest(&merge, rating, visit, context, fault);
    close_merge(&merge);
    arena_done(&arena);
    return status;
}
