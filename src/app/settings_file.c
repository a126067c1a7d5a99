#include "app/settings_file.h"

#include <errno.h>
#include <stdio.h>

Status settings_read_file(const char *env, const char *path, Arena *arena, Slice *ret, Fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "setting_file", "%s %s: %s", env, path, strerror(errno));
    Text text = text_in(arena);
    for (size_t bytes = 1; bytes > 0; text.bytes += bytes)
        bytes = fread(text_grow(&text, 65536), 1, 65536, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed)
        return fault_set(fault, STATUS_REJECT, "setting_file", "%s %s cannot be read", env, path);
    *ret = text_slice(&text);
    return STATUS_OK;
}
