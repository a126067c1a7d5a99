/* The parts of the MongoDB adapter: mongo_store.c connects and names what went wrong, mongo_document.c writes documents,
 * mongo_read.c reads them and mongo_foreign.c those of other programs, mongo_json.c goes between JSON and BSON, mongo_cdrs.c loads
 * and saves, mongo_lists.c and mongo_sums.c look at many. Used by these only. */
#pragma once

#include <mongoc/mongoc.h>

#include "adapter/mongo.h"

struct Mongo {
    mongoc_uri_t *uri;
    char *database;
    Breaker *breaker;
    int deadline_ms, retention_days;
    mongoc_write_concern_t *majority;
    mongoc_read_prefs_t *primary;

    mongoc_client_t *client; /* NULL: not connected */
    mongoc_collection_t *records;
    bool has_indexes;

    int depth;    /* of verbs under way: a visitor may call another one */
    bool refuses; /* the server is there, and cannot or will not */
    bool is_lost; /* the server is away: the connection goes when the outermost verb leaves */
    Fault why;
    Arena scratch; /* of save */
};

/* ---- mongo_store.c ---- */

/* Around every verb. After OK from enter the verb must leave, with its own status. */
Status mongo_enter(Mongo *mongo, Fault *fault);
Status mongo_leave(Mongo *mongo, Status status);

/* What a failed call of the client library means; doing is "loading call records". */
Status mongo_fault(Mongo *mongo, const bson_error_t *error, const char *doing, Fault *fault);
/* It is there and cannot do this: RETRY, and named by readyz. */
Status mongo_refuses(Mongo *mongo, const Fault *why, Fault *fault);

/* How long the server may work on one request. */
int mongo_work_ms(const Mongo *mongo);

/* Walks documents that the cursor finds (and destroys it). The document lives for the visitor's call; FALSE in *ret_goes_on stops. */
typedef Status MongoVisit(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault);
Status mongo_walk(Mongo *mongo, mongoc_cursor_t *cursor, const char *doing, MongoVisit *visit, void *context, Fault *fault);

/* ---- mongo_document.c ---- */

typedef enum MongoWrite { MONGO_WHOLE, MONGO_CHANGES } MongoWrite;

/* The record as a document: whole (with _id and storedAt), or as {$set: …} of all but these. rev is the one it will have. */
void mongo_document(const Cdr *cdr, int64_t rev, MongoWrite write, int64_t now_ms, bool abridged, Arena *arena, bson_t *ret);

/* The document as it was read: {_id, rev}, or {_id, facts: not there} for another program's. */
void mongo_guard(const Cdr *cdr, bson_t *ret);

/* ---- mongo_read.c, mongo_foreign.c ---- */

/* Everything goes into the arena. Not derived. */
Status mongo_read(const bson_t *document, Arena *arena, Cdr *cdr, Fault *fault);
void mongo_read_foreign(const bson_t *document, Arena *arena, Cdr *cdr);

Slice mongo_text(const bson_t *document, const char *key);   /* of the document; empty unless it is text */
int64_t mongo_number(const bson_t *document, const char *key); /* 0 unless it is a number */
int64_t mongo_time(const bson_iter_t *value);                  /* a date, or a time as text; 0 = neither */
int64_t mongo_time_of(const bson_t *document, const char *key);

/* ---- mongo_json.c ---- */

void mongo_put_json(bson_t *document, const char *key, const Json *value, Arena *arena);
/* The value as canonical JSON; empty where there is none. */
Slice mongo_json(const bson_iter_t *value, Arena *arena);

/* ---- mongo_lists.c, mongo_sums.c: verbs of CdrsPort ---- */

/* Adds what the filter asks for to a query: newest first, so "after" is older. */
void mongo_put_filter(bson_t *query, const CdrFilter *filter);

Status mongo_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating,
                        bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault);
Status mongo_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault);
Status mongo_cdrs_stale(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count,
                        Fault *fault);
Status mongo_cdrs_expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                         Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault);
Status mongo_cdrs_stats(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats), void *context,
                        Fault *fault);
Status mongo_cdrs_count(void *self, int64_t *ret_records, Fault *fault);
Status mongo_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault);

/* ---- typed members; keys are ours, values are never looked at as operators ---- */

static inline void put_null(bson_t *document, const char *key) { bson_append_null(document, key, -1); }
static inline void put_flag(bson_t *document, const char *key, bool flag) { bson_append_bool(document, key, -1, flag); }
static inline void put_number(bson_t *document, const char *key, int64_t number) { bson_append_int64(document, key, -1, number); }
static inline void put_date(bson_t *document, const char *key, int64_t unix_ms) { bson_append_date_time(document, key, -1, unix_ms); }

static inline void put_text(bson_t *document, const char *key, Slice text)
{
    bson_append_utf8(document, key, -1, text.at ? text.at : "", (int)text.bytes);
}

static inline void put_order(bson_t *document, const char *key, int direction) { bson_append_int32(document, key, -1, direction); }

/* {key: {operator: time}} */
static inline void put_time_bound(bson_t *document, const char *key, const char *operator, int64_t unix_ms)
{
    bson_t bound;
    bson_append_document_begin(document, key, -1, &bound);
    put_date(&bound, operator, unix_ms);
    bson_append_document_end(document, &bound);
}

static inline void put_text_bound(bson_t *document, const char *key, const char *operator, Slice text)
{
    bson_t bound;
    bson_append_document_begin(document, key, -1, &bound);
    put_text(&bound, operator, text);
    bson_append_document_end(document, &bound);
}
