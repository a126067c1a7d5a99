/* Looks at many call records: newest first, all of them, what has gone quiet, what is too old. Order is (startTime, callId); a
 * record without a start time stands before the oldest. */
#include "adapter/mongo_store.h"

/* ---- ranges of start times ---- */

/* One of several ranges, of which a record must be in one. */
typedef struct Ranges {
    bson_t list, range;
    char room[16];
    const char *key;
    uint32_t count;
} Ranges;

static bson_t *begin_range(Ranges *ranges)
{
    bson_uint32_to_string(ranges->count++, &ranges->key, ranges->room, sizeof ranges->room);
    bson_append_document_begin(&ranges->list, ranges->key, -1, &ranges->range);
    return &ranges->range;
}

static void end_range(Ranges *ranges) { bson_append_document_end(&ranges->list, &ranges->range); }

/* Started in [from, until); a bound of 0 is open. */
static void add_started(Ranges *ranges, int64_t from_ms, const char *above, int64_t until_ms)
{
    bson_t bounds, *range = begin_range(ranges);
    bson_append_document_begin(range, "startTime", -1, &bounds);
    if (from_ms)
        put_date(&bounds, above, from_ms);
    if (until_ms)
        put_date(&bounds, "$lt", until_ms);
    bson_append_document_end(range, &bounds);
    end_range(ranges);
}

/* Started at that time, on the far side of a call id. 0 is "nobody knows when". */
static void add_beside(Ranges *ranges, const CdrCursor *cursor, const char *side)
{
    bson_t *range = begin_range(ranges);
    if (cursor->start_ms)
        put_date(range, "startTime", cursor->start_ms);
    else
        put_null(range, "startTime");
    if (!slice_empty(cursor->call_id))
        put_text_bound(range, "callId", side, cursor->call_id);
    end_range(ranges);
}

static void add_unknown(Ranges *ranges) { add_beside(ranges, &(CdrCursor){0}, NULL); }

static void put_newest_ranges(bson_t *query, const CdrFilter *filter)
{
    const CdrCursor *after = &filter->after;
    bool goes_on = !slice_empty(after->call_id) && (!filter->until_ms || after->start_ms < filter->until_ms);
    int64_t until_ms = goes_on ? after->start_ms : filter->until_ms;
    bool wants_unknown = !filter->from_ms;
    if (!goes_on && !until_ms && wants_unknown)
        return;
    Ranges ranges = {0};
    bson_append_array_begin(query, "$or", -1, &ranges.list);
    if (goes_on)
        add_beside(&ranges, after, "$lt");
    if (until_ms || !wants_unknown)
        add_started(&ranges, filter->from_ms, "$gte", until_ms);
    if (until_ms && wants_unknown)
        add_unknown(&ranges);
    bson_append_array_end(query, &ranges.list);
}

void mongo_put_filter(bson_t *query, const CdrFilter *filter)
{
    if (!slice_empty(filter->campaign_id))
        put_text(query, "campaignId", filter->campaign_id);
    if (!slice_empty(filter->outcome))
        put_text(query, "outcome", filter->outcome);
    put_newest_ranges(query, filter);
}

static void put_sort(bson_t *options, int direction)
{
    bson_t sort;
    bson_append_document_begin(options, "sort", -1, &sort);
    put_order(&sort, "startTime", direction);
    put_order(&sort, "callId", direction);
    bson_append_document_end(options, &sort);
}

/* ---- records ---- */

typedef struct Showing {
    const Rating *rating;
    bool (*visit_listed)(void *context, const Cdr *cdr, CdrCursor cursor);
    bool (*visit)(void *context, const Cdr *cdr);
    void *context;
    mongoc_bulk_operation_t *removals; /* of expire */
    size_t removed;
    Arena arena;
} Showing;

