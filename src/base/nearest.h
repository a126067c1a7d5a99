/* Which name was meant, when one was mistyped. */
#pragma once

#include <stddef.h>

/* The nearest of name(0), name(1), … (NULL ends) to the word by edit distance, NULL when none is near. */
const char *nearest_name(const char *word, const char *(*name)(size_t i));
