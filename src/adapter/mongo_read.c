/* A document as a record. */
#include "adapter/mongo_store.h"
#include "base/clock.h"

Slice mongo_text(const bson_t *document, const char *key)
{
    bson_iter_t at;
    uint32_t bytes;
    if (!bson_iter_init_find(&at, document, key) || !BSON_ITER_HOLDS_UTF8(&at))
        return (Slice){0};
    const char *text = bson_iter_utf8(&at, &bytes);
    return bson_utf8_validate(text, bytes, false) ? (Slice){text, bytes} : (Slice){0};
}

int64_t mongo_number(const bson_t *document, const char *key)
{
    bson_iter_t at;
    bool is_there = bson_iter_init_find(&at, document, key) && BSON_ITER_HOLDS_NUMBER(&at);
    return is_there ? bson_iter_as_int64(&at) : 0;
}

int64_t mongo_time(const bson_iter_t *value)
{
    int64_t unix_ms;
    uint32_t bytes;
    if (BSON_ITER_HOLDS_DATE_TIME(value))
        return bson_iter_date_time(value);
    if (!BSON_ITER_HOLDS_UTF8(value))
        return 0;
    const char *text = bson_iter_utf8(value, &bytes);
    return time_parse((Slice){text, bytes}, &unix_ms) ? unix_ms : 0;
}

int64_t mongo_time_of(const bson_t *document, const char *key)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, key) ? mongo_time(&at) : 0;
}

static bool find_facts(const bson_t *document, Slice *ret)
{
    bson_iter_t at;
    bson_subtype_t subtype;
    const uint8_t *bytes;
    uint32_t count;
    if (!bson_iter_init_find(&at, document, "facts") || !BSON_ITER_HOLDS_BINARY(&at))
        return false;
    bson_iter_binary(&at, &subtype, &count, &bytes);
    *ret = (Slice){(const char *)bytes, count};
    return true;
}

/* {_id: …} where it is not the call id of a document that we made. */
static Slice store_id_of(const bson_t *document, bool is_ours, Slice call_id, Arena *arena)
{
    bson_iter_t at;
    bson_t id = BSON_INITIALIZER;
    if (!bson_iter_init_find(&at, document, "_id") || (is_ours && slice_equal(mongo_text(document, "_id"), call_id)))
        return (Slice){0};
    bson_append_iter(&id, "_id", -1, &at);
    Slice copy = arena_copy(arena, (Slice){(const char *)bson_get_data(&id), id.len});
    bson_destroy(&id);
    return copy;
}

Status mongo_read(const bson_t *document, Arena *arena, Cdr *cdr, Fault *fault)
{
    bson_t kept;
    Slice facts = {0}, bytes = arena_copy(arena, (Slice){(const char *)bson_get_data(document), document->len});
    if (!bson_init_static(&kept, (const uint8_t *)bytes.at, bytes.bytes))
        return fault_set(fault, STATUS_REJECT, "cdr_damaged", "a stored call record is damaged");
    bool is_ours = find_facts(&kept, &facts);
    *cdr = (Cdr){.call_id = mongo_text(&kept, "callId"), .rev = mongo_number(&kept, "rev")};
    cdr->store_id = store_id_of(&kept, is_ours, cdr->call_id, arena);
    if (is_ours)
        return cdr_decode(facts, arena, cdr, fault);
    mongo_read_foreign(&kept, arena, cdr);
    return STATUS_OK;
}
