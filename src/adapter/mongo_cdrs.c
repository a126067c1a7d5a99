/* Loads and saves call records: one find and one bulk of guarded writes for a batch. Every write is an upsert under a guard that
 * names the revision: where the document moved on, nothing fits the guard, and the insert that is tried instead collides with it
 * (E11000). So new, changed and contended records need one kind of operation, and the server names the contended ones. */
#include "adapter/mongo_store.h"

enum { DUPLICATE_KEY = 11000 };

/* ---- load ---- */

typedef struct Loading {
    const Slice *call_ids;
    size_t count;
    Arena *arena;
    Cdr **cdrs;
} Loading;

static Status take_loaded(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    (void)ret_goes_on;
    Loading *loading = context;
    Slice call_id = mongo_text(document, "callId");
    for (size_t i = 0; i < loading->count; i++) {
        if (slice_equal(loading->call_ids[i], call_id))
            return mongo_read(document, loading->arena, loading->cdrs[i], fault);
    }
    return STATUS_OK;
}

static void put_call_ids(bson_t *query, const Slice *call_ids, size_t count)
{
    bson_t among, list;
    bson_append_document_begin(query, "callId", -1, &among);
    bson_append_array_begin(&among, "$in", -1, &list);
    for (size_t i = 0; i < count; i++) {
        char room[16];
        const char *key;
        bson_uint32_to_string((uint32_t)i, &key, room, sizeof room);
        put_text(&list, key, call_ids[i]);
    }
    bson_append_array_end(&among, &list);
    bson_append_document_end(query, &among);
}

static Status find_loaded(Mongo *mongo, Loading *loading, Fault *fault)
{
    bson_t query = BSON_INITIALIZER, options = BSON_INITIALIZER;
    put_call_ids(&query, loading->call_ids, loading->count);
    put_number(&options, "batchSize", BATCH_MAX + 1);
    put_number(&options, "maxTimeMS", mongo_work_ms(mongo));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(mongo->records, &query, &options, mongo->primary);
    Status status = mongo_walk(mongo, cursor, "loading call records", take_loaded, loading, fault);
    bson_destroy(&query);
    bson_destroy(&options);
    return status;
}

static Status load(void *self, const Slice *call_ids, size_t count, Arena *arena, Cdr **ret, Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        ret[i] = ARENA_NEW(arena, Cdr);
        ret[i]->call_id = arena_copy(arena, call_ids[i]);
    }
    Loading loading = {call_ids, count, arena, ret};
    return mongo_leave(mongo, find_loaded(mongo, &loading, fault));
}

/* ---- save ---- */

typedef struct Saving {
    Mongo *mongo;
    Cdr *const *cdrs;
    size_t count;
    int64_t now_ms;
    bool *conflict; /* the caller's */
    mongoc_bulk_operation_t *bulk;
} Saving;

static bool is_new(const Cdr *cdr) { return cdr->rev == 0 && slice_empty(cdr->store_id); }

/* What every server takes, less room for the guard and what the protocol adds. */
static bool is_too_large(const bson_t *document)
{
    enum { DOCUMENT_BYTES_MAX = 16 * 1024 * 1024, SLACK_BYTES = 64 * 1024 };
    return document->len > DOCUMENT_BYTES_MAX - SLACK_BYTES;
}

static Status make_document(Saving *saving, const Cdr *cdr, bson_t *ret, Fault *fault)
{
    Arena *arena = &saving->mongo->scratch;
    MongoWrite write = is_new(cdr) ? MONGO_WHOLE : MONGO_CHANGES;
    mongo_document(cdr, cdr->rev + 1, write, saving->now_ms, false, arena, ret);
    if (!is_too_large(ret))
        return STATUS_OK;
    bson_destroy(ret);
    mongo_document(cdr, cdr->rev + 1, write, saving->now_ms, true, arena, ret);
    if (!is_too_large(ret))
        return STATUS_OK;
    bson_destroy(ret);
    return fault_set(fault, STATUS_REJECT, "record_too_large", "a call record is larger than MongoDB takes");
}

/* Keys are made safe already; those of other programs' documents are not touched. */
static Status add_write(Saving *saving, const Cdr *cdr, Fault *fault)
{
    bson_t document, guard, options = BSON_INITIALIZER;
    bson_error_t error;
    Status status = make_document(saving, cdr, &document, fault);
    if (status)
        return status;
    mongo_guard(cdr, &guard);
    put_flag(&options, "upsert", true);
    bson_append_int32(&options, "validate", -1, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL);
    bool added = is_new(cdr) ? mongoc_bulk_operation_replace_one_with_opts(saving->bulk, &guard, &document, &options, &error)
                             : mongoc_bulk_operation_update_one_with_opts(saving->bulk, &guard, &document, &options, &error);
    bson_destroy(&document);
    bson_destroy(&guard);
    bson_destroy(&options);
    return added ? STATUS_OK : mongo_fault(saving->mongo, &error, "saving call records", fault);
}

/* ---- what became of each write ---- */

static bool open_array(const bson_t *reply, const char *key, bson_iter_t *ret)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, reply, key) && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, ret);
}

static int64_t member(const bson_iter_t *entry, const char *key)
{
    bson_iter_t at;
    bool is_there = bson_iter_recurse(entry, &at) && bson_iter_find(&at, key) && BSON_ITER_HOLDS_NUMBER(&at);
    return is_there ? bson_iter_as_int64(&at) : -1;
}

