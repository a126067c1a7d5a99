/* Live counters. A batch's differences are added up in memory by campaign and counter first, so that counters cost a few
 * statements a batch. Joined to the records' transaction, the difference is after - before; kept apart from them, each
 * key's last revision and share are remembered here, and only a newer revision counts. */
#include "adapter/sqlite_store.h"

typedef struct SqliteLive {
    SqliteStore *store;
    SqliteLiveMode mode;
    sqlite3_stmt *add, *touch, *find_share, *keep_share;
} SqliteLive;

/* ---- differences of a batch ---- */

typedef struct Difference {
    Slice campaign_id, counter; /* no counter: last activity, whose value is a time */
    int64_t value;
} Difference;

typedef struct Differences {
    Arena *arena;
    Difference *slots; /* open addressing; empty where campaign_id points nowhere */
    size_t capacity, count;
} Differences;

static Differences differences_in(Arena *arena)
{
    enum { FIRST_CAPACITY = 256 };
    return (Differences){arena, ARENA_ARRAY(arena, Difference, FIRST_CAPACITY), FIRST_CAPACITY, 0};
}

/* Counters of a campaign are few and start and end differently: two bytes and the length tell most of them apart. */
static size_t mix(Slice text)
{
    if (text.bytes == 0)
        return 0;
    return text.bytes * 7 + (unsigned char)text.at[0] * 31u + (unsigned char)text.at[text.bytes - 1] * 131u;
}

static Difference *slot_of(const Differences *all, Slice campaign_id, Slice counter)
{
    size_t at = (mix(campaign_id) * 257 + mix(counter)) & (all->capacity - 1);
    for (;; at = (at + 1) & (all->capacity - 1)) {
        Difference *slot = &all->slots[at];
        if (!slot->campaign_id.at || (slice_equal(slot->campaign_id, campaign_id) && slice_equal(slot->counter, counter)))
            return slot;
    }
}

static void grow(Differences *all)
{
    Differences wider = {all->arena, ARENA_ARRAY(all->arena, Difference, all->capacity * 2), all->capacity * 2, all->count};
    for (size_t i = 0; i < all->capacity; i++) {
        if (all->slots[i].campaign_id.at)
            *slot_of(&wider, all->slots[i].campaign_id, all->slots[i].counter) = all->slots[i];
    }
    *all = wider;
}

static Difference *difference_of(Differences *all, Slice campaign_id, Slice counter)
{
    if (all->count * 2 >= all->capacity)
        grow(all);
    Difference *slot = slot_of(all, campaign_id, counter);
    if (!slot->campaign_id.at) {
        *slot = (Difference){campaign_id, counter, 0};
        all->count++;
    }
    return slot;
}

static void add_share(Differences *all, const Contribution *share, int64_t sign)
{
    if (!share || slice_empty(share->campaign_id))
        return;
    for (size_t i = 0; i < share->count; i++)
        difference_of(all, share->campaign_id, share->counters[i].name)->value += sign * share->counters[i].value;
}

static void note_activity(Differences *all, const Contribution *share)
{
    if (slice_empty(share->campaign_id) || share->last_activity_ms <= 0)
        return;
    Difference *last = difference_of(all, share->campaign_id, (Slice){0});
    if (share->last_activity_ms > last->value)
        last->value = share->last_activity_ms;
}

/* ---- counters ---- */

static Status add_counter(SqliteLive *live, int64_t campaign, const Difference *difference, Fault *fault)
{
    Status status = sql_keep(live->store, &live->add,
                             "INSERT INTO counter (campaign, name, value) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT DO UPDATE SET value = value + ?3", fault);
    if (status)
        return status;
    sql_bind(live->add, SQL_NUMBER(campaign), SQL_TEXT(difference->counter), SQL_NUMBER(difference->value));
    return sql_run(live->store, live->add, fault);
}

static Status touch_activity(SqliteLive *live, int64_t campaign, const Difference *difference, Fault *fault)
{
    Status status = sql_keep(live->store, &live->touch,
                             "INSERT INTO activity (campaign, last_ms) VALUES (?1, ?2)"
                             " ON CONFLICT DO UPDATE SET last_ms = ?2 WHERE last_ms < ?2", fault);
    if (status)
        return status;
    sql_bind(live->touch, SQL_NUMBER(campaign), SQL_NUMBER(difference->value));
    return sql_run(live->store, live->touch, fault);
}

static Status write_one(SqliteLive *live, const Difference *difference, Fault *fault)
{
    if (difference->value == 0)
        return STATUS_OK;
    int64_t campaign;
    Status status = sqlite_name_number(live->store, difference->campaign_id, &campaign, fault);
    if (status)
        return status;
    return slice_empty(difference->counter) ? touch_activity(live, campaign, difference, fault)
                                            : add_counter(live, campaign, difference, fault);
}

