/* Campaign ids as small numbers: a record and its index entries carry an integer instead of a text. A few campaigns get
 * nearly all events, so their numbers are kept in memory; a rollback empties that, since a number may have gone with it. */
#include <stdlib.h>

#include "adapter/sqlite_store.h"

enum { SLOTS = 1024, NAMES_KEPT = 512 };

typedef struct Name { Slice text; int64_t number; } Name;

struct SqliteNames {
    Name slots[SLOTS]; /* open addressing by hash */
    size_t count;
    int64_t undone;    /* the store's, when it was empty */
    Arena arena;
    sqlite3_stmt *find, *enter;
};

static SqliteNames *names_of(SqliteStore *store)
{
    if (!store->names) {
        store->names = calloc(1, sizeof *store->names);
        if (!store->names)
            abort();
        arena_init(&store->names->arena);
        store->names->undone = store->undone;
    }
    return store->names;
}

static void forget(SqliteNames *names, int64_t undone)
{
    memset(names->slots, 0, sizeof names->slots);
    names->count = 0;
    names->undone = undone;
    arena_reset(&names->arena);
}

static Name *slot_of(SqliteNames *names, Slice text)
{
    size_t at = slice_hash(text) % SLOTS;
    while (names->slots[at].number && !slice_equal(names->slots[at].text, text))
        at = (at + 1) % SLOTS;
    return &names->slots[at];
}

static Status find_number(SqliteStore *store, SqliteNames *names, Slice text, int64_t *ret, Fault *fault)
{
    Status status = sql_keep(store, &names->find, "SELECT id FROM name WHERE text = ?", fault);
    if (status)
        return status;
    sql_bind(names->find, SQL_TEXT(text));
    bool is_row;
    status = sql_step(store, names->find, &is_row, fault);
    *ret = !status && is_row ? sqlite3_column_int64(names->find, 0) : 0;
    sqlite3_reset(names->find);
    return status;
}

static Status enter_name(SqliteStore *store, SqliteNames *names, Slice text, int64_t *ret, Fault *fault)
{
    Status status = sql_keep(store, &names->enter, "INSERT INTO name (text) VALUES (?)", fault);
    if (status)
        return status;
    sql_bind(names->enter, SQL_TEXT(text));
    status = sql_run(store, names->enter, fault);
    *ret = sqlite3_last_insert_rowid(store->db);
    return status;
}

Status sqlite_name_number(SqliteStore *store, Slice text, int64_t *ret_number, Fault *fault)
{
    SqliteNames *names = names_of(store);
    if (names->undone != store->undone || names->count == NAMES_KEPT)
        forget(names, store->undone);
    Name *slot = slot_of(names, text);
    if (slot->number) {
        *ret_number = slot->number;
        return STATUS_OK;
    }
    int64_t number = 0;
    Status status = find_number(store, names, text, &number, fault);
    if (!status && !number)
        status = enter_name(store, names, text, &number, fault);
    if (status)
        return status;
    *slot = (Name){arena_copy(&names->arena, text), number};
    names->count++;
    *ret_number = number;
    return STATUS_OK;
}

void sqlite_names_free(SqliteNames *names)
{
    if (!names)
        return;
    arena_done(&names->arena);
    free(names);
}
