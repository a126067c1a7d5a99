/* What the files of the PostgreSQL store share: the connection, statements that go out together, values on the wire, and the
 * server's failures in our words. Used by postgres_*.c only.
 *
 * Order of locks, so that two processes never wait for each other in a circle: a transaction that appends to the audit chain
 * takes the chain's head before anything else; rows of one table are entered and locked in order of their key; none takes rows
 * of both effect and sms. */
#pragma once

#include <libpq-fe.h>

#include "adapter/postgres.h"

enum {
    POSTGRES_ASKED_MAX = 48,    /* statements in one round trip */
    POSTGRES_PREPARED_MAX = 32, /* statements with a name */
    POSTGRES_PARAMETERS_MAX = 27,
    POSTGRES_PAGE_ROWS = 1000,  /* of a list, in one round trip */
};

/* A statement with a name is prepared at its first use on a connection. One without is planned for its values each time, which
 * suits filters: a condition that is not asked for goes from the plan. */
typedef struct PostgresStatement { const char *name, *sql; } PostgresStatement;

/* How a failure is to be met by whoever runs the transaction. */
typedef enum PostgresAgain {
    POSTGRES_ENDS,      /* the same would fail again, or only time helps */
    POSTGRES_AGAIN,     /* others were in the way: the same transaction once more */
    POSTGRES_RECONNECT, /* the connection is of no use: the same transaction on another one */
} PostgresAgain;

typedef enum PostgresHealth {
    POSTGRES_WELL,    /* it is an answer */
    POSTGRES_REFUSES, /* it is there, and cannot or will not until somebody mends it */
    POSTGRES_AWAY,    /* ask it again later: the breaker opens */
} PostgresHealth;

/* Of one moment (postgres_view). */
typedef enum PostgresView { POSTGRES_NO_VIEW, POSTGRES_VIEW_WANTED, POSTGRES_VIEW_OPEN, POSTGRES_VIEW_LOST } PostgresView;

struct Postgres {
    PGconn *connection; /* NULL while there is none; in pipeline mode */
    Breaker *breaker;
    Arena arena;        /* what lives as long as the store */
    Arena scratch;      /* of the transaction that runs; never across a visitor */
    const char *const *keywords, *const *values; /* for libpq, ended by NULL */
    PQconninfoOption *url;
    const char *schema;
    int64_t deadline_ms, deadline_at_ms; /* elapsed time */

    const PostgresStatement *asked[POSTGRES_ASKED_MAX]; /* since the last exchange */
    bool is_preparation[POSTGRES_ASKED_MAX];
    bool ask_failed;
    PGresult *answers[POSTGRES_ASKED_MAX]; /* of the last exchange, in the order of asked */
    size_t asked_count, answered_count;
    const PostgresStatement *prepared[POSTGRES_PREPARED_MAX];
    size_t prepared_count;

    PostgresView view;
    PostgresAgain again;  /* of the last failure */
    PostgresHealth health; /* what the last failure says of the server */
    bool commit_asked;    /* in the transaction that runs */
    bool maybe_done;      /* an earlier try of this verb asked to commit and never heard */
};

/* ---- values (postgres_values.c): binary, so that nothing is ever part of a statement's text ---- */

typedef struct PostgresValue { const char *at; int bytes; } PostgresValue;

PostgresValue postgres_text(Slice text);
PostgresValue postgres_number(Arena *arena, int64_t number);
PostgresValue postgres_time(Arena *arena, int64_t unix_ms);
PostgresValue postgres_flag(bool flag);

/* Arrays over a member of each item: first is the member in items[0]. */
PostgresValue postgres_texts(Arena *arena, const void *first, size_t stride, size_t count);
PostgresValue postgres_numbers(Arena *arena, const void *first, size_t stride, size_t count); /* of int64_t */
PostgresValue postgres_times(Arena *arena, const void *first, size_t stride, size_t count);   /* of int64_t, in ms */
PostgresValue postgres_flags(Arena *arena, const void *first, size_t stride, size_t count);   /* of bool */
PostgresValue postgres_hashes(Arena *arena, const void *first, size_t stride, size_t count);  /* of uint8_t[DIGEST_BYTES] */
#define POSTGRES_COLUMN(kind, arena, items, count, member) \
    postgres_##kind((arena), &(items)[0].member, sizeof *(items), (count))

