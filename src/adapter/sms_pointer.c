#include "adapter/sms_pointer.h"

#include <stdlib.h>

/* "~1" is '/', "~0" is '~' (section 4). */
static const char *decoded(Slice token, Arena *arena)
{
    char *name = arena_alloc(arena, token.bytes + 1);
    size_t used = 0;
    for (size_t i = 0; i < token.bytes; i++) {
        bool is_escape = token.at[i] == '~' && i + 1 < token.bytes;
        name[used++] = !is_escape ? token.at[i] : token.at[i + 1] == '1' ? '/' : '~';
        i += is_escape;
    }
    name[used] = 0;
    return name;
}

static const Json *element(const Json *array, const char *name)
{
    char *end;
    unsigned long index = strtoul(name, &end, 10), at = 0;
    if (*name < '0' || *name > '9' || *end)
        return NULL;
    json_each(member, array) {
        if (at++ == index)
            return member;
    }
    return NULL;
}

Slice sms_pointer_text(const Json *value, Slice pointer, Arena *arena)
{
    while (value && pointer.bytes) {
        if (*pointer.at != '/')
            return (Slice){0};
        const char *end = memchr(pointer.at + 1, '/', pointer.bytes - 1);
        size_t bytes = end ? (size_t)(end - pointer.at) : pointer.bytes;
        const char *name = decoded((Slice){pointer.at + 1, bytes - 1}, arena);
        value = json_is_array(value) ? element(value, name) : json_is_object(value) ? json_get(value, name) : NULL;
        pointer = (Slice){pointer.at + bytes, pointer.bytes - bytes};
    }
    return json_is_number(value) ? arena_printf(arena, "%.0f", value->valuedouble) : json_text(value);
}
