/* The ledger of effects. A claim hands out a fence that grows with each claim, and every later move must show it: whoever slept
 * through its lease finds that the effect is somebody else's. Each verb is one round trip; it locks its rows in order of action
 * id before it moves them, so that processes that race for the same effects wait for each other in one direction only. */
#include "adapter/postgres_effects.h"

Effect postgres_read_effect(const PGresult *page, int row)
{
    return (Effect){
        .action_id = postgres_cell(page, row, 0), .call_id = postgres_cell(page, row, 1), .campaign_id = postgres_cell(page, row, 2),
        .contact_id = postgres_cell(page, row, 3), .phone = postgres_cell(page, row, 4), .campaign_name = postgres_cell(page, row, 5),
        .donation_link = postgres_cell(page, row, 6), .message = postgres_cell(page, row, 7), .created_ms = postgres_cell_time(page, row, 8),
        .kind = effect_kind_of(postgres_cell(page, row, 9)), .ref = postgres_cell(page, row, 10), .follows = postgres_cell(page, row, 11),
        .state = effect_state_of(postgres_cell(page, row, 12)), .fence = postgres_cell_number(page, row, 13),
        .due_ms = postgres_cell_time(page, row, 14), .attempts = (int)postgres_cell_number(page, row, 15),
        .message_id = postgres_cell(page, row, 16), .reason = postgres_cell(page, row, 17), .asked_ms = postgres_cell_time(page, row, 18),
        .provider = postgres_cell(page, row, 19), .sms_class = sms_class_of(postgres_cell(page, row, 20)), .code = postgres_cell(page, row, 21),
        .receipt = receipt_state_of(postgres_cell(page, row, 22)), .delivered_ms = postgres_cell_time(page, row, 23),
        .segments = (int)postgres_cell_number(page, row, 24), .cost_micros = postgres_cell_number(page, row, 25),
    };
}

EffectWords *postgres_effect_words(const Effect *effects, size_t count, Arena *arena)
{
    EffectWords *words = ARENA_ARRAY(arena, EffectWords, count + 1);
    for (size_t i = 0; i < count; i++) {
        const Effect *effect = &effects[i];
        words[i] = (EffectWords){
            .kind = slice_of(effect_kind_name(effect->kind)), .state = slice_of(effect_state_name(effect->state)),
            .sms_class = slice_of(sms_class_name(effect->sms_class)), .receipt = slice_of(receipt_state_name(effect->receipt)),
            .attempts = effect->attempts, .segments = effect->segments,
        };
    }
    return words;
}

static const PostgresStatement lock_statement = {
    "effect_lock", "SELECT 1 FROM effect WHERE action_id = ANY ($1::text[]) ORDER BY action_id FOR UPDATE"};

/* ---- claim ---- */

static const PostgresStatement enter_statement = {
    "effect_enter", "INSERT INTO effect (action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message,"
                    " created_at, due_at, kind, ref, follows, state, fence, attempts, message_id, reason, asked_at, moved_at)"
                    " SELECT action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message, created_at,"
                    " due_at, kind, ref, follows, 'pending', 0, 0, '', '', 'epoch', $14::timestamptz"
                    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
                    " $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[]) WITH ORDINALITY AS new (action_id, call_id,"
                    " campaign_id, contact_id, phone, campaign_name, donation_link, message, created_at, due_at, kind, ref, follows, n)"
                    " ORDER BY action_id COLLATE \"C\", n ON CONFLICT DO NOTHING"};

/* effect_is_lost: whoever asked the gateway is gone, and nobody can say whether it has the text. A person has to look. The fence
 * stays: should they only have slept, they can say it. */
static const PostgresStatement lose_statement = {
    "effect_lose", "UPDATE effect SET state = 'unknown', moved_at = $2::timestamptz,"
                   " reason = CASE WHEN receipt IN ('undelivered', 'delivered') THEN reason"
                   " ELSE 'the process ended while it was sending; the gateway may have it' END"
                   " WHERE action_id = ANY ($1::text[]) AND due_at <= $2::timestamptz AND state IN ('pending', 'claimed', 'sending')"
                   " AND asked_at <> 'epoch' AND (provider <> $4::text"
                   " OR ($5::bigint = 0 AND asked_at NOT BETWEEN $3::timestamptz AND $2::timestamptz))"};

