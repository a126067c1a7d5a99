/* The registry and the ledger in PostgreSQL, beside libpq sending the same statements with the same values: a transaction in one
 * go, whatever the adapter has to read in its middle. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres_store.h"
#include "base/clock.h"
#include "measure.h"
#include "typed_events.h"

/* ---- what the adapter sends ---- */

typedef struct Sent {
    const PostgresStatement *statement; /* copies: name and text */
    PostgresValue *values;
    size_t count;
    bool is_preparation;
} Sent;

typedef struct Heard {
    bool listens;
    Arena arena;
    Sent *sent;
    size_t count, capacity;
    PGconn *connection; /* the adapter's: the settings of its session are the ceiling's too */
} Heard;

static Heard heard;

static const char *keep_text(const char *text) { return text ? arena_copy(&heard.arena, slice_of(text)).at : NULL; }

static void keep(const char *name, const char *sql, size_t count, const char *const *values, const int *lengths)
{
    if (!heard.listens)
        return;
    if (heard.count == heard.capacity)
        give_up("the adapter sends more statements than expected");
    PostgresStatement *statement = ARENA_NEW(&heard.arena, PostgresStatement);
    *statement = (PostgresStatement){keep_text(name), keep_text(sql)};
    Sent *sent = &heard.sent[heard.count++];
    *sent = (Sent){statement, ARENA_ARRAY(&heard.arena, PostgresValue, count), count, sql != NULL};
    for (size_t i = 0; i < count; i++)
        sent->values[i] = (PostgresValue){arena_copy(&heard.arena, (Slice){values[i], (size_t)lengths[i]}).at, lengths[i]};
}

int __real_PQsendPrepare(PGconn *connection, const char *name, const char *sql, int count, const Oid *types);
int __wrap_PQsendPrepare(PGconn *connection, const char *name, const char *sql, int count, const Oid *types);
int __real_PQsendQueryPrepared(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format);

int __wrap_PQsendPrepare(PGconn *connection, const char *name, const char *sql, int count, const Oid *types)
{
    heard.connection = connection;
    keep(name, sql, 0, NULL, NULL);
    return __real_PQsendPrepare(connection, name, sql, count, types);
}

int __wrap_PQsendQueryPrepared(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format)
{
    keep(name, NULL, (size_t)count, values, lengths);
    return __real_PQsendQueryPrepared(connection, name, count, values, lengths, formats, format);
}

/* ---- the same batches for both ---- */

typedef struct Work {
    const char *url;
    const char *name;     /* of the figures */
    void (*run)(Postgres *store, struct Work *work, size_t batch);
    size_t batches, schemas, warm_up; /* statements of the first batch, which is not measured: it prepares the others */
    int64_t now_ms;
    Arena arena, answers;
    BlockEntry *entries;
    Effect *effects;
} Work;

static void make_batches(Work *work)
{
    Arena *arena = &work->arena;
    Mix *mix = mix_new(6, 1);
    Event next = {0};
    CallStages stages;
    size_t count = (work->batches + 1) * MEASURE_BATCH;
    work->entries = ARENA_ARRAY(arena, BlockEntry, count);
    work->effects = ARENA_ARRAY(arena, Effect, count);
    for (size_t i = 0; i < count; i++) {
        call_stages_next(mix, &next, arena, &stages);
        const Cdr *cdr = &stages.ended;
        work->entries[i] = (BlockEntry){
            .phone = cdr->phone, .added_ms = cdr->end_ms, .pressed_ms = cdr->end_ms, .reason = SLICE("DTMF opt-out (key 9)"),
            .source = SLICE("user_optout"), .call_id = cdr->call_id, .campaign_id = cdr->campaign_id, .contact_id = cdr->contact_id,
            .actor = SLICE("caller"), .action_id = arena_printf(arena, "%.*s_optout", SLICE_ARG(cdr->call_id))};
        work->effects[i] = (Effect){
            .action_id = arena_printf(arena, "%.*s_donation", SLICE_ARG(cdr->call_id)), .call_id = cdr->call_id,
            .campaign_id = cdr->campaign_id, .contact_id = cdr->contact_id, .phone = cdr->phone, .campaign_name = cdr->campaign_id,
            .donation_link = arena_printf(arena, "https://donate.example.org/d/%.*s", SLICE_ARG(cdr->call_id)),
            .message = bench_settings.sms_template, .created_ms = cdr->start_ms, .due_ms = cdr->start_ms};
    }
    mix_free(mix);
}

