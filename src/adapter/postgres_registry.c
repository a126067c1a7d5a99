/* The do-not-call list. A batch is two round trips: one locks the head of the audit chain and tells what is known of each
 * entry, one stores what follows from it. Nobody else blocks, unblocks or appends in between. */
#include "adapter/postgres_store.h"

#include "event/audit_entries.h"

#define BLOCKED_COLUMNS "phone, added_at, reason, source, call_id, campaign_id, contact_id, timestamp, actor, action_id"

/* Not EXISTS, which the server may choose to answer by reading the whole list first. */
#define LISTED "coalesce((SELECT true FROM blocked WHERE blocked.phone = wanted.phone), false)"

/* ---- block ---- */

/* What is known of each entry: whether its action id was applied to this number before, and whether the number is blocked.
 * Somebody may have removed the number since: a late copy does not put it back, but a person who asks again after that does. */
static const PostgresStatement know_statement = {
    "block_know", "SELECT wanted.action_id <> '' AND coalesce((SELECT true FROM audit AS applied WHERE applied.subject = wanted.phone"
                  " AND applied.action_id = wanted.action_id AND applied.kind IN ('block', 'block_again')"
                  " AND NOT EXISTS (SELECT FROM audit AS removal WHERE removal.subject = wanted.phone AND removal.kind = 'unblock'"
                  " AND removal.seq > applied.seq AND removal.at < wanted.pressed_at) LIMIT 1), false), " LISTED
                  " FROM unnest($1::text[], $2::text[], $3::timestamptz[]) WITH ORDINALITY AS wanted (phone, action_id, pressed_at, n)"
                  " ORDER BY wanted.n"};

/* The first addedAt wins: a number that is there stays as it is. */
static const PostgresStatement enter_statement = {
    "block_enter", "INSERT INTO blocked (" BLOCKED_COLUMNS ") SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[],"
                   " $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) AS new (" BLOCKED_COLUMNS ")"
                   " ORDER BY phone COLLATE \"C\" ON CONFLICT DO NOTHING RETURNING phone"};

typedef struct Blocking {
    const BlockEntry *entries;
    size_t count;
    BlockResult *results;
} Blocking;

static void ask_what_is_known(Postgres *store, const BlockEntry *entries, size_t count)
{
    Arena *arena = &store->scratch;
    ASK(store, &know_statement, POSTGRES_COLUMN(texts, arena, entries, count, phone), POSTGRES_COLUMN(texts, arena, entries, count, action_id),
        POSTGRES_COLUMN(times, arena, entries, count, pressed_ms));
}

static void ask_to_enter(Postgres *store, const BlockEntry *entries, size_t count)
{
    Arena *arena = &store->scratch;
    if (count == 0)
        return;
    ASK(store, &enter_statement, POSTGRES_COLUMN(texts, arena, entries, count, phone), POSTGRES_COLUMN(times, arena, entries, count, added_ms),
        POSTGRES_COLUMN(texts, arena, entries, count, reason), POSTGRES_COLUMN(texts, arena, entries, count, source),
        POSTGRES_COLUMN(texts, arena, entries, count, call_id), POSTGRES_COLUMN(texts, arena, entries, count, campaign_id),
        POSTGRES_COLUMN(texts, arena, entries, count, contact_id), POSTGRES_COLUMN(texts, arena, entries, count, timestamp),
        POSTGRES_COLUMN(texts, arena, entries, count, actor), POSTGRES_COLUMN(texts, arena, entries, count, action_id));
}

/* As if the entries came one by one: those of the batch that come first count for those behind them. */
static BlockResult result_of(const Blocking *blocking, size_t i, const uint64_t *hashes, const PGresult *known)
{
    const BlockEntry *entry = &blocking->entries[i];
    bool applied = postgres_cell_flag(known, (int)i, 0), blocked = postgres_cell_flag(known, (int)i, 1);
    for (size_t j = 0; j < i && !applied; j++) {
        if (hashes[j] != hashes[i] || blocking->results[j] == BLOCK_REPEATED || !slice_equal(blocking->entries[j].phone, entry->phone))
            continue;
        blocked = true;
        applied = !slice_empty(entry->action_id) && slice_equal(blocking->entries[j].action_id, entry->action_id);
    }
    return applied ? BLOCK_REPEATED : blocked ? BLOCK_KNOWN : BLOCK_ADDED;
}

