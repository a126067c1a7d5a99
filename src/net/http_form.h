/* Forms as they are posted, application/x-www-form-urlencoded: https://url.spec.whatwg.org/#application/x-www-form-urlencoded */
#pragma once

#include "base/arena.h"
#include "base/status.h"

enum { FORM_FIELDS_MAX = 128 };

typedef struct FormField { Slice name, value; } FormField;

typedef struct Form {
    FormField fields[FORM_FIELDS_MAX];
    size_t count;
} Form;

/* Decoded, in the order in which they came, behind those that are there. REJECT "form_malformed". */
Status form_read(Slice text, Arena *arena, Form *form, Fault *fault);

/* The first of that name; empty when there is none. */
Slice form_get(const Form *form, const char *name);

/* By name, fields of one name by value, in byte order. */
void form_sort(Form *form);

/* Adds "name=value", encoded, with an '&' before it unless it is the first. */
void form_add(Text *text, const char *name, Slice value);
