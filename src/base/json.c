/* cJSON behind one door: it allocates from the batch's arena, so a parsed message costs no free, and json_scan refuses
 * beforehand what it would let pass. */
#include "base/json.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json_scan.h"

static _Thread_local Arena *parse_arena; /* set only while cJSON runs */

static void *allocate_in_arena(size_t bytes) { return arena_alloc(parse_arena, bytes); }
static void keep_in_arena(void *pointer) { (void)pointer; }

static void install_hooks(void)
{
    cJSON_Hooks hooks = {allocate_in_arena, keep_in_arena};
    cJSON_InitHooks(&hooks);
}

enum { FEW_KEYS = 24 };

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(Json *const *)a)->string, (*(Json *const *)b)->string);
}

static const Json **sorted_members(const Json *object, Arena *arena, size_t *ret_count)
{
    size_t count = 0;
    json_each(member, object) count++;
    const Json **members = arena_alloc(arena, sizeof *members * (count + 1));
    count = 0;
    json_each(member, object) members[count++] = member;
    qsort(members, count, sizeof *members, compare_keys);
    *ret_count = count;
    return members;
}

/* The second of two members with one name. */
static const Json *duplicate_key(const Json *object, Arena *arena)
{
    const char *keys[FEW_KEYS];
    size_t count = 0;
    json_each(member, object)
    {
        if (count == FEW_KEYS) {
            count++;
            break;
        }
        for (size_t i = 0; i < count; i++) {
            if (keys[i][0] == member->string[0] && strcmp(keys[i], member->string) == 0)
                return member;
        }
        keys[count++] = member->string;
    }
    if (count <= FEW_KEYS)
        return NULL;

    const Json **members = sorted_members(object, arena, &count);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(members[i - 1]->string, members[i]->string) == 0)
            return members[i];
    }
    return NULL;
}

/* What needs the tree: keys that come twice, numbers that no double can hold. Recursion is bounded by JSON_DEPTH_MAX. */
static Status check_tree(const Json *value, Arena *arena, const Json **ret_wrong, Fault *fault)
{
    *ret_wrong = value;
    if (json_is_number(value) && !isfinite(value->valuedouble))
        return fault_set(fault, STATUS_REJECT, "json_number", "the JSON holds a number beyond the range of a double");
    if (!value->child)
        return STATUS_OK;
    const Json *twice = json_is_object(value) ? duplicate_key(value, arena) : NULL;
    if (twice) {
        *ret_wrong = twice;
        return fault_set(fault, STATUS_REJECT, "json_duplicate_key", "the JSON names \"%.64s\" twice in one object", twice->string);
    }
    json_each(member, value)
    {
        if (!member->child && !json_is_number(member))
            continue;
        Status status = check_tree(member, arena, ret_wrong, fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static void add_place(Fault *fault, JsonPlace place)
{
    size_t used = fault ? strlen(fault->text) : 0;
    if (fault)
        snprintf(fault->text + used, sizeof fault->text - used, " (line %zu, column %zu)", place.line, place.column);
}

static bool only_white_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at == end;
}

Status json_parse(Slice text, Arena *arena, const Json **ret_value, Fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_hooks);

    size_t scanned = 0;
    Status status = json_scan(text, &scanned, fault);
    if (status) {
        add_place(fault, json_place_at(text, scanned));
        return status;
    }

    const char *parsed_to = NULL;
    parse_arena = arena;
    const Json *value = cJSON_ParseWithLengthOpts(text.at ? text.at : "", text.bytes, &parsed_to, false);
    parse_arena = NULL;
    if (!value || !only_white_space(parsed_to, text.at + text.bytes)) {
        size_t offset = parsed_to && text.at ? (size_t)(parsed_to - text.at) : 0;
        fault_set(fault, STATUS_REJECT, "json_malformed", "the JSON is malformed at byte %zu", offset);
        add_place(fault, json_place_at(text, offset));
        return STATUS_REJECT;
    }
    const Json *wrong;
    status = check_tree(value, arena, &wrong, fault);
    if (status) {
        add_place(fault, json_place_of(text, value, wrong));
        return status;
    }
    *ret_value = value;
    return STATUS_OK;
}

const Json *json_get(const Json *object, const char *key)
{
    json_each(member, object)
    {
        if (member->string && strcmp(member->string, key) == 0)
            return member;
    }
    return NULL;
}

/* Bytes that JSON text may hold as they are; DEL is escaped, what is above is left to UTF-8. */
static bool is_plain(unsigned char byte) { return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f; }

/* Where the run of plain bytes that starts at `from` ends. */
static size_t plain_until(Slice string, size_t from)
{
    for (; string.bytes - from >= 8; from += 8) {
        uint64_t word = bytes_load(string.at + from);
        uint64_t escaped = bytes_equal(word, '"') | bytes_equal(word, '\\') | bytes_below(word, 0x20) | bytes_equal(word, 0x7f);
        if (escaped)
            return from + bytes_first(escaped);
    }
    while (from < string.bytes && is_plain((unsigned char)string.at[from]))
        from++;
    return from;
}

static void add_escaped(Text *text, unsigned char byte)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof shorts; i += 2) {
        if ((unsigned char)shorts[i] == byte) {
            text_add_byte(text, '\\');
            text_add_byte(text, shorts[i + 1]);
            return;
        }
    }
    text_printf(text, "\\u%04x", byte);
}