static const PostgresStatement take_statement = {
    "effect_take", "WITH taken AS (UPDATE effect SET state = 'claimed', fence = fence + 1, due_at = $3::timestamptz, moved_at = $2::timestamptz,"
                   " provider = $4::text WHERE action_id = ANY ($1::text[]) AND state IN ('pending', 'claimed', 'sending') AND due_at <= $2::timestamptz RETURNING action_id)"
                   " SELECT action_id FROM taken ORDER BY action_id"};

/* Each wanted one as it is held now. */
static const PostgresStatement read_statement = {
    "effect_read", "SELECT " EFFECT_COLUMNS " FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, n)"
                   " JOIN effect ON action_id = wanted.id ORDER BY wanted.n"};

typedef struct Claiming {
    Effect *wanted;
    size_t count;
    int64_t now_ms, lease_ms;
    const Gateway *gateway;
    Arena *arena;
    bool *claimed;
} Claiming;

static void ask_to_enter(Postgres *store, const Effect *wanted, size_t count, int64_t now_ms)
{
    Arena *arena = &store->scratch;
    EffectWords *words = postgres_effect_words(wanted, count, arena);
    ASK(store, &enter_statement, POSTGRES_COLUMN(texts, arena, wanted, count, action_id), POSTGRES_COLUMN(texts, arena, wanted, count, call_id),
        POSTGRES_COLUMN(texts, arena, wanted, count, campaign_id), POSTGRES_COLUMN(texts, arena, wanted, count, contact_id),
        POSTGRES_COLUMN(texts, arena, wanted, count, phone), POSTGRES_COLUMN(texts, arena, wanted, count, campaign_name),
        POSTGRES_COLUMN(texts, arena, wanted, count, donation_link), POSTGRES_COLUMN(texts, arena, wanted, count, message),
        POSTGRES_COLUMN(times, arena, wanted, count, created_ms), POSTGRES_COLUMN(times, arena, wanted, count, due_ms),
        POSTGRES_COLUMN(texts, arena, words, count, kind), POSTGRES_COLUMN(texts, arena, wanted, count, ref),
        POSTGRES_COLUMN(texts, arena, wanted, count, follows), postgres_time(arena, now_ms));
}

static void ask_to_take(Postgres *store, const Claiming *claiming, PostgresValue ids)
{
    Arena *arena = &store->scratch;
    bool always = claiming->gateway->repeat_ms == REPEAT_ALWAYS;
    PostgresValue now = postgres_time(arena, claiming->now_ms), name = postgres_text(claiming->gateway->name);
    int64_t since_ms = always ? 0 : claiming->now_ms - claiming->gateway->repeat_ms + 1;
    ASK(store, &lose_statement, ids, now, postgres_time(arena, since_ms), name, postgres_number(arena, always));
    ASK(store, &take_statement, ids, now, postgres_time(arena, claiming->now_ms + claiming->lease_ms), name);
}

/* What was not entered, and is not there: another effect has its ref. */
static Status read_claims(const Claiming *claiming, const PGresult *taken, const PGresult *held, Fault *fault)
{
    if ((size_t)PQntuples(held) != claiming->count)
        return fault_set(fault, STATUS_REJECT, "effect_ref_taken", "another effect has this one's ref");
    for (size_t i = 0; i < claiming->count; i++) {
        Effect effect = postgres_read_effect(held, (int)i);
        claiming->wanted[i] = effect_copy(&effect, claiming->arena);
    }
    postgres_first_of_each(taken, &claiming->wanted[0].action_id, sizeof *claiming->wanted, claiming->count, claiming->claimed);
    return STATUS_OK;
}

static Status claim_all(Postgres *store, void *verb, Fault *fault)
{
    const Claiming *claiming = verb;
    Arena *arena = &store->scratch;
    PostgresValue ids = POSTGRES_COLUMN(texts, arena, claiming->wanted, claiming->count, action_id);
    enum { TAKEN = 4, HELD }; /* answers */
    postgres_begin(store);
    ask_to_enter(store, claiming->wanted, claiming->count, claiming->now_ms);
    ASK(store, &lock_statement, ids);
    ask_to_take(store, claiming, ids);
    ASK(store, &read_statement, ids);
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    return status ? status : read_claims(claiming, postgres_answer(store, TAKEN), postgres_answer(store, HELD), fault);
}

static Status claim(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Arena *arena,
                    bool *ret_claimed, Fault *fault)
{
    Claiming claiming = {wanted, count, now_ms, lease_ms, gateway, arena, ret_claimed};
    return postgres_run(self, claim_all, &claiming, fault);
}

/* ---- moves that show their fence ---- */

