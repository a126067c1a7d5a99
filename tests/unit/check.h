/* cmocka with what it needs before it, and slices that print well when they differ. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static inline void assert_slice(Slice found, const char *expected)
{
    Slice wanted = slice_of(expected);
    if (!slice_equal(found, wanted))
        fail_msg("found \"%.*s\", expected \"%s\"", SLICE_ARG(found), expected);
}
