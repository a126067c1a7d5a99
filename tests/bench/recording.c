/* Rows come from SQLite's pre-update hook, which Debian's library has. The values live in one arena until the end. */
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include "recording.h"

#include <stdlib.h>

#include "base/arena.h"
#include "measure.h"

enum { COLUMNS_MAX = 32, TABLES_MAX = 32, STATEMENTS_MAX = 256 };

typedef struct Table {
    const char *name;
    bool has_rowid;
    int column_count;
    const char *columns[COLUMNS_MAX];
    uint32_t key_mask; /* columns of the primary key, where there is no rowid */
} Table;

typedef struct Value {
    int type; /* SQLITE_INTEGER … */
    int64_t number;
    Slice bytes;
} Value;

typedef struct Row {
    const Table *table;
    bool is_new;       /* INSERT, else UPDATE */
    uint32_t mask;     /* columns to write */
    int64_t rowid;
    Value *values;     /* all columns */
    size_t statement;  /* index into Recording.statements */
} Row;

typedef struct Rows {
    Row *items;
    size_t count, capacity;
} Rows;

struct Recording {
    sqlite3 *db;
    Arena arena;
    Table tables[TABLES_MAX];
    size_t table_count;
    Rows rows;
    size_t *ends; /* index behind the last row of each transaction */
    size_t end_count, end_capacity;
    Row statements[STATEMENTS_MAX]; /* an example of each kind of statement */
    size_t statement_count;
};

static void *grow(void *items, size_t *capacity, size_t item_bytes)
{
    *capacity = *capacity ? *capacity * 2 : 1024;
    void *wider = realloc(items, *capacity * item_bytes);
    if (!wider)
        abort();
    return wider;
}

/* ---- the adapter's connection ---- */

static _Thread_local sqlite3 *last_connection; /* checkpoints have one of their own */

static int note_connection(sqlite3 *db, char **error, const void *routines)
{
    (void)error, (void)routines;
    last_connection = db;
    return SQLITE_OK;
}

void connections_watch(void) { sqlite3_auto_extension((void (*)(void))note_connection); }

sqlite3 *connections_last(void) { return last_connection; }

/* ---- tables ---- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL))
        give_up(sqlite3_errmsg(db));
    return statement;
}

static const char *column_text(Recording *recording, sqlite3_stmt *statement, int column)
{
    return arena_copy(&recording->arena, slice_of((const char *)sqlite3_column_text(statement, column))).at;
}

static void read_columns(Recording *recording, Table *table)
{
    Slice sql = arena_printf(&recording->arena, "PRAGMA table_info(\"%s\")", table->name);
    sqlite3_stmt *statement = prepare(recording->db, sql.at);
    while (sqlite3_step(statement) == SQLITE_ROW && table->column_count < COLUMNS_MAX) {
        table->key_mask |= sqlite3_column_int(statement, 5) ? 1u << table->column_count : 0;
        table->columns[table->column_count++] = column_text(recording, statement, 1);
    }
    sqlite3_finalize(statement);
}

static void read_tables(Recording *recording)
{
    sqlite3_stmt *statement = prepare(recording->db, "SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND schema = 'main'");
    while (sqlite3_step(statement) == SQLITE_ROW && recording->table_count < TABLES_MAX) {
        Table *table = &recording->tables[recording->table_count++];
        *table = (Table){.name = column_text(recording, statement, 0), .has_rowid = !sqlite3_column_int(statement, 1)};
        read_columns(recording, table);
    }
    sqlite3_finalize(statement);
}

static const Table *find_table(const Recording *recording, const char *name)
{
    for (size_t i = 0; i < recording->table_count; i++) {
        if (!strcmp(recording->tables[i].name, name))
            return &recording->tables[i];
    }
    give_up("the adapter wrote to a table that was not there at the start");
}

/* ---- listening ---- */

static Value value_of(sqlite3_value *from, Arena *arena)
{
    Value value = {.type = sqlite3_value_type(from), .number = sqlite3_value_int64(from)};
    if (value.type == SQLITE_TEXT || value.type == SQLITE_BLOB) {
        const char *at = sqlite3_value_blob(from);
        value.bytes = arena_copy(arena, (Slice){at, (size_t)sqlite3_value_bytes(from)});
    }
    return value;
}