static void judge(const Blocking *blocking, const PGresult *known, Arena *arena)
{
    uint64_t *hashes = ARENA_ARRAY(arena, uint64_t, blocking->count);
    for (size_t i = 0; i < blocking->count; i++) {
        hashes[i] = slice_hash(blocking->entries[i].phone);
        blocking->results[i] = result_of(blocking, i, hashes, known);
    }
}

static Status enter_and_audit(Postgres *store, const Blocking *blocking, const PGresult *head, Fault *fault)
{
    Arena *arena = &store->scratch;
    BlockEntry *added = ARENA_ARRAY(arena, BlockEntry, blocking->count);
    AuditEntry *audited = ARENA_ARRAY(arena, AuditEntry, blocking->count);
    size_t added_count = 0, audited_count = 0;
    for (size_t i = 0; i < blocking->count; i++) {
        if (blocking->results[i] == BLOCK_ADDED)
            added[added_count++] = blocking->entries[i];
        if (blocking->results[i] != BLOCK_REPEATED)
            audited[audited_count++] = audit_entry_of_block(&blocking->entries[i], blocking->results[i] != BLOCK_ADDED, arena);
    }
    ask_to_enter(store, added, added_count);
    return postgres_audit_append(store, head, audited, audited_count, fault);
}

static Status block_all(Postgres *store, void *verb, Fault *fault)
{
    const Blocking *blocking = verb;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    ask_what_is_known(store, blocking->entries, blocking->count);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    judge(blocking, postgres_answer(store, 2), &store->scratch);
    status = enter_and_audit(store, blocking, postgres_answer(store, 1), fault);
    if (status)
        return status;
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

static Status block(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    Blocking blocking = {entries, count, results};
    return postgres_run(self, block_all, &blocking, fault);
}

/* ---- moving in ---- */

typedef struct Entering {
    const BlockEntry *entries;
    size_t count;
    bool *is_new;
} Entering;

/* Under the chain's lock, like all that changes the list. */
static Status enter_all(Postgres *store, void *verb, Fault *fault)
{
    const Entering *entering = verb;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    ask_to_enter(store, entering->entries, entering->count);
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (!status)
        postgres_first_of_each(postgres_answer(store, 2), &entering->entries[0].phone, sizeof *entering->entries, entering->count, entering->is_new);
    return status;
}

static Status enter(void *self, const BlockEntry *entries, size_t count, bool *ret_new, Fault *fault)
{
    Entering entering = {entries, count, ret_new};
    return count ? postgres_run(self, enter_all, &entering, fault) : STATUS_OK;
}

/* ---- unblock ---- */

static const PostgresStatement remove_statement = {"block_remove", "DELETE FROM blocked WHERE phone = $1::text RETURNING 1"};

typedef struct Unblocking { AuditEntry entry; bool was_blocked; } Unblocking;

static Status unblock_one(Postgres *store, void *verb, Fault *fault)
{
    Unblocking *unblocking = verb;
    AuditEntry entry = unblocking->entry;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    ASK(store, &remove_statement, postgres_text(entry.subject));
    postgres_audit_ask_for(store, &entry);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    bool removed = PQntuples(postgres_answer(store, 2)) == 1;
    unblocking->was_blocked = removed || (store->maybe_done && postgres_cell_flag(postgres_answer(store, 3), 0, 0));
    status = postgres_audit_append(store, postgres_answer(store, 1), &entry, removed, fault);
    if (status)
        return status;
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

static Status unblock(void *self, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    Unblocking unblocking = {.entry = {.at_ms = now_ms, .kind = SLICE("unblock"), .subject = phone, .actor = actor, .reason = reason}};
    if (slice_empty(actor) || slice_empty(reason))
        return fault_set(fault, STATUS_REJECT, "actor_required", "taking a number off the list needs an actor and a reason");
    Status status = postgres_run(self, unblock_one, &unblocking, fault);
    if (!status)
        *ret_was_blocked = unblocking.was_blocked;
    return status;
}

/* ---- look ---- */

static const PostgresStatement is_blocked_statement = {
    "is_blocked", "SELECT " LISTED " FROM unnest($1::text[]) WITH ORDINALITY AS wanted (phone, n) ORDER BY wanted.n"};

typedef struct Check { const Slice *phones; size_t count; bool *blocked; } Check;

static Status check_all(Postgres *store, void *verb, Fault *fault)
{
    const Check *check = verb;
    ASK(store, &is_blocked_statement, postgres_texts(&store->scratch, check->phones, sizeof *check->phones, check->count));
    Status status = postgres_exchange(store, fault);
    for (size_t i = 0; i < check->count && !status; i++)
        check->blocked[i] = postgres_cell_flag(postgres_answer(store, 0), (int)i, 0);
    return status;
}

static Status is_blocked(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    Check check = {phones, count, ret_blocked};
    return postgres_run(self, check_all, &check, fault);
}

static BlockEntry read_entry(const PGresult *page, int row)
{
    return (BlockEntry){.phone = postgres_cell(page, row, 0), .added_ms = postgres_cell_time(page, row, 1),
                        .reason = postgres_cell(page, row, 2), .source = postgres_cell(page, row, 3), .call_id = postgres_cell(page, row, 4),
                        .campaign_id = postgres_cell(page, row, 5), .contact_id = postgres_cell(page, row, 6),
                        .timestamp = postgres_cell(page, row, 7), .actor = postgres_cell(page, row, 8), .action_id = postgres_cell(page, row, 9)};
}

static const PostgresStatement show_statement = {"block_show", "SELECT " BLOCKED_COLUMNS " FROM blocked WHERE phone = $1::text"};

typedef struct Showing { Slice phone; Arena *arena; BlockEntry *entry; bool found; } Showing;

static Status show_one(Postgres *store, void *verb, Fault *fault)
{
    Showing *showing = verb;
    ASK(store, &show_statement, postgres_text(showing->phone));
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    const PGresult *answer = postgres_answer(store, 0);
    showing->found = PQntuples(answer) == 1;
    if (showing->found) {
        BlockEntry entry = read_entry(answer, 0);
        *showing->entry = block_entry_copy(&entry, showing->arena);
    }
    return STATUS_OK;
}

static Status show(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault)
{
    Showing showing = {phone, arena, ret_entry, false};
    Status status = postgres_run(self, show_one, &showing, fault);
    if (!status)
        *ret_found = showing.found;
    return status;
}

static const PostgresStatement list_statement = {
    NULL, "SELECT " BLOCKED_COLUMNS " FROM blocked WHERE phone > $1::text AND ($2::text = '' OR campaign_id = $2::text)"
          " AND ($3::text = '' OR call_id = $3::text) AND ($4::text = '' OR phone = $4::text) ORDER BY phone LIMIT $5::bigint"};

typedef struct BlockedList {
    const RegistryFilter *filter;
    bool (*visit)(void *context, const BlockEntry *entry);
    void *context;
} BlockedList;

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const RegistryFilter *filter = ((const BlockedList *)verb)->filter;
    ASK(store, &list_statement, postgres_text(postgres_after(before, 0, filter->after)), postgres_text(filter->campaign_id),
        postgres_text(filter->call_id), postgres_text(filter->phone), postgres_number(&store->scratch, rows));
}

static bool show_entry(const void *verb, const PGresult *page, int row)
{
    const BlockedList *list = verb;
    BlockEntry entry = read_entry(page, row);
    return list->visit(list->context, &entry);
}

static Status list_blocked(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry), void *context,
                           Fault *fault)
{
    BlockedList verb = {filter, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_entry, .verb = &verb, .limit = filter->limit};
    return postgres_list(self, &list, fault);
}

static const PostgresStatement count_statement = {"block_count", "SELECT count(*) FROM blocked"};

static Status count_all(Postgres *store, void *verb, Fault *fault)
{
    postgres_ask(store, &count_statement, NULL, 0);
    Status status = postgres_exchange(store, fault);
    if (!status)
        *(int64_t *)verb = postgres_cell_number(postgres_answer(store, 0), 0, 0);
    return status;
}

static Status count_blocked(void *self, int64_t *ret_blocked, Fault *fault) { return postgres_run(self, count_all, ret_blocked, fault); }

RegistryPort postgres_registry(Postgres *store)
{
    return (RegistryPort){.self = store, .block = block, .unblock = unblock, .is_blocked = is_blocked, .show = show, .list = list_blocked,
                          .count = count_blocked, .record_actions = postgres_record_actions, .actions = postgres_actions,
                          .audit_append = postgres_audit_append_own, .audit = postgres_audit, .audit_head = postgres_audit_head,
                          .enter = enter, .enter_actions = postgres_enter_actions, .audit_carry = postgres_audit_carry};
}
