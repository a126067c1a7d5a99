/* One reader for files and stdin. */
#include "verb/files.h"

#include <errno.h>
#include <stdio.h>

Status file_read(const char *path, Arena *arena, Slice *ret_bytes, Fault *fault)
{
    enum { CHUNK = 1 << 16 };
    bool is_stdin = !strcmp(path, "-");
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "file", "%s cannot be read: %s", path, strerror(errno));
    Text bytes = text_in(arena);
    for (size_t got = CHUNK; got == CHUNK; bytes.bytes += got)
        got = fread(text_grow(&bytes, CHUNK), 1, CHUNK, file);
    bool failed = ferror(file);
    if (!is_stdin)
        fclose(file);
    if (failed)
        return fault_set(fault, STATUS_REJECT, "file", "%s cannot be read to its end", path);
    *ret_bytes = text_slice(&bytes);
    return STATUS_OK;
}