static const PostgresStatement sending_statement = {
    "effect_sending", "UPDATE effect SET state = 'sending', due_at = $3::timestamptz,"
                      " asked_at = CASE asked_at WHEN 'epoch' THEN $4::timestamptz ELSE asked_at END"
                      " FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS moving (id, fence, n)"
                      " WHERE effect.action_id = moving.id AND effect.fence = moving.fence AND effect.state IN ('claimed', 'sending')"
                      " RETURNING moving.n"};

/* A receipt may have been faster. What it said stands: the name of the text, and what became of it. */
static const PostgresStatement settle_statement = {
    "effect_settle", "UPDATE effect SET state = moving.state, due_at = moving.due_at, attempts = moving.attempts, asked_at = moving.asked_at,"
                     " segments = moving.segments, cost_micros = moving.cost_micros, moved_at = $9::timestamptz,"
                     " message_id = CASE WHEN receipt <> '' AND effect.message_id <> '' THEN effect.message_id ELSE moving.message_id END,"
                     " provider = CASE WHEN receipt <> '' AND effect.provider <> '' THEN effect.provider ELSE moving.provider END,"
                     " reason = CASE WHEN receipt IN ('undelivered', 'delivered') THEN effect.reason ELSE moving.reason END,"
                     " sms_class = CASE WHEN receipt IN ('undelivered', 'delivered') THEN effect.sms_class ELSE moving.sms_class END,"
                     " code = CASE WHEN receipt IN ('undelivered', 'delivered') THEN effect.code ELSE moving.code END"
                     " FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[],"
                     " $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[]) WITH ORDINALITY AS moving (id, fence, state, due_at,"
                     " attempts, message_id, reason, asked_at, provider, sms_class, code, segments, cost_micros, n)"
                     " WHERE effect.action_id = moving.id AND effect.fence = moving.fence AND (effect.state IN ('claimed', 'sending')"
                     " OR (effect.state = 'unknown' AND moving.state <> 'unknown'))"
                     " RETURNING moving.n"};

typedef struct Moving {
    const Effect *effects;
    size_t count;
    int64_t now_ms;
    int64_t lease_until_ms; /* sending */
    bool *moved;
    bool settles;
} Moving;

static void ask_to_settle(Postgres *store, const Moving *moving)
{
    Arena *arena = &store->scratch;
    const Effect *effects = moving->effects;
    size_t count = moving->count;
    EffectWords *words = postgres_effect_words(effects, count, arena);
    ASK(store, &settle_statement, POSTGRES_COLUMN(texts, arena, effects, count, action_id), POSTGRES_COLUMN(numbers, arena, effects, count, fence),
        POSTGRES_COLUMN(texts, arena, words, count, state), POSTGRES_COLUMN(times, arena, effects, count, due_ms),
        POSTGRES_COLUMN(numbers, arena, words, count, attempts), POSTGRES_COLUMN(texts, arena, effects, count, message_id),
        POSTGRES_COLUMN(texts, arena, effects, count, reason), POSTGRES_COLUMN(times, arena, effects, count, asked_ms),
        postgres_time(arena, moving->now_ms), POSTGRES_COLUMN(texts, arena, effects, count, provider),
        POSTGRES_COLUMN(texts, arena, words, count, sms_class), POSTGRES_COLUMN(texts, arena, effects, count, code),
        POSTGRES_COLUMN(numbers, arena, words, count, segments), POSTGRES_COLUMN(numbers, arena, effects, count, cost_micros));
}

static Status move_all(Postgres *store, void *verb, Fault *fault)
{
    const Moving *moving = verb;
    Arena *arena = &store->scratch;
    PostgresValue ids = POSTGRES_COLUMN(texts, arena, moving->effects, moving->count, action_id);
    postgres_begin(store);
    ASK(store, &lock_statement, ids);
    if (moving->settles)
        ask_to_settle(store, moving);
    else
        ASK(store, &sending_statement, ids, POSTGRES_COLUMN(numbers, arena, moving->effects, moving->count, fence),
            postgres_time(arena, moving->lease_until_ms), postgres_time(arena, moving->now_ms));
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    const PGresult *moved = postgres_answer(store, 2);
    memset(moving->moved, 0, moving->count * sizeof *moving->moved);
    for (int row = 0; row < PQntuples(moved); row++)
        moving->moved[postgres_cell_number(moved, row, 0) - 1] = true;
    return STATUS_OK;
}

