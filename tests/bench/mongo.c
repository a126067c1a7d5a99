/* Call records in MongoDB, beside libmongoc doing the same find and the same bulk of the same documents. */
#include <stdlib.h>

#include "adapter/mongo_store.h"
#include "base/clock.h"
#include "measure.h"
#include "typed_events.h"

#define DATABASE "pledgeline_bench"

/* ---- what the adapter sends ---- */

typedef struct Request {
    bson_t *filter;                        /* of a find */
    bson_t **guards, **documents;          /* of a bulk */
    size_t count;
    bool is_find;
} Request;

typedef struct Heard {
    bool listens;
    Request *requests;
    size_t count, capacity;
    Arena arena;
} Heard;

static Heard heard;

static bson_t *copy_document(const bson_t *from, const char *key)
{
    bson_iter_t at;
    const uint8_t *bytes;
    uint32_t count;
    if (!bson_iter_init_find(&at, from, key) || !BSON_ITER_HOLDS_DOCUMENT(&at))
        give_up("the adapter sends something else than expected");
    bson_iter_document(&at, &count, &bytes);
    return bson_new_from_data(bytes, count);
}

static void keep_bulk(const bson_t *command, Request *request)
{
    bson_iter_t at, each;
    request->guards = ARENA_ARRAY(&heard.arena, bson_t *, MEASURE_BATCH);
    request->documents = ARENA_ARRAY(&heard.arena, bson_t *, MEASURE_BATCH);
    if (!bson_iter_init_find(&at, command, "updates") || !bson_iter_recurse(&at, &each))
        give_up("the adapter sends something else than expected");
    for (; bson_iter_next(&each); request->count++) {
        const uint8_t *bytes;
        uint32_t count;
        bson_t update;
        bson_iter_document(&each, &count, &bytes);
        if (request->count == MEASURE_BATCH || !bson_init_static(&update, bytes, count))
            give_up("the adapter sends more than a batch");
        request->guards[request->count] = copy_document(&update, "q");
        request->documents[request->count] = copy_document(&update, "u");
    }
}

static void hear(const mongoc_apm_command_started_t *event)
{
    const bson_t *command = mongoc_apm_command_started_get_command(event);
    const char *name = mongoc_apm_command_started_get_command_name(event);
    if (!heard.listens || (strcmp(name, "find") && strcmp(name, "update")))
        return;
    if (heard.count == heard.capacity)
        give_up("the adapter sends more than a find and a bulk a batch");
    Request *request = &heard.requests[heard.count++];
    *request = (Request){.is_find = name[0] == 'f'};
    if (request->is_find)
        request->filter = copy_document(command, "filter");
    else
        keep_bulk(command, request);
}

mongoc_client_t *__real_mongoc_client_new_from_uri_with_error(const mongoc_uri_t *uri, bson_error_t *error);
mongoc_client_t *__wrap_mongoc_client_new_from_uri_with_error(const mongoc_uri_t *uri, bson_error_t *error);

mongoc_client_t *__wrap_mongoc_client_new_from_uri_with_error(const mongoc_uri_t *uri, bson_error_t *error)
{
    mongoc_client_t *client = __real_mongoc_client_new_from_uri_with_error(uri, error);
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_started_cb(callbacks, hear);
    if (client && heard.listens)
        mongoc_client_set_apm_callbacks(client, callbacks, NULL);
    mongoc_apm_callbacks_destroy(callbacks);
    return client;
}

/* ---- the same batches for both ---- */

typedef struct Work {
    const char *uri;
    size_t calls, passes; /* each batch of calls is saved so often: begun, ended, and each further time as it is */
    Arena arena, loaded;
    CallStages *stages;
} Work;

static void make_calls(Work *work)
{
    Mix *mix = mix_new(7, 1);
    Event next = {0};
    work->stages = ARENA_ARRAY(&work->arena, CallStages, work->calls);
    for (size_t i = 0; i < work->calls; i++)
        call_stages_next(mix, &next, &work->arena, &work->stages[i]);
    mix_free(mix);
}

