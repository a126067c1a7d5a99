/* Clicks on links, a row for each link and kind of visitor, and gifts, a row each. */
#include "adapter/sqlite_store.h"

typedef struct SqliteGifts {
    SqliteStore *store;
    sqlite3_stmt *click, *enter_clicks, *find, *add, *change;
} SqliteGifts;

/* ---- clicks ---- */

/* What is not later than the last click was counted before. */
static const char *const click_sql =
    "INSERT INTO click (ref, kind, first_ms, last_ms, count) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (ref, kind) DO UPDATE SET"
    " last_ms = excluded.last_ms, count = click.count + excluded.count WHERE excluded.last_ms > click.last_ms";

static const char *const enter_clicks_sql =
    "INSERT INTO click (ref, kind, first_ms, last_ms, count) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (ref, kind) DO UPDATE SET"
    " first_ms = min(click.first_ms, excluded.first_ms), last_ms = max(click.last_ms, excluded.last_ms), count = max(click.count, excluded.count)"
    " WHERE excluded.first_ms < click.first_ms OR excluded.last_ms > click.last_ms OR excluded.count > click.count";

static Status write_clicks(SqliteGifts *gifts, sqlite3_stmt **slot, const char *sql, const LinkClicks *clicks, Fault *fault)
{
    Status status = sql_keep(gifts->store, slot, sql, fault);
    if (status)
        return status;
    sql_bind(*slot, SQL_TEXT(clicks->ref), SQL_TEXT(slice_of(click_kind_name(clicks->kind))), SQL_NUMBER(clicks->first_ms),
             SQL_NUMBER(clicks->last_ms), SQL_NUMBER(clicks->count));
    return sql_run(gifts->store, *slot, fault);
}

