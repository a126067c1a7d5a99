/* Writing objects member by member. */
#include "base/json.h"

void json_add_key(Text *text, const char *key)
{
    if (text->at[text->bytes - 1] != '{')
        text_add_byte(text, ',');
    text_add_byte(text, '"');
    text_add(text, slice_of(key));
    text_add_literal(text, "\":");
}

void json_add_text_member(Text *text, const char *key, Slice value)
{
    json_add_key(text, key);
    if (slice_empty(value))
        text_add_literal(text, "null");
    else
        json_add_string(text, value);
}

void json_add_time_member(Text *text, const char *key, int64_t unix_ms)
{
    json_add_key(text, key);
    json_add_time(text, unix_ms);
}

void json_add_number_member(Text *text, const char *key, int64_t number)
{
    json_add_key(text, key);
    text_printf(text, "%lld", (long long)number);
}

void json_add_flag_member(Text *text, const char *key, bool flag)
{
    json_add_key(text, key);
    text_add(text, flag ? SLICE("true") : SLICE("false"));
}