static Status sending(void *self, const Effect *effects, size_t count, int64_t now_ms, int64_t lease_until_ms, bool *ret_ours, Fault *fault)
{
    Moving moving = {.effects = effects, .count = count, .now_ms = now_ms, .lease_until_ms = lease_until_ms, .moved = ret_ours};
    return postgres_run(self, move_all, &moving, fault);
}

static Status settle(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Moving moving = {.effects = effects, .count = count, .now_ms = now_ms, .moved = ret_moved, .settles = true};
    return postgres_run(self, move_all, &moving, fault);
}

/* ---- look ---- */

static const PostgresStatement due_statement = {
    "effect_due", "SELECT " EFFECT_COLUMNS " FROM effect WHERE waits AND due_at <= $1::timestamptz"
                  " AND (kind = 'speech') = ($3::bigint = 1) ORDER BY due_at LIMIT $2::bigint"};

typedef struct Due { bool calls; int64_t now_ms; size_t max; Arena *arena; Effect *out; size_t count; } Due;

static Status find_due(Postgres *store, void *verb, Fault *fault)
{
    Due *due = verb;
    ASK(store, &due_statement, postgres_time(&store->scratch, due->now_ms), postgres_number(&store->scratch, (int64_t)due->max),
        postgres_number(&store->scratch, due->calls));
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    const PGresult *found = postgres_answer(store, 0);
    due->count = (size_t)PQntuples(found);
    for (size_t i = 0; i < due->count; i++) {
        Effect effect = postgres_read_effect(found, (int)i);
        due->out[i] = effect_copy(&effect, due->arena);
    }
    return STATUS_OK;
}

static Status due_effects(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    Due due = {calls, now_ms, max, arena, out, 0};
    Status status = postgres_run(self, find_due, &due, fault);
    if (!status)
        *ret_count = due.count;
    return status;
}

static const PostgresStatement pull_in_statement = {
    "effect_pull_in", "WITH late AS (SELECT action_id AS id FROM effect WHERE waits AND due_at > $1::timestamptz ORDER BY action_id FOR UPDATE)"
                      " UPDATE effect SET due_at = $1::timestamptz FROM late WHERE action_id = late.id"};

static Status pull_all_in(Postgres *store, void *verb, Fault *fault)
{
    postgres_begin(store);
    ASK(store, &pull_in_statement, postgres_time(&store->scratch, *(const int64_t *)verb));
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

/* A clock that ran ahead may have written times that are months away. */
static Status pull_in(void *self, int64_t latest_ms, Fault *fault) { return postgres_run(self, pull_all_in, &latest_ms, fault); }

static const PostgresStatement list_statement = {
    NULL, "SELECT " EFFECT_COLUMNS " FROM effect WHERE action_id > $1::text AND ($2::text = '' OR campaign_id = $2::text)"
          " AND ($3::text = '' OR phone = $3::text) AND ($4::text = '' OR state = $4::text) ORDER BY action_id LIMIT $5::bigint"};

typedef struct EffectList {
    const EffectFilter *filter;
    bool (*visit)(void *context, const Effect *effect);
    void *context;
} EffectList;

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const EffectFilter *filter = ((const EffectList *)verb)->filter;
    Slice state = filter->state < 0 ? (Slice){0} : slice_of(effect_state_name((EffectState)filter->state));
    ASK(store, &list_statement, postgres_text(postgres_after(before, 0, filter->after)), postgres_text(filter->campaign_id),
        postgres_text(filter->phone), postgres_text(state), postgres_number(&store->scratch, rows));
}

static bool show_effect(const void *verb, const PGresult *page, int row)
{
    const EffectList *list = verb;
    Effect effect = postgres_read_effect(page, row);
    return list->visit(list->context, &effect);
}

static Status list_effects(void *self, const EffectFilter *filter, bool (*visit)(void *context, const Effect *effect), void *context,
                           Fault *fault)
{
    EffectList verb = {filter, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_effect, .verb = &verb, .limit = filter->limit};
    return postgres_list(self, &list, fault);
}

/* ---- moving in ---- */

/* How far an effect is: what was sent, or may have been, wins over what was not; and then what its receipt says. */
#define FURTHER(row) \
    "CASE " row ".state WHEN 'sent' THEN 9 WHEN 'unknown' THEN 8 WHEN 'failed' THEN 7 WHEN 'cancelled' THEN 7 WHEN 'sending' THEN 2" \
    " WHEN 'claimed' THEN 1 ELSE 0 END * 10 + " RECEIPT_RANK(row ".receipt")

