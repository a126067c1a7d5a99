/* The ledger of effects. A claim hands out a fence that grows with each claim, and every later move must show it: whoever
 * slept through its lease finds that the effect is somebody else's. */
#include "adapter/sqlite_store.h"

typedef struct SqliteEffects {
    SqliteStore *store;
    sqlite3_stmt *enter, *carry, *find, *find_ref, *claim, *lose, *sending, *settle, *receive, *due, *pull_in;
} SqliteEffects;

#define EFFECT_COLUMNS \
    "action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message, created_ms, kind, ref, follows," \
    " state, fence, due_ms, attempts, message_id, reason, asked_ms, provider, sms_class, code, receipt, delivered_ms, segments, cost_micros"

static Effect read_effect(sqlite3_stmt *statement)
{
    return (Effect){
        .action_id = sql_column(statement, 0), .call_id = sql_column(statement, 1), .campaign_id = sql_column(statement, 2),
        .contact_id = sql_column(statement, 3), .phone = sql_column(statement, 4), .campaign_name = sql_column(statement, 5),
        .donation_link = sql_column(statement, 6), .message = sql_column(statement, 7), .created_ms = sqlite3_column_int64(statement, 8),
        .kind = (EffectKind)sqlite3_column_int(statement, 9), .ref = sql_column(statement, 10), .follows = sql_column(statement, 11),
        .state = (EffectState)sqlite3_column_int(statement, 12), .fence = sqlite3_column_int64(statement, 13),
        .due_ms = sqlite3_column_int64(statement, 14), .attempts = sqlite3_column_int(statement, 15),
        .message_id = sql_column(statement, 16), .reason = sql_column(statement, 17), .asked_ms = sqlite3_column_int64(statement, 18),
        .provider = sql_column(statement, 19), .sms_class = sms_class_of(sql_column(statement, 20)), .code = sql_column(statement, 21),
        .receipt = (ReceiptState)sqlite3_column_int(statement, 22), .delivered_ms = sqlite3_column_int64(statement, 23),
        .segments = sqlite3_column_int(statement, 24), .cost_micros = sqlite3_column_int64(statement, 25),
    };
}

static SqlValue class_value(const Effect *effect) { return SQL_TEXT(slice_of(sms_class_name(effect->sms_class))); }

/* ---- claim ---- */

/* A ref that another effect has is refused, and not passed over. */
static Status enter(SqliteEffects *effects, const Effect *wanted, int64_t now_ms, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->enter,
                             "INSERT INTO effect (action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message,"
                             " created_ms, kind, ref, follows, state, fence, due_ms, attempts, message_id, reason, moved_ms) VALUES"
                             " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0, ?13, 0, '', '', ?14)"
                             " ON CONFLICT (action_id) DO NOTHING", fault);
    if (status)
        return status;
    sql_bind(effects->enter, SQL_TEXT(wanted->action_id), SQL_TEXT(wanted->call_id), SQL_TEXT(wanted->campaign_id),
             SQL_TEXT(wanted->contact_id), SQL_TEXT(wanted->phone), SQL_TEXT(wanted->campaign_name), SQL_TEXT(wanted->donation_link),
             SQL_TEXT(wanted->message), SQL_NUMBER(wanted->created_ms), SQL_NUMBER((int64_t)wanted->kind), SQL_TEXT(wanted->ref),
             SQL_TEXT(wanted->follows), SQL_NUMBER(wanted->due_ms), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->enter, fault);
}

/* What that statement finds under a key. */
static Status find(SqliteEffects *effects, sqlite3_stmt *statement, Slice key, Arena *arena, Effect *ret, bool *ret_found, Fault *fault)
{
    sql_bind(statement, SQL_TEXT(key));
    Status status = sql_step(effects->store, statement, ret_found, fault);
    if (!status && *ret_found) {
        Effect held = read_effect(statement);
        *ret = effect_copy(&held, arena);
    }
    sqlite3_reset(statement);
    return status;
}

static Status find_by_id(SqliteEffects *effects, Slice action_id, Arena *arena, Effect *ret, bool *ret_found, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->find, "SELECT " EFFECT_COLUMNS " FROM effect WHERE action_id = ?", fault);
    return status ? status : find(effects, effects->find, action_id, arena, ret, ret_found, fault);
}

/* The index leaves out those that have none. */
static Status find_by_ref(SqliteEffects *effects, Slice ref, Arena *arena, Effect *ret, bool *ret_found, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->find_ref,
                             "SELECT " EFFECT_COLUMNS " FROM effect WHERE ref = ? AND ref <> ''", fault);
    return status ? status : find(effects, effects->find_ref, ref, arena, ret, ret_found, fault);
}