/* The first failure that is no collision, as an error; false when there is none. */
static bool note_collisions(const Saving *saving, const bson_t *reply, bson_error_t *ret_other)
{
    bson_iter_t entry;
    bool has_other = false;
    for (bool there = open_array(reply, "writeErrors", &entry); there && bson_iter_next(&entry);) {
        int64_t index = member(&entry, "index"), code = member(&entry, "code");
        if (code == DUPLICATE_KEY && index >= 0 && (size_t)index < saving->count)
            saving->conflict[index] = true;
        else if (!has_other) {
            has_other = true;
            bson_set_error(ret_other, MONGOC_ERROR_SERVER, (uint32_t)code, "a write failed");
        }
    }
    return has_other;
}

static bool has_concern_errors(const bson_t *reply)
{
    bson_iter_t entry;
    return open_array(reply, "writeConcernErrors", &entry) && bson_iter_next(&entry);
}

/* A record that was to be changed and is gone was put there again by its upsert. It goes, unless somebody went on with it. */
static void take_back(Saving *saving, size_t index, mongoc_bulk_operation_t *removals)
{
    bson_t guard;
    Cdr resurrected = *saving->cdrs[index];
    resurrected.rev++;
    mongo_guard(&resurrected, &guard);
    mongoc_bulk_operation_remove_one_with_opts(removals, &guard, NULL, NULL);
    bson_destroy(&guard);
    saving->conflict[index] = true;
}

static Status take_back_resurrected(Saving *saving, const bson_t *reply, Fault *fault)
{
    bson_iter_t entry;
    bson_error_t error;
    size_t count = 0;
    mongoc_bulk_operation_t *removals = mongoc_collection_create_bulk_operation_with_opts(saving->mongo->records, NULL);
    for (bool there = open_array(reply, "upserted", &entry); there && bson_iter_next(&entry);) {
        int64_t index = member(&entry, "index");
        if (index < 0 || (size_t)index >= saving->count || is_new(saving->cdrs[index]))
            continue;
        take_back(saving, (size_t)index, removals);
        count++;
    }
    Status status = STATUS_OK;
    if (count && !mongoc_bulk_operation_execute(removals, NULL, &error))
        status = mongo_fault(saving->mongo, &error, "saving call records", fault);
    mongoc_bulk_operation_destroy(removals);
    return status;
}

static int64_t number_of(const bson_t *reply, const char *key)
{
    int64_t number = mongo_number(reply, key);
    return number > 0 ? number : 0;
}

/* Every write fitted, was an insert, or collided. */
static bool accounts_for_all(const Saving *saving, const bson_t *reply)
{
    int64_t seen = number_of(reply, "nMatched") + number_of(reply, "nUpserted");
    for (size_t i = 0; i < saving->count; i++)
        seen += saving->conflict[i];
    return seen == (int64_t)saving->count;
}

static Status judge(Saving *saving, const bson_t *reply, bool executed, const bson_error_t *error, Fault *fault)
{
    bson_error_t other;
    if (note_collisions(saving, reply, &other))
        return mongo_fault(saving->mongo, &other, "saving call records", fault);
    if (has_concern_errors(reply)) {
        Fault why;
        fault_set(&why, STATUS_RETRY, "mongodb_majority", "MongoDB: a majority of its servers has not confirmed the call records");
        return mongo_refuses(saving->mongo, &why, fault);
    }
    if (accounts_for_all(saving, reply))
        return take_back_resurrected(saving, reply, fault);
    if (!executed)
        return mongo_fault(saving->mongo, error, "saving call records", fault);
    return fault_set(fault, STATUS_RETRY, "mongodb_unclear", "MongoDB: it did not say what became of every call record");
}

static Status write_all(Saving *saving, Fault *fault)
{
    Status status = STATUS_OK;
    bson_t reply = BSON_INITIALIZER;
    bson_error_t error = {0};
    for (size_t i = 0; i < saving->count && !status; i++)
        status = add_write(saving, saving->cdrs[i], fault);
    if (status)
        return status;
    bool executed = mongoc_bulk_operation_execute(saving->bulk, &reply, &error) != 0;
    status = judge(saving, &reply, executed, &error, fault);
    bson_destroy(&reply);
    for (size_t i = 0; i < saving->count && !status; i++)
        saving->cdrs[i]->rev += !saving->conflict[i];
    return status;
}

static Status save(void *self, Cdr *const *cdrs, size_t count, int64_t now_ms, bool *ret_conflict, Fault *fault)
{
    Mongo *mongo = self;
    if (!count)
        return STATUS_OK;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t options = BSON_INITIALIZER;
    put_flag(&options, "ordered", false);
    Saving saving = {mongo, cdrs, count, now_ms, ret_conflict, mongoc_collection_create_bulk_operation_with_opts(mongo->records, &options)};
    memset(ret_conflict, 0, sizeof *ret_conflict * count);
    arena_reset(&mongo->scratch);
    status = write_all(&saving, fault);
    mongoc_bulk_operation_destroy(saving.bulk);
    bson_destroy(&options);
    return mongo_leave(mongo, status);
}

CdrsPort mongo_cdrs(Mongo *mongo)
{
    return (CdrsPort){.self = mongo, .load = load, .save = save, .query = mongo_cdrs_query, .scan = mongo_cdrs_scan,
                      .stats = mongo_cdrs_stats, .stale = mongo_cdrs_stale, .expire = mongo_cdrs_expire,
                      .count = mongo_cdrs_count, .started_since = mongo_cdrs_started_since};
}
