/* The ledger of effects. A claim hands out a fence that grows with each claim, and every later move must show it: whoever
 * slept through its lease finds that the effect is somebody else's. */
#include "adapter/sqlite_store.h"

typedef struct SqliteEffects {
    SqliteStore *store;
    sqlite3_stmt *enter, *carry, *find, *claim, *lose, *sending, *settle, *due, *pull_in;
} SqliteEffects;

#define EFFECT_COLUMNS \
    "action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message, created_ms, state, fence, due_ms," \
    " attempts, message_id, reason, asked_ms"

static Effect read_effect(sqlite3_stmt *statement)
{
    return (Effect){.action_id = sql_column(statement, 0), .call_id = sql_column(statement, 1), .campaign_id = sql_column(statement, 2),
                    .contact_id = sql_column(statement, 3), .phone = sql_column(statement, 4), .campaign_name = sql_column(statement, 5),
                    .donation_link = sql_column(statement, 6), .message = sql_column(statement, 7),
                    .created_ms = sqlite3_column_int64(statement, 8), .state = (EffectState)sqlite3_column_int(statement, 9),
                    .fence = sqlite3_column_int64(statement, 10), .due_ms = sqlite3_column_int64(statement, 11),
                    .attempts = sqlite3_column_int(statement, 12), .message_id = sql_column(statement, 13),
                    .reason = sql_column(statement, 14), .asked_ms = sqlite3_column_int64(statement, 15)};
}

/* ---- claim ---- */

static Status enter(SqliteEffects *effects, const Effect *wanted, int64_t now_ms, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->enter,
                             "INSERT INTO effect (" EFFECT_COLUMNS ", moved_ms) VALUES"
                             " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, ?10, 0, '', '', 0, ?11) ON CONFLICT DO NOTHING", fault);
    if (status)
        return status;
    sql_bind(effects->enter, SQL_TEXT(wanted->action_id), SQL_TEXT(wanted->call_id), SQL_TEXT(wanted->campaign_id),
             SQL_TEXT(wanted->contact_id), SQL_TEXT(wanted->phone), SQL_TEXT(wanted->campaign_name), SQL_TEXT(wanted->donation_link),
             SQL_TEXT(wanted->message), SQL_NUMBER(wanted->created_ms), SQL_NUMBER(wanted->due_ms), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->enter, fault);
}

/* wanted becomes what the ledger holds under its action id. */
static Status find(SqliteEffects *effects, Effect *wanted, Arena *arena, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->find, "SELECT " EFFECT_COLUMNS " FROM effect WHERE action_id = ?", fault);
    if (status)
        return status;
    sql_bind(effects->find, SQL_TEXT(wanted->action_id));
    bool is_row;
    status = sql_step(effects->store, effects->find, &is_row, fault);
    if (!status && is_row) {
        Effect held = read_effect(effects->find);
        *wanted = effect_copy(&held, arena);
    }
    sqlite3_reset(effects->find);
    return status;
}

static Status take(SqliteEffects *effects, Effect *held, int64_t now_ms, int64_t lease_ms, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->claim,
                             "UPDATE effect SET state = 1, fence = fence + 1, due_ms = ?2, moved_ms = ?3 WHERE action_id = ?1", fault);
    if (status)
        return status;
    held->state = EFFECT_CLAIMED;
    held->fence++;
    held->due_ms = now_ms + lease_ms;
    sql_bind(effects->claim, SQL_TEXT(held->action_id), SQL_NUMBER(held->due_ms), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->claim, fault);
}

/* The one that was sending it is gone, and nobody can say whether the gateway has it: a person has to look. The fence stays:
 * should the sender only have slept, it can say so. */
static Status lose(SqliteEffects *effects, Effect *held, int64_t now_ms, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->lose,
                             "UPDATE effect SET state = 6, reason = ?2, moved_ms = ?3 WHERE action_id = ?1", fault);
    if (status)
        return status;
    held->state = EFFECT_UNKNOWN;
    held->reason = SLICE("the process ended while it was sending; the gateway may have it");
    sql_bind(effects->lose, SQL_TEXT(held->action_id), SQL_TEXT(held->reason), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->lose, fault);
}

