/* What a small XML document says (expat). */
#pragma once

#include "base/arena.h"

/* An element that holds text and no other element: <Code>Throttling</Code>. */
typedef struct XmlText {
    Slice name, text; /* the name without a prefix */
    int member;       /* which <member> of the document it is in: 1, 2, …; 0 = before the first */
} XmlText;

/* All of them in their order, in arena. False when it is no XML; *ret is then what came before the error. */
bool xml_read(Slice document, Arena *arena, const XmlText **ret, size_t *ret_count);

/* The text of the first one with that name; empty when there is none. */
Slice xml_find(const XmlText *texts, size_t count, const char *name);
