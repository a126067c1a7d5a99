/* JSON Pointer (RFC 6901). */
#pragma once

#include "base/json.h"

/* The text or number at that place; empty when there is none. "" is the whole value. */
Slice sms_pointer_text(const Json *value, Slice pointer, Arena *arena);
