/* The do-not-call list. Numbers only ever come on it by themselves; taking one off needs a person, and what was done about
 * a number stays in the audit chain, which also tells an opt-out that was applied before from a new one. */
#include "adapter/sqlite_registry.h"

#include "event/audit_entries.h"

/* ---- block ---- */

/* An action id that was applied to this number before. Somebody may have removed the number since: a late copy does not put
 * it back, but a person who asks again after that does. */
static Status was_applied(SqliteRegistry *registry, const BlockEntry *entry, bool *ret_applied, Fault *fault)
{
    *ret_applied = false;
    if (slice_empty(entry->action_id))
        return STATUS_OK;
    Status status = sql_keep(registry->store, &registry->applied,
                             "SELECT 1 FROM audit AS applied WHERE subject = ?1 AND action_id = ?2 AND kind IN ('block', 'block_again')"
                             " AND NOT EXISTS (SELECT 1 FROM audit AS removal WHERE removal.subject = ?1 AND removal.kind = 'unblock'"
                             " AND removal.seq > applied.seq AND removal.at_ms < ?3)", fault);
    if (status)
        return status;
    sql_bind(registry->applied, SQL_TEXT(entry->phone), SQL_TEXT(entry->action_id), SQL_NUMBER(entry->pressed_ms));
    status = sql_step(registry->store, registry->applied, ret_applied, fault);
    sqlite3_reset(registry->applied);
    return status;
}

/* The first addedAt wins: a number that is there stays as it is. */
static Status enter_number(SqliteRegistry *registry, const BlockEntry *entry, bool *ret_entered, Fault *fault)
{
    Status status = sql_keep(registry->store, &registry->block,
                             "INSERT INTO blocked VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING", fault);
    if (status)
        return status;
    sql_bind(registry->block, SQL_TEXT(entry->phone), SQL_NUMBER(entry->added_ms), SQL_TEXT(entry->reason), SQL_TEXT(entry->source),
             SQL_TEXT(entry->call_id), SQL_TEXT(entry->campaign_id), SQL_TEXT(entry->contact_id), SQL_TEXT(entry->timestamp),
             SQL_TEXT(entry->actor), SQL_TEXT(entry->action_id));
    status = sql_run(registry->store, registry->block, fault);
    *ret_entered = sqlite3_changes(registry->store->db) == 1;
    return status;
}

static Status block_one(SqliteRegistry *registry, const BlockEntry *entry, BlockResult *ret, Fault *fault)
{
    bool applied, entered;
    *ret = BLOCK_REPEATED;
    Status status = was_applied(registry, entry, &applied, fault);
    if (status || applied)
        return status;
    status = enter_number(registry, entry, &entered, fault);
    if (status)
        return status;
    *ret = entered ? BLOCK_ADDED : BLOCK_KNOWN;
    AuditEntry audited = audit_entry_of_block(entry, *ret != BLOCK_ADDED, &registry->store->scratch);
    return sqlite_audit_add(&registry->audit, &audited, fault);
}

