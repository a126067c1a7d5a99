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

/* Of a group or a test whose state is an arena. */
static inline int open_arena(void **state)
{
    static Arena arena;
    arena_init(&arena);
    *state = &arena;
    return 0;
}

static inline int close_arena(void **state)
{
    arena_done(*state);
    return 0;
}
