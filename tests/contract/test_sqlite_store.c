/* What is SQLite's own: its file, readers beside the writer, migration, a full disk, damage. */
#include "contract.h"

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "base/clock.h"

/* ---- arranging ---- */

static SqliteStore *open_store(Contract *c, SqliteMode mode, Ports *ports)
{
    SqliteStore *store = NULL;
    SqliteSettings settings = {.folder = c->folder, .mode = mode};
    must(c, sqlite_store_open(&settings, &store, &c->fault));
    *ports = (Ports){.unit = sqlite_unit(store), .registry = sqlite_registry(store), .effects = sqlite_effects(store), .cdrs = sqlite_cdrs(store),
                     .live = sqlite_live(store, SQLITE_LIVE_JOINED)};
    return store;
}

static void open_writer(Contract *c) { c->stores = open_store(c, SQLITE_WRITER, &c->ports); }

static void close_writer(Contract *c)
{
    sqlite_store_close(c->stores);
    c->stores = NULL;
}

static Status try_open(Contract *c, SqliteMode mode, bool after_crash)
{
    SqliteStore *store = NULL;
    SqliteSettings settings = {.folder = c->folder, .mode = mode, .after_crash = after_crash};
    Status status = sqlite_store_open(&settings, &store, &c->fault);
    if (!status)
        sqlite_store_close(store);
    return status;
}

static int teardown(void **state)
{
    Contract *contract = *state;
    sqlite_store_close(contract->stores);
    return contract_teardown_folder(state);
}

static const char *file_of(Contract *c, const char *name) { return arena_printf(&c->arena, "%s/%s", c->folder, name).at; }