static Status write_differences(SqliteLive *live, const Differences *all, Fault *fault)
{
    Status status = STATUS_OK;
    for (size_t i = 0; i < all->capacity && !status; i++) {
        if (all->slots[i].campaign_id.at)
            status = write_one(live, &all->slots[i], fault);
    }
    return status;
}

/* ---- shares that are remembered: campaign and names with their lengths, "5:spring:13:total_attempts=1" ---- */

static Slice encode_share(const Contribution *share, Arena *arena)
{
    Text out = text_in(arena);
    text_printf(&out, "%zu:%.*s", share->campaign_id.bytes, SLICE_ARG(share->campaign_id));
    for (size_t i = 0; i < share->count; i++)
        text_printf(&out, "%lld %zu:%.*s", (long long)share->counters[i].value, share->counters[i].name.bytes,
                    SLICE_ARG(share->counters[i].name));
    return text_slice(&out);
}

/* Both stop at the first byte that is no digit; the bytes are our own, and end with a NUL. */
static int64_t take_number(const char **at)
{
    bool is_negative = **at == '-';
    int64_t number = 0;
    for (*at += is_negative; **at >= '0' && **at <= '9'; ++*at)
        number = number * 10 + (**at - '0');
    return is_negative ? -number : number;
}

static Slice take_text(const char **at, const char *end)
{
    int64_t bytes = take_number(at);
    if (**at != ':' || bytes < 0 || bytes > end - *at - 1) {
        *at = end;
        return (Slice){0};
    }
    Slice text = {*at + 1, (size_t)bytes};
    *at = text.at + text.bytes;
    return text;
}

static void decode_share(Slice bytes, Contribution *share)
{
    const char *at = bytes.at, *end = bytes.at + bytes.bytes;
    *share = (Contribution){.campaign_id = take_text(&at, end)};
    while (at < end && share->count < CONTRIBUTION_MAX) {
        int64_t value = take_number(&at);
        at += at < end && *at == ' ';
        Slice name = take_text(&at, end);
        if (!slice_empty(name))
            share->counters[share->count++] = (Counter){name, value};
    }
}

/* ---- project ---- */

/* *ret_before is what this key has added so far; *ret_is_newer whether the item says more than that. */
static Status find_share(SqliteLive *live, const Projection *item, Arena *arena, Contribution *ret_before, bool *ret_is_newer,
                         Fault *fault)
{
    Status status = sql_keep(live->store, &live->find_share, "SELECT rev, share FROM projected WHERE hash = ?1 AND key = ?2", fault);
    if (status)
        return status;
    sql_bind(live->find_share, SQL_NUMBER((int64_t)slice_hash(item->key)), SQL_TEXT(item->key));
    bool is_row;
    status = sql_step(live->store, live->find_share, &is_row, fault);
    if (status)
        return status;
    *ret_before = (Contribution){0};
    *ret_is_newer = !is_row || sqlite3_column_int64(live->find_share, 0) < item->rev;
    if (is_row)
        decode_share(sql_column_copy(live->find_share, 1, arena), ret_before);
    sqlite3_reset(live->find_share);
    return STATUS_OK;
}

/* What counts for nothing is kept at revision 0: what comes to be under the key of a record that is gone counts again. */
static Status keep_share(SqliteLive *live, const Projection *item, Arena *arena, Fault *fault)
{
    Status status = sql_keep(live->store, &live->keep_share,
                             "INSERT INTO projected (hash, key, rev, share) VALUES (?1, ?2, ?3, ?4)"
                             " ON CONFLICT DO UPDATE SET rev = ?3, share = ?4", fault);
    if (status)
        return status;
    sql_bind(live->keep_share, SQL_NUMBER((int64_t)slice_hash(item->key)), SQL_TEXT(item->key), SQL_NUMBER(item->after->count ? item->rev : 0),
             SQL_BYTES(encode_share(item->after, arena)));
    return sql_run(live->store, live->keep_share, fault);
}

static Status add_guarded(SqliteLive *live, Differences *all, const Projection *item, Fault *fault)
{
    Contribution *before = ARENA_NEW(all->arena, Contribution); /* its names are looked at until the batch is written */
    bool is_newer;
    Status status = find_share(live, item, all->arena, before, &is_newer, fault);
    if (status || !is_newer)
        return status;
    add_share(all, before, -1);
    add_share(all, item->after, 1);
    note_activity(all, item->after);
    return keep_share(live, item, all->arena, fault);
}

static void add_joined(Differences *all, const Projection *item)
{
    add_share(all, item->before, -1);
    add_share(all, item->after, 1);
    note_activity(all, item->after);
}

