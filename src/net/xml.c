/* expat tells of elements as they begin and end; those at the bottom are kept. */
#include "net/xml.h"

#include <expat.h>
#include <stdlib.h>

enum { TEXTS_MAX = 1024 };

typedef struct Reading {
    Arena *arena;
    XmlText *texts;
    size_t count;
    int members;
    bool is_bottom; /* the element that ends next began last */
    Text text;
} Reading;

static void XMLCALL begin(void *context, const char *name, const char **attributes)
{
    (void)attributes;
    Reading *reading = context;
    reading->is_bottom = true;
    reading->text = text_in(reading->arena);
    reading->members += !strcmp(name, "member");
}

static void XMLCALL add_text(void *context, const char *at, int bytes)
{
    Reading *reading = context;
    text_add(&reading->text, (Slice){at, (size_t)bytes});
}

static void XMLCALL end(void *context, const char *name)
{
    Reading *reading = context;
    const char *colon = strrchr(name, ':');
    if (reading->is_bottom && reading->count < TEXTS_MAX)
        reading->texts[reading->count++] = (XmlText){arena_copy(reading->arena, slice_of(colon ? colon + 1 : name)),
                                                     text_slice(&reading->text), reading->members};
    reading->is_bottom = false;
}

bool xml_read(Slice document, Arena *arena, const XmlText **ret, size_t *ret_count)
{
    Reading reading = {.arena = arena, .texts = ARENA_ARRAY(arena, XmlText, TEXTS_MAX), .text = text_in(arena)};
    XML_Parser parser = XML_ParserCreate("UTF-8");
    if (!parser)
        abort();
    XML_SetUserData(parser, &reading);
    XML_SetElementHandler(parser, begin, end);
    XML_SetCharacterDataHandler(parser, add_text);
    bool is_whole = document.bytes && XML_Parse(parser, document.at, (int)document.bytes, true) == XML_STATUS_OK;
    XML_ParserFree(parser);
    *ret = reading.texts;
    *ret_count = reading.count;
    return is_whole;
}

Slice xml_find(const XmlText *texts, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(texts[i].name, slice_of(name)))
            return texts[i].text;
    }
    return (Slice){0};
}
