/* Clicks on links, a row for each link and kind of visitor, and gifts, a row each. Rows are entered and locked in order of their
 * key. */
#include "adapter/postgres_store.h"

/* ---- clicks ---- */

#define CLICKS_GIVEN \
    " SELECT ref, kind, first_at, last_at, count FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])" \
    " AS new (ref, kind, first_at, last_at, count) ORDER BY ref COLLATE \"C\", kind COLLATE \"C\" ON CONFLICT (ref, kind) DO UPDATE SET"

/* What is not later than the last click was counted before. */
static const PostgresStatement click_statement = {
    "gift_click", "INSERT INTO click AS held (ref, kind, first_at, last_at, count)" CLICKS_GIVEN
                  " last_at = excluded.last_at, count = held.count + excluded.count WHERE excluded.last_at > held.last_at"};

static const PostgresStatement enter_clicks_statement = {
    NULL, "WITH entered AS (INSERT INTO click AS held (ref, kind, first_at, last_at, count)" CLICKS_GIVEN
          " first_at = least(held.first_at, excluded.first_at), last_at = greatest(held.last_at, excluded.last_at),"
          " count = greatest(held.count, excluded.count)"
          " WHERE excluded.first_at < held.first_at OR excluded.last_at > held.last_at OR excluded.count > held.count RETURNING ref, kind)"
          " SELECT EXISTS (SELECT 1 FROM entered WHERE entered.ref = wanted.ref AND entered.kind = wanted.kind)"
          " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (ref, kind, n) ORDER BY n"};

typedef struct Clicking {
    const LinkClicks *clicks;
    size_t count;
    bool *moved; /* NULL: they are new clicks */
} Clicking;

static void ask_to_write_clicks(Postgres *store, const Clicking *clicking)
{
    Arena *arena = &store->scratch;
    const LinkClicks *clicks = clicking->clicks;
    size_t count = clicking->count;
    Slice *kinds = ARENA_ARRAY(arena, Slice, count + 1);
    for (size_t i = 0; i < count; i++)
        kinds[i] = slice_of(click_kind_name(clicks[i].kind));
    ASK(store, clicking->moved ? &enter_clicks_statement : &click_statement, POSTGRES_COLUMN(texts, arena, clicks, count, ref),
        postgres_texts(arena, kinds, sizeof *kinds, count), POSTGRES_COLUMN(times, arena, clicks, count, first_ms),
        POSTGRES_COLUMN(times, arena, clicks, count, last_ms), POSTGRES_COLUMN(numbers, arena, clicks, count, count));
}

static Status write_clicks(Postgres *store, void *verb, Fault *fault)
{
    const Clicking *clicking = verb;
    postgres_begin(store);
    ask_to_write_clicks(store, clicking);
    postgres_commit(store);
    Status status = postgres_exchange(store, fault);
    for (size_t i = 0; !status && clicking->moved && i < clicking->count; i++)
        clicking->moved[i] = postgres_cell_flag(postgres_answer(store, 1), (int)i, 0);
    return status;
}

static Status click(void *self, const LinkClicks *clicks, size_t count, Fault *fault)
{
    Clicking clicking = {clicks, count, NULL};
    return postgres_run(self, write_clicks, &clicking, fault);
}

static Status enter_clicks(void *self, const LinkClicks *clicks, size_t count, bool *ret_moved, Fault *fault)
{
    Clicking clicking = {clicks, count, ret_moved};
    return postgres_run(self, write_clicks, &clicking, fault);
}

static const PostgresStatement clicks_of_one = {
    "gift_clicks", "SELECT ref, kind, first_at, last_at, count FROM click WHERE ref = $1::text AND kind > $2::text ORDER BY kind LIMIT $3::bigint"};
static const PostgresStatement clicks_of_all = {
    NULL, "SELECT ref, kind, first_at, last_at, count FROM click WHERE (ref, kind) > ($1::text, $2::text) ORDER BY ref, kind LIMIT $3::bigint"};

typedef struct ClickList {
    Slice ref;
    bool (*visit)(void *context, const LinkClicks *clicks);
    void *context;
} ClickList;

