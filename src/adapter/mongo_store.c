/* Connecting, indexes, and what failures mean. Connections belong to one thread; after a failure the connection is dropped, so that
 * the next one looks for the servers anew instead of waiting for this one's to recover. */
#include "adapter/mongo_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

enum { DEADLINE_MS = 5000, DAY_S = 24 * 60 * 60 };

/* Of a deadline, a quarter is for finding a server, the rest for its work. */
static int search_ms(const Mongo *mongo) { return mongo->deadline_ms / 4; }
static int exchange_ms(const Mongo *mongo) { return mongo->deadline_ms - search_ms(mongo); }
int mongo_work_ms(const Mongo *mongo) { return exchange_ms(mongo) * 9 / 10; } /* its "too late" should still reach us */

/* ---- open and close ---- */

/* At the start of every process, before main, the library makes a file of counters in shared memory. A process that is killed
 * would leave it behind, and the next one of the same number would complain on stderr. Without its name it goes with the process. */
__attribute__((constructor)) static void leave_no_counters_behind(void)
{
    char name[32];
    snprintf(name, sizeof name, "/mongoc-%d", (int)getpid());
    shm_unlink(name);
}

static void init_library(void)
{
    mongoc_log_set_handler(NULL, NULL); /* what matters comes back as an error; before init, which may find something to say, too */
    mongoc_init();
}

static Status parse_uri(Mongo *mongo, const char *text, Fault *fault)
{
    bson_error_t error = {0};
    mongo->uri = mongoc_uri_new_with_error(text ? text : "", &error);
    if (!mongo->uri)
        return fault_set(fault, STATUS_REJECT, "setting_value", "MONGODB_URI is no MongoDB connection string: %.150s", error.message);
    mongoc_uri_set_option_as_int32(mongo->uri, MONGOC_URI_CONNECTTIMEOUTMS, search_ms(mongo));
    mongoc_uri_set_option_as_int32(mongo->uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, search_ms(mongo));
    mongoc_uri_set_option_as_int32(mongo->uri, MONGOC_URI_SOCKETTIMEOUTMS, exchange_ms(mongo));
    mongoc_uri_set_option_as_bool(mongo->uri, MONGOC_URI_RETRYREADS, false); /* the caller does, and knows for how long */
    mongoc_uri_set_option_as_bool(mongo->uri, MONGOC_URI_RETRYWRITES, false);
    if (!mongoc_uri_get_appname(mongo->uri))
        mongoc_uri_set_appname(mongo->uri, "pledgeline");
    if (!mongoc_read_concern_get_level(mongoc_uri_get_read_concern(mongo->uri))) {
        mongoc_read_concern_t *majority = mongoc_read_concern_new();
        mongoc_read_concern_set_level(majority, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
        mongoc_uri_set_read_concern(mongo->uri, majority);
        mongoc_read_concern_destroy(majority);
    }
    return STATUS_OK;
}

static Status check_database(const char *name, Fault *fault)
{
    enum { NAME_BYTES_MAX = 63 };
    if (strlen(name) > NAME_BYTES_MAX || strpbrk(name, "/\\. \"$*<>:|?"))
        return fault_set(fault, STATUS_REJECT, "setting_value", "MONGODB_DATABASE is no name for a database: %.80s", name);
    return STATUS_OK;
}

Status mongo_open(const MongoSettings *settings, Mongo **ret, Fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);

    bool is_named = settings->database && *settings->database;
    Mongo *mongo = calloc(1, sizeof *mongo);
    if (!mongo)
        return fault_set(fault, STATUS_FATAL, "memory", "there is no memory left");
    mongo->database = strdup(is_named ? settings->database : "campaign_system");
    mongo->breaker = settings->breaker;
    mongo->deadline_ms = settings->deadline_ms > 0 ? settings->deadline_ms : DEADLINE_MS;
    mongo->retention_days = settings->retention_days;
    mongo->majority = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(mongo->majority, mongo_work_ms(mongo));
    mongo->primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    arena_init(&mongo->scratch);
    Status status = check_database(mongo->database, fault);
    status = status ? status : parse_uri(mongo, settings->uri, fault);
    if (status)
        mongo_close(mongo);
    else
        *ret = mongo;
    return status;
}

static void disconnect(Mongo *mongo)
{
    mongoc_collection_destroy(mongo->records);
    mongoc_client_destroy(mongo->client);
    mongo->records = NULL;
    mongo->client = NULL;
    mongo->has_indexes = false; /* who comes back may be another one */
}