static Status read_shown(Showing *showing, const bson_t *document, Cdr *cdr, Fault *fault)
{
    arena_reset(&showing->arena);
    Status status = mongo_read(document, &showing->arena, cdr, fault);
    if (!status)
        cdr_derive(cdr, showing->rating, &showing->arena);
    return status;
}

static Status show_listed(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    Showing *showing = context;
    Cdr cdr;
    Status status = read_shown(showing, document, &cdr, fault);
    if (status)
        return status;
    CdrCursor cursor = {.start_ms = mongo_time_of(document, "startTime"), .call_id = cdr.call_id};
    *ret_goes_on = showing->visit_listed(showing->context, &cdr, cursor);
    return STATUS_OK;
}

static Status show(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    Showing *showing = context;
    Cdr cdr;
    Status status = read_shown(showing, document, &cdr, fault);
    if (!status)
        *ret_goes_on = showing->visit(showing->context, &cdr);
    return status;
}

static Status walk_found(Mongo *mongo, const bson_t *query, const bson_t *options, const mongoc_read_prefs_t *prefer, const char *doing,
                         MongoVisit *visit, Showing *showing, Fault *fault)
{
    arena_init(&showing->arena);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(mongo->records, query, options, prefer);
    Status status = mongo_walk(mongo, cursor, doing, visit, showing, fault);
    arena_done(&showing->arena);
    return status;
}

Status mongo_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating,
                        bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t query = BSON_INITIALIZER, options = BSON_INITIALIZER;
    mongo_put_filter(&query, filter);
    put_sort(&options, -1);
    if (filter->limit)
        put_number(&options, "limit", (int64_t)filter->limit);
    Showing showing = {.rating = rating, .visit_listed = visit, .context = context};
    status = walk_found(mongo, &query, &options, NULL, "listing call records", show_listed, &showing, fault);
    bson_destroy(&query);
    bson_destroy(&options);
    return mongo_leave(mongo, status);
}

Status mongo_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    Showing showing = {.rating = rating, .visit = visit, .context = context};
    status = walk_found(mongo, &(bson_t)BSON_INITIALIZER, NULL, mongo->primary, "reading all call records", show, &showing, fault);
    return mongo_leave(mongo, status);
}

/* ---- what has gone quiet ---- */

typedef struct Quiet {
    CdrCursor *after;
    Arena *arena;
    Slice *out;
    size_t count;
} Quiet;

static Status note_quiet(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    (void)ret_goes_on, (void)fault;
    Quiet *quiet = context;
    Slice call_id = arena_copy(quiet->arena, mongo_text(document, "callId"));
    quiet->out[quiet->count++] = call_id;
    *quiet->after = (CdrCursor){.start_ms = mongo_time_of(document, "startTime"), .call_id = call_id};
    return STATUS_OK;
}

static void put_quiet(bson_t *query, int64_t before_ms, const CdrCursor *after)
{
    Ranges ranges = {0};
    put_flag(query, "open", true);
    put_time_bound(query, "lastEventAt", "$lt", before_ms);
    bson_append_array_begin(query, "$or", -1, &ranges.list);
    add_beside(&ranges, after, "$gt");
    add_started(&ranges, after->start_ms, "$gt", before_ms);
    bson_append_array_end(query, &ranges.list);
}

static void put_place_only(bson_t *options)
{
    bson_t fields;
    bson_append_document_begin(options, "projection", -1, &fields);
    put_order(&fields, "callId", 1);
    put_order(&fields, "startTime", 1);
    bson_append_document_end(options, &fields);
}

Status mongo_cdrs_stale(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count,
                        Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t query = BSON_INITIALIZER, options = BSON_INITIALIZER;
    CdrCursor place = *after;
    put_quiet(&query, before_ms, after);
    put_sort(&options, 1);
    put_place_only(&options);
    put_number(&options, "limit", (int64_t)max);
    put_number(&options, "maxTimeMS", mongo_work_ms(mongo));
    Quiet quiet = {&place, arena, out, 0};
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(mongo->records, &query, &options, mongo->primary);
    status = mongo_walk(mongo, cursor, "looking for quiet calls", note_quiet, &quiet, fault);
    bson_destroy(&query);
    bson_destroy(&options);
    if (!status) {
        *after = place;
        *ret_count = quiet.count;
    }
    return mongo_leave(mongo, status);
}

