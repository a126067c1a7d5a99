/* Effects by the names that others know them by, and what providers say of them. A batch of receipts is one round trip: it locks the
 * effects, reads them as they were, and moves them by what the receipts say together; what each receipt did is then read off here. */
#include "adapter/postgres_effects.h"

/* ---- look ---- */

/* Each wanted one as it is held, and which of them it is. */
static const PostgresStatement load_statement = {
    "effect_load", "SELECT " EFFECT_COLUMNS ", n FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, n)"
                   " JOIN effect ON action_id = wanted.id"};

/* The index leaves out those that have no ref. */
static const PostgresStatement find_statement = {
    "effect_find", "SELECT " EFFECT_COLUMNS ", n FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, n)"
                   " JOIN effect ON ref = wanted.id AND ref <> ''"};

typedef struct Looking {
    const PostgresStatement *statement;
    const Slice *keys;
    size_t count;
    Arena *arena;
    Effect *out;
    bool *found;
} Looking;

/* Each row goes to the place that its last column names. */
static void read_rows(const PGresult *page, size_t count, Arena *arena, Effect *out, bool *ret_found)
{
    memset(ret_found, 0, count * sizeof *ret_found);
    for (int row = 0; row < PQntuples(page); row++) {
        size_t place = (size_t)postgres_cell_number(page, row, EFFECT_COLUMN_COUNT) - 1;
        Effect held = postgres_read_effect(page, row);
        out[place] = effect_copy(&held, arena);
        ret_found[place] = true;
    }
}

static Status look(Postgres *store, void *verb, Fault *fault)
{
    const Looking *looking = verb;
    ASK(store, looking->statement, postgres_texts(&store->scratch, looking->keys, sizeof *looking->keys, looking->count));
    Status status = postgres_exchange(store, fault);
    if (!status)
        read_rows(postgres_answer(store, 0), looking->count, looking->arena, looking->out, looking->found);
    return status;
}

Status postgres_load_effects(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    Looking looking = {&load_statement, action_ids, count, arena, out, ret_found};
    return postgres_run(self, look, &looking, fault);
}

Status postgres_find_effects(void *self, const Slice *refs, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    Looking looking = {&find_statement, refs, count, arena, out, ret_found};
    return postgres_run(self, look, &looking, fault);
}

/* ---- what providers say ---- */

static const PostgresStatement lock_statement = {
    "effect_lock_ref", "SELECT " EFFECT_COLUMNS ", n FROM unnest($1::text[]) WITH ORDINALITY AS told (id, n)"
                       " JOIN effect ON ref = told.id AND ref <> '' ORDER BY action_id FOR UPDATE OF effect"};

/* It may bear the name of who is asked, which is no provider's. */
#define PROVIDER_IS_OPEN "(receipt = '' AND state IN ('claimed', 'sending', 'unknown'))"

/* What any receipt does, and then what a receipt does that is further. Both as effect_receive. */
static const PostgresStatement prove_statement = {
    "effect_prove", "UPDATE effect SET message_id = coalesce(nullif(message_id, ''), told.id), "
                    " provider = CASE WHEN provider = '' OR " PROVIDER_IS_OPEN " THEN told.by ELSE provider END,"
                    " reason = CASE WHEN state = 'unknown' AND receipt IN ('', 'underway') THEN '' ELSE reason END,"
                    " state = CASE state WHEN 'unknown' THEN 'sent' ELSE state END, moved_at = $4::timestamptz"
                    " FROM unnest($1::text[], $2::text[], $3::text[]) AS told (told_ref, id, by)"
                    " WHERE ref = told_ref AND ref <> '' AND (state = 'unknown' OR message_id = '' OR provider = '' OR " PROVIDER_IS_OPEN ")"};

