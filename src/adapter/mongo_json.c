/* JSON of a record's metadata and actions as BSON, and of another program's document back. */
#include <math.h>
#include <stdio.h>

#include "adapter/mongo_store.h"
#include "base/clock.h"

/* ---- to BSON ---- */

static Slice safe_key(const char *key, Arena *arena)
{
    if (!*key)
        return SLICE("%");
    if (!strpbrk(key, ".$%"))
        return slice_of(key);
    Text safe = text_in(arena);
    for (; *key; key++) {
        if (*key == '.' || *key == '$' || *key == '%')
            text_printf(&safe, "%%%02X", (unsigned)*key);
        else
            text_add_byte(&safe, *key);
    }
    return text_slice(&safe);
}

static void put_json_at(bson_t *into, Slice key, const Json *value, Arena *arena);

static void put_object(bson_t *into, Slice key, const Json *object, Arena *arena)
{
    bson_t inner;
    bson_append_document_begin(into, key.at, (int)key.bytes, &inner);
    json_each(member, object) put_json_at(&inner, safe_key(member->string, arena), member, arena);
    bson_append_document_end(into, &inner);
}

static void put_array(bson_t *into, Slice key, const Json *array, Arena *arena)
{
    bson_t inner;
    uint32_t index = 0;
    bson_append_array_begin(into, key.at, (int)key.bytes, &inner);
    json_each(member, array)
    {
        char room[16];
        const char *number;
        size_t bytes = bson_uint32_to_string(index++, &number, room, sizeof room);
        put_json_at(&inner, (Slice){number, bytes}, member, arena);
    }
    bson_append_array_end(into, &inner);
}

static void put_json_number(bson_t *into, Slice key, double number)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    if (number == floor(number) && fabs(number) <= exact_max)
        bson_append_int64(into, key.at, (int)key.bytes, (int64_t)number);
    else
        bson_append_double(into, key.at, (int)key.bytes, number);
}

static void put_json_at(bson_t *into, Slice key, const Json *value, Arena *arena)
{
    if (json_is_object(value))
        put_object(into, key, value, arena);
    else if (json_is_array(value))
        put_array(into, key, value, arena);
    else if (json_is_string(value))
        bson_append_utf8(into, key.at, (int)key.bytes, value->valuestring, -1);
    else if (json_is_number(value))
        put_json_number(into, key, value->valuedouble);
    else if (json_is_null(value))
        bson_append_null(into, key.at, (int)key.bytes);
    else
        bson_append_bool(into, key.at, (int)key.bytes, (value->type & 0xff) == cJSON_True);
}

void mongo_put_json(bson_t *document, const char *key, const Json *value, Arena *arena)
{
    put_json_at(document, slice_of(key), value, arena);
}

/* ---- from BSON ---- */

static void add_value(Text *out, const bson_iter_t *value, int depth);

static void add_string(Text *out, const char *at, size_t bytes)
{
    bool is_text = bson_utf8_validate(at, bytes, false);
    json_add_string(out, is_text ? (Slice){at, bytes} : (Slice){0});
}

static void add_inner(Text *out, const bson_iter_t *value, bool is_array, int depth)
{
    bson_iter_t member;
    const char *between = "";
    text_add_byte(out, is_array ? '[' : '{');
    for (bool there = bson_iter_recurse(value, &member) && depth < JSON_DEPTH_MAX; there && bson_iter_next(&member); between = ",") {
        text_printf(out, "%s", between);
        if (!is_array) {
            add_string(out, bson_iter_key(&member), strlen(bson_iter_key(&member)));
            text_add_byte(out, ':');
        }
        add_value(out, &member, depth + 1);
    }
    text_add_byte(out, is_array ? ']' : '}');
}

static void add_decimal(Text *out, const bson_iter_t *value)
{
    bson_decimal128_t decimal;
    char printed[BSON_DECIMAL128_STRING];
    bson_iter_decimal128(value, &decimal);
    bson_decimal128_to_string(&decimal, printed);
    json_add_string(out, slice_of(printed));
}

static void add_oid(Text *out, const bson_iter_t *value)
{
    char printed[25];
    bson_oid_to_string(bson_iter_oid(value), printed);
    json_add_string(out, slice_of(printed));
}

static void add_number(Text *out, const bson_iter_t *value)
{
    if (!BSON_ITER_HOLDS_DOUBLE(value))
        text_printf(out, "%lld", (long long)bson_iter_as_int64(value));
    else if (isfinite(bson_iter_double(value)))
        text_printf(out, "%.17g", bson_iter_double(value));
    else
        text_add_literal(out, "null");
}

/* What JSON has no word for becomes text, or null. */
static void add_value(Text *out, const bson_iter_t *value, int depth)
{
    uint32_t bytes;
    if (BSON_ITER_HOLDS_UTF8(value)) {
        const char *at = bson_iter_utf8(value, &bytes);
        add_string(out, at, bytes);
    } else if (BSON_ITER_HOLDS_NUMBER(value))
        add_number(out, value);
    else if (BSON_ITER_HOLDS_BOOL(value))
        text_printf(out, "%s", bson_iter_bool(value) ? "true" : "false");
    else if (BSON_ITER_HOLDS_DATE_TIME(value))
        json_add_time(out, bson_iter_date_time(value));
    else if (BSON_ITER_HOLDS_OID(value))
        add_oid(out, value);
    else if (BSON_ITER_HOLDS_DECIMAL128(value))
        add_decimal(out, value);
    else if (BSON_ITER_HOLDS_DOCUMENT(value) || BSON_ITER_HOLDS_ARRAY(value))
        add_inner(out, value, BSON_ITER_HOLDS_ARRAY(value), depth);
    else
        text_add_literal(out, "null");
}

Slice mongo_json(const bson_iter_t *value, Arena *arena)
{
    Text loose = text_in(arena), canonical = text_in(arena);
    const Json *parsed;
    add_value(&loose, value, 1);
    if (json_parse(text_slice(&loose), arena, &parsed, NULL))
        return (Slice){0};
    json_add_canonical(&canonical, parsed);
    return text_slice(&canonical);
}
