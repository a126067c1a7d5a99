/* The schema, as the steps that lead to it. The table schema_step holds those that were taken; all that are missing are taken in
 * one transaction under an advisory lock, so processes that start together do not disturb each other. Steps are only ever
 * added. Texts that are keys are ordered by bytes ("C"), as everywhere else in the product, whatever the database's language. */
#include "adapter/postgres_store.h"

typedef struct SchemaStatement { int step; PostgresStatement statement; } SchemaStatement;

#define KEY "text COLLATE \"C\" NOT NULL"
#define STEP(number, text) {number, {NULL, text}}

static const SchemaStatement steps[] = {
    STEP(1, "CREATE TABLE schema_step (step integer PRIMARY KEY, taken_at timestamptz NOT NULL DEFAULT now())"),

    /* The do-not-call list, actions, and the audit chain, which nobody rewrites by accident. Its head is kept apart, so that a
     * chain cut at its end shows; its row is also the lock of all that append. */
    STEP(1, "CREATE TABLE blocked ("
            "  phone " KEY " PRIMARY KEY,"
            "  added_at timestamptz NOT NULL,"
            "  reason text NOT NULL,"
            "  source text NOT NULL,"
            "  call_id " KEY ","
            "  campaign_id " KEY ","
            "  contact_id text NOT NULL,"
            "  timestamp text NOT NULL,"
            "  actor text NOT NULL,"
            "  action_id " KEY ")"),
    STEP(1, "CREATE TABLE action ("
            "  id " KEY " PRIMARY KEY,"
            "  call_id " KEY ","
            "  campaign_id " KEY ","
            "  contact_id text NOT NULL,"
            "  phone " KEY ","
            "  action_type text NOT NULL,"
            "  donation_link text NOT NULL,"
            "  sms_message_id text NOT NULL,"
            "  tts_fallback_triggered boolean NOT NULL,"
            "  timestamp timestamptz NOT NULL,"
            "  status text NOT NULL,"
            "  failure_reason text NOT NULL)"),
    STEP(1, "CREATE TABLE audit ("
            "  seq bigint PRIMARY KEY,"
            "  at timestamptz NOT NULL,"
            "  kind text NOT NULL,"
            "  subject " KEY ","
            "  action_id " KEY ","
            "  actor text NOT NULL,"
            "  reason text NOT NULL,"
            "  detail text NOT NULL,"
            "  hash bytea NOT NULL CHECK (length(hash) = 32))"),
    STEP(1, "CREATE INDEX audit_by_subject ON audit (subject, action_id)"),
    STEP(1, "CREATE TABLE audit_head ("
            "  id integer PRIMARY KEY CHECK (id = 1),"
            "  entries bigint NOT NULL,"
            "  hash bytea NOT NULL CHECK (length(hash) = 32))"),
    STEP(1, "INSERT INTO audit_head VALUES (1, 0, decode(repeat('00', 32), 'hex'))"),
    STEP(1, "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit chain is never changed' USING ERRCODE = 'restrict_violation'; END $$"),
    STEP(1, "CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()"),
    STEP(1, "CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"),

    /* The ledger of effects, and the gateway's outbox. "waits" is for the index alone: a plan for a look by key, made while the
     * table was empty, cannot take it for an index that would do. */
    STEP(1, "CREATE TABLE effect ("
            "  action_id " KEY " PRIMARY KEY,"
            "  call_id " KEY ","
            "  campaign_id " KEY ","
            "  contact_id text NOT NULL,"
            "  phone " KEY ","
            "  campaign_name text NOT NULL,"
            "  donation_link text NOT NULL,"
            "  message text NOT NULL,"
            "  created_at timestamptz NOT NULL,"
            "  state text NOT NULL CHECK (state IN ('pending', 'claimed', 'sending', 'sent', 'failed', 'cancelled', 'unknown')),"
            "  fence bigint NOT NULL,"
            "  due_at timestamptz NOT NULL,"
            "  attempts integer NOT NULL,"
            "  message_id text NOT NULL,"
            "  reason text NOT NULL,"
            "  moved_at timestamptz NOT NULL,"
            "  waits boolean GENERATED ALWAYS AS (state IN ('pending', 'claimed', 'sending')) STORED)"),
    STEP(1, "CREATE INDEX effect_due ON effect (due_at) WHERE waits"),
    STEP(1, "CREATE TABLE sms ("
            "  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            "  id text NOT NULL,"
            "  action_id " KEY " UNIQUE,"
            "  call_id " KEY ","
            "  campaign_id " KEY ","
            "  contact_id text NOT NULL,"
            "  phone " KEY ","
            "  message text NOT NULL,"
            "  status text NOT NULL,"
            "  failure_reason text NOT NULL,"
            "  queued_at timestamptz NOT NULL)"),

    /* Since when the gateway may have a text; the epoch: it certainly does not. */
    STEP(2, "ALTER TABLE effect ADD COLUMN asked_at timestamptz NOT NULL DEFAULT 'epoch'"),
    STEP(2, "UPDATE effect SET asked_at = moved_at WHERE state = 'sending'"),

    /* Clicks on links, and gifts; the epoch is a time that nobody has told of. */
    STEP(3, "CREATE TABLE click ("
            "  ref " KEY ","
            "  kind " KEY " CHECK (kind IN ('human', 'preview', 'scanner')),"
            "  first_at timestamptz NOT NULL,"
            "  last_at timestamptz NOT NULL,"
            "  count bigint NOT NULL,"
            "  PRIMARY KEY (ref, kind))"),
    STEP(3, "CREATE TABLE gift ("
            "  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            "  id " KEY " UNIQUE,"
            "  ref " KEY ","
            "  call_id " KEY ","
            "  campaign_id " KEY ","
            "  contact_id text NOT NULL,"
            "  currency text NOT NULL,"
            "  given_micros bigint NOT NULL,"
            "  given_at timestamptz NOT NULL,"
            "  refunded_micros bigint NOT NULL,"
            "  refunded_at timestamptz NOT NULL,"
            "  received_at timestamptz NOT NULL)"),
    STEP(3, "CREATE INDEX gift_by_ref ON gift (ref)"),
    STEP(3, "CREATE INDEX gift_by_call ON gift (call_id)"),
    STEP(3, "CREATE INDEX gift_by_campaign ON gift (campaign_id, number)"),

    /* Kinds of effects, and what providers say of them; the epoch: it is not known when it was delivered. Nobody can name an effect
     * of before to us: it has no ref. */
    STEP(4, "ALTER TABLE effect"
            "  ADD COLUMN kind text NOT NULL DEFAULT 'donation' CHECK (kind IN ('donation', 'text', 'reply', 'speech')),"
            "  ADD COLUMN ref " KEY " DEFAULT '',"
            "  ADD COLUMN follows " KEY " DEFAULT '',"
            "  ADD COLUMN provider text NOT NULL DEFAULT '',"
            "  ADD COLUMN sms_class text NOT NULL DEFAULT '',"
            "  ADD COLUMN code text NOT NULL DEFAULT '',"
            "  ADD COLUMN receipt text NOT NULL DEFAULT '' CHECK (receipt IN ('', 'underway', 'undelivered', 'delivered')),"
            "  ADD COLUMN delivered_at timestamptz NOT NULL DEFAULT 'epoch',"
            "  ADD COLUMN segments integer NOT NULL DEFAULT 0,"
            "  ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0"),
    STEP(4, "CREATE UNIQUE INDEX effect_by_ref ON effect (ref) WHERE ref <> ''"),
};
enum { STATEMENT_COUNT = sizeof steps / sizeof *steps, STEP_COUNT = 4 };

