/* Files that settings name. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

/* All of it, in arena. REJECT names the setting and why it cannot be read. */
Status settings_read_file(const char *env, const char *path, Arena *arena, Slice *ret, Fault *fault);