static Status click(void *self, const LinkClicks *clicks, size_t count, Fault *fault)
{
    SqliteGifts *gifts = self;
    SqliteWork work;
    Status status = sqlite_enter(gifts->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = write_clicks(gifts, &gifts->click, click_sql, &clicks[i], fault);
    return sqlite_leave(&work, status, fault);
}

static Status enter_clicks(void *self, const LinkClicks *clicks, size_t count, bool *ret_moved, Fault *fault)
{
    SqliteGifts *gifts = self;
    SqliteWork work;
    Status status = sqlite_enter(gifts->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++) {
        status = write_clicks(gifts, &gifts->enter_clicks, enter_clicks_sql, &clicks[i], fault);
        ret_moved[i] = sqlite3_changes(gifts->store->db) == 1;
    }
    return sqlite_leave(&work, status, fault);
}

static LinkClicks read_clicks(sqlite3_stmt *statement)
{
    LinkClicks clicks = {.ref = sql_column(statement, 0), .first_ms = sqlite3_column_int64(statement, 2),
                     .last_ms = sqlite3_column_int64(statement, 3), .count = sqlite3_column_int64(statement, 4)};
    click_kind_of(sql_column(statement, 1), &clicks.kind);
    return clicks;
}

#define CLICKS_OF(where) "SELECT ref, kind, first_ms, last_ms, count FROM click WHERE " where " ORDER BY ref, kind"

static Status list_clicks(void *self, Slice ref, bool (*visit)(void *context, const LinkClicks *clicks), void *context, Fault *fault)
{
    SqliteGifts *gifts = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(gifts->store, slice_empty(ref) ? CLICKS_OF("true") : CLICKS_OF("ref = ?"), &statement, fault);
    if (status)
        return status;
    sql_bind_values(statement, &SQL_TEXT(ref), !slice_empty(ref));
    bool goes_on = true;
    while (!(status = sql_step(gifts->store, statement, &goes_on, fault)) && goes_on) {
        LinkClicks clicks = read_clicks(statement);
        if (!visit(context, &clicks))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

/* ---- gifts ---- */

#define GIFT_COLUMNS \
    "id, ref, call_id, campaign_id, contact_id, currency, given_micros, given_ms, refunded_micros, refunded_ms, received_ms"

static Gift read_gift(sqlite3_stmt *statement)
{
    return (Gift){.row = sqlite3_column_int64(statement, 0), .id = sql_column(statement, 1), .ref = sql_column(statement, 2),
                  .call_id = sql_column(statement, 3), .campaign_id = sql_column(statement, 4), .contact_id = sql_column(statement, 5),
                  .currency = sql_column(statement, 6), .given_micros = sqlite3_column_int64(statement, 7),
                  .given_ms = sqlite3_column_int64(statement, 8), .refunded_micros = sqlite3_column_int64(statement, 9),
                  .refunded_ms = sqlite3_column_int64(statement, 10), .received_ms = sqlite3_column_int64(statement, 11)};
}

static Status find(SqliteGifts *gifts, Slice id, Gift *ret, Fault *fault)
{
    Status status = sql_keep(gifts->store, &gifts->find, "SELECT row, " GIFT_COLUMNS " FROM gift WHERE id = ?", fault);
    if (status)
        return status;
    sql_bind(gifts->find, SQL_TEXT(id));
    bool is_row;
    status = sql_step(gifts->store, gifts->find, &is_row, fault);
    if (!status && is_row) {
        Gift held = read_gift(gifts->find);
        *ret = gift_copy(&held, &gifts->store->scratch);
    }
    sqlite3_reset(gifts->find);
    return status;
}

static const char *const add_sql = "INSERT INTO gift (" GIFT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
static const char *const change_sql =
    "UPDATE gift SET ref = ?2, call_id = ?3, campaign_id = ?4, contact_id = ?5, currency = ?6, given_micros = ?7, given_ms = ?8,"
    " refunded_micros = ?9, refunded_ms = ?10, received_ms = ?11 WHERE id = ?1";

static Status write_gift(SqliteGifts *gifts, const Gift *gift, Fault *fault)
{
    sqlite3_stmt **slot = gift->row ? &gifts->change : &gifts->add;
    Status status = sql_keep(gifts->store, slot, gift->row ? change_sql : add_sql, fault);
    if (status)
        return status;
    sql_bind(*slot, SQL_TEXT(gift->id), SQL_TEXT(gift->ref), SQL_TEXT(gift->call_id), SQL_TEXT(gift->campaign_id),
             SQL_TEXT(gift->contact_id), SQL_TEXT(gift->currency), SQL_NUMBER(gift->given_micros), SQL_NUMBER(gift->given_ms),
             SQL_NUMBER(gift->refunded_micros), SQL_NUMBER(gift->refunded_ms), SQL_NUMBER(gift->received_ms));
    return sql_run(gifts->store, *slot, fault);
}

static Status give_one(SqliteGifts *gifts, const Gift *said, GiftResult *ret, Fault *fault)
{
    Gift held = {.id = said->id};
    arena_reset(&gifts->store->scratch);
    Status status = find(gifts, said->id, &held, fault);
    if (status)
        return status;
    *ret = gift_merge(&held, said);
    return write_gift(gifts, &held, fault);
}

static Status give(void *self, const Gift *given, size_t count, GiftResult *ret, Fault *fault)
{
    SqliteGifts *gifts = self;
    SqliteWork work;
    Status status = sqlite_enter(gifts->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = give_one(gifts, &given[i], &ret[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* An index for each thing that is asked for: the plus keeps SQLite from walking through all rows in their order instead. */
#define LIST(where, order) \
    "SELECT row, " GIFT_COLUMNS " FROM gift WHERE " where " AND row < ifnull(nullif(?4, 0), 9223372036854775807)" \
    " AND (?1 = '' OR campaign_id = ?1) AND (?2 = '' OR call_id = ?2) AND (?3 = '' OR ref = ?3) ORDER BY " order " LIMIT ?5"

static const char *list_sql(const GiftFilter *filter)
{
    if (!slice_empty(filter->ref))
        return LIST("ref = ?3", "+row DESC");
    if (!slice_empty(filter->call_id))
        return LIST("call_id = ?2", "+row DESC");
    if (filter->unmatched || !slice_empty(filter->campaign_id))
        return LIST("campaign_id = ?1", "row DESC");
    return filter->oldest_first ? LIST("true", "row") : LIST("true", "row DESC");
}

static Status list(void *self, const GiftFilter *filter, bool (*visit)(void *context, const Gift *gift), void *context, Fault *fault)
{
    SqliteGifts *gifts = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(gifts->store, list_sql(filter), &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_TEXT(filter->campaign_id), SQL_TEXT(filter->call_id), SQL_TEXT(filter->ref), SQL_NUMBER(filter->before_row),
             SQL_NUMBER(filter->limit ? (int64_t)filter->limit : -1));
    bool goes_on = true;
    while (!(status = sql_step(gifts->store, statement, &goes_on, fault)) && goes_on) {
        Gift gift = read_gift(statement);
        if (!visit(context, &gift))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

GiftsPort sqlite_gifts(SqliteStore *store)
{
    SqliteGifts *gifts = ARENA_NEW(&store->arena, SqliteGifts);
    gifts->store = store;
    return (GiftsPort){.self = gifts, .click = click, .give = give, .clicks = list_clicks, .list = list, .enter_clicks = enter_clicks};
}