/* Our statements are few and all look rows up by an index. A plan that was made while a table was empty would walk through all
 * of it when it is full, until the server has counted again. What a server was told to wait for a commit stays, except not at all. */
static const PostgresStatement set_up = {
    NULL, "SELECT set_config('search_path', $1, false), set_config('statement_timeout', $2, false),"
          " set_config('idle_in_transaction_session_timeout', $2, false), set_config('default_transaction_isolation', 'read committed', false),"
          " set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
          " ELSE current_setting('synchronous_commit') END, false),"
          " set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
          " set_config('enable_mergejoin', 'off', false), set_config('enable_bitmapscan', 'off', false),"
          " set_config('jit', 'off', false)"};

/* Asks the tables of the catalogue: to_regclass may answer from what this connection remembers of the time before the lock. */
static const PostgresStatement look = {
    NULL, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1::text), EXISTS (SELECT FROM pg_class"
          " JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1::text AND relname = 'schema_step')"};
static const PostgresStatement read_step = {NULL, "SELECT coalesce(max(step), 0) FROM schema_step"};
static const PostgresStatement write_step = {NULL, "INSERT INTO schema_step (step) VALUES ($1::bigint)"};
/* "PLDG", and which schema */
static const PostgresStatement lock = {NULL, "SELECT pg_advisory_xact_lock(1347175495, hashtext($1::text))"};