/* A cell; slices live as long as the answer. */
Slice postgres_cell(const PGresult *answer, int row, int column);
int64_t postgres_cell_number(const PGresult *answer, int row, int column);
int64_t postgres_cell_time(const PGresult *answer, int row, int column); /* ms since 1970 */
bool postgres_cell_flag(const PGresult *answer, int row, int column);

/* ret[i]: the answer's first column, which is in order and has nothing twice, holds the key of item i, and no item before it has
 * the same key. first is the key in items[0]. */
void postgres_first_of_each(const PGresult *answer, const Slice *first, size_t stride, size_t count, bool *ret);

/* ---- asking (postgres_exchange.c) ---- */

/* Puts a statement into the next round trip. The values must live until then. */
void postgres_ask(Postgres *store, const PostgresStatement *statement, const PostgresValue *values, size_t count);
#define ASK(store, statement, ...) \
    postgres_ask((store), (statement), (const PostgresValue[]){__VA_ARGS__}, sizeof((const PostgresValue[]){__VA_ARGS__}) / sizeof(PostgresValue))
void postgres_begin(Postgres *store);
void postgres_commit(Postgres *store);

/* One round trip for all that was asked. */
Status postgres_exchange(Postgres *store, Fault *fault);
/* Of the n-th statement of the last exchange; until the next one. Or the caller's from now on: PQclear it. */
const PGresult *postgres_answer(const Postgres *store, size_t n);
PGresult *postgres_take_answer(Postgres *store, size_t n);

/* Runs a verb's transaction until it is done, cannot be, or the deadline is over. `work` may be called more than once: it asks,
 * begins and commits anew each time, and what it changes in `verb` counts only when it returns OK. */
typedef Status (*PostgresWork)(Postgres *store, void *verb, Fault *fault);
Status postgres_run(Postgres *store, PostgresWork work, void *verb, Fault *fault);

/* ---- the connection (postgres_connection.c) ---- */

Status postgres_connect(Postgres *store, Fault *fault);
void postgres_disconnect(Postgres *store);
/* Until the socket is ready for these poll events; RETRY when the deadline is over. */
Status postgres_wait(Postgres *store, short events, Fault *fault);

/* ---- schema (postgres_schema.c) ---- */

/* Sets the session up and brings the schema to the newest version, in one transaction; a newer one is refused. */
Status postgres_prepare_session(Postgres *store, Fault *fault);

/* ---- failures (postgres_faults.c) ---- */

/* The fault of a failed answer, or of the connection where answer is NULL; sets again and health. */
Status postgres_fault(Postgres *store, const PGresult *answer, Fault *fault);

/* ---- the registry's files ---- */

/* Verbs of RegistryPort (postgres_actions.c). */
Status postgres_record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
Status postgres_enter_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
Status postgres_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                        Fault *fault);

/* The audit chain (postgres_audit.c). lock: asks for the head, which then nobody else moves before our transaction ends.
 * append: seals entries behind that answer, asks to store them and to move the head; entries are filled in. */
extern const PostgresStatement postgres_audit_lock;
Status postgres_audit_append(Postgres *store, const PGresult *head, AuditEntry *entries, size_t count, Fault *fault);
Status postgres_audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                      Fault *fault);
Status postgres_audit_head(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault);
Status postgres_audit_append_own(void *self, const AuditEntry *entry, Fault *fault);
Status postgres_audit_carry(void *self, const AuditEntry *entries, size_t count, bool *ret_new, Fault *fault);
/* After a try whose commit was never heard of: asks whether this entry is there. */
void postgres_audit_ask_for(Postgres *store, const AuditEntry *entry);

/* ---- lists (postgres_list.c) ---- */

/* Visits rows page by page. `ask` asks for at most `rows` of them behind the last row of the page before (NULL at first); `show`
 * hands one to the visitor and returns false to stop. */
typedef struct PostgresList {
    void (*ask)(Postgres *store, const void *verb, const PGresult *before, int64_t rows);
    bool (*show)(const void *verb, const PGresult *page, int row);
    const void *verb; /* what to look for, and the visitor */
    size_t limit;     /* 0 = all */
} PostgresList;
Status postgres_list(Postgres *store, const PostgresList *list, Fault *fault);

/* The cursor of the next page: a column of the last row before, or where there is none, where the filter says to begin. */
Slice postgres_after(const PGresult *before, int column, Slice begin);
