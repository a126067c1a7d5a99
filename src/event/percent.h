/* Percent-encoding (RFC 3986). Pure. */
#pragma once

#include "base/arena.h"

/* Everything but unreserved characters. */
Slice percent_encode(Slice text, Arena *arena);
