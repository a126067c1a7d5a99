/* The part of strict JSON that cJSON does not check. Used by json.c only. */
#pragma once

#include "base/slice.h"
#include "base/status.h"

/* One pass over the bytes: UTF-8, escapes, control bytes, numbers, words, white space, depth. Structure (commas, colons,
 * pairs of brackets) is left to the parser. REJECT names the byte offset, which is also *ret_offset. */
Status json_scan(Slice text, size_t *ret_offset, Fault *fault);