static Status take(SqliteEffects *effects, Effect *held, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->claim,
                             "UPDATE effect SET state = 1, fence = fence + 1, due_ms = ?2, moved_ms = ?3, provider = ?4 WHERE action_id = ?1", fault);
    if (status)
        return status;
    held->state = EFFECT_CLAIMED;
    held->fence++;
    held->due_ms = now_ms + lease_ms;
    held->provider = gateway->name;
    sql_bind(effects->claim, SQL_TEXT(held->action_id), SQL_NUMBER(held->due_ms), SQL_NUMBER(now_ms), SQL_TEXT(held->provider));
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
    if (held->receipt < RECEIPT_UNDELIVERED)
        held->reason = SLICE("the process ended while it was sending; the gateway may have it");
    sql_bind(effects->lose, SQL_TEXT(held->action_id), SQL_TEXT(held->reason), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->lose, fault);
}

static bool waits_for_somebody(const Effect *held, int64_t now_ms) { return held->state <= EFFECT_SENDING && held->due_ms <= now_ms; }

static Status claim_one(SqliteEffects *effects, Effect *wanted, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Arena *arena,
                        bool *ret_claimed, Fault *fault)
{
    bool is_there;
    *ret_claimed = false;
    Status status = enter(effects, wanted, now_ms, fault);
    status = status ? status : find_by_id(effects, wanted->action_id, arena, wanted, &is_there, fault);
    if (status || !waits_for_somebody(wanted, now_ms))
        return status;
    if (effect_is_lost(wanted, now_ms, gateway))
        return lose(effects, wanted, now_ms, fault);
    *ret_claimed = true;
    return take(effects, wanted, now_ms, lease_ms, gateway, fault);
}