void json_add_string(Text *text, Slice string)
{
    text_grow(text, string.bytes + 2);
    text_add_byte(text, '"');
    for (size_t from = 0, until; from < string.bytes; from = until + 1) {
        until = plain_until(string, from);
        text_add(text, (Slice){string.at + from, until - from});
        if (until < string.bytes)
            add_escaped(text, (unsigned char)string.at[until]);
    }
    text_add_byte(text, '"');
}

void json_add_time(Text *text, int64_t unix_ms)
{
    if (unix_ms == 0) {
        text_add_literal(text, "null");
        return;
    }
    char printed[TIME_TEXT_BYTES];
    time_print(unix_ms, printed);
    text_printf(text, "\"%s\"", printed);
}

/* Shortest of 15 and 17 digits that reads back as the same double. */
static void add_number(Text *text, double number)
{
    char printed[32];
    if (number == 0)
        number = 0; /* no "-0" */
    if (fabs(number) < 9007199254740992.0 && number == floor(number)) {
        text_printf(text, "%lld", (long long)number);
        return;
    }
    snprintf(printed, sizeof printed, "%.15g", number);
    if (strtod(printed, NULL) != number)
        snprintf(printed, sizeof printed, "%.17g", number);
    text_add(text, slice_of(printed));
}

static void add_member(Text *text, const Json *member)
{
    json_add_string(text, slice_of(member->string));
    text_add_byte(text, ':');
    json_add_canonical(text, member);
}

static void add_object(Text *text, const Json *object)
{
    size_t count;
    const Json **members = sorted_members(object, text->arena, &count);
    text_add_byte(text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_add_byte(text, ',');
        add_member(text, members[i]);
    }
    text_add_byte(text, '}');
}

/* qsort does not promise to keep equals in their order, so each knows its place. */
typedef struct Placed {
    const Json *member;
    size_t place;
} Placed;

static int compare_placed(const void *a, const void *b)
{
    const Placed *first = a, *second = b;
    int order = strcmp(first->member->string, second->member->string);
    return order ? order : (first->place > second->place) - (first->place < second->place);
}

void json_add_members(Text *text, const Json *const *members, size_t count)
{
    Placed *sorted = arena_alloc(text->arena, sizeof *sorted * count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (Placed){members[i], i};
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_placed);
    text_add_byte(text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i && !strcmp(sorted[i - 1].member->string, sorted[i].member->string))
            continue;
        if (i)
            text_add_byte(text, ',');
        add_member(text, sorted[i].member);
    }
    text_add_byte(text, '}');
}

static void add_array(Text *text, const Json *array)
{
    text_add_byte(text, '[');
    json_each(item, array)
    {
        if (item != array->child)
            text_add_byte(text, ',');
        json_add_canonical(text, item);
    }
    text_add_byte(text, ']');
}

void json_add_canonical(Text *text, const Json *value)
{
    switch (value->type & 0xff) {
    case cJSON_Object:
        add_object(text, value);
        break;
    case cJSON_Array:
        add_array(text, value);
        break;
    case cJSON_String:
        json_add_string(text, json_text(value));
        break;
    case cJSON_Number:
        add_number(text, value->valuedouble);
        break;
    case cJSON_True:
        text_add_literal(text, "true");
        break;
    case cJSON_False:
        text_add_literal(text, "false");
        break;
    default:
        text_add_literal(text, "null");
    }
}
