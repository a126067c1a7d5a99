/* Statements that go out together and come back together, and the transactions made of them. */
#include "adapter/postgres_store.h"

#include <assert.h>
#include <poll.h>

#include "base/clock.h"
#include "base/digest.h"

enum { BINARY = 1, RECONNECTS_MAX = 2, PAUSE_MOST_MS = 64 };

static const PostgresStatement begin_statement = {"begin", "BEGIN"}, commit_statement = {"commit", "COMMIT"},
                               rollback_statement = {"rollback", "ROLLBACK"},
                               view_statement = {NULL, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"};

/* ---- asking ---- */

static bool is_prepared(const Postgres *store, const PostgresStatement *statement)
{
    for (size_t i = 0; i < store->prepared_count; i++) {
        if (store->prepared[i] == statement)
            return true;
    }
    for (size_t i = 0; i < store->asked_count; i++) {
        if (store->is_preparation[i] && store->asked[i] == statement)
            return true;
    }
    return false;
}

static void note(Postgres *store, const PostgresStatement *statement, bool is_preparation, int sent)
{
    assert(store->asked_count < POSTGRES_ASKED_MAX);
    store->asked[store->asked_count] = statement;
    store->is_preparation[store->asked_count++] = is_preparation;
    store->ask_failed = store->ask_failed || !sent;
}

void postgres_ask(Postgres *store, const PostgresStatement *statement, const PostgresValue *values, size_t count)
{
    const char *at[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX], formats[POSTGRES_PARAMETERS_MAX], parameters = (int)count;
    assert(count <= POSTGRES_PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++) {
        at[i] = values[i].at;
        lengths[i] = values[i].bytes;
        formats[i] = BINARY;
    }
    if (!statement->name) {
        note(store, statement, false, PQsendQueryParams(store->connection, statement->sql, parameters, NULL, at, lengths, formats, BINARY));
        return;
    }
    if (!is_prepared(store, statement))
        note(store, statement, true, PQsendPrepare(store->connection, statement->name, statement->sql, 0, NULL));
    note(store, statement, false, PQsendQueryPrepared(store->connection, statement->name, parameters, at, lengths, formats, BINARY));
}

void postgres_begin(Postgres *store) { postgres_ask(store, &begin_statement, NULL, 0); }

void postgres_commit(Postgres *store)
{
    postgres_ask(store, &commit_statement, NULL, 0);
    store->commit_asked = true;
}

/* ---- one round trip ---- */

static void drop_answers(Postgres *store)
{
    for (size_t i = 0; i < store->answered_count; i++)
        PQclear(store->answers[i]);
    store->answered_count = 0;
}

/* The server may answer before it has read everything, and stops reading when nobody takes its answers. */
static Status send_all(Postgres *store, Fault *fault)
{
    int more;
    while ((more = PQflush(store->connection)) > 0) {
        Status status = postgres_wait(store, POLLIN | POLLOUT, fault);
        if (status)
            return status;
        if (!PQconsumeInput(store->connection))
            return postgres_fault(store, NULL, fault);
    }
    return more < 0 ? postgres_fault(store, NULL, fault) : STATUS_OK;
}

static Status next_result(Postgres *store, PGresult **ret, Fault *fault)
{
    while (PQisBusy(store->connection)) {
        Status status = postgres_wait(store, POLLIN, fault);
        if (status)
            return status;
        if (!PQconsumeInput(store->connection))
            return postgres_fault(store, NULL, fault);
    }
    *ret = PQgetResult(store->connection);
    if (!*ret && PQstatus(store->connection) == CONNECTION_BAD)
        return postgres_fault(store, NULL, fault);
    return STATUS_OK;
}

static void keep_answer(Postgres *store, size_t at, PGresult *result)
{
    if (store->is_preparation[at]) {
        PQclear(result);
        assert(store->prepared_count < POSTGRES_PREPARED_MAX);
        store->prepared[store->prepared_count++] = store->asked[at];
        return;
    }
    store->answers[store->answered_count++] = result;
}

/* The first failure is what went wrong; what comes behind it was not looked at by the server. */
static Status receive_all(Postgres *store, Fault *fault)
{
    Status status, failure = STATUS_OK;
    PGresult *result = NULL;
    size_t at = 0;
    while (!(status = next_result(store, &result, failure ? NULL : fault))) {
        ExecStatusType kind = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
        at += !result; /* a statement's results end with none */
        if (result && (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) && at < store->asked_count) {
            keep_answer(store, at, result);
            continue;
        }
        if (result && kind == PGRES_FATAL_ERROR && !failure)
            failure = postgres_fault(store, result, fault);
        PQclear(result);
        if (kind == PGRES_PIPELINE_SYNC)
            return failure;
        if (failure && PQstatus(store->connection) == CONNECTION_BAD)
            return failure;
    }
    return failure ? failure : status;
}

Status postgres_exchange(Postgres *store, Fault *fault)
{
    drop_answers(store);
    bool sent = !store->ask_failed && PQpipelineSync(store->connection);
    Status status = sent ? send_all(store, fault) : postgres_fault(store, NULL, fault);
    status = status ? status : receive_all(store, fault);
    store->asked_count = 0;
    store->ask_failed = false;
    return status;
}

const PGresult *postgres_answer(const Postgres *store, size_t n)
{
    assert(n < store->answered_count);
    return store->answers[n];
}

PGresult *postgres_take_answer(Postgres *store, size_t n)
{
    assert(n < store->answered_count);
    PGresult *answer = store->answers[n];
    store->answers[n] = NULL;
    return answer;
}

/* ---- one view for several verbs ---- */

/* The server takes its picture at the first look, not here. */
static Status enter_view(Postgres *store, Fault *fault)
{
    if (store->view == POSTGRES_VIEW_LOST)
        return fault_set(fault, STATUS_RETRY, "database_view_lost", "PostgreSQL was lost in the middle of a look: look again");
    if (store->view != POSTGRES_VIEW_WANTED)
        return STATUS_OK;
    postgres_ask(store, &view_statement, NULL, 0);
    Status status = postgres_exchange(store, fault);
    if (!status)
        store->view = POSTGRES_VIEW_OPEN;
    return status;
}

static Status begin_view(void *self, Fault *fault)
{
    (void)fault;
    ((Postgres *)self)->view = POSTGRES_VIEW_WANTED;
    return STATUS_OK;
}

static void end_view(void *self)
{
    Postgres *store = self;
    bool is_open = store->view == POSTGRES_VIEW_OPEN;
    store->view = POSTGRES_NO_VIEW;
    if (!is_open)
        return;
    store->deadline_at_ms = clock_elapsed_ms() + store->deadline_ms;
    postgres_ask(store, &rollback_statement, NULL, 0);
    if (postgres_exchange(store, NULL))
        postgres_disconnect(store);
}

static Status leave_view(void *self, Fault *fault)
{
    (void)fault;
    end_view(self);
    return STATUS_OK;
}

UnitPort postgres_view(Postgres *store)
{
    return (UnitPort){.self = store, .begin = begin_view, .commit = leave_view, .rollback = end_view};
}

/* ---- a verb's transaction ---- */

/* After a failure: the connection is either as new or gone. */
static void clean_up(Postgres *store)
{
    bool is_lost = store->health == POSTGRES_AWAY || store->again == POSTGRES_RECONNECT || PQstatus(store->connection) == CONNECTION_BAD;
    PostgresAgain again = store->again;
    PostgresHealth health = store->health;
    if (store->view == POSTGRES_VIEW_OPEN) {
        store->view = POSTGRES_VIEW_LOST;
        again = POSTGRES_ENDS;
    }
    if (!is_lost && PQtransactionStatus(store->connection) != PQTRANS_IDLE) {
        postgres_ask(store, &rollback_statement, NULL, 0);
        is_lost = postgres_exchange(store, NULL) != STATUS_OK;
    }
    if (is_lost)
        postgres_disconnect(store);
    store->again = again;
    store->health = health;
}

static Status try_once(Postgres *store, PostgresWork work, void *verb, Fault *fault)
{
    arena_reset(&store->scratch);
    store->again = POSTGRES_ENDS;
    store->health = POSTGRES_WELL;
    store->commit_asked = false;
    Status status = store->connection ? STATUS_OK : postgres_connect(store, fault);
    if (status) {
        postgres_disconnect(store);
        store->again = POSTGRES_ENDS;
        store->health = POSTGRES_AWAY; /* also where it was reached and is not fit to work with: no use asking at every event */
        return status;
    }
    status = enter_view(store, fault);
    status = status ? status : work(store, verb, fault);
    if (!status)
        return STATUS_OK;
    store->maybe_done = store->maybe_done || (store->commit_asked && (store->health == POSTGRES_AWAY || store->again == POSTGRES_RECONNECT));
    clean_up(store);
    return status;
}

static bool goes_again(Postgres *store, int *tries)
{
    if (store->again == POSTGRES_ENDS || (store->again == POSTGRES_RECONNECT && *tries >= RECONNECTS_MAX))
        return false;
    uint16_t random;
    int64_t most_ms = *tries < 6 ? INT64_C(1) << *tries : PAUSE_MOST_MS;
    digest_random(&random, sizeof random);
    int64_t pause_ms = store->again == POSTGRES_AGAIN ? random % (most_ms + 1) : 0;
    if (clock_elapsed_ms() + pause_ms >= store->deadline_at_ms)
        return false;
    poll(NULL, 0, (int)pause_ms);
    ++*tries;
    return true;
}

Status postgres_run(Postgres *store, PostgresWork work, void *verb, Fault *fault)
{
    Status status = breaker_enter(store->breaker, fault);
    if (status)
        return status;
    Fault why;
    int tries = 0;
    store->deadline_at_ms = clock_elapsed_ms() + breaker_patience_ms(store->breaker, store->deadline_ms);
    store->maybe_done = false;
    do
        status = try_once(store, work, verb, &why);
    while (status && goes_again(store, &tries));

    if (status && store->health == POSTGRES_AWAY)
        breaker_failed(store->breaker, &why);
    else if (status && store->health == POSTGRES_REFUSES)
        breaker_refused(store->breaker, &why);
    else
        breaker_answered(store->breaker);
    if (status && fault)
        *fault = why;
    return status;
}
