/* Files named on the command line; "-" is stdin. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

/* All of it, in arena. REJECT says what could not be read. */
Status file_read(const char *path, Arena *arena, Slice *ret_bytes, Fault *fault);