void mongo_close(Mongo *mongo)
{
    if (!mongo)
        return;
    disconnect(mongo);
    mongoc_write_concern_destroy(mongo->majority);
    mongoc_read_prefs_destroy(mongo->primary);
    mongoc_uri_destroy(mongo->uri);
    arena_done(&mongo->scratch);
    free(mongo->database);
    free(mongo);
}

/* ---- what failures mean ---- */

/* What the server says of itself, not of the request: somebody else must be found, or it must be waited for. */
static const uint32_t away_codes[] = {
    6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, /* no longer or not yet the primary, going down, no route */
    8, 11, 13, 18, 8000,                                                  /* credentials and rights: until somebody mends them */
};
/* What it says of the documents. */
static const uint32_t refused_codes[] = {2, 9, 14, 22, 52, 121, 10334, 17280, 17419, 17420};

static bool is_among(uint32_t code, const uint32_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}
#define IS_AMONG(code, codes) is_among((code), (codes), sizeof(codes) / sizeof *(codes))

static Status lose(Mongo *mongo, const char *code, const char *doing, const bson_error_t *error, Fault *fault)
{
    mongo->is_lost = true;
    fault_set(&mongo->why, STATUS_RETRY, code, "MongoDB, %s: %.180s", doing, error->message);
    if (fault)
        *fault = mongo->why;
    return STATUS_RETRY;
}

Status mongo_refuses(Mongo *mongo, const Fault *why, Fault *fault)
{
    mongo->refuses = true;
    mongo->why = *why;
    if (fault)
        *fault = *why;
    return STATUS_RETRY;
}

Status mongo_fault(Mongo *mongo, const bson_error_t *error, const char *doing, Fault *fault)
{
    if (error->domain == MONGOC_ERROR_BSON || (error->domain == MONGOC_ERROR_COMMAND && error->code == MONGOC_ERROR_COMMAND_INVALID_ARG))
        return fault_set(fault, STATUS_REJECT, "mongodb_refused", "a call record cannot be written as a MongoDB document");
    if (error->domain != MONGOC_ERROR_SERVER && error->domain != MONGOC_ERROR_WRITE_CONCERN)
        return lose(mongo, "mongodb_unreachable", doing, error, fault);
    if (IS_AMONG(error->code, away_codes))
        return lose(mongo, "mongodb_unwell", doing, error, fault);
    if (IS_AMONG(error->code, refused_codes)) /* its words may quote the document */
        return fault_set(fault, STATUS_REJECT, "mongodb_refused", "MongoDB, %s: it does not take the request (code %u)", doing, error->code);
    Fault why;
    fault_set(&why, STATUS_RETRY, "mongodb_failed", "MongoDB, %s: %.150s (code %u)", doing, error->message, error->code);
    return mongo_refuses(mongo, &why, fault);
}

/* ---- indexes ---- */

/* callId and startTime end with what tells equal times apart, so that no page has to be sorted. */
static const struct Index {
    const char *name, *keys;
    bool is_unique, is_of_age;
} indexes[] = {
    {"callId_1", "{\"callId\": 1}", true, false},
    {"campaignId_1_startTime_-1_callId_-1", "{\"campaignId\": 1, \"startTime\": -1, \"callId\": -1}", false, false},
    {"startTime_-1_callId_-1", "{\"startTime\": -1, \"callId\": -1}", false, false},
    {"open_1_startTime_1_callId_1", "{\"open\": 1, \"startTime\": 1, \"callId\": 1}", false, false},
    {"createdAt_1", "{\"createdAt\": 1}", false, true},
};

static void put_index(bson_t *list, const struct Index *index, int retention_days)
{
    bson_t entry, *keys = bson_new_from_json((const uint8_t *)index->keys, -1, NULL);
    bson_append_document_begin(list, "0", -1, &entry);
    bson_append_document(&entry, "key", -1, keys);
    bson_append_utf8(&entry, "name", -1, index->name, -1);
    if (index->is_unique)
        put_flag(&entry, "unique", true);
    if (index->is_of_age && retention_days > 0)
        put_number(&entry, "expireAfterSeconds", (int64_t)retention_days * DAY_S);
    bson_append_document_end(list, &entry);
    bson_destroy(keys);
}