static bool waits_for_somebody(const Effect *held, int64_t now_ms) { return held->state <= EFFECT_SENDING && held->due_ms <= now_ms; }

static Status claim_one(SqliteEffects *effects, Effect *wanted, int64_t now_ms, int64_t lease_ms, int64_t repeat_ms, Arena *arena,
                        bool *ret_claimed, Fault *fault)
{
    *ret_claimed = false;
    Status status = enter(effects, wanted, now_ms, fault);
    status = status ? status : find(effects, wanted, arena, fault);
    if (status || !waits_for_somebody(wanted, now_ms))
        return status;
    if (effect_is_lost(wanted, now_ms, repeat_ms))
        return lose(effects, wanted, now_ms, fault);
    *ret_claimed = true;
    return take(effects, wanted, now_ms, lease_ms, fault);
}

static Status claim(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, int64_t repeat_ms, Arena *arena,
                    bool *ret_claimed, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = claim_one(effects, &wanted[i], now_ms, lease_ms, repeat_ms, arena, &ret_claimed[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- moves that show their fence ---- */

static Status sending(void *self, const Effect *moving, size_t count, int64_t now_ms, int64_t lease_until_ms, bool *ret_ours, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++) {
        status = sql_keep(effects->store, &effects->sending,
                          "UPDATE effect SET state = 2, due_ms = ?3, asked_ms = ifnull(nullif(asked_ms, 0), ?4)"
                          " WHERE action_id = ?1 AND fence = ?2 AND state IN (1, 2)", fault);
        if (status)
            break;
        sql_bind(effects->sending, SQL_TEXT(moving[i].action_id), SQL_NUMBER(moving[i].fence), SQL_NUMBER(lease_until_ms),
                 SQL_NUMBER(now_ms));
        status = sql_run(effects->store, effects->sending, fault);
        ret_ours[i] = sqlite3_changes(effects->store->db) == 1;
    }
    return sqlite_leave(&work, status, fault);
}

static Status settle_one(SqliteEffects *effects, const Effect *effect, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->settle,
                             "UPDATE effect SET state = ?3, due_ms = ?4, attempts = ?5, message_id = ?6, reason = ?7, moved_ms = ?8,"
                             " asked_ms = ?9"
                             " WHERE action_id = ?1 AND fence = ?2 AND (state IN (1, 2) OR (state = 6 AND ?3 = 3))", fault);
    if (status)
        return status;
    sql_bind(effects->settle, SQL_TEXT(effect->action_id), SQL_NUMBER(effect->fence), SQL_NUMBER((int64_t)effect->state),
             SQL_NUMBER(effect->due_ms), SQL_NUMBER(effect->attempts), SQL_TEXT(effect->message_id), SQL_TEXT(effect->reason),
             SQL_NUMBER(now_ms), SQL_NUMBER(effect->asked_ms));
    status = sql_run(effects->store, effects->settle, fault);
    *ret_moved = sqlite3_changes(effects->store->db) == 1;
    return status;
}

static Status settle(void *self, const Effect *moving, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = settle_one(effects, &moving[i], now_ms, &ret_moved[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- look ---- */

static Status due(void *self, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    SqliteEffects *effects = self;
    Status status = sql_keep(effects->store, &effects->due,
                             "SELECT " EFFECT_COLUMNS " FROM effect WHERE state <= 2 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2", fault);
    if (status)
        return status;
    sql_bind(effects->due, SQL_NUMBER(now_ms), SQL_NUMBER((int64_t)max));
    size_t count = 0;
    bool is_row = true;
    while (!(status = sql_step(effects->store, effects->due, &is_row, fault)) && is_row) {
        Effect held = read_effect(effects->due);
        out[count++] = effect_copy(&held, arena);
    }
    *ret_count = count;
    return status;
}

static const char *const list_sql =
    "SELECT " EFFECT_COLUMNS " FROM effect WHERE action_id > ?1 AND (?2 = '' OR campaign_id = ?2) AND (?3 = '' OR phone = ?3)"
    " AND (?4 < 0 OR state = ?4) ORDER BY action_id LIMIT ?5";

static Status list(void *self, const EffectFilter *filter, bool (*visit)(void *context, const Effect *effect), void *context, Fault *fault)
{
    SqliteEffects *effects = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(effects->store, list_sql, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_TEXT(filter->after), SQL_TEXT(filter->campaign_id), SQL_TEXT(filter->phone), SQL_NUMBER(filter->state),
             SQL_NUMBER(filter->limit ? (int64_t)filter->limit : -1));
    bool goes_on = true;
    while (!(status = sql_step(effects->store, statement, &goes_on, fault)) && goes_on) {
        Effect effect = read_effect(statement);
        if (!visit(context, &effect))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

/* A clock that ran ahead may have written times that are months away. */
static Status pull_in(void *self, int64_t latest_ms, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    status = sql_keep(effects->store, &effects->pull_in, "UPDATE effect SET due_ms = ?1 WHERE state <= 2 AND due_ms > ?1", fault);
    if (!status) {
        sql_bind(effects->pull_in, SQL_NUMBER(latest_ms));
        status = sql_run(effects->store, effects->pull_in, fault);
    }
    return sqlite_leave(&work, status, fault);
}

/* ---- moving in ---- */

/* How far an effect is: what was sent, or may have been, wins over what was not. */
#define FURTHER(state) "CASE " state " WHEN 3 THEN 9 WHEN 6 THEN 8 WHEN 4 THEN 7 WHEN 5 THEN 7 ELSE " state " END"

static const char *const carry_sql =
    "INSERT INTO effect (" EFFECT_COLUMNS ", moved_ms) VALUES"
    " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON CONFLICT (action_id) DO UPDATE SET"
    " call_id = excluded.call_id, campaign_id = excluded.campaign_id, contact_id = excluded.contact_id, phone = excluded.phone,"
    " campaign_name = excluded.campaign_name, donation_link = excluded.donation_link, message = excluded.message,"
    " created_ms = excluded.created_ms, state = excluded.state, fence = max(fence, excluded.fence) + 1, due_ms = excluded.due_ms,"
    " attempts = excluded.attempts, message_id = excluded.message_id, reason = excluded.reason, asked_ms = excluded.asked_ms,"
    " moved_ms = excluded.moved_ms"
    " WHERE " FURTHER("excluded.state") " > " FURTHER("effect.state");

static Status carry_one(SqliteEffects *effects, const Effect *effect, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->carry, carry_sql, fault);
    if (status)
        return status;
    sql_bind(effects->carry, SQL_TEXT(effect->action_id), SQL_TEXT(effect->call_id), SQL_TEXT(effect->campaign_id),
             SQL_TEXT(effect->contact_id), SQL_TEXT(effect->phone), SQL_TEXT(effect->campaign_name), SQL_TEXT(effect->donation_link),
             SQL_TEXT(effect->message), SQL_NUMBER(effect->created_ms), SQL_NUMBER((int64_t)effect->state), SQL_NUMBER(effect->fence),
             SQL_NUMBER(effect->due_ms), SQL_NUMBER(effect->attempts), SQL_TEXT(effect->message_id), SQL_TEXT(effect->reason),
             SQL_NUMBER(effect->asked_ms), SQL_NUMBER(now_ms));
    status = sql_run(effects->store, effects->carry, fault);
    *ret_moved = sqlite3_changes(effects->store->db) == 1;
    return status;
}

static Status carry(void *self, const Effect *moving, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = carry_one(effects, &moving[i], now_ms, &ret_moved[i], fault);
    return sqlite_leave(&work, status, fault);
}

EffectsPort sqlite_effects(SqliteStore *store)
{
    SqliteEffects *effects = ARENA_NEW(&store->arena, SqliteEffects);
    effects->store = store;
    return (EffectsPort){.self = effects, .claim = claim, .sending = sending, .settle = settle, .due = due, .pull_in = pull_in, .list = list,
                         .enter = carry};
}
