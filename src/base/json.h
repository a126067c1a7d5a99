/* JSON, strictly: RFC 8259 without extensions, valid UTF-8, no NUL, no lone surrogate, no duplicate key, no trailing
 * bytes, depth at most 32. cJSON parses; what it would let pass is refused here first. */
#pragma once

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/status.h"

enum { JSON_DEPTH_MAX = 32 };

typedef cJSON Json; /* read-only outside json.c; lives in the arena it was parsed into */

/* REJECT with code "json_malformed" (or "json_depth", "json_utf8", "json_duplicate_key") and the place in the text. */
Status json_parse(Slice text, Arena *arena, const Json **ret_value, Fault *fault);

/* For people: lines and their characters, counted from 1. */
typedef struct JsonPlace { size_t line, column; } JsonPlace;
JsonPlace json_place_at(Slice text, size_t offset);
/* Of a value in the text that root was parsed from; a member's place is that of its name. Takes as long as reading the text. */
JsonPlace json_place_of(Slice text, const Json *root, const Json *value);

static inline bool json_is_object(const Json *value) { return value && (value->type & 0xff) == cJSON_Object; }
static inline bool json_is_array(const Json *value) { return value && (value->type & 0xff) == cJSON_Array; }
static inline bool json_is_string(const Json *value) { return value && (value->type & 0xff) == cJSON_String; }
static inline bool json_is_number(const Json *value) { return value && (value->type & 0xff) == cJSON_Number; }
static inline bool json_is_true(const Json *value) { return value && (value->type & 0xff) == cJSON_True; }
static inline bool json_is_false(const Json *value) { return value && (value->type & 0xff) == cJSON_False; }
static inline bool json_is_null(const Json *value) { return value && (value->type & 0xff) == cJSON_NULL; }

/* The text of a string value; empty for anything else. */
static inline Slice json_text(const Json *value)
{
    return json_is_string(value) ? slice_of(value->valuestring) : (Slice){0};
}

/* The member of that name (case matters), or NULL. */
const Json *json_get(const Json *object, const char *key);

#define json_each(member, container) \
    for (const Json *member = (container) ? (container)->child : NULL; member; member = member->next)

/* Writers: append to text. json_add_string quotes and escapes (bytes must be valid UTF-8). */
void json_add_string(Text *text, Slice string);
void json_add_time(Text *text, int64_t unix_ms); /* "2024-01-15T10:30:00.000Z"; null for 0 */

/* Members of an object that was opened with '{': the comma comes by itself. An empty text is null. */
void json_add_key(Text *text, const char *key);
void json_add_text_member(Text *text, const char *key, Slice value);
void json_add_time_member(Text *text, const char *key, int64_t unix_ms);
void json_add_number_member(Text *text, const char *key, int64_t number);
void json_add_flag_member(Text *text, const char *key, bool flag);

/* The value in one canonical form: no white space, object keys in byte order. Equal values give equal bytes. */
void json_add_canonical(Text *text, const Json *value);

/* Members of any objects as one object in that form. Of two with one name, the one that comes first in the array stands. */
void json_add_members(Text *text, const Json *const *members, size_t count);