static size_t records(const Work *work) { return work->calls * work->passes; }

static mongoc_client_t *connect_bare(const Work *work)
{
    mongoc_client_t *client = mongoc_client_new(work->uri);
    if (!client)
        give_up("MONGODB_URI cannot be read");
    mongoc_client_set_error_api(client, MONGOC_ERROR_API_VERSION_2);
    return client;
}

static mongoc_collection_t *records_of(mongoc_client_t *client)
{
    mongoc_collection_t *collection = mongoc_client_get_collection(client, DATABASE, "call_records");
    mongoc_write_concern_t *majority = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(majority, 0);
    mongoc_collection_set_write_concern(collection, majority);
    mongoc_write_concern_destroy(majority);
    return collection;
}

/* ---- the sides ---- */

static Mongo *open_empty(const Work *work, Breaker *breaker)
{
    mongoc_init();
    mongoc_client_t *client = connect_bare(work);
    mongoc_database_t *database = mongoc_client_get_database(client, DATABASE);
    bson_error_t error;
    if (!mongoc_database_drop(database, &error))
        give_up(error.message);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);

    Mongo *mongo;
    Fault fault;
    int64_t count;
    breaker_init(breaker, "mongodb");
    MongoSettings settings = {.uri = work->uri, .database = DATABASE, .deadline_ms = 60000, .breaker = breaker};
    if (mongo_open(&settings, &mongo, &fault))
        give_up(fault.text);
    CdrsPort cdrs = mongo_cdrs(mongo);
    if (cdrs.count(cdrs.self, &count, &fault) || count) /* connects, and makes the indexes */
        give_up(count ? "the records are not empty" : fault.text);
    return mongo;
}

static void close_both(Mongo *mongo, Breaker *breaker, const Work *work)
{
    Fault fault;
    int64_t count;
    CdrsPort cdrs = mongo_cdrs(mongo);
    if (cdrs.count(cdrs.self, &count, &fault) || count != (int64_t)work->calls)
        give_up("other records are stored than were saved");
    mongo_close(mongo);
    breaker_done(breaker);
}

/* Load, put in what the call says now, save: the fold itself is measured elsewhere. */
static void save_batch(const CdrsPort *cdrs, Work *work, size_t first, size_t pass)
{
    Cdr *held[MEASURE_BATCH], saved[MEASURE_BATCH], *pointers[MEASURE_BATCH];
    Slice ids[MEASURE_BATCH];
    bool conflict[MEASURE_BATCH];
    Fault fault;
    arena_reset(&work->loaded);
    for (size_t i = 0; i < MEASURE_BATCH; i++)
        ids[i] = work->stages[first + i].ended.call_id;
    if (cdrs->load(cdrs->self, ids, MEASURE_BATCH, &work->loaded, held, &fault))
        give_up(fault.text);
    for (size_t i = 0; i < MEASURE_BATCH; i++) {
        const CallStages *stages = &work->stages[first + i];
        saved[i] = pass ? stages->ended : stages->begun;
        saved[i].rev = held[i]->rev;
        pointers[i] = &saved[i];
    }
    if (cdrs->save(cdrs->self, pointers, MEASURE_BATCH, clock_wall_ms(), conflict, &fault))
        give_up(fault.text);
    for (size_t i = 0; i < MEASURE_BATCH; i++) {
        if (conflict[i] || saved[i].rev != (int64_t)pass + 1)
            give_up("a record was not saved as expected");
    }
}

static void run_ours(void *context)
{
    Work *work = context;
    Breaker breaker;
    heard.listens = !heard.count;
    Mongo *mongo = open_empty(work, &breaker);
    CdrsPort cdrs = mongo_cdrs(mongo);
    Stopwatch watch = stopwatch_start();
    for (size_t pass = 0; pass < work->passes; pass++) {
        for (size_t first = 0; first < work->calls; first += MEASURE_BATCH)
            save_batch(&cdrs, work, first, pass);
    }
    if (!heard.listens)
        stopwatch_report(watch, "cdrs.ours", records(work));
    heard.listens = false;
    close_both(mongo, &breaker, work);
}