static void need(Status status, const Fault *fault)
{
    if (status)
        give_up(fault->text);
}

static void run_registry(Postgres *store, Work *work, size_t batch)
{
    BlockResult results[MEASURE_BATCH];
    Fault fault;
    RegistryPort registry = postgres_registry(store);
    need(registry.block(registry.self, work->entries + batch * MEASURE_BATCH, MEASURE_BATCH, results, &fault), &fault);
}

static void need_all(const bool *each)
{
    for (size_t i = 0; i < MEASURE_BATCH; i++) {
        if (!each[i])
            give_up("an effect is not ours");
    }
}

static void run_ledger(Postgres *store, Work *work, size_t batch)
{
    enum { LEASE_MS = 30000 };
    bool ours[MEASURE_BATCH];
    Effect effects[MEASURE_BATCH];
    Fault fault;
    EffectsPort ledger = postgres_effects(store);
    const Gateway gateway = {SLICE("outbox"), REPEAT_ALWAYS};
    memcpy(effects, work->effects + batch * MEASURE_BATCH, sizeof effects);
    arena_reset(&work->answers);
    need(ledger.claim(ledger.self, effects, MEASURE_BATCH, work->now_ms, LEASE_MS, &gateway, &work->answers, ours, &fault), &fault);
    need_all(ours);
    need(ledger.sending(ledger.self, effects, MEASURE_BATCH, work->now_ms, work->now_ms + LEASE_MS, ours, &fault), &fault);
    need_all(ours);
    for (size_t i = 0; i < MEASURE_BATCH; i++) {
        effects[i].state = EFFECT_SENT;
        effects[i].message_id = effects[i].action_id;
    }
    need(ledger.settle(ledger.self, effects, MEASURE_BATCH, work->now_ms, ours, &fault), &fault);
    need_all(ours);
}

/* ---- the sides ---- */

typedef struct Session { Breaker breaker; Postgres *store; PGconn *admin; char schema[32], url[512]; } Session;

static void command(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        give_up(PQerrorMessage(connection));
    PQclear(result);
}

/* A schema of its own, made by the adapter; both sides begin with the same empty tables. */
static void session_open(Session *session, const Work *work)
{
    Fault fault;
    int64_t blocked;
    snprintf(session->schema, sizeof session->schema, "bench_%s", work->name);
    snprintf(session->url, sizeof session->url, "%s?options=-csearch_path%%3D%s", work->url, session->schema);
    session->admin = PQconnectdb(work->url);
    if (PQstatus(session->admin) != CONNECTION_OK)
        give_up(PQerrorMessage(session->admin));
    command(session->admin, "SET client_min_messages = error");
    char sql[80];
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE", session->schema);
    command(session->admin, sql);
    breaker_init(&session->breaker, "postgresql");
    PostgresSettings settings = {.url = session->url, .breaker = &session->breaker};
    need(postgres_open(&settings, &session->store, &fault), &fault);
    RegistryPort registry = postgres_registry(session->store);
    need(registry.count(registry.self, &blocked, &fault), &fault);
    command(session->admin, "CHECKPOINT");
}

static void session_close(Session *session)
{
    char sql[80];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", session->schema);
    postgres_close(session->store);
    command(session->admin, sql);
    PQfinish(session->admin);
    breaker_done(&session->breaker);
}

