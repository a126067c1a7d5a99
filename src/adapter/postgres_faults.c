/* What the server's failures mean for us. The first row whose SQLSTATE begins the server's wins. What the
 * server says of itself waits until somebody mends it; only what it says of a value is a fault of the message. */
#include "adapter/postgres_store.h"

typedef struct FaultRow {
    const char *sqlstate;
    Status status;
    PostgresAgain again;
    PostgresHealth health;
    const char *code, *advice;
} FaultRow;

static const FaultRow rows[] = {
    {"40",    STATUS_RETRY,  POSTGRES_AGAIN,     POSTGRES_WELL,    "database_contended", "others write the same rows; it is tried again"},
    {"55P03", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_WELL,    "database_contended", "somebody holds a lock; look at pg_locks"},
    {"57014", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_slow",      "slower than the deadline; look at pg_stat_activity"},
    {"57P",   STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_AWAY,    "database_away",      "the server stops or starts; it is tried again"},
    {"08",    STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_AWAY,    "database_away",      "the connection broke; it is tried again"},
    {"25006", STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_AWAY,    "database_read_only", "name the primary, or all hosts, in DATABASE_URL"},
    {"25P03", STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_WELL,    "database_slow",      "we were too slow; is this machine overloaded?"},
    {"26",    STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_REFUSES, "database_pooled",    "let the pooler in between pool sessions, not transactions"},
    {"42P05", STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_REFUSES, "database_pooled",    "let the pooler in between pool sessions, not transactions"},
    {"0A000", STATUS_RETRY,  POSTGRES_RECONNECT, POSTGRES_WELL,    "database_changed",   "a table was altered; it is tried again"},
    {"53300", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_crowded",   "raise max_connections, or pool"},
    {"53100", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_full",      "make room on the server's disk"},
    {"53",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_exhausted", "give the server more memory, or less to do"},
    {"28",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_login",     "look at the user in DATABASE_URL, and at pg_hba.conf"},
    {"3D",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_missing",   "create it, or name another one in DATABASE_URL"},
    {"42501", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_denied",    "grant the role of DATABASE_URL what it needs"},
    {"22",    STATUS_REJECT, POSTGRES_ENDS,      POSTGRES_WELL,    "value_invalid",      "PostgreSQL cannot hold this value"},
    {"23",    STATUS_REJECT, POSTGRES_ENDS,      POSTGRES_WELL,    "value_refused",      "a constraint of the table refuses it"},
    {"58",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_AWAY,    "database_io",        "look at the server's log and its disk"},
    {"XX001", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_damaged",   "restore a backup"},
    {"XX002", STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_damaged",   "reindex, or restore a backup"},
    {"3F",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_foreign",   "the tables are not ours: name another schema in DATABASE_URL"},
    {"42",    STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_foreign",   "the tables are not ours: name another schema in DATABASE_URL"},
    {"",      STATUS_RETRY,  POSTGRES_ENDS,      POSTGRES_REFUSES, "database_failed",    "look at the server's log"},
};

/* A connection that broke, or never was, has no SQLSTATE. */
static const FaultRow broken = {"", STATUS_RETRY, POSTGRES_RECONNECT, POSTGRES_AWAY, "database_away",
                                "look at DATABASE_URL, and whether the server runs"};

static const FaultRow *row_of(const char *sqlstate)
{
    const FaultRow *row = rows;
    while (strncmp(sqlstate, row->sqlstate, strlen(row->sqlstate)) != 0)
        row++;
    return row;
}

/* libpq ends lines, and puts several of them into one message. */
static int first_line(const char *text)
{
    size_t bytes = strcspn(text, "\n");
    return bytes < 140 ? (int)bytes : 140;
}

/* Only the primary message: details quote the values, which may be phone numbers. */
Status postgres_fault(Postgres *store, const PGresult *answer, Fault *fault)
{
    const char *sqlstate = answer ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : NULL;
    const char *text = sqlstate ? PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY) : PQerrorMessage(store->connection);
    const FaultRow *row = sqlstate ? row_of(sqlstate) : &broken;
    text = text && *text ? text : "the connection broke";
    store->again = row->again;
    store->health = row->health;
    return fault_set(fault, row->status, row->code, "PostgreSQL: %.*s%s%s: %s", first_line(text), text, sqlstate ? " " : "",
                     sqlstate ? sqlstate : "", row->advice);
}
