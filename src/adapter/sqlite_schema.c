/* The schema, as the steps that lead to it. A file carries the number of steps it has taken (PRAGMA user_version); each is
 * one transaction, so a process killed in a step finds the file before or after it. Steps are only ever added. */
#include <stdlib.h>

#include "adapter/sqlite_store.h"

/* "PLDG": tells our files from any other SQLite file. */
#define APPLICATION_ID "1347175495"

static const char *const steps[] = {
    /* 1: call detail records. The facts are the truth; the columns in front of them are derived, for filters and sums. The
     * index on a 64-bit hash of the call id is smaller and faster than one on the text; a collision costs one comparison.
     * call_open serves the sweeper: a call that started late cannot have gone quiet early. */
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE call ("
    "  id INTEGER PRIMARY KEY,"
    "  hash INTEGER NOT NULL,"
    "  call_id TEXT NOT NULL,"
    "  campaign INTEGER NOT NULL REFERENCES name,"
    "  rev INTEGER NOT NULL,"
    "  start_ms INTEGER NOT NULL,"
    "  stored_ms INTEGER NOT NULL,"
    "  last_event_ms INTEGER NOT NULL,"
    "  is_open INTEGER NOT NULL,"
    "  answered INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL,"
    "  duration_s INTEGER NOT NULL,"
    "  cost_micros INTEGER NOT NULL,"
    "  facts BLOB NOT NULL);"
    "CREATE INDEX call_by_hash ON call(hash);"
    "CREATE INDEX call_by_campaign ON call(campaign, start_ms);"
    "CREATE INDEX call_open ON call(start_ms) WHERE is_open;",

    /* 2: the do-not-call list, actions, and the audit chain, which nobody rewrites by accident. Its head is kept apart, so
     * that a chain cut at its end shows. */
    "CREATE TABLE blocked ("
    "  phone TEXT PRIMARY KEY,"
    "  added_ms INTEGER NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  source TEXT NOT NULL,"
    "  call_id TEXT NOT NULL,"
    "  campaign_id TEXT NOT NULL,"
    "  contact_id TEXT NOT NULL,"
    "  timestamp TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  action_id TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE action ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  call_id TEXT NOT NULL,"
    "  campaign_id TEXT NOT NULL,"
    "  contact_id TEXT NOT NULL,"
    "  phone TEXT NOT NULL,"
    "  action_type TEXT NOT NULL,"
    "  donation_link TEXT NOT NULL,"
    "  sms_message_id TEXT NOT NULL,"
    "  tts_fallback_triggered INTEGER NOT NULL,"
    "  timestamp_ms INTEGER NOT NULL,"
    "  status TEXT NOT NULL,"
    "  failure_reason TEXT NOT NULL);"
    "CREATE TABLE audit ("
    "  seq INTEGER PRIMARY KEY,"
    "  at_ms INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  action_id TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  detail TEXT NOT NULL,"
    "  hash BLOB NOT NULL);"
    "CREATE INDEX audit_by_subject ON audit(subject, action_id);"
    "CREATE TABLE audit_head (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, hash BLOB NOT NULL);"
    "INSERT INTO audit_head VALUES (1, 0, zeroblob(32));"
    "CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit"
    "  BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;"
    "CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit"
    "  BEGIN SELECT RAISE(ABORT, 'the audit chain is never deleted from'); END;"
    "CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"
    "  BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;",

    /* 3: the ledger of effects (states as in EffectState; 0 to 2 wait for somebody) and the gateway's outbox */
    "CREATE TABLE effect ("
    "  action_id TEXT PRIMARY KEY,"
    "  call_id TEXT NOT NULL,"
    "  campaign_id TEXT NOT NULL,"
    "  contact_id TEXT NOT NULL,"
    "  phone TEXT NOT NULL,"
    "  campaign_name TEXT NOT NULL,"
    "  donation_link TEXT NOT NULL,"
    "  message TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  fence INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  moved_ms INTEGER NOT NULL);"
    "CREATE INDEX effect_due ON effect(due_ms) WHERE state <= 2;"
    "CREATE TABLE sms ("
    "  row INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL,"
    "  action_id TEXT NOT NULL UNIQUE,"
    "  call_id TEXT NOT NULL,"
    "  campaign_id TEXT NOT NULL,"
    "  contact_id TEXT NOT NULL,"
    "  phone TEXT NOT NULL,"
    "  message TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  failure_reason TEXT NOT NULL,"
    "  queued_ms INTEGER NOT NULL);",

    /* 4: counters, and what each key added to them where the records are kept elsewhere */
    "CREATE TABLE counter ("
    "  campaign INTEGER NOT NULL REFERENCES name,"
    "  name TEXT NOT NULL,"
    "  value INTEGER NOT NULL,"
    "  PRIMARY KEY (campaign, name)) WITHOUT ROWID;"
    "CREATE TABLE activity (campaign INTEGER PRIMARY KEY REFERENCES name, last_ms INTEGER NOT NULL);"
    "CREATE TABLE projected ("
    "  hash INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  rev INTEGER NOT NULL,"
    "  share BLOB NOT NULL,"
    "  PRIMARY KEY (hash, key)) WITHOUT ROWID;",

    /* 5: the spool: state 0 waits, 1 is a dead letter; row numbers are never given twice. And the row that is written to see
     * whether the store takes writes. */
    "CREATE TABLE spool ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  state INTEGER NOT NULL,"
    "  hash INTEGER NOT NULL,"
    "  topic TEXT NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  body BLOB NOT NULL,"
    "  received_ms INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  code TEXT NOT NULL,"
    "  reason TEXT NOT NULL);"
    "CREATE INDEX spool_by_hash ON spool(hash);"
    "CREATE INDEX spool_due ON spool(due_ms) WHERE state = 0;"
    "CREATE INDEX spool_by_state ON spool(state);"
    "CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), bytes BLOB NOT NULL);",

    /* 6: since when the gateway may have a text */
    ("ALTER TABLE effect ADD COLUMN asked_ms INTEGER NOT NULL DEFAULT 0;"
     "UPDATE effect SET asked_ms = moved_ms WHERE state = 2;"),

    /* 7: kinds of effects, and what providers say of them. Nobody can name an effect of before to us: it has no ref. */
    ("ALTER TABLE effect ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN ref TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE effect ADD COLUMN follows TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE effect ADD COLUMN provider TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE effect ADD COLUMN sms_class TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE effect ADD COLUMN code TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE effect ADD COLUMN receipt INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN delivered_ms INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN segments INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN cost_micros INTEGER NOT NULL DEFAULT 0;"
     "CREATE UNIQUE INDEX effect_by_ref ON effect(ref) WHERE ref <> '';"),

    /* 8: clicks on links (kinds as in ClickKind), and gifts; a time of 0 is one that nobody has told of */
    "CREATE TABLE click ("
    "  ref TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  first_ms INTEGER NOT NULL,"
    "  last_ms INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  PRIMARY KEY (ref, kind)) WITHOUT ROWID;"
    "CREATE TABLE gift ("
    "  row INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  ref TEXT NOT NULL,"
    "  call_id TEXT NOT NULL,"
    "  campaign_id TEXT NOT NULL,"
    "  contact_id TEXT NOT NULL,"
    "  currency TEXT NOT NULL,"
    "  given_micros INTEGER NOT NULL,"
    "  given_ms INTEGER NOT NULL,"
    "  refunded_micros INTEGER NOT NULL,"
    "  refunded_ms INTEGER NOT NULL,"
    "  received_ms INTEGER NOT NULL);"
    "CREATE INDEX gift_by_ref ON gift(ref);"
    "CREATE INDEX gift_by_call ON gift(call_id);"
    "CREATE INDEX gift_by_campaign ON gift(campaign_id);",
};
enum { STEP_COUNT = sizeof steps / sizeof *steps };

static Status take_step(SqliteStore *store, int64_t number, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Slice script = arena_printf(&arena, "BEGIN IMMEDIATE; %s PRAGMA application_id = " APPLICATION_ID "; PRAGMA user_version = %lld; COMMIT;",
                                steps[number], (long long)number + 1);
    Status status = sql_script(store, script.at, fault);
    if (status && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    arena_done(&arena);
    return status;
}

static Status refuse_foreign(SqliteStore *store, int64_t version, Fault *fault)
{
    int64_t id = 0, tables = 0;
    Status status = sql_number(store, "PRAGMA application_id", &id, fault);
    status = status ? status : sql_number(store, "SELECT count(*) FROM sqlite_master", &tables, fault);
    if (status)
        return status;
    bool is_new = version == 0 && tables == 0;
    if (!is_new && id != strtoll(APPLICATION_ID, NULL, 10))
        return fault_set(fault, STATUS_FATAL, "database_foreign",
                         "%s is a database of another program: name another data folder", store->path);
    if (version > STEP_COUNT)
        return fault_set(fault, STATUS_FATAL, "database_newer",
                         "%s was written by a newer Pledgeline (schema %lld, this one knows %d): run that version",
                         store->path, (long long)version, STEP_COUNT);
    return STATUS_OK;
}

Status sqlite_migrate(SqliteStore *store, Fault *fault)
{
    int64_t version = 0;
    Status status = sql_number(store, "PRAGMA user_version", &version, fault);
    status = status ? status : refuse_foreign(store, version, fault);
    if (!status && store->mode == SQLITE_READER && version < STEP_COUNT)
        return fault_set(fault, STATUS_FATAL, "database_older",
                         "%s was written by an older Pledgeline (schema %lld, this one needs %d): start `pledgeline serve` once, it migrates",
                         store->path, (long long)version, STEP_COUNT);
    for (; !status && version < STEP_COUNT; version++)
        status = take_step(store, version, fault);
    return status;
}
