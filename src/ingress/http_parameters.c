/* One look at the query, against the route's own table: a mistyped filter must not answer with everything. */
#include "ingress/http_parameters.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "event/phone.h"
#include "service/texts.h"

enum { NUMBER_DIGITS_MAX = 18, NAME_SHOWN_MAX = 40 };

/* ---- forms ---- */

static bool is_one_of(Slice value, const Slice *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(words[i], value))
            return true;
    }
    return false;
}

bool is_action_type(Slice value)
{
    static const Slice types[] = {SLICE_INIT("donation_sms_sent"), SLICE_INIT("donation_sms_failed"), SLICE_INIT("donation_tts_fallback"),
                                  SLICE_INIT("optout_blacklist_added"), SLICE_INIT("optout_call_terminated")};
    return is_one_of(value, types, sizeof types / sizeof *types);
}

bool is_letter_state(Slice value)
{
    static const Slice states[] = {SLICE_INIT("dead"), SLICE_INIT("waiting")};
    return is_one_of(value, states, sizeof states / sizeof *states);
}

bool is_text_state(Slice value)
{
    int state;
    return texts_read_state(value, &state);
}

bool is_no(Slice value) { return slice_equal(value, SLICE("no")); }

bool is_phone(Slice value) { return phone_is_e164(value); }

static bool read_time(Slice value, int64_t *ret_ms)
{
    char midnight[32];
    if (value.bytes != 10)
        return time_parse(value, ret_ms);
    snprintf(midnight, sizeof midnight, "%.*sT00:00:00Z", SLICE_ARG(value));
    return time_parse(slice_of(midnight), ret_ms);
}

bool is_time(Slice value)
{
    int64_t ms;
    return read_time(value, &ms);
}

static bool read_number(Slice value, int64_t *ret)
{
    int64_t number = 0;
    if (!value.bytes || value.bytes > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < value.bytes; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        number = number * 10 + (value.at[i] - '0');
    }
    *ret = number;
    return true;
}

bool is_position(Slice value)
{
    int64_t position;
    return read_number(value, &position);
}

static bool is_limit(Slice value, size_t most)
{
    int64_t number;
    return read_number(value, &number) && number >= 1 && (size_t)number <= most;
}

static bool read_record_cursor(Slice value, CdrCursor *ret)
{
    long long start, row;
    int used = 0;
    if (sscanf(value.at, "%lld.%lld%n", &start, &row, &used) != 2)
        return false;
    Slice rest = {value.at + used, value.bytes - (size_t)used};
    bool has_call = rest.bytes > 1 && rest.bytes <= 1 + CALL_ID_BYTES_MAX && rest.at[0] == '.';
    *ret = (CdrCursor){start, row, has_call ? (Slice){rest.at + 1, rest.bytes - 1} : (Slice){0}};
    return has_call || !rest.bytes;
}

bool is_record_cursor(Slice value)
{
    CdrCursor cursor;
    return read_record_cursor(value, &cursor);
}

static bool read_text_cursor(Slice value, int64_t *ret_ms, Slice *ret_id)
{
    const char *dot = value.bytes ? memchr(value.at, '.', value.bytes) : NULL;
    if (!dot || !read_number((Slice){value.at, (size_t)(dot - value.at)}, ret_ms))
        return false;
    *ret_id = (Slice){dot + 1, (size_t)(value.at + value.bytes - dot - 1)};
    return *ret_ms && ret_id->bytes;
}

bool is_text_cursor(Slice value)
{
    int64_t ms;
    Slice id;
    return read_text_cursor(value, &ms, &id);
}

/* ---- values that fit ---- */

size_t call_limit(Call *call)
{
    const Parameter *limit = call->route->parameters;
    while (!limit->most)
        limit++;
    int64_t number = (int64_t)limit->usual;
    read_number(call_query(call, limit->name), &number);
    return (size_t)number;
}

int64_t call_time(Call *call, const char *name)
{
    int64_t ms = 0;
    read_time(call_query(call, name), &ms);
    return ms;
}