static Status block(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    SqliteRegistry *registry = self;
    SqliteWork work;
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    arena_reset(&registry->store->scratch);
    status = sqlite_audit_begin(&registry->audit, fault);
    for (size_t i = 0; i < count && !status; i++)
        status = block_one(registry, &entries[i], &results[i], fault);
    status = status ? status : sqlite_audit_end(&registry->audit, fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- moving in ---- */

static Status enter(void *self, const BlockEntry *entries, size_t count, bool *ret_new, Fault *fault)
{
    SqliteRegistry *registry = self;
    SqliteWork work;
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = enter_number(registry, &entries[i], &ret_new[i], fault);
    return sqlite_leave(&work, status, fault);
}

static Status carry(void *self, const AuditEntry *entries, size_t count, bool *ret_new, Fault *fault)
{
    SqliteRegistry *registry = self;
    SqliteWork work;
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    status = sqlite_audit_begin(&registry->audit, fault);
    for (size_t i = 0; i < count && !status; i++)
        status = sqlite_audit_add_once(&registry->audit, &entries[i], &ret_new[i], fault);
    status = status ? status : sqlite_audit_end(&registry->audit, fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- unblock ---- */

static Status remove_number(SqliteRegistry *registry, Slice phone, bool *ret_removed, Fault *fault)
{
    Status status = sql_keep(registry->store, &registry->unblock, "DELETE FROM blocked WHERE phone = ?", fault);
    if (status)
        return status;
    sql_bind(registry->unblock, SQL_TEXT(phone));
    status = sql_run(registry->store, registry->unblock, fault);
    *ret_removed = sqlite3_changes(registry->store->db) == 1;
    return status;
}

static Status append(void *self, const AuditEntry *entry, Fault *fault)
{
    SqliteRegistry *registry = self;
    SqliteWork work;
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    status = sqlite_audit_begin(&registry->audit, fault);
    status = status ? status : sqlite_audit_add(&registry->audit, entry, fault);
    status = status ? status : sqlite_audit_end(&registry->audit, fault);
    return sqlite_leave(&work, status, fault);
}

static Status unblock_one(SqliteRegistry *registry, const AuditEntry *entry, bool *ret_was_blocked, Fault *fault)
{
    Status status = remove_number(registry, entry->subject, ret_was_blocked, fault);
    if (status || !*ret_was_blocked)
        return status;
    status = sqlite_audit_begin(&registry->audit, fault);
    status = status ? status : sqlite_audit_add(&registry->audit, entry, fault);
    return status ? status : sqlite_audit_end(&registry->audit, fault);
}

static Status unblock(void *self, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    SqliteRegistry *registry = self;
    SqliteWork work;
    if (slice_empty(actor) || slice_empty(reason))
        return fault_set(fault, STATUS_REJECT, "actor_required", "taking a number off the list needs an actor and a reason");
    Status status = sqlite_enter(registry->store, &work, fault);
    if (status)
        return status;
    AuditEntry entry = {.at_ms = now_ms, .kind = SLICE("unblock"), .subject = phone, .actor = actor, .reason = reason};
    bool was_blocked = false;
    status = unblock_one(registry, &entry, &was_blocked, fault);
    status = sqlite_leave(&work, status, fault);
    if (!status)
        *ret_was_blocked = was_blocked;
    return status;
}

/* ---- look ---- */

static Status is_blocked(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    SqliteRegistry *registry = self;
    for (size_t i = 0; i < count; i++) {
        Status status = sql_keep(registry->store, &registry->is_blocked, "SELECT 1 FROM blocked WHERE phone = ?", fault);
        if (status)
            return status;
        sql_bind(registry->is_blocked, SQL_TEXT(phones[i]));
        status = sql_step(registry->store, registry->is_blocked, &ret_blocked[i], fault);
        if (status)
            return status;
        sqlite3_reset(registry->is_blocked);
    }
    return STATUS_OK;
}

static BlockEntry read_entry(sqlite3_stmt *statement)
{
    return (BlockEntry){.phone = sql_column(statement, 0), .added_ms = sqlite3_column_int64(statement, 1),
                        .reason = sql_column(statement, 2), .source = sql_column(statement, 3), .call_id = sql_column(statement, 4),
                        .campaign_id = sql_column(statement, 5), .contact_id = sql_column(statement, 6),
                        .timestamp = sql_column(statement, 7), .actor = sql_column(statement, 8), .action_id = sql_column(statement, 9)};
}

static Status show(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault)
{
    SqliteRegistry *registry = self;
    Status status = sql_keep(registry->store, &registry->show, "SELECT * FROM blocked WHERE phone = ?", fault);
    if (status)
        return status;
    sql_bind(registry->show, SQL_TEXT(phone));
    status = sql_step(registry->store, registry->show, ret_found, fault);
    if (!status && *ret_found) {
        BlockEntry entry = read_entry(registry->show);
        *ret_entry = block_entry_copy(&entry, arena);
    }
    sqlite3_reset(registry->show);
    return status;
}

static void add_conditions(Text *sql, const char *key, const RegistryFilter *filter)
{
    text_add_literal(sql, " WHERE 1");
    if (!slice_empty(filter->after))
        text_printf(sql, " AND %s > ?1", key);
    if (!slice_empty(filter->campaign_id))
        text_add_literal(sql, " AND campaign_id = ?2");
    if (!slice_empty(filter->call_id))
        text_add_literal(sql, " AND call_id = ?3");
    if (!slice_empty(filter->phone))
        text_add_literal(sql, " AND phone = ?4");
    if (!slice_empty(filter->action_type))
        text_add_literal(sql, " AND action_type = ?5");
    text_printf(sql, " ORDER BY %s", key);
    if (filter->limit)
        text_printf(sql, " LIMIT %zu", filter->limit);
    text_add_byte(sql, 0);
}

Status sqlite_registry_prepare(SqliteRegistry *registry, const char *select, const char *key, const RegistryFilter *filter,
                               sqlite3_stmt **ret, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Text sql = text_in(&arena);
    text_add(&sql, slice_of(select));
    add_conditions(&sql, key, filter);
    Status status = sql_prepare(registry->store, sql.at, ret, fault);
    if (!status)
        sql_bind(*ret, SQL_TEXT(filter->after), SQL_TEXT(filter->campaign_id), SQL_TEXT(filter->call_id), SQL_TEXT(filter->phone),
                 SQL_TEXT(filter->action_type));
    arena_done(&arena);
    return status;
}

static Status list(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry), void *context,
                   Fault *fault)
{
    SqliteRegistry *registry = self;
    RegistryFilter numbers = *filter;
    numbers.action_type = (Slice){0};
    sqlite3_stmt *statement;
    Status status = sqlite_registry_prepare(registry, "SELECT * FROM blocked", "phone", &numbers, &statement, fault);
    if (status)
        return status;
    bool goes_on = true;
    while (!(status = sql_step(registry->store, statement, &goes_on, fault)) && goes_on) {
        BlockEntry entry = read_entry(statement);
        if (!visit(context, &entry))
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

static Status count_blocked(void *self, int64_t *ret_blocked, Fault *fault)
{
    SqliteRegistry *registry = self;
    return sql_number(registry->store, "SELECT count(*) FROM blocked", ret_blocked, fault);
}

static Status audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                    Fault *fault)
{
    SqliteRegistry *registry = self;
    return sqlite_audit_read(&registry->audit, from_seq, subject, visit, context, fault);
}

static Status audit_head(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    SqliteRegistry *registry = self;
    return sqlite_audit_head(&registry->audit, ret_entries, ret_hash, fault);
}

RegistryPort sqlite_registry(SqliteStore *store)
{
    SqliteRegistry *registry = ARENA_NEW(&store->arena, SqliteRegistry);
    registry->store = registry->audit.store = store;
    return (RegistryPort){.self = registry, .block = block, .unblock = unblock, .is_blocked = is_blocked, .show = show, .list = list,
                          .count = count_blocked, .record_actions = sqlite_record_actions, .actions = sqlite_actions,
                          .audit_append = append, .audit = audit, .audit_head = audit_head, .enter = enter,
                          .enter_actions = sqlite_enter_actions, .audit_carry = carry};
}