static bool is_same(sqlite3_value *old, const Value *new)
{
    if (sqlite3_value_type(old) != new->type)
        return false;
    if (new->type == SQLITE_INTEGER)
        return sqlite3_value_int64(old) == new->number;
    const char *at = sqlite3_value_blob(old);
    return slice_equal((Slice){at, (size_t)sqlite3_value_bytes(old)}, new->bytes);
}

static void read_values(Recording *recording, Row *row)
{
    row->values = arena_alloc(&recording->arena, sizeof(Value) * (size_t)row->table->column_count);
    for (int i = 0; i < row->table->column_count; i++) {
        sqlite3_value *old, *new;
        sqlite3_preupdate_new(recording->db, i, &new);
        row->values[i] = value_of(new, &recording->arena);
        if (!row->is_new)
            sqlite3_preupdate_old(recording->db, i, &old);
        if (row->is_new || !is_same(old, &row->values[i]))
            row->mask |= 1u << i;
    }
}

static bool is_same_row(const Row *a, const Row *b)
{
    if (a->table != b->table)
        return false;
    if (a->table->has_rowid)
        return a->rowid == b->rowid;
    for (int i = 0; i < a->table->column_count; i++) {
        const Value *of_a = &a->values[i], *of_b = &b->values[i];
        if ((a->table->key_mask & 1u << i) && (of_a->number != of_b->number || !slice_equal(of_a->bytes, of_b->bytes)))
            return false;
    }
    return true;
}

/* A row that this transaction has written before is written once, with what it holds in the end. */
static bool joins_earlier(Recording *recording, const Row *row)
{
    size_t from = recording->end_count ? recording->ends[recording->end_count - 1] : 0;
    for (size_t i = recording->rows.count; i > from; i--) {
        Row *earlier = &recording->rows.items[i - 1];
        if (!is_same_row(earlier, row))
            continue;
        earlier->values = row->values;
        earlier->mask |= row->mask;
        return true;
    }
    return false;
}

static void note_row(void *context, sqlite3 *db, int operation, const char *database, const char *table, sqlite3_int64 old_rowid,
                     sqlite3_int64 new_rowid)
{
    (void)db, (void)database, (void)old_rowid;
    Recording *recording = context;
    if (operation == SQLITE_DELETE)
        give_up("the mix makes the adapter delete rows, which the ceiling does not write yet");
    Row row = {.table = find_table(recording, table), .is_new = operation == SQLITE_INSERT, .rowid = new_rowid};
    read_values(recording, &row);
    if (!row.is_new && joins_earlier(recording, &row))
        return;
    Rows *rows = &recording->rows;
    if (rows->count == rows->capacity)
        rows->items = grow(rows->items, &rows->capacity, sizeof *rows->items);
    rows->items[rows->count++] = row;
}

static int note_commit(void *context)
{
    Recording *recording = context;
    if (recording->end_count == recording->end_capacity)
        recording->ends = grow(recording->ends, &recording->end_capacity, sizeof *recording->ends);
    recording->ends[recording->end_count++] = recording->rows.count;
    return 0;
}

Recording *recording_start(sqlite3 *db)
{
    Recording *recording = calloc(1, sizeof *recording);
    if (!recording)
        abort();
    recording->db = db;
    read_tables(recording);
    sqlite3_preupdate_hook(db, note_row, recording);
    sqlite3_commit_hook(db, note_commit, recording);
    return recording;
}

/* ---- statements ---- */

static size_t statement_of(Recording *recording, const Row *row)
{
    size_t i = 0;
    for (; i < recording->statement_count; i++) {
        const Row *known = &recording->statements[i];
        if (known->table == row->table && known->is_new == row->is_new && known->mask == row->mask)
            return i;
    }
    if (i == STATEMENTS_MAX)
        give_up("the adapter's updates are of too many kinds");
    recording->statements[recording->statement_count++] = *row;
    return i;
}

