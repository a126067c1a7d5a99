/* A record as a document. Every field is always there, null where nothing is known, so that a change never has to take one away. */
#include "adapter/mongo_store.h"

static void put_known_text(bson_t *document, const char *key, Slice text)
{
    if (slice_empty(text))
        put_null(document, key);
    else
        put_text(document, key, text);
}

static void put_known_date(bson_t *document, const char *key, int64_t unix_ms)
{
    if (unix_ms)
        put_date(document, key, unix_ms);
    else
        put_null(document, key);
}

static void put_known_seconds(bson_t *document, const char *key, int64_t seconds)
{
    if (seconds >= 0)
        put_number(document, key, seconds);
    else
        put_null(document, key);
}

/* ---- lists ---- */

typedef struct List {
    bson_t array;
    char room[16];
    const char *key; /* of the next element */
    uint32_t count;
} List;

static const char *next_key(List *list)
{
    bson_uint32_to_string(list->count++, &list->key, list->room, sizeof list->room);
    return list->key;
}

static void put_digits(const Cdr *cdr, bson_t *document)
{
    List list = {0};
    bson_append_array_begin(document, "dtmfInputs", -1, &list.array);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type == CALL_DTMF)
            put_text(&list.array, next_key(&list), cdr->facts[i].digit);
    }
    bson_append_array_end(document, &list.array);
}

static void put_dtmf(const Cdr *cdr, bson_t *document)
{
    List list = {0};
    bson_append_array_begin(document, "dtmf", -1, &list.array);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != CALL_DTMF)
            continue;
        bson_t press;
        bson_append_document_begin(&list.array, next_key(&list), -1, &press);
        put_text(&press, "digit", cdr->facts[i].digit);
        put_known_date(&press, "at", cdr->facts[i].at_ms);
        bson_append_document_end(&list.array, &press);
    }
    bson_append_array_end(document, &list.array);
}

static void put_action(const Fact *fact, bool abridged, Arena *arena, bson_t *action)
{
    const Json *said = NULL;
    put_text(action, "type", fact->action_type);
    put_known_date(action, "at", fact->at_ms);
    if (!abridged && !slice_empty(fact->action) && !json_parse(fact->action, arena, &said, NULL))
        mongo_put_json(action, "action", said, arena);
    else
        put_null(action, "action");
}

static void put_actions(const Cdr *cdr, bool abridged, Arena *arena, bson_t *document)
{
    List list = {0};
    bson_append_array_begin(document, "actionsTriggered", -1, &list.array);
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (cdr->facts[i].type != CALL_ACTION)
            continue;
        bson_t action;
        bson_append_document_begin(&list.array, next_key(&list), -1, &action);
        put_action(&cdr->facts[i], abridged, arena, &action);
        bson_append_document_end(&list.array, &action);
    }
    bson_append_array_end(document, &list.array);
}

static void put_event_keys(const Cdr *cdr, bson_t *document)
{
    List list = {0};
    bson_append_array_begin(document, "eventKeys", -1, &list.array);
    for (size_t i = 0; i < cdr->fact_count; i++)
        put_text(&list.array, next_key(&list), cdr->facts[i].key);
    bson_append_array_end(document, &list.array);
}

static void put_metadata(const Cdr *cdr, bool abridged, Arena *arena, bson_t *document)
{
    Text printed = text_in(arena);
    const Json *metadata = NULL;
    if (!abridged)
        cdr_print_metadata(cdr, arena, &printed);
    if (abridged || json_parse(text_slice(&printed), arena, &metadata, NULL))
        bson_append_document(document, "metadata", -1, &(bson_t)BSON_INITIALIZER);
    else
        mongo_put_json(document, "metadata", metadata, arena);
}

/* ---- the document ---- */

/* What people and other programs read, in the order of the printed record. */
static void put_readable(const Cdr *cdr, bool abridged, Arena *arena, bson_t *document)
{
    put_text(document, "callId", cdr->call_id);
    put_known_text(document, "campaignId", cdr->campaign_id);
    put_known_text(document, "contactId", cdr->contact_id);
    put_known_text(document, "phoneNumber", cdr->phone);
    put_known_text(document, "status", cdr->status);
    put_known_text(document, "outcome", cdr->outcome);
    put_known_date(document, "startTime", cdr->start_ms);
    put_known_date(document, "answerTime", cdr->answer_ms);
    put_known_date(document, "endTime", cdr->end_ms);
    put_known_seconds(document, "duration", cdr->duration_s);
    put_known_seconds(document, "billsec", cdr->billsec_s);
    put_digits(cdr, document);
    put_dtmf(cdr, document);
    put_actions(cdr, abridged, arena, document);
    bson_append_double(document, "cost", -1, (double)cdr->cost_micros / 1e6);
    put_number(document, "costMicros", cdr->cost_micros);
    put_known_text(document, "currency", cdr->currency);
    bson_append_int32(document, "hangupCause", -1, cdr->hangup_cause);
    put_metadata(cdr, abridged, arena, document);
    put_known_date(document, "createdAt", cdr->created_ms);
    put_known_date(document, "updatedAt", cdr->updated_ms);
    put_flag(document, "inferred", cdr->inferred);
    put_flag(document, "implausibleTimestamps", cdr_has_implausible_times(cdr));
    put_flag(document, "abridged", abridged);
}

static void put_internal(const Cdr *cdr, int64_t rev, Arena *arena, bson_t *document)
{
    Slice facts = cdr_encode(cdr, arena);
    put_number(document, "rev", rev);
    put_flag(document, "open", cdr->open);
    put_flag(document, "answered", cdr->answered);
    put_known_date(document, "lastEventAt", cdr->last_event_ms);
    put_event_keys(cdr, document);
    bson_append_binary(document, "facts", -1, BSON_SUBTYPE_BINARY, (const uint8_t *)facts.at, (uint32_t)facts.bytes);
}

void mongo_document(const Cdr *cdr, int64_t rev, MongoWrite write, int64_t now_ms, bool abridged, Arena *arena, bson_t *ret)
{
    bson_t changes;
    bson_init(ret);
    if (write == MONGO_WHOLE) {
        put_text(ret, "_id", cdr->call_id);
        put_readable(cdr, abridged, arena, ret);
        put_internal(cdr, rev, arena, ret);
        put_date(ret, "storedAt", now_ms ? now_ms : cdr->created_ms);
        return;
    }
    bson_append_document_begin(ret, "$set", -1, &changes);
    put_readable(cdr, abridged, arena, &changes);
    put_internal(cdr, rev, arena, &changes);
    bson_append_document_end(ret, &changes);
}

/* store_id is the document {_id: …}, as it was read. */
static void put_id(const Cdr *cdr, bson_t *guard)
{
    bson_t read;
    if (slice_empty(cdr->store_id))
        put_text(guard, "_id", cdr->call_id);
    else if (bson_init_static(&read, (const uint8_t *)cdr->store_id.at, cdr->store_id.bytes))
        bson_concat(guard, &read);
}

void mongo_guard(const Cdr *cdr, bson_t *ret)
{
    bson_t absent;
    bson_init(ret);
    put_id(cdr, ret);
    if (cdr->rev > 0 || slice_empty(cdr->store_id)) {
        put_number(ret, "rev", cdr->rev);
        return;
    }
    bson_append_document_begin(ret, "facts", -1, &absent);
    put_flag(&absent, "$exists", false);
    bson_append_document_end(ret, &absent);
}