static void ask_clicks(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const ClickList *list = verb;
    bool is_all = slice_empty(list->ref);
    Slice ref = is_all ? postgres_after(before, 0, (Slice){0}) : list->ref;
    ASK(store, is_all ? &clicks_of_all : &clicks_of_one, postgres_text(ref), postgres_text(postgres_after(before, 1, (Slice){0})),
        postgres_number(&store->scratch, rows));
}

static bool show_clicks(const void *verb, const PGresult *page, int row)
{
    const ClickList *list = verb;
    LinkClicks clicks = {.ref = postgres_cell(page, row, 0), .first_ms = postgres_cell_time(page, row, 2),
                     .last_ms = postgres_cell_time(page, row, 3), .count = postgres_cell_number(page, row, 4)};
    click_kind_of(postgres_cell(page, row, 1), &clicks.kind);
    return list->visit(list->context, &clicks);
}

static Status list_clicks(void *self, Slice ref, bool (*visit)(void *context, const LinkClicks *clicks), void *context, Fault *fault)
{
    ClickList verb = {ref, visit, context};
    PostgresList list = {.ask = ask_clicks, .show = show_clicks, .verb = &verb};
    return postgres_list(self, &list, fault);
}

/* ---- gifts ---- */

#define GIFT_COLUMNS \
    "number, id, ref, call_id, campaign_id, contact_id, currency, given_micros, given_at, refunded_micros, refunded_at, received_at"

/* A row for each that is new, of which nothing is known yet; then all of them are ours until the commit. */
static const PostgresStatement enter_statement = {
    NULL, "INSERT INTO gift (id, ref, call_id, campaign_id, contact_id, currency, given_micros, given_at, refunded_micros, refunded_at, received_at)"
          " SELECT id, '', '', '', '', '', 0, 'epoch', 0, 'epoch', 'epoch' FROM unnest($1::text[]) AS new (id)"
          " ORDER BY id COLLATE \"C\" ON CONFLICT DO NOTHING"};
static const PostgresStatement lock_statement = {NULL, "SELECT 1 FROM gift WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE"};
static const PostgresStatement read_statement = {
    NULL, "SELECT " GIFT_COLUMNS " FROM unnest($1::text[]) WITH ORDINALITY AS wanted (wanted_id, n) JOIN gift ON id = wanted_id ORDER BY n"};
static const PostgresStatement change_statement = {
    NULL, "UPDATE gift SET ref = said.ref, call_id = said.call_id, campaign_id = said.campaign_id, contact_id = said.contact_id,"
          " currency = said.currency, given_micros = said.given_micros, given_at = said.given_at, refunded_micros = said.refunded_micros,"
          " refunded_at = said.refunded_at, received_at = said.received_at"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::bigint[],"
          " $10::timestamptz[], $11::timestamptz[]) AS said (id, ref, call_id, campaign_id, contact_id, currency, given_micros, given_at,"
          " refunded_micros, refunded_at, received_at) WHERE gift.id = said.id"};

typedef struct Giving {
    const Gift *said;
    size_t count;
    GiftResult *results;
} Giving;

static Gift read_gift(const PGresult *page, int row)
{
    return (Gift){.row = postgres_cell_number(page, row, 0), .id = postgres_cell(page, row, 1), .ref = postgres_cell(page, row, 2),
                  .call_id = postgres_cell(page, row, 3), .campaign_id = postgres_cell(page, row, 4), .contact_id = postgres_cell(page, row, 5),
                  .currency = postgres_cell(page, row, 6), .given_micros = postgres_cell_number(page, row, 7),
                  .given_ms = postgres_cell_time(page, row, 8), .refunded_micros = postgres_cell_number(page, row, 9),
                  .refunded_ms = postgres_cell_time(page, row, 10), .received_ms = postgres_cell_time(page, row, 11)};
}