static void report_side(const Work *work, Stopwatch watch, const char *side)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", work->name, side);
    stopwatch_report(watch, name, work->batches * MEASURE_BATCH);
}

static void run_ours(void *context)
{
    Work *work = context;
    bool records = !heard.count;
    Session session;
    session_open(&session, work);
    heard.listens = records;
    work->run(session.store, work, 0);
    if (records)
        work->warm_up = heard.count;
    Stopwatch watch = stopwatch_start();
    for (size_t batch = 1; batch <= work->batches; batch++)
        work->run(session.store, work, batch);
    heard.listens = false;
    if (!records)
        report_side(work, watch, "ours");
    session_close(&session);
}

static void send_one(PGconn *connection, const Sent *sent)
{
    const char *at[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX], formats[POSTGRES_PARAMETERS_MAX];
    for (size_t i = 0; i < sent->count; i++) {
        at[i] = sent->values[i].at;
        lengths[i] = sent->values[i].bytes;
        formats[i] = 1;
    }
    int is_sent = sent->is_preparation ? PQsendPrepare(connection, sent->statement->name, sent->statement->sql, 0, NULL)
                                       : PQsendQueryPrepared(connection, sent->statement->name, (int)sent->count, at, lengths, formats, 1);
    if (!is_sent)
        give_up(PQerrorMessage(connection));
}

static void take_answers(PGconn *connection)
{
    if (!PQpipelineSync(connection))
        give_up(PQerrorMessage(connection));
    for (ExecStatusType kind = PGRES_EMPTY_QUERY; kind != PGRES_PIPELINE_SYNC;) {
        PGresult *result = PQgetResult(connection);
        kind = PQresultStatus(result);
        if (result && kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK && kind != PGRES_PIPELINE_SYNC)
            give_up(PQresultErrorMessage(result));
        PQclear(result);
    }
}

/* Each transaction in one go, to its commit. */
static void replay(PGconn *connection, size_t from, size_t until)
{
    for (size_t i = from; i < until; i++) {
        send_one(connection, &heard.sent[i]);
        if (!heard.sent[i].is_preparation && !strcmp(heard.sent[i].statement->name, "commit"))
            take_answers(connection);
    }
}

static void run_ceiling(void *context)
{
    Work *work = context;
    Session session;
    session_open(&session, work);
    PQsetnonblocking(heard.connection, 0);
    replay(heard.connection, 0, work->warm_up);
    Stopwatch watch = stopwatch_start();
    replay(heard.connection, work->warm_up, heard.count);
    report_side(work, watch, "ceiling");
    session_close(&session);
}

static void measure(Work *work, const char *name, void (*run)(Postgres *store, Work *work, size_t batch), int64_t rounds)
{
    work->name = name;
    work->run = run;
    heard.count = 0;
    run_ours(work);
    for (; rounds > 0; rounds--) {
        run_apart(run_ours, work);
        run_apart(run_ceiling, work);
    }
}

int main(int argc, char **argv)
{
    enum { STATEMENTS_A_BATCH = 32 };
    Work work = {.url = getenv("TEST_DATABASE_URL"), .batches = (size_t)option_number(argc, argv, "batches", 20), .now_ms = clock_wall_ms()};
    if (!work.url || !work.batches)
        give_up("usage: TEST_DATABASE_URL=… postgres [--batches=N] [--rounds=N]; makes schemas of its own, and drops them");
    make_batches(&work);
    heard.capacity = (work.batches + 1) * STATEMENTS_A_BATCH;
    heard.sent = ARENA_ARRAY(&heard.arena, Sent, heard.capacity);
    int64_t rounds = option_number(argc, argv, "rounds", 3);
    measure(&work, "registry", run_registry, rounds);
    measure(&work, "ledger", run_ledger, rounds);
    arena_done(&heard.arena);
    arena_done(&work.arena);
    arena_done(&work.answers);
    return 0;
}
