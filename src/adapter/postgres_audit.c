/* The audit chain: one chain for all processes. Who appends holds the row of its head until the transaction ends, so entries
 * follow each other without a gap; a trigger of the table refuses to change or delete one. */
#include "adapter/postgres_store.h"

const PostgresStatement postgres_audit_lock = {"audit_lock", "SELECT entries, hash FROM audit_head FOR UPDATE"};

static const PostgresStatement read_head_statement = {"audit_head", "SELECT entries, hash FROM audit_head"};
static const PostgresStatement append_statement = {
    "audit_append", "INSERT INTO audit (seq, at, kind, subject, action_id, actor, reason, detail, hash)"
                    " SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
                    " $8::text[], $9::bytea[])"};
static const PostgresStatement move_statement = {"audit_move", "UPDATE audit_head SET entries = $1::bigint, hash = $2::bytea"};
static const PostgresStatement find_statement = {
    "audit_find", "SELECT EXISTS (SELECT FROM audit WHERE subject = $1::text AND action_id = $2::text AND at = $3::timestamptz"
                  " AND kind = $4::text AND actor = $5::text AND reason = $6::text AND detail = $7::text)"};

static Status read_head(Postgres *store, const PGresult *answer, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    Slice hash = PQntuples(answer) == 1 ? postgres_cell(answer, 0, 1) : (Slice){0};
    if (hash.bytes != DIGEST_BYTES) {
        store->health = POSTGRES_REFUSES;
        return fault_set(fault, STATUS_RETRY, "audit_head_damaged", "PostgreSQL has lost the head of the audit chain: restore a backup");
    }
    *ret_entries = postgres_cell_number(answer, 0, 0);
    memcpy(ret_hash, hash.at, DIGEST_BYTES);
    return STATUS_OK;
}

static void ask_to_store(Postgres *store, const AuditEntry *entries, size_t count)
{
    Arena *arena = &store->scratch;
    ASK(store, &append_statement, POSTGRES_COLUMN(numbers, arena, entries, count, seq), POSTGRES_COLUMN(times, arena, entries, count, at_ms),
        POSTGRES_COLUMN(texts, arena, entries, count, kind), POSTGRES_COLUMN(texts, arena, entries, count, subject),
        POSTGRES_COLUMN(texts, arena, entries, count, action_id), POSTGRES_COLUMN(texts, arena, entries, count, actor),
        POSTGRES_COLUMN(texts, arena, entries, count, reason), POSTGRES_COLUMN(texts, arena, entries, count, detail),
        POSTGRES_COLUMN(hashes, arena, entries, count, hash));
    const AuditEntry *last = &entries[count - 1];
    ASK(store, &move_statement, postgres_number(arena, last->seq), postgres_text((Slice){(const char *)last->hash, DIGEST_BYTES}));
}

Status postgres_audit_append(Postgres *store, const PGresult *head, AuditEntry *entries, size_t count, Fault *fault)
{
    int64_t seq;
    uint8_t hash[DIGEST_BYTES];
    if (count == 0)
        return STATUS_OK;
    Status status = read_head(store, head, &seq, hash, fault);
    if (status)
        return status;
    const uint8_t *previous = hash;
    for (size_t i = 0; i < count; i++) {
        entries[i].seq = ++seq;
        audit_seal(&entries[i], previous);
        previous = entries[i].hash;
    }
    ask_to_store(store, entries, count);
    return STATUS_OK;
}

void postgres_audit_ask_for(Postgres *store, const AuditEntry *entry)
{
    ASK(store, &find_statement, postgres_text(entry->subject), postgres_text(entry->action_id), postgres_time(&store->scratch, entry->at_ms),
        postgres_text(entry->kind), postgres_text(entry->actor), postgres_text(entry->reason), postgres_text(entry->detail));
}

/* ---- an entry of a kind of its own ---- */