static void ask_to_change(Postgres *store, const Gift *gifts, size_t count)
{
    Arena *arena = &store->scratch;
    ASK(store, &change_statement, POSTGRES_COLUMN(texts, arena, gifts, count, id), POSTGRES_COLUMN(texts, arena, gifts, count, ref),
        POSTGRES_COLUMN(texts, arena, gifts, count, call_id), POSTGRES_COLUMN(texts, arena, gifts, count, campaign_id),
        POSTGRES_COLUMN(texts, arena, gifts, count, contact_id), POSTGRES_COLUMN(texts, arena, gifts, count, currency),
        POSTGRES_COLUMN(numbers, arena, gifts, count, given_micros), POSTGRES_COLUMN(times, arena, gifts, count, given_ms),
        POSTGRES_COLUMN(numbers, arena, gifts, count, refunded_micros), POSTGRES_COLUMN(times, arena, gifts, count, refunded_ms),
        POSTGRES_COLUMN(times, arena, gifts, count, received_ms));
}

static Status give_all(Postgres *store, void *verb, Fault *fault)
{
    const Giving *giving = verb;
    PostgresValue ids = POSTGRES_COLUMN(texts, &store->scratch, giving->said, giving->count, id);
    postgres_begin(store);
    ASK(store, &enter_statement, ids);
    ASK(store, &lock_statement, ids);
    ASK(store, &read_statement, ids);
    Status status = postgres_exchange(store, fault);
    if (status)
        return status;
    Gift *held = ARENA_ARRAY(&store->scratch, Gift, giving->count + 1);
    for (size_t i = 0; i < giving->count; i++) {
        Gift gift = read_gift(postgres_answer(store, 3), (int)i);
        held[i] = gift_copy(&gift, &store->scratch);
        giving->results[i] = gift_merge(&held[i], &giving->said[i]);
    }
    ask_to_change(store, held, giving->count);
    postgres_commit(store);
    return postgres_exchange(store, fault);
}

static Status give(void *self, const Gift *gifts, size_t count, GiftResult *ret, Fault *fault)
{
    Giving giving = {gifts, count, ret};
    return postgres_run(self, give_all, &giving, fault);
}

/* ---- list ---- */

#define LIST(is_behind, order) \
    "SELECT " GIFT_COLUMNS " FROM gift WHERE ($1::bigint = 0 OR number " is_behind " $1::bigint)" \
    " AND ($2::text = '' OR campaign_id = $2::text) AND ($3::text = '' OR call_id = $3::text) AND ($4::text = '' OR ref = $4::text)" \
    " AND (NOT $5::boolean OR campaign_id = '') ORDER BY number " order " LIMIT $6::bigint"

static const PostgresStatement list_newest = {NULL, LIST("<", "DESC")}, list_oldest = {NULL, LIST(">", "ASC")};

typedef struct GiftList {
    const GiftFilter *filter;
    bool (*visit)(void *context, const Gift *gift);
    void *context;
} GiftList;

static void ask_list(Postgres *store, const void *verb, const PGresult *before, int64_t rows)
{
    const GiftFilter *filter = ((const GiftList *)verb)->filter;
    int64_t cursor = before ? postgres_cell_number(before, PQntuples(before) - 1, 0) : filter->oldest_first ? 0 : filter->before_row;
    ASK(store, filter->oldest_first ? &list_oldest : &list_newest, postgres_number(&store->scratch, cursor), postgres_text(filter->campaign_id),
        postgres_text(filter->call_id), postgres_text(filter->ref), postgres_flag(filter->unmatched), postgres_number(&store->scratch, rows));
}

static bool show_gift(const void *verb, const PGresult *page, int row)
{
    const GiftList *list = verb;
    Gift gift = read_gift(page, row);
    return list->visit(list->context, &gift);
}

static Status list(void *self, const GiftFilter *filter, bool (*visit)(void *context, const Gift *gift), void *context, Fault *fault)
{
    GiftList verb = {filter, visit, context};
    PostgresList list = {.ask = ask_list, .show = show_gift, .verb = &verb, .limit = filter->limit};
    return postgres_list(self, &list, fault);
}

GiftsPort postgres_gifts(Postgres *store)
{
    return (GiftsPort){.self = store, .click = click, .give = give, .clicks = list_clicks, .list = list, .enter_clicks = enter_clicks};
}