void recording_stop(Recording *recording)
{
    sqlite3_preupdate_hook(recording->db, NULL, NULL);
    sqlite3_commit_hook(recording->db, NULL, NULL);
    recording->db = NULL;
    for (size_t i = 0; i < recording->rows.count; i++)
        recording->rows.items[i].statement = statement_of(recording, &recording->rows.items[i]);
}

/* Parameter ?n is column n, counted from one; the rowid comes behind them. */
static void add_columns(Text *sql, const Table *table, uint32_t mask, const char *separator)
{
    bool is_first = true;
    for (int i = 0; i < table->column_count; i++) {
        if (!(mask & 1u << i))
            continue;
        text_printf(sql, "%s\"%s\" = ?%d", is_first ? "" : separator, table->columns[i], i + 1);
        is_first = false;
    }
}

static void add_insert(Text *sql, const Table *table)
{
    text_printf(sql, "INSERT INTO \"%s\" VALUES (", table->name);
    for (int i = 0; i < table->column_count; i++)
        text_printf(sql, "%s?%d", i ? ", " : "", i + 1);
    text_add_byte(sql, ')');
}

static void add_update(Text *sql, const Table *table, uint32_t mask)
{
    text_printf(sql, "UPDATE \"%s\" SET ", table->name);
    add_columns(sql, table, mask, ", ");
    text_add_literal(sql, " WHERE ");
    if (table->has_rowid)
        text_printf(sql, "rowid = ?%d", table->column_count + 1);
    else
        add_columns(sql, table, table->key_mask, " AND ");
}

static sqlite3_stmt *prepare_like(const Row *example, sqlite3 *db)
{
    Arena arena;
    arena_init(&arena);
    Text sql = text_in(&arena);
    if (example->is_new)
        add_insert(&sql, example->table);
    else
        add_update(&sql, example->table, example->mask);
    text_add_byte(&sql, 0);
    sqlite3_stmt *statement = prepare(db, sql.at);
    arena_done(&arena);
    return statement;
}

/* ---- replay ---- */

static void bind(sqlite3_stmt *statement, int index, const Value *value)
{
    switch (value->type) {
    case SQLITE_INTEGER:
        sqlite3_bind_int64(statement, index, value->number);
        break;
    case SQLITE_TEXT:
        sqlite3_bind_text64(statement, index, value->bytes.at, value->bytes.bytes, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case SQLITE_BLOB:
        sqlite3_bind_blob64(statement, index, value->bytes.at, value->bytes.bytes, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_null(statement, index);
    }
}

static void run(sqlite3 *db, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        give_up(sqlite3_errmsg(db));
    sqlite3_reset(statement);
}

static void write_row(const Row *row, sqlite3 *db, sqlite3_stmt *statement)
{
    uint32_t mask = row->table->has_rowid ? row->mask : row->mask | row->table->key_mask;
    for (int i = 0; i < row->table->column_count; i++) {
        if (mask & 1u << i)
            bind(statement, i + 1, &row->values[i]);
    }
    if (!row->is_new && row->table->has_rowid)
        sqlite3_bind_int64(statement, row->table->column_count + 1, row->rowid);
    run(db, statement);
}

void recording_replay(const Recording *recording, sqlite3 *db)
{
    sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT"), *statements[STATEMENTS_MAX];
    for (size_t i = 0; i < recording->statement_count; i++)
        statements[i] = prepare_like(&recording->statements[i], db);
    sqlite3_int64 changed_before = sqlite3_total_changes64(db);
    for (size_t transaction = 0, i = 0; transaction < recording->end_count; transaction++) {
        run(db, begin);
        for (; i < recording->ends[transaction]; i++)
            write_row(&recording->rows.items[i], db, statements[recording->rows.items[i].statement]);
        run(db, commit);
    }
    if (sqlite3_total_changes64(db) - changed_before != (sqlite3_int64)recording->rows.count)
        give_up("SQLite alone did not change as many rows as were recorded");
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    for (size_t i = 0; i < recording->statement_count; i++)
        sqlite3_finalize(statements[i]);
}

void recording_free(Recording *recording)
{
    arena_done(&recording->arena);
    free(recording->rows.items);
    free(recording->ends);
    free(recording);
}