/* Somebody else's hands on the file. */
static void run_sql(Contract *c, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(file_of(c, "pledgeline.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error))
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void store_call(Contract *c, const char *call_id, const char *campaign_id)
{
    Event event = contract_call_event(call_id, campaign_id, CALL_INITIATED, NOON_MS);
    contract_store(c, &event);
}

static int64_t count_calls(const Ports *ports)
{
    int64_t records = -1;
    assert_int_equal(ports->cdrs.count(ports->cdrs.self, &records, NULL), STATUS_OK);
    return records;
}

/* ---- the file ---- */

static void what_was_committed_is_there_after_opening_again(void **state)
{
    Contract *c = *state;
    open_writer(c);
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_block(c, &entry);
    store_call(c, "call-1", "winter");
    close_writer(c);
    open_writer(c);
    assert_true(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
}

static void files_are_nobody_elses_to_read(void **state)
{
    Contract *c = *state;
    struct stat info;
    open_writer(c);
    store_call(c, "call-1", "winter");
    const char *const names[] = {"pledgeline.db", "pledgeline.db-wal", "pledgeline.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(file_of(c, names[i]), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

enum { MEGABYTE = 1024 * 1024 };

static void write_megabytes(Contract *c, int count)
{
    char *reason = arena_zalloc(&c->arena, MEGABYTE);
    memset(reason, 'x', MEGABYTE);
    for (int i = 0; i < count; i++) {
        AuditEntry entry = {.at_ms = NOON_MS, .kind = SLICE("import"), .reason = {reason, MEGABYTE}};
        must(c, c->ports.registry.audit_append(c->ports.registry.self, &entry, &c->fault));
    }
}

static off_t bytes_of(Contract *c, const char *name)
{
    struct stat info;
    assert_int_equal(stat(file_of(c, name), &info), 0);
    return info.st_size;
}

static void log_stays_bounded(void **state)
{
    Contract *c = *state;
    open_writer(c);
    write_megabytes(c, 160);
    assert_true(bytes_of(c, "pledgeline.db-wal") < 120 * MEGABYTE);
}

static void log_goes_to_the_database_without_another_commit(void **state)
{
    Contract *c = *state;
    open_writer(c);
    write_megabytes(c, 17);
    int64_t until_ms = clock_elapsed_ms() + 20000;
    while (bytes_of(c, "pledgeline.db") < 16 * MEGABYTE && clock_elapsed_ms() < until_ms)
        poll(NULL, 0, 1);
    assert_true(bytes_of(c, "pledgeline.db") >= 16 * MEGABYTE);
}

/* ---- readers ---- */

static void reader_in_another_process_sees_what_is_committed(void **state)
{
    Contract *c = *state;
    open_writer(c);
    store_call(c, "call-1", "winter");
    contract_begin(c);
    store_call(c, "call-2", "winter");
    pid_t child = fork();
    if (child == 0) {
        Ports ports;
        open_store(c, SQLITE_READER, &ports);
        _exit((int)count_calls(&ports));
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    contract_commit(c);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 1);
}

static void unit_of_a_reader_is_one_view(void **state)
{
    Contract *c = *state;
    Ports reader;
    open_writer(c);
    store_call(c, "call-1", "winter");
    SqliteStore *store = open_store(c, SQLITE_READER, &reader);
    assert_int_equal(reader.unit.begin(reader.unit.self, NULL), STATUS_OK);
    assert_int_equal(count_calls(&reader), 1);
    store_call(c, "call-2", "winter");
    assert_int_equal(count_calls(&reader), 1);
    assert_int_equal(reader.unit.commit(reader.unit.self, NULL), STATUS_OK);
    assert_int_equal(count_calls(&reader), 2);
    sqlite_store_close(store);
}

typedef struct Race { Contract *c; size_t seen; } Race;

static bool store_another(void *context, const Cdr *cdr)
{
    (void)cdr;
    Race *race = context;
    store_call(race->c, arena_printf(&race->c->arena, "new-%zu", race->seen++).at, "winter");
    return true;
}

static void scan_is_one_view_while_the_writer_goes_on(void **state)
{
    Contract *c = *state;
    Ports reader;
    open_writer(c);
    store_call(c, "call-1", "winter");
    store_call(c, "call-2", "winter");
    SqliteStore *store = open_store(c, SQLITE_READER, &reader);
    Race race = {.c = c};
    must(c, reader.cdrs.scan(reader.cdrs.self, &contract_rating, store_another, &race, &c->fault));
    assert_int_equal(race.seen, 2);
    assert_int_equal(count_calls(&reader), 4);
    sqlite_store_close(store);
}

static void reader_cannot_write(void **state)
{
    Contract *c = *state;
    open_writer(c);
    SqliteStore *store = open_store(c, SQLITE_READER, &c->ports);
    BlockEntry entry = contract_optout("+12125550100", "a");
    BlockResult result;
    assert_int_equal(c->ports.registry.block(c->ports.registry.self, &entry, 1, &result, &c->fault), STATUS_FATAL);
    assert_string_equal(c->fault.code, "read_only");
    sqlite_store_close(store);
}

static void reader_of_an_empty_folder_is_told(void **state)
{
    Contract *c = *state;
    assert_int_equal(try_open(c, SQLITE_READER, false), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_missing");
}

static void reader_that_may_find_nothing_is_told_when_it_asks(void **state)
{
    Contract *c = *state;
    SqliteSettings settings = {.folder = c->folder, .mode = SQLITE_READER, .may_be_missing = true};
    SqliteStore *store;
    int64_t count;
    must(c, sqlite_store_open(&settings, &store, &c->fault));
    SpoolPort spool = sqlite_spool(store);
    UnitPort unit = sqlite_unit(store);
    assert_int_equal(spool.count(spool.self, SPOOL_DEAD, &count, &c->fault), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_missing");
    must(c, unit.begin(unit.self, &c->fault)); /* what else is read in it may be elsewhere */
    assert_int_equal(spool.list(spool.self, &(SpoolFilter){0}, NULL, NULL, &c->fault), STATUS_FATAL);
    unit.rollback(unit.self);
    sqlite_store_close(store);
}

/* ---- migration ---- */

static const char *const back_to_step_one =
    "DROP TABLE blocked; DROP TABLE action; DROP TABLE audit; DROP TABLE audit_head; DROP TABLE effect; DROP TABLE sms; DROP TABLE counter;"
    "DROP TABLE activity; DROP TABLE projected; DROP TABLE spool; DROP TABLE probe; DROP TABLE click; DROP TABLE gift;"
    "PRAGMA user_version = 1;";

static void older_file_is_migrated_and_keeps_its_records(void **state)
{
    Contract *c = *state;
    open_writer(c);
    store_call(c, "call-1", "winter");
    close_writer(c);
    run_sql(c, back_to_step_one);
    assert_int_equal(try_open(c, SQLITE_READER, false), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_older");
    open_writer(c);
    BlockEntry entry = contract_optout("+12125550100", "a");
    assert_int_equal(contract_block(c, &entry), BLOCK_ADDED);
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
}

static const char *const back_to_step_six =
    "DROP TABLE click; DROP TABLE gift; DROP INDEX effect_by_ref; ALTER TABLE effect DROP COLUMN kind; ALTER TABLE effect DROP COLUMN ref; ALTER TABLE effect DROP COLUMN follows;"
    "ALTER TABLE effect DROP COLUMN provider; ALTER TABLE effect DROP COLUMN sms_class; ALTER TABLE effect DROP COLUMN code;"
    "ALTER TABLE effect DROP COLUMN receipt; ALTER TABLE effect DROP COLUMN delivered_ms; ALTER TABLE effect DROP COLUMN segments;"
    "ALTER TABLE effect DROP COLUMN cost_micros; PRAGMA user_version = 6;";

static void effects_of_an_older_file_are_presses_and_go_on(void **state)
{
    Contract *c = *state;
    open_writer(c);
    Effect effect = contract_sending(c, "call-1_donation", "+12125550100");
    contract_sending(c, "call-2_donation", "+12125550100");
    close_writer(c);
    run_sql(c, back_to_step_six);
    open_writer(c);
    bool moved, found;
    effect.state = EFFECT_SENT;
    effect.provider = SLICE("twilio");
    must(c, c->ports.effects.settle(c->ports.effects.self, &effect, 1, NOON_MS, &moved, &c->fault));
    assert_true(moved);
    must(c, c->ports.effects.load(c->ports.effects.self, &effect.action_id, 1, &c->arena, &effect, &found, &c->fault));
    assert_true(found);
    assert_int_equal(effect.kind, EFFECT_DONATION);
    assert_int_equal(effect.state, EFFECT_SENT);
    assert_slice(effect.ref, "");
    assert_slice(effect.provider, "twilio");
    assert_int_equal(effect.receipt, RECEIPT_NONE);
}

static void text_that_was_sending_before_the_ledger_knew_since_when_counts_from_its_claim(void **state)
{
    Contract *c = *state;
    open_writer(c);
    contract_sending(c, "call-1_donation", "+12125550100");
    close_writer(c);
    run_sql(c, back_to_step_six);
    run_sql(c, "ALTER TABLE effect DROP COLUMN asked_ms; PRAGMA user_version = 5");
    open_writer(c);
    Effect again = contract_donation("call-1_donation", "+12125550100");
    bool is_claimed;
    must(c, c->ports.effects.claim(c->ports.effects.self, &again, 1, NOON_MS + 60000, 30000, GATEWAY(60000), &c->arena, &is_claimed, &c->fault));
    assert_false(is_claimed);
    assert_int_equal(again.state, EFFECT_UNKNOWN);
}

static void migration_that_fails_stops_between_two_steps(void **state)
{
    Contract *c = *state;
    open_writer(c);
    store_call(c, "call-1", "winter");
    close_writer(c);
    run_sql(c, back_to_step_one);
    run_sql(c, "CREATE TABLE sms (in_the_way INTEGER)"); /* step 3 makes effect first, then sms */
    assert_int_equal(try_open(c, SQLITE_WRITER, false), STATUS_FATAL);
    run_sql(c, "DROP TABLE sms; CREATE TABLE effect (not_there_yet INTEGER); DROP TABLE effect; SELECT entries FROM audit_head");
    open_writer(c);
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
}

static void newer_file_is_refused(void **state)
{
    Contract *c = *state;
    open_writer(c);
    close_writer(c);
    run_sql(c, "PRAGMA user_version = 999");
    assert_int_equal(try_open(c, SQLITE_WRITER, false), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_newer");
}

static void file_of_another_program_is_refused_and_left_alone(void **state)
{
    Contract *c = *state;
    run_sql(c, "CREATE TABLE theirs (a INTEGER)");
    assert_int_equal(try_open(c, SQLITE_WRITER, false), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_foreign");
    run_sql(c, "SELECT a FROM theirs");
}

/* ---- a full disk ---- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void lift_file_size(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* One unit that writes a record of a new campaign, a blocked number and its audit entry. Ends like its commit. */
static Status run_unit(Contract *c)
{
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_begin(c);
    store_call(c, "call-2", "spring");
    contract_block(c, &entry);
    return c->ports.unit.commit(c->ports.unit.self, &c->fault);
}

static void full_disk_fails_the_commit_and_nothing_else(void **state)
{
    Contract *c = *state;
    struct stat info;
    open_writer(c);
    store_call(c, "call-1", "winter");
    assert_int_equal(stat(file_of(c, "pledgeline.db-wal"), &info), 0);

    limit_file_size((rlim_t)info.st_size + 2048);
    for (int i = 0; i < 3; i++) {
        Status status = run_unit(c);
        bool healthy = c->ports.unit.probe(c->ports.unit.self, NULL) == STATUS_OK;
        if (status != STATUS_FATAL || strcmp(c->fault.code, "disk_full") || healthy) {
            lift_file_size();
            fail_msg("status %d, %s: %s", status, c->fault.code, c->fault.text);
        }
    }
    assert_false(contract_is_blocked(c, "+12125550100"));
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
    assert_int_equal(contract_load(c, "call-2")->rev, 0);

    lift_file_size();
    must(c, c->ports.unit.probe(c->ports.unit.self, &c->fault));
    must(c, run_unit(c));
    assert_true(contract_is_blocked(c, "+12125550100"));
    assert_slice(contract_load(c, "call-2")->campaign_id, "spring");
    close_writer(c);
    assert_int_equal(try_open(c, SQLITE_WRITER, true), STATUS_OK);
}

/* A unit larger than the page cache writes to the log before its commit, so the failure comes in the middle of a verb. */
static void full_disk_in_the_middle_of_a_unit_spoils_it_whole(void **state)
{
    Contract *c = *state;
    enum { BYTES = 50 * 1024 * 1024 };
    struct stat info;
    open_writer(c);
    store_call(c, "call-1", "winter");
    assert_int_equal(stat(file_of(c, "pledgeline.db-wal"), &info), 0);
    char *reason = arena_zalloc(&c->arena, BYTES);
    memset(reason, 'x', BYTES);
    AuditEntry large = {.at_ms = NOON_MS, .kind = SLICE("import"), .reason = {reason, BYTES}};
    BlockEntry entry = contract_optout("+12125550100", "a");
    BlockResult result;

    limit_file_size((rlim_t)info.st_size + 2048);
    contract_begin(c);
    Status first = c->ports.registry.audit_append(c->ports.registry.self, &large, &c->fault);
    Status then = c->ports.registry.block(c->ports.registry.self, &entry, 1, &result, NULL);
    Status last = c->ports.unit.commit(c->ports.unit.self, NULL);
    lift_file_size();
    assert_int_equal(first, STATUS_FATAL);
    assert_string_equal(c->fault.code, "disk_full");
    assert_int_equal(then, STATUS_RETRY);
    assert_int_equal(last, STATUS_RETRY);
    assert_false(contract_is_blocked(c, "+12125550100"));
    must(c, run_unit(c));
    assert_true(contract_is_blocked(c, "+12125550100"));
}

/* ---- damage ---- */

static void overwrite(const char *path, long at, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    fwrite(bytes, 1, count, file);
    fclose(file);
}

static void damaged_file_is_refused_after_a_crash(void **state)
{
    Contract *c = *state;
    char garbage[4096];
    memset(garbage, 0x5a, sizeof garbage);
    open_writer(c);
    contract_begin(c);
    for (int i = 0; i < 500; i++)
        store_call(c, arena_printf(&c->arena, "call-%d", i).at, "winter");
    contract_commit(c);
    close_writer(c);
    assert_int_equal(try_open(c, SQLITE_WRITER, true), STATUS_OK);
    struct stat before, after;
    const char *file = file_of(c, "pledgeline.db");
    stat(file, &before);
    overwrite(file, (long)before.st_size - 4 * 4096, garbage, sizeof garbage);
    assert_int_equal(try_open(c, SQLITE_WRITER, true), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_damaged");
    stat(file, &after);
    assert_int_equal(before.st_size, after.st_size);
}

static void file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    Contract *c = *state;
    const char *file = file_of(c, "pledgeline.db");
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    for (int i = 0; i < 2000; i++)
        fputs("these are somebody's notes\n", made);
    fclose(made);
    assert_int_equal(try_open(c, SQLITE_WRITER, false), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_damaged");
    struct stat info;
    stat(file, &info);
    assert_int_equal(info.st_size, 2000 * 27);
}

static void log_without_its_database_is_not_thrown_away(void **state)
{
    Contract *c = *state;
    open_writer(c);
    store_call(c, "call-1", "winter");
    const char *away = file_of(c, "away.db"), *file = file_of(c, "pledgeline.db");
    assert_int_equal(rename(file, away), 0);
    assert_int_equal(try_open(c, SQLITE_WRITER, true), STATUS_FATAL);
    assert_string_equal(c->fault.code, "database_missing");
    assert_int_equal(rename(away, file), 0);
}

/* ---- the audit chain, against ordinary hands ---- */

static void audit_entries_are_protected_by_the_file_itself(void **state)
{
    Contract *c = *state;
    open_writer(c);
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_block(c, &entry);
    const char *const attempts[] = {"UPDATE audit SET actor = 'nobody'", "DELETE FROM audit",
                                    "INSERT OR REPLACE INTO audit SELECT seq, at_ms, kind, subject, action_id, 'x', reason, detail, hash FROM audit"};
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file_of(c, "pledgeline.db"), &db), SQLITE_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sqlite3_exec(db, attempts[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
    sqlite3_close(db);
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, contract_setup_folder, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_was_committed_is_there_after_opening_again),
        STORE_TEST(files_are_nobody_elses_to_read),
        STORE_TEST(log_stays_bounded),
        STORE_TEST(log_goes_to_the_database_without_another_commit),
        STORE_TEST(reader_in_another_process_sees_what_is_committed),
        STORE_TEST(unit_of_a_reader_is_one_view),
        STORE_TEST(scan_is_one_view_while_the_writer_goes_on),
        STORE_TEST(reader_cannot_write),
        STORE_TEST(reader_of_an_empty_folder_is_told),
        STORE_TEST(reader_that_may_find_nothing_is_told_when_it_asks),
        STORE_TEST(older_file_is_migrated_and_keeps_its_records),
        STORE_TEST(effects_of_an_older_file_are_presses_and_go_on),
        STORE_TEST(text_that_was_sending_before_the_ledger_knew_since_when_counts_from_its_claim),
        STORE_TEST(migration_that_fails_stops_between_two_steps),
        STORE_TEST(newer_file_is_refused),
        STORE_TEST(file_of_another_program_is_refused_and_left_alone),
        STORE_TEST(full_disk_fails_the_commit_and_nothing_else),
        STORE_TEST(full_disk_in_the_middle_of_a_unit_spoils_it_whole),
        STORE_TEST(damaged_file_is_refused_after_a_crash),
        STORE_TEST(file_that_is_no_database_is_refused_and_left_alone),
        STORE_TEST(log_without_its_database_is_not_thrown_away),
        STORE_TEST(audit_entries_are_protected_by_the_file_itself),
    };
    return cmocka_run_group_tests_name("sqlite store", tests, NULL, NULL);
}