int64_t call_position(Call *call, const char *name)
{
    int64_t position = 0;
    read_number(call_query(call, name), &position);
    return position;
}

CdrCursor call_record_cursor(Call *call, const char *name)
{
    CdrCursor cursor = {0};
    Slice value = call_query(call, name);
    if (!slice_empty(value))
        read_record_cursor(value, &cursor);
    return cursor;
}

void call_text_cursor(Call *call, const char *name, int64_t *ret_ms, Slice *ret_id)
{
    int64_t ms;
    Slice id;
    if (!read_text_cursor(call_query(call, name), &ms, &id))
        return;
    *ret_ms = ms;
    *ret_id = id;
}

/* ---- the check ---- */

typedef struct Check {
    Call *call;
    const Parameter *parameters;
    uint32_t seen; /* a bit for each parameter of the table */
    bool refused;
} Check;

static bool refuse(Check *check, const char *code, const char *text)
{
    answer_problem(check->call, 400, code, "%s", text);
    check->refused = true;
    return false;
}

static _Thread_local const Parameter *named_parameters; /* for nearest_name, which takes a plain function */
static const char *parameter_name(size_t i) { return named_parameters[i].name; }

static Slice list_of(const Parameter *parameters, Arena *arena)
{
    Text list = text_in(arena);
    for (const Parameter *each = parameters; each->name; each++)
        text_printf(&list, "%s%s", each == parameters ? "" : each[1].name ? ", " : " and ", each->name);
    return text_slice(&list);
}

/* What was sent may be anything; what is shown of it are letters. */
static const char *shown(const char *name, char out[NAME_SHOWN_MAX + 1])
{
    size_t used = 0;
    for (; name[used] && used < NAME_SHOWN_MAX; used++)
        out[used] = name[used] > ' ' && name[used] <= '~' ? name[used] : '?';
    out[used] = 0;
    return out;
}

static bool refuse_unknown(Check *check, const char *name)
{
    char word[NAME_SHOWN_MAX + 1];
    Arena *arena = check->call->arena;
    shown(name, word);
    if (!check->parameters->name)
        return refuse(check, "parameter_unknown", arena_printf(arena, "there is no parameter \"%s\"; this path takes none", word).at);
    named_parameters = check->parameters;
    const char *near = nearest_name(word, parameter_name);
    Slice known = list_of(check->parameters, arena);
    return refuse(check, "parameter_unknown",
                  arena_printf(arena, "there is no parameter \"%s\"; %s%s%s path takes %.*s", word, near ? "did you mean " : "",
                               near ? near : "", near ? "? This" : "this", SLICE_ARG(known)).at);
}

static bool refuse_value(Check *check, const Parameter *parameter, const char *must_be)
{
    return refuse(check, "parameter_invalid", arena_printf(check->call->arena, "%s must be %s", parameter->name, must_be).at);
}

static bool check_one(void *context, const char *name, Slice sent)
{
    Check *check = context;
    size_t i = 0;
    while (check->parameters[i].name && strcmp(check->parameters[i].name, name))
        i++;
    const Parameter *parameter = &check->parameters[i];
    if (!parameter->name)
        return refuse_unknown(check, name);
    if (check->seen & 1U << i)
        return refuse_value(check, parameter, "given once");
    check->seen |= 1U << i;
    if (slice_empty(sent))
        return true;
    Slice value = call_query(check->call, name);
    if (slice_empty(value))
        return refuse_value(check, parameter, "percent-encoded as RFC 3986 says");
    bool fits = parameter->most ? is_limit(value, parameter->most) : !parameter->fits || parameter->fits(value);
    return fits || refuse_value(check, parameter, parameter->must_be);
}

bool parameters_check(Call *call)
{
    Check check = {.call = call, .parameters = call->route->parameters};
    if (!call->route->speaks_sns && call->route->parameters)
        http_query_each(call->request, check_one, &check);
    return !check.refused;
}