/* ---- what is too old ---- */

/* A record is created (its first fact received) before it is stored; only clocks that differ say otherwise. So the index on
 * createdAt leads to what was stored too long ago. */
enum { CLOCKS_DIFFER_MS = 10 * 60 * 1000 };

static void put_stored_before(bson_t *query, int64_t before_ms)
{
    bson_t list, ours, foreign;
    put_time_bound(query, "createdAt", "$lt", before_ms + CLOCKS_DIFFER_MS);
    bson_append_array_begin(query, "$or", -1, &list);
    bson_append_document_begin(&list, "0", -1, &ours);
    put_time_bound(&ours, "storedAt", "$lt", before_ms);
    bson_append_document_end(&list, &ours);
    bson_append_document_begin(&list, "1", -1, &foreign);
    put_null(&foreign, "storedAt");
    put_time_bound(&foreign, "createdAt", "$lt", before_ms);
    bson_append_document_end(&list, &foreign);
    bson_append_array_end(query, &list);
}

/* Goes only as it was shown: what was folded into it meanwhile counts, and it is looked at again. */
static Status show_and_remove(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    Showing *showing = context;
    Cdr cdr;
    bson_t guard;
    Status status = read_shown(showing, document, &cdr, fault);
    *ret_goes_on = !status && showing->visit(showing->context, &cdr);
    if (!*ret_goes_on)
        return status;
    mongo_guard(&cdr, &guard);
    mongoc_bulk_operation_remove_one_with_opts(showing->removals, &guard, NULL, NULL);
    bson_destroy(&guard);
    showing->removed++;
    return STATUS_OK;
}

static Status remove_shown(Mongo *mongo, Showing *showing, size_t *ret_deleted, Fault *fault)
{
    bson_t reply;
    bson_error_t error;
    Status status = STATUS_OK;
    if (!showing->removed) {
        *ret_deleted = 0;
        return STATUS_OK;
    }
    if (mongoc_bulk_operation_execute(showing->removals, &reply, &error))
        *ret_deleted = (size_t)mongo_number(&reply, "nRemoved");
    else
        status = mongo_fault(mongo, &error, "removing old call records", fault);
    bson_destroy(&reply);
    return status;
}

static Status find_old(Mongo *mongo, int64_t before_ms, size_t max, Showing *showing, Fault *fault)
{
    bson_t query = BSON_INITIALIZER, options = BSON_INITIALIZER, sort;
    put_stored_before(&query, before_ms);
    bson_append_document_begin(&options, "sort", -1, &sort);
    put_order(&sort, "createdAt", 1);
    bson_append_document_end(&options, &sort);
    put_number(&options, "limit", (int64_t)max);
    Status status = walk_found(mongo, &query, &options, mongo->primary, "looking for old call records", show_and_remove, showing, fault);
    bson_destroy(&query);
    bson_destroy(&options);
    return status;
}

Status mongo_cdrs_expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                         Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t options = BSON_INITIALIZER;
    put_flag(&options, "ordered", false);
    Showing showing = {.rating = rating, .visit = visit, .context = context,
                       .removals = mongoc_collection_create_bulk_operation_with_opts(mongo->records, &options)};
    status = find_old(mongo, before_ms, max, &showing, fault);
    status = status ? status : before_delete(context, fault);
    status = status ? status : remove_shown(mongo, &showing, ret_deleted, fault);
    mongoc_bulk_operation_destroy(showing.removals);
    bson_destroy(&options);
    return mongo_leave(mongo, status);
}