static Status project(void *self, const Projection *items, size_t count, Fault *fault)
{
    SqliteLive *live = self;
    SqliteWork work;
    Status status = sqlite_enter(live->store, &work, fault);
    if (status)
        return status;
    arena_reset(&live->store->scratch);
    Differences all = differences_in(&live->store->scratch);
    for (size_t i = 0; i < count && !status; i++) {
        if (live->mode == SQLITE_LIVE_GUARDED)
            status = add_guarded(live, &all, &items[i], fault);
        else
            add_joined(&all, &items[i]);
    }
    status = status ? status : write_differences(live, &all, fault);
    return sqlite_leave(&work, status, fault);
}

static Status adjust(void *self, const Contribution *deltas, size_t count, Fault *fault)
{
    SqliteLive *live = self;
    SqliteWork work;
    Status status = sqlite_enter(live->store, &work, fault);
    if (status)
        return status;
    arena_reset(&live->store->scratch);
    Differences all = differences_in(&live->store->scratch);
    for (size_t i = 0; i < count; i++) {
        add_share(&all, &deltas[i], 1);
        note_activity(&all, &deltas[i]);
    }
    status = write_differences(live, &all, fault);
    return sqlite_leave(&work, status, fault);
}

/* ---- read ---- */

static const char *const read_sql =
    "SELECT name.text, ifnull(activity.last_ms, 0), counter.name, counter.value FROM name"
    " JOIN counter ON counter.campaign = name.id LEFT JOIN activity ON activity.campaign = name.id"
    " WHERE ?1 = '' OR name.text = ?1 ORDER BY name.text, counter.name";

/* What is known of the campaign whose rows are being read. */
typedef struct Reading {
    Arena arena;
    Slice campaign_id;
    int64_t last_activity_ms;
    Counter *counters;
    size_t count, capacity;
} Reading;

static void start_reading(Reading *reading, sqlite3_stmt *statement)
{
    arena_reset(&reading->arena);
    reading->campaign_id = sql_column_copy(statement, 0, &reading->arena);
    reading->last_activity_ms = sqlite3_column_int64(statement, 1);
    reading->counters = NULL;
    reading->count = reading->capacity = 0;
}

static void read_counter(Reading *reading, sqlite3_stmt *statement)
{
    if (reading->count == reading->capacity) {
        reading->capacity = reading->capacity ? reading->capacity * 2 : 32;
        Counter *wider = ARENA_ARRAY(&reading->arena, Counter, reading->capacity);
        if (reading->count)
            memcpy(wider, reading->counters, sizeof *wider * reading->count);
        reading->counters = wider;
    }
    reading->counters[reading->count++] =
        (Counter){sql_column_copy(statement, 2, &reading->arena), sqlite3_column_int64(statement, 3)};
}

typedef bool VisitCounters(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count);

static bool show_reading(const Reading *reading, VisitCounters *visit, void *context)
{
    return reading->count == 0 || visit(context, reading->campaign_id, reading->last_activity_ms, reading->counters, reading->count);
}

static Status read_all(SqliteStore *store, sqlite3_stmt *statement, Reading *reading, VisitCounters *visit, void *context, Fault *fault)
{
    bool is_row = true;
    for (;;) {
        Status status = sql_step(store, statement, &is_row, fault);
        if (status)
            return status;
        if (!is_row)
            break;
        if (reading->count && !slice_equal(reading->campaign_id, sql_column(statement, 0))) {
            if (!show_reading(reading, visit, context))
                return STATUS_OK;
            reading->count = 0;
        }
        if (reading->count == 0)
            start_reading(reading, statement);
        read_counter(reading, statement);
    }
    show_reading(reading, visit, context);
    return STATUS_OK;
}

static Status read_counters(void *self, Slice campaign_id, VisitCounters *visit, void *context, Fault *fault)
{
    SqliteLive *live = self;
    sqlite3_stmt *statement;
    Status status = sql_prepare(live->store, read_sql, &statement, fault);
    if (status)
        return status;
    sql_bind(statement, SQL_TEXT(campaign_id));
    Reading reading = {0};
    status = read_all(live->store, statement, &reading, visit, context, fault);
    arena_done(&reading.arena);
    sqlite3_finalize(statement);
    return status;
}

/* The registry beside it is as fast as any cache: no block verb. */
LivePort sqlite_live(SqliteStore *store, SqliteLiveMode mode)
{
    SqliteLive *live = ARENA_NEW(&store->arena, SqliteLive);
    live->store = store;
    live->mode = mode;
    return (LivePort){.self = live, .project = project, .adjust = adjust, .read = read_counters};
}