static const PostgresStatement carry_statement = {
    NULL, "INSERT INTO effect (" EFFECT_COLUMNS ", moved_at) SELECT " EFFECT_COLUMNS ", $27::timestamptz"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
          " $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::timestamptz[], $16::bigint[],"
          " $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::text[], $23::text[], $24::timestamptz[],"
          " $25::bigint[], $26::bigint[]) AS new (" EFFECT_COLUMNS ") ORDER BY action_id COLLATE \"C\""
          " ON CONFLICT (action_id) DO UPDATE SET call_id = excluded.call_id, campaign_id = excluded.campaign_id,"
          " contact_id = excluded.contact_id, phone = excluded.phone, campaign_name = excluded.campaign_name,"
          " donation_link = excluded.donation_link, message = excluded.message, created_at = excluded.created_at,"
          " kind = excluded.kind, ref = excluded.ref, follows = excluded.follows,"
          " state = excluded.state, fence = greatest(effect.fence, excluded.fence) + 1, due_at = excluded.due_at,"
          " attempts = excluded.attempts, message_id = excluded.message_id, reason = excluded.reason, asked_at = excluded.asked_at,"
          " provider = excluded.provider, sms_class = excluded.sms_class, code = excluded.code, receipt = excluded.receipt,"
          " delivered_at = excluded.delivered_at, segments = excluded.segments, cost_micros = excluded.cost_micros,"
          " moved_at = excluded.moved_at WHERE " FURTHER("excluded") " > " FURTHER("effect") " RETURNING action_id"};

static Status carry_all(Postgres *store, void *verb, Fault *fault)
{
    const Moving *moving = verb;
    Arena *arena = &store->scratch;
    const Effect *effects = moving->effects;
    size_t count = moving->count;
    EffectWords *words = postgres_effect_words(effects, count, arena);
    postgres_begin(store);
    ASK(store, &carry_statement, POSTGRES_COLUMN(texts, arena, effects, count, action_id), POSTGRES_COLUMN(texts, arena, effects, count, call_id),
        POSTGRES_COLUMN(texts, arena, effects, count, campaign_id), POSTGRES_COLUMN(texts, arena, effects, count, contact_id),
        POSTGRES_COLUMN(texts, arena, effects, count, phone), POSTGRES_COLUMN(texts, arena, effects, count, campaign_name),
        POSTGRES_COLUMN(texts, arena, effects, count, donation_link), POSTGRES_COLUMN(texts, arena, effects, count, message),
        POSTGRES_COLUMN(times, arena, effects, count, created_ms), POSTGRES_COLUMN(texts, arena, words, count, kind),
        POSTGRES_COLUMN(texts, arena, effects, count, ref), POSTGRES_COLUMN(texts, arena, effects, count, follows),
        POSTGRES_COLUMN(texts, arena, words, count, state),
        POSTGRES_COLUMN(numbers, arena, effects, count, fence), POSTGRES_COLUMN(times, arena, effects, count, due_ms),
        POSTGRES_COLUMN(numbers, arena, words, count, attempts), POSTGRES_COLUMN(texts, arena, effects, count, message_id),
        POSTGRES_COLUMN(texts, arena, effects, count, reason), POSTGRES_COLUMN(times, arena, effects, count, asked_ms),
        POSTGRES_COLUMN(texts, arena, effects, count, provider), POSTGRES_COLUMN(texts, arena, words, count, sms_class),
        POSTGRES_COLUMN(texts, arena, effects, count, code), POSTGRES_COLUMN(texts, arena, words, count, receipt),
        POSTGRES_COLUMN(times, arena, effects, count, delivered_ms), POSTGRES_COLUMN(numbers, arena, words, count, segments),
        POSTGRES_COLUMN(numbers, arena, effects, count, cost_micros), postgres_time(arena, moving->now_ms));
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    if (!status)
        postgres_first_of_each(postgres_answer(store, 1), &effects[0].action_id, sizeof *effects, count, moving->moved);
    return status;
}

static Status carry(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Moving moving = {.effects = effects, .count = count, .now_ms = now_ms, .moved = ret_moved};
    return postgres_run(self, carry_all, &moving, fault);
}

EffectsPort postgres_effects(Postgres *store)
{
    return (EffectsPort){.self = store, .is_shared = true, .claim = claim, .sending = sending, .settle = settle, .due = due_effects, .pull_in = pull_in,
                         .list = list_effects, .enter = carry, .load = postgres_load_effects, .find = postgres_find_effects,
                         .receive = postgres_receive};
}
