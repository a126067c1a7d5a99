#include "base/zone.h"

#include <errno.h>
#include <stdio.h>

Status zone_read(const char *folder, Slice name, Arena *arena, Zone *ret, Fault *fault)
{
    Slice path = arena_printf(arena, "%s/%.*s", folder, SLICE_ARG(name));
    FILE *file = fopen(path.at, "re");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "zone_file", "the time zone %s: %s", path.at, strerror(errno));
    Text text = text_in(arena);
    text.bytes = fread(text_grow(&text, ZONE_FILE_BYTES_MAX + 1), 1, ZONE_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed)
        return fault_set(fault, STATUS_REJECT, "zone_file", "the time zone %s cannot be read", path.at);
    Fault why;
    if (zone_parse(text_slice(&text), arena, ret, &why))
        return fault_set(fault, STATUS_REJECT, why.code, "%s: %s", path.at, why.text);
    return STATUS_OK;
}