typedef struct Found { bool schema, table; int64_t step; } Found;

static Status find(Postgres *store, bool locks, Found *ret, Fault *fault)
{
    if (locks) {
        postgres_begin(store);
        ASK(store, &lock, postgres_text(slice_of(store->schema)));
    }
    ASK(store, &look, postgres_text(slice_of(store->schema)));
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    const PGresult *answer = postgres_answer(store, locks ? 2 : 0);
    *ret = (Found){.schema = postgres_cell_flag(answer, 0, 0), .table = postgres_cell_flag(answer, 0, 1)};
    if (!ret->table)
        return STATUS_OK;
    postgres_ask(store, &read_step, NULL, 0);
    status = postgres_exchange(store, fault);
    if (!status)
        ret->step = postgres_cell_number(postgres_answer(store, 0), 0, 0);
    return status;
}

static Status take_steps(Postgres *store, const Found *found, Fault *fault)
{
    Slice text = arena_printf(&store->scratch, "CREATE SCHEMA %s", store->schema);
    PostgresStatement create = {NULL, text.at};
    if (!found->schema)
        postgres_ask(store, &create, NULL, 0);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (steps[i].step > found->step)
            postgres_ask(store, &steps[i].statement, NULL, 0);
    }
    for (int64_t step = found->step + 1; step <= STEP_COUNT; step++)
        ASK(store, &write_step, postgres_number(&store->scratch, step));
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

static Status migrate(Postgres *store, Fault *fault)
{
    Found found;
    Status status = find(store, true, &found, fault);
    return status ? status : take_steps(store, &found, fault);
}

/* Another encoding cannot hold every name and reason. */
static Status refuse_encoding(Postgres *store, Fault *fault)
{
    const char *encoding = PQparameterStatus(store->connection, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") == 0)
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, "database_encoding",
                     "the database is in %.20s: create one with ENCODING 'UTF8' and name it in DATABASE_URL", encoding);
}

Status postgres_prepare_session(Postgres *store, Fault *fault)
{
    Found found;
    Slice deadline = arena_printf(&store->scratch, "%lld", (long long)store->deadline_ms);
    Status status = refuse_encoding(store, fault);
    if (status)
        return status;
    ASK(store, &set_up, postgres_text(slice_of(store->schema)), postgres_text(deadline));
    status = postgres_exchange(store, fault);
    status = status ? status : find(store, false, &found, fault);
    if (!status && found.step > STEP_COUNT)
        return fault_set(fault, STATUS_RETRY, "database_newer",
                         "the schema %s was written by a newer Pledgeline (step %lld, this one knows %d): run that version",
                         store->schema, (long long)found.step, STEP_COUNT);
    return status || found.step == STEP_COUNT ? status : migrate(store, fault);
}
