/* Sums over call records, made by the server. Documents of other programs have no `answered` and no `costMicros`: an answer time or
 * an outcome says the one, `cost` the other. */
#include <math.h>

#include "adapter/mongo_store.h"

static const char group_by_campaign[] =
    "{\"_id\": \"$campaignId\", \"attempts\": {\"$sum\": 1},"
    " \"answered\": {\"$sum\": {\"$cond\": [{\"$or\": [{\"$eq\": [\"$answered\", true]}, {\"$gt\": [\"$answerTime\", null]},"
    "  {\"$eq\": [\"$outcome\", \"answered\"]}, {\"$eq\": [\"$outcome\", \"converted\"]}, {\"$eq\": [\"$outcome\", \"opted_out\"]}]}, 1, 0]}},"
    " \"busy\": {\"$sum\": {\"$cond\": [{\"$eq\": [\"$outcome\", \"busy\"]}, 1, 0]}},"
    " \"failed\": {\"$sum\": {\"$cond\": [{\"$eq\": [\"$outcome\", \"failed\"]}, 1, 0]}},"
    " \"noAnswer\": {\"$sum\": {\"$cond\": [{\"$eq\": [\"$outcome\", \"no_answer\"]}, 1, 0]}},"
    " \"converted\": {\"$sum\": {\"$cond\": [{\"$eq\": [\"$outcome\", \"converted\"]}, 1, 0]}},"
    " \"optedOut\": {\"$sum\": {\"$cond\": [{\"$eq\": [\"$outcome\", \"opted_out\"]}, 1, 0]}},"
    " \"durationS\": {\"$sum\": \"$duration\"},"
    " \"costMicros\": {\"$sum\": \"$costMicros\"},"
    " \"costElsewhere\": {\"$sum\": {\"$cond\": [{\"$gt\": [\"$costMicros\", null]}, 0, \"$cost\"]}}}";

static void put_stage(bson_t *pipeline, const char *place, const char *name, const bson_t *stage)
{
    bson_t entry;
    bson_append_document_begin(pipeline, place, -1, &entry);
    bson_append_document(&entry, name, -1, stage);
    bson_append_document_end(pipeline, &entry);
}

/* Calls whose campaign nobody has named yet are in no campaign's sums, as they are in no counter. */
static void put_pipeline(bson_t *pipeline, const CdrFilter *filter)
{
    bson_t match = BSON_INITIALIZER, sort = BSON_INITIALIZER;
    bson_t *group = bson_new_from_json((const uint8_t *)group_by_campaign, -1, NULL);
    CdrFilter whole = *filter; /* sums know no pages */
    whole.after = (CdrCursor){0};
    if (slice_empty(filter->campaign_id))
        put_text_bound(&match, "campaignId", "$gt", (Slice){0});
    mongo_put_filter(&match, &whole);
    put_order(&sort, "_id", 1);
    put_stage(pipeline, "0", "$match", &match);
    put_stage(pipeline, "1", "$group", group);
    put_stage(pipeline, "2", "$sort", &sort);
    bson_destroy(&match);
    bson_destroy(&sort);
    bson_destroy(group);
}

static double decimal_of(const bson_t *document, const char *key)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, key) ? bson_iter_as_double(&at) : 0;
}

typedef struct Sums {
    bool (*visit)(void *context, const CampaignStats *stats);
    void *context;
} Sums;

static Status show_sums(void *context, const bson_t *document, bool *ret_goes_on, Fault *fault)
{
    (void)fault;
    const Sums *sums = context;
    CampaignStats stats = {
        .campaign_id = mongo_text(document, "_id"), .total_attempts = mongo_number(document, "attempts"),
        .answered = mongo_number(document, "answered"), .busy = mongo_number(document, "busy"), .failed = mongo_number(document, "failed"),
        .no_answer = mongo_number(document, "noAnswer"), .converted = mongo_number(document, "converted"),
        .opt_outs = mongo_number(document, "optedOut"), .total_duration_s = mongo_number(document, "durationS"),
        .total_cost_micros = mongo_number(document, "costMicros") + llround(decimal_of(document, "costElsewhere") * 1e6),
    };
    *ret_goes_on = sums->visit(sums->context, &stats);
    return STATUS_OK;
}

Status mongo_cdrs_stats(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats), void *context,
                        Fault *fault)
{
    Mongo *mongo = self;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t pipeline = BSON_INITIALIZER, options = BSON_INITIALIZER;
    put_pipeline(&pipeline, filter);
    put_number(&options, "maxTimeMS", mongo_work_ms(mongo));
    Sums sums = {visit, context};
    mongoc_cursor_t *cursor = mongoc_collection_aggregate(mongo->records, MONGOC_QUERY_NONE, &pipeline, &options, NULL);
    status = mongo_walk(mongo, cursor, "summing call records", show_sums, &sums, fault);
    bson_destroy(&pipeline);
    bson_destroy(&options);
    return mongo_leave(mongo, status);
}

Status mongo_cdrs_count(void *self, int64_t *ret_records, Fault *fault)
{
    Mongo *mongo = self;
    bson_error_t error;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    int64_t records = mongoc_collection_estimated_document_count(mongo->records, NULL, NULL, NULL, &error);
    if (records < 0)
        status = mongo_fault(mongo, &error, "counting call records", fault);
    else
        *ret_records = records;
    return mongo_leave(mongo, status);
}

Status mongo_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault)
{
    Mongo *mongo = self;
    bson_error_t error;
    Status status = mongo_enter(mongo, fault);
    if (status)
        return status;
    bson_t query = BSON_INITIALIZER;
    if (!slice_empty(campaign_id))
        put_text(&query, "campaignId", campaign_id);
    put_time_bound(&query, "startTime", "$gte", since_ms);
    int64_t calls = mongoc_collection_count_documents(mongo->records, &query, NULL, NULL, NULL, &error);
    bson_destroy(&query);
    if (calls < 0)
        status = mongo_fault(mongo, &error, "counting calls", fault);
    else
        *ret_calls = calls;
    return mongo_leave(mongo, status);
}