static Status append_own(Postgres *store, void *verb, Fault *fault)
{
    AuditEntry entry = *(const AuditEntry *)verb;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    postgres_audit_ask_for(store, &entry);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    bool is_there = store->maybe_done && postgres_cell_flag(postgres_answer(store, 2), 0, 0);
    status = postgres_audit_append(store, postgres_answer(store, 1), &entry, !is_there, fault);
    if (status)
        return status;
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

Status postgres_audit_append_own(void *self, const AuditEntry *entry, Fault *fault)
{
    AuditEntry copy = *entry;
    return postgres_run(self, append_own, &copy, fault);
}

/* ---- moving in ---- */

static const PostgresStatement know_statement = {
    NULL, "SELECT coalesce((SELECT true FROM audit WHERE audit.subject = wanted.subject AND audit.action_id = wanted.action_id"
          " AND audit.kind = wanted.kind AND audit.detail = wanted.detail LIMIT 1), false)"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS wanted (subject, action_id, kind, detail, n)"
          " ORDER BY wanted.n"};

typedef struct Carrying {
    const AuditEntry *entries;
    size_t count;
    bool *is_new;
} Carrying;

static void ask_what_is_known(Postgres *store, const Carrying *carrying)
{
    Arena *arena = &store->scratch;
    const AuditEntry *entries = carrying->entries;
    size_t count = carrying->count;
    ASK(store, &know_statement, POSTGRES_COLUMN(texts, arena, entries, count, subject), POSTGRES_COLUMN(texts, arena, entries, count, action_id),
        POSTGRES_COLUMN(texts, arena, entries, count, kind), POSTGRES_COLUMN(texts, arena, entries, count, detail));
}

static Status carry_all(Postgres *store, void *verb, Fault *fault)
{
    const Carrying *carrying = verb;
    AuditEntry *unknown = ARENA_ARRAY(&store->scratch, AuditEntry, carrying->count + 1);
    size_t count = 0;
    postgres_begin(store);
    postgres_ask(store, &postgres_audit_lock, NULL, 0);
    ask_what_is_known(store, carrying);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    for (size_t i = 0; i < carrying->count; i++) {
        carrying->is_new[i] = !postgres_cell_flag(postgres_answer(store, 2), (int)i, 0);
        if (carrying->is_new[i])
            unknown[count++] = carrying->entries[i];
    }
    status = postgres_audit_append(store, postgres_answer(store, 1), unknown, count, fault);
    if (status)
        return status;
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

Status postgres_audit_carry(void *self, const AuditEntry *entries, size_t count, bool *ret_new, Fault *fault)
{
    Carrying carrying = {entries, count, ret_new};
    return postgres_run(self, carry_all, &carrying, fault);
}

/* ---- look ---- */

typedef struct Head { int64_t *entries; uint8_t *hash; } Head;

static Status look_at_head(Postgres *store, void *verb, Fault *fault)
{
    const Head *head = verb;
    postgres_ask(store, &read_head_statement, NULL, 0);
    Status status = postgres_exchange(store, fault);
    return status ? status : read_head(store, postgres_answer(store, 0), head->entries, head->hash, fault);
}

Status postgres_audit_head(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    Head head = {ret_entries, ret_hash};
    return postgres_run(self, look_at_head, &head, fault);
}

typedef struct AuditList {
    int64_t from_seq;
    Slice subject;
    bool (*visit)(void *context, const AuditEntry *entry);
    void *context;
} AuditList;

#define AUDIT_COLUMNS "seq, at, kind, subject, action_id, actor, reason, detail, hash"
static const PostgresStatement list_all = {NULL, "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq >= $1::bigint ORDER BY seq LIMIT $2::bigint"};
static const PostgresStatement list_one = {
    NULL, "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq >= $1::bigint AND subject = $3::text ORDER BY seq LIMIT $2::bigint"};

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const AuditList *list = verb;
    int64_t from_seq = before ? postgres_cell_number(before, PQntuples(before) - 1, 0) + 1 : list->from_seq;
    PostgresValue from = postgres_number(&store->scratch, from_seq), limit = postgres_number(&store->scratch, rows);
    if (slice_empty(list->subject))
        ASK(store, &list_all, from, limit);
    else
        ASK(store, &list_one, from, limit, postgres_text(list->subject));
}

static bool show_entry(const void *verb, const PGresult *page, int row)
{
    const AuditList *list = verb;
    AuditEntry entry = {.seq = postgres_cell_number(page, row, 0), .at_ms = postgres_cell_time(page, row, 1),
                        .kind = postgres_cell(page, row, 2), .subject = postgres_cell(page, row, 3),
                        .action_id = postgres_cell(page, row, 4), .actor = postgres_cell(page, row, 5),
                        .reason = postgres_cell(page, row, 6), .detail = postgres_cell(page, row, 7)};
    Slice hash = postgres_cell(page, row, 8);
    memcpy(entry.hash, hash.at, hash.bytes < DIGEST_BYTES ? hash.bytes : DIGEST_BYTES);
    return list->visit(list->context, &entry);
}

Status postgres_audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                      Fault *fault)
{
    AuditList verb = {from_seq, subject, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_entry, .verb = &verb};
    return postgres_list(self, &list, fault);
}