static void replay_find(mongoc_collection_t *collection, const Request *request, const bson_t *options)
{
    const bson_t *document;
    bson_error_t error;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, request->filter, options, NULL);
    while (mongoc_cursor_next(cursor, &document)) {
    }
    if (mongoc_cursor_error(cursor, &error))
        give_up(error.message);
    mongoc_cursor_destroy(cursor);
}

static void replay_bulk(mongoc_collection_t *collection, const Request *request, const bson_t *bulk_options, const bson_t *options)
{
    bson_error_t error;
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(collection, bulk_options);
    for (size_t i = 0; i < request->count; i++) {
        const bson_t *document = request->documents[i];
        bool added = bson_has_field(document, "_id")
                         ? mongoc_bulk_operation_replace_one_with_opts(bulk, request->guards[i], document, options, &error)
                         : mongoc_bulk_operation_update_one_with_opts(bulk, request->guards[i], document, options, &error);
        if (!added)
            give_up(error.message);
    }
    if (!mongoc_bulk_operation_execute(bulk, NULL, &error))
        give_up(error.message);
    mongoc_bulk_operation_destroy(bulk);
}

static void run_ceiling(void *context)
{
    Work *work = context;
    Breaker breaker;
    Mongo *mongo = open_empty(work, &breaker);
    mongoc_client_t *client = connect_bare(work);
    mongoc_collection_t *collection = records_of(client);
    bson_t find_options = BSON_INITIALIZER, bulk_options = BSON_INITIALIZER, options = BSON_INITIALIZER;
    bson_append_int32(&find_options, "batchSize", -1, MEASURE_BATCH + 1);
    bson_append_bool(&bulk_options, "ordered", -1, false);
    bson_append_bool(&options, "upsert", -1, true);
    bson_append_bool(&options, "validate", -1, false);
    mongoc_collection_count_documents(collection, &(bson_t)BSON_INITIALIZER, NULL, NULL, NULL, NULL); /* connects */

    Stopwatch watch = stopwatch_start();
    for (size_t i = 0; i < heard.count; i++) {
        if (heard.requests[i].is_find)
            replay_find(collection, &heard.requests[i], &find_options);
        else
            replay_bulk(collection, &heard.requests[i], &bulk_options, &options);
    }
    stopwatch_report(watch, "cdrs.ceiling", records(work));
    mongoc_collection_destroy(collection);
    mongoc_client_destroy(client);
    close_both(mongo, &breaker, work);
}

int main(int argc, char **argv)
{
    enum { BATCHES = 1 }; /* few documents: the stand-in for mongod that the tests bring walks through all of them */
    Work work = {.uri = getenv("TEST_MONGODB_URI"), .calls = BATCHES * MEASURE_BATCH,
                 .passes = (size_t)option_number(argc, argv, "batches", 8) / BATCHES};
    if (!work.uri || work.passes < 2)
        give_up("usage: TEST_MONGODB_URI=… mongo [--batches=N] [--rounds=N]; empties the database " DATABASE);
    make_calls(&work);
    heard.capacity = BATCHES * work.passes * 2;
    heard.requests = ARENA_ARRAY(&heard.arena, Request, heard.capacity);
    run_ours(&work);
    if (heard.count != heard.capacity)
        give_up("the adapter has not sent a find and a bulk for each batch");
    for (int64_t rounds = option_number(argc, argv, "rounds", 3); rounds > 0; rounds--) {
        run_apart(run_ours, &work);
        run_apart(run_ceiling, &work);
    }
    arena_done(&heard.arena);
    arena_done(&work.arena);
    arena_done(&work.loaded);
    return 0;
}