static bool make_index(Mongo *mongo, const struct Index *index, bson_error_t *error)
{
    bson_t command = BSON_INITIALIZER, list;
    bson_append_utf8(&command, "createIndexes", -1, mongoc_collection_get_name(mongo->records), -1);
    bson_append_array_begin(&command, "indexes", -1, &list);
    put_index(&list, index, mongo->retention_days);
    bson_append_array_end(&command, &list);
    bool made = mongoc_client_write_command_with_opts(mongo->client, mongo->database, &command, NULL, NULL, error);
    bson_destroy(&command);
    return made;
}

/* An index that is there with other options: somebody's decision, which is theirs to undo. */
static bool is_index_conflict(const bson_error_t *error)
{
    enum { OPTIONS_CONFLICT = 85, KEYS_CONFLICT = 86, DUPLICATE_KEY = 11000 };
    return error->domain == MONGOC_ERROR_SERVER &&
           (error->code == OPTIONS_CONFLICT || error->code == KEYS_CONFLICT || error->code == DUPLICATE_KEY);
}

/* Without a unique callId one call could get two documents, so nothing is written until that is mended. Any other index only
 * makes lists slower, or keeps documents for another time than ours. */
static Status report_conflict(Mongo *mongo, const struct Index *index, const bson_error_t *error, Fault *fault)
{
    if (!index->is_unique) {
        log_line(LOG_WARN, "MongoDB has another index than the one wanted; left as it is", LOG_CSTR("index", index->name),
                 LOG_CSTR("error", error->message));
        return STATUS_OK;
    }
    mongo->is_lost = true;
    fault_set(&mongo->why, STATUS_RETRY, "mongodb_index",
              "MongoDB: %s.call_records has no unique index on callId and cannot get one (code %u): remove doubled documents and other indexes on callId",
              mongo->database, error->code);
    if (fault)
        *fault = mongo->why;
    return STATUS_RETRY;
}

static Status make_indexes(Mongo *mongo, Fault *fault)
{
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        bson_error_t error;
        if (make_index(mongo, &indexes[i], &error))
            continue;
        Status status = is_index_conflict(&error) ? report_conflict(mongo, &indexes[i], &error, fault)
                                                  : mongo_fault(mongo, &error, "making indexes", fault);
        if (status)
            return status;
    }
    mongo->has_indexes = true;
    return STATUS_OK;
}

/* ---- enter and leave ---- */

static Status connect_client(Mongo *mongo, Fault *fault)
{
    bson_error_t error = {0};
    mongo->client = mongoc_client_new_from_uri_with_error(mongo->uri, &error);
    if (!mongo->client)
        return lose(mongo, "mongodb_unreachable", "connecting", &error, fault);
    mongoc_client_set_error_api(mongo->client, MONGOC_ERROR_API_VERSION_2);
    mongo->records = mongoc_client_get_collection(mongo->client, mongo->database, "call_records");
    mongoc_collection_set_write_concern(mongo->records, mongo->majority);
    return STATUS_OK;
}

Status mongo_enter(Mongo *mongo, Fault *fault)
{
    if (mongo->depth == 0) {
        Status status = breaker_enter(mongo->breaker, fault);
        if (status)
            return status;
        mongo->is_lost = mongo->refuses = false;
    }
    mongo->depth++;
    Status status = mongo->client ? STATUS_OK : connect_client(mongo, fault);
    if (!status && !mongo->has_indexes)
        status = make_indexes(mongo, fault);
    return status ? mongo_leave(mongo, status) : STATUS_OK;
}

Status mongo_leave(Mongo *mongo, Status status)
{
    if (--mongo->depth > 0)
        return status;
    if (mongo->is_lost) {
        disconnect(mongo);
        breaker_failed(mongo->breaker, &mongo->why);
        return status;
    }
    if (status && mongo->refuses)
        breaker_refused(mongo->breaker, &mongo->why);
    else
        breaker_answered(mongo->breaker);
    return status;
}

Status mongo_walk(Mongo *mongo, mongoc_cursor_t *cursor, const char *doing, MongoVisit *visit, void *context, Fault *fault)
{
    const bson_t *document;
    bson_error_t error;
    bool goes_on = true;
    Status status = STATUS_OK;
    while (!status && goes_on && mongoc_cursor_next(cursor, &document))
        status = visit(context, document, &goes_on, fault);
    if (!status && goes_on && mongoc_cursor_error(cursor, &error))
        status = mongo_fault(mongo, &error, doing, fault);
    mongoc_cursor_destroy(cursor);
    return status;
}