static const PostgresStatement receive_statement = {
    "effect_receive", "UPDATE effect SET receipt = told.receipt, sms_class = told.sms_class, code = told.code, reason = told.reason,"
                      " delivered_at = told.at, moved_at = $7::timestamptz"
                      " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])"
                      " AS told (ref, receipt, sms_class, code, reason, at)"
                      " WHERE effect.ref = told.ref AND effect.ref <> ''"
                      " AND " RECEIPT_RANK("told.receipt") " > " RECEIPT_RANK("effect.receipt")};

typedef struct Receiving {
    const Receipt *receipts;
    size_t count;
    int64_t now_ms;
    Arena *arena;
    Effect *out;
    ReceiptResult *results;
    Effect *told; /* for each ref, all that the batch says, on an effect of which nothing was known */
    size_t told_count;
    size_t *places; /* among them, by receipt */
} Receiving;

static size_t place_of(Receiving *receiving, Slice ref)
{
    size_t at = 0;
    while (at < receiving->told_count && !slice_equal(receiving->told[at].ref, ref))
        at++;
    if (at == receiving->told_count)
        receiving->told[receiving->told_count++] = (Effect){.ref = ref};
    return at;
}

static void sum_up(Receiving *receiving)
{
    receiving->told = ARENA_ARRAY(receiving->arena, Effect, receiving->count + 1);
    receiving->places = ARENA_ARRAY(receiving->arena, size_t, receiving->count + 1);
    for (size_t i = 0; i < receiving->count; i++) {
        const Receipt *receipt = &receiving->receipts[i];
        receiving->places[i] = place_of(receiving, receipt->ref);
        effect_receive(&receiving->told[receiving->places[i]], receipt);
    }
}

static void ask_to_receive(Postgres *store, const Receiving *receiving)
{
    Arena *arena = &store->scratch;
    const Effect *told = receiving->told;
    size_t count = receiving->told_count;
    EffectWords *words = postgres_effect_words(told, count, arena);
    PostgresValue refs = POSTGRES_COLUMN(texts, arena, told, count, ref), now = postgres_time(arena, receiving->now_ms);
    ASK(store, &lock_statement, refs);
    ASK(store, &prove_statement, refs, POSTGRES_COLUMN(texts, arena, told, count, message_id),
        POSTGRES_COLUMN(texts, arena, told, count, provider), now);
    ASK(store, &receive_statement, refs, POSTGRES_COLUMN(texts, arena, words, count, receipt),
        POSTGRES_COLUMN(texts, arena, words, count, sms_class), POSTGRES_COLUMN(texts, arena, told, count, code),
        POSTGRES_COLUMN(texts, arena, told, count, reason), POSTGRES_COLUMN(times, arena, told, count, delivered_ms), now);
}

/* What the effects were before, and each receipt in its turn. */
static void replay(const Receiving *receiving, const PGresult *before)
{
    Effect *effects = ARENA_ARRAY(receiving->arena, Effect, receiving->told_count + 1);
    bool found[BATCH_MAX];
    read_rows(before, receiving->told_count, receiving->arena, effects, found);
    for (size_t i = 0; i < receiving->count; i++) {
        size_t at = receiving->places[i];
        receiving->results[i] = RECEIPT_STRANGE;
        if (!found[at])
            continue;
        Receipt kept = receipt_copy(&receiving->receipts[i], receiving->arena);
        receiving->results[i] = effect_receive(&effects[at], &kept);
        receiving->out[i] = effects[at];
    }
}

static Status receive_all(Postgres *store, void *verb, Fault *fault)
{
    const Receiving *receiving = verb;
    postgres_begin(store);
    ask_to_receive(store, receiving);
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (!status)
        replay(receiving, postgres_answer(store, 1));
    return status;
}

Status postgres_receive(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret,
                        Fault *fault)
{
    Receiving receiving = {.receipts = receipts, .count = count, .now_ms = now_ms, .arena = arena, .out = out, .results = ret};
    sum_up(&receiving);
    return postgres_run(self, receive_all, &receiving, fault);
}