static Status claim(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Arena *arena,
                    bool *ret_claimed, Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = claim_one(effects, &wanted[i], now_ms, lease_ms, gateway, arena, &ret_claimed[i], fault);
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

typedef Status WriteEffect(SqliteEffects *effects, const Effect *effect, int64_t now_ms, bool *ret_moved, Fault *fault);

static Status write_each(SqliteEffects *effects, WriteEffect *write, const Effect *moving, size_t count, int64_t now_ms, bool *ret_moved,
                         Fault *fault)
{
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = write(effects, &moving[i], now_ms, &ret_moved[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* A receipt may have been faster. What it said stands: the name of the text (1: underway), and what became of it (2, 3). */
static const char *const settle_sql =
    "UPDATE effect SET state = ?3, due_ms = ?4, attempts = ?5, asked_ms = ?6, segments = ?7, cost_micros = ?8, moved_ms = ?9,"
    " message_id = iif(receipt >= 1 AND message_id <> '', message_id, ?10), provider = iif(receipt >= 1 AND provider <> '', provider, ?11),"
    " reason = iif(receipt >= 2, reason, ?12), sms_class = iif(receipt >= 2, sms_class, ?13), code = iif(receipt >= 2, code, ?14)"
    " WHERE action_id = ?1 AND fence = ?2 AND (state IN (1, 2) OR (state = 6 AND ?3 <> 6))";

static Status settle_one(SqliteEffects *effects, const Effect *effect, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->settle, settle_sql, fault);
    if (status)
        return status;
    sql_bind(effects->settle, SQL_TEXT(effect->action_id), SQL_NUMBER(effect->fence), SQL_NUMBER((int64_t)effect->state),
             SQL_NUMBER(effect->due_ms), SQL_NUMBER(effect->attempts), SQL_NUMBER(effect->asked_ms), SQL_NUMBER(effect->segments),
             SQL_NUMBER(effect->cost_micros), SQL_NUMBER(now_ms), SQL_TEXT(effect->message_id), SQL_TEXT(effect->provider),
             SQL_TEXT(effect->reason), class_value(effect), SQL_TEXT(effect->code));
    status = sql_run(effects->store, effects->settle, fault);
    *ret_moved = sqlite3_changes(effects->store->db) == 1;
    return status;
}

static Status settle(void *self, const Effect *moving, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    return write_each(self, settle_one, moving, count, now_ms, ret_moved, fault);
}

/* ---- what providers say ---- */

static Status write_received(SqliteEffects *effects, const Effect *effect, int64_t now_ms, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->receive,
                             "UPDATE effect SET state = ?2, message_id = ?3, provider = ?4, receipt = ?5, sms_class = ?6, code = ?7,"
                             " reason = ?8, delivered_ms = ?9, moved_ms = ?10 WHERE action_id = ?1", fault);
    if (status)
        return status;
    sql_bind(effects->receive, SQL_TEXT(effect->action_id), SQL_NUMBER((int64_t)effect->state), SQL_TEXT(effect->message_id),
             SQL_TEXT(effect->provider), SQL_NUMBER((int64_t)effect->receipt), class_value(effect), SQL_TEXT(effect->code),
             SQL_TEXT(effect->reason), SQL_NUMBER(effect->delivered_ms), SQL_NUMBER(now_ms));
    return sql_run(effects->store, effects->receive, fault);
}

static Status receive_one(SqliteEffects *effects, const Receipt *receipt, int64_t now_ms, Arena *arena, Effect *ret_effect,
                          ReceiptResult *ret, Fault *fault)
{
    bool is_there;
    Status status = find_by_ref(effects, receipt->ref, arena, ret_effect, &is_there, fault);
    *ret = RECEIPT_STRANGE;
    if (status || !is_there)
        return status;
    Receipt kept = receipt_copy(receipt, arena);
    *ret = effect_receive(ret_effect, &kept);
    return write_received(effects, ret_effect, now_ms, fault);
}

static Status receive(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret,
                      Fault *fault)
{
    SqliteEffects *effects = self;
    SqliteWork work;
    Status status = sqlite_enter(effects->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = receive_one(effects, &receipts[i], now_ms, arena, &out[i], &ret[i], fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- look ---- */

static Status load(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    Status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = find_by_id(self, action_ids[i], arena, &out[i], &ret_found[i], fault);
    return status;
}

static Status find_all(void *self, const Slice *refs, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    Status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = find_by_ref(self, refs[i], arena, &out[i], &ret_found[i], fault);
    return status;
}

static Status due(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    SqliteEffects *effects = self;
    Status status = sql_keep(effects->store, &effects->due,
                             "SELECT " EFFECT_COLUMNS " FROM effect WHERE state <= 2 AND due_ms <= ?1 AND (kind = ?3) = ?4"
                             " ORDER BY due_ms LIMIT ?2", fault);
    if (status)
        return status;
    sql_bind(effects->due, SQL_NUMBER(now_ms), SQL_NUMBER((int64_t)max), SQL_NUMBER(EFFECT_SPEECH), SQL_NUMBER(calls));
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

/* How far an effect is: what was sent, or may have been, wins over what was not; and then what its receipt says. */
#define FURTHER(row) \
    "CASE " row ".state WHEN 3 THEN 9 WHEN 6 THEN 8 WHEN 4 THEN 7 WHEN 5 THEN 7 ELSE " row ".state END * 10 + " row ".receipt"

static const char *const carry_sql =
    "INSERT INTO effect (" EFFECT_COLUMNS ", moved_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
    " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27) ON CONFLICT (action_id) DO UPDATE SET"
    " call_id = excluded.call_id, campaign_id = excluded.campaign_id, contact_id = excluded.contact_id, phone = excluded.phone,"
    " campaign_name = excluded.campaign_name, donation_link = excluded.donation_link, message = excluded.message,"
    " created_ms = excluded.created_ms, kind = excluded.kind, ref = excluded.ref, follows = excluded.follows,"
    " state = excluded.state, fence = max(fence, excluded.fence) + 1, due_ms = excluded.due_ms,"
    " attempts = excluded.attempts, message_id = excluded.message_id, reason = excluded.reason, asked_ms = excluded.asked_ms,"
    " provider = excluded.provider, sms_class = excluded.sms_class, code = excluded.code, receipt = excluded.receipt,"
    " delivered_ms = excluded.delivered_ms, segments = excluded.segments, cost_micros = excluded.cost_micros, moved_ms = excluded.moved_ms"
    " WHERE " FURTHER("excluded") " > " FURTHER("effect");

static Status carry_one(SqliteEffects *effects, const Effect *effect, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Status status = sql_keep(effects->store, &effects->carry, carry_sql, fault);
    if (status)
        return status;
    sql_bind(effects->carry, SQL_TEXT(effect->action_id), SQL_TEXT(effect->call_id), SQL_TEXT(effect->campaign_id),
             SQL_TEXT(effect->contact_id), SQL_TEXT(effect->phone), SQL_TEXT(effect->campaign_name), SQL_TEXT(effect->donation_link),
             SQL_TEXT(effect->message), SQL_NUMBER(effect->created_ms), SQL_NUMBER((int64_t)effect->kind), SQL_TEXT(effect->ref),
             SQL_TEXT(effect->follows), SQL_NUMBER((int64_t)effect->state), SQL_NUMBER(effect->fence), SQL_NUMBER(effect->due_ms),
             SQL_NUMBER(effect->attempts), SQL_TEXT(effect->message_id), SQL_TEXT(effect->reason), SQL_NUMBER(effect->asked_ms),
             SQL_TEXT(effect->provider), class_value(effect), SQL_TEXT(effect->code), SQL_NUMBER((int64_t)effect->receipt),
             SQL_NUMBER(effect->delivered_ms), SQL_NUMBER(effect->segments), SQL_NUMBER(effect->cost_micros), SQL_NUMBER(now_ms));
    status = sql_run(effects->store, effects->carry, fault);
    *ret_moved = sqlite3_changes(effects->store->db) == 1;
    return status;
}

static Status carry(void *self, const Effect *moving, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    return write_each(self, carry_one, moving, count, now_ms, ret_moved, fault);
}

EffectsPort sqlite_effects(SqliteStore *store)
{
    SqliteEffects *effects = ARENA_NEW(&store->arena, SqliteEffects);
    effects->store = store;
    return (EffectsPort){.self = effects, .claim = claim, .sending = sending, .settle = settle, .due = due, .pull_in = pull_in, .list = list,
                         .enter = carry, .load = load, .find = find_all, .receive = receive};
}
