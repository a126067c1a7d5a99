#include "net/http_form.h"

#include <stdlib.h>

#include "net/http_client.h"
#include "net/http_percent.h"

/* Up to the separator or the end; *rest goes on behind it. */
static Slice take_until(Slice *rest, char separator)
{
    const char *at = memchr(rest->at, separator, rest->bytes);
    size_t bytes = at ? (size_t)(at - rest->at) : rest->bytes, skipped = bytes + (at != NULL);
    Slice part = {rest->at, bytes};
    *rest = (Slice){rest->at + skipped, rest->bytes - skipped};
    return part;
}

static bool decode(Slice text, Arena *arena, Slice *ret)
{
    char *decoded = arena_alloc(arena, text.bytes + 1);
    ret->at = decoded;
    return http_percent_decode(text, true, decoded, &ret->bytes);
}

Status form_read(Slice text, Arena *arena, Form *form, Fault *fault)
{
    while (text.bytes) {
        Slice value = take_until(&text, '&');
        if (slice_empty(value))
            continue;
        if (form->count == FORM_FIELDS_MAX)
            return fault_set(fault, STATUS_REJECT, "form_malformed", "the form has more than %d fields", FORM_FIELDS_MAX);
        Slice name = take_until(&value, '=');
        FormField *field = &form->fields[form->count];
        if (!decode(name, arena, &field->name) || !decode(value, arena, &field->value))
            return fault_set(fault, STATUS_REJECT, "form_malformed", "a field of the form has a broken escape");
        form->count++;
    }
    return STATUS_OK;
}

Slice form_get(const Form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (slice_equal(form->fields[i].name, slice_of(name)))
            return form->fields[i].value;
    }
    return (Slice){0};
}

static int compare_fields(const void *a, const void *b)
{
    const FormField *left = a, *right = b;
    int order = slice_compare(left->name, right->name);
    return order ? order : slice_compare(left->value, right->value);
}

void form_sort(Form *form) { qsort(form->fields, form->count, sizeof *form->fields, compare_fields); }

void form_add(Text *text, const char *name, Slice value)
{
    if (text->bytes)
        text_add_byte(text, '&');
    text_add(text, http_client_escape(slice_of(name), text->arena));
    text_add_byte(text, '=');
    text_add(text, http_client_escape(value, text->arena));
}
