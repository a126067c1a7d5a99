/* Numbers that were put on the do-not-call list by this process in the last moments. Whoever asked the list before that, and has not called or
 * texted yet, asks it again. Any thread. */
#pragma once

#include "base/slice.h"

/* So many are remembered. */
enum { RECENT_BLOCKS_MAX = 64 * 1024 };

/* Before it is on the list: whoever asks the list later is told by the list. */
void recent_blocks_put(Slice phone);

/* The elapsed time of a moment just past that is known in wall time, or a little earlier, because the clock may have been set since. */
int64_t recent_blocks_since(int64_t wall_ms);

/* Whether the number was put since that elapsed time; true also where so many were that nobody can say. */
bool recent_blocks_has(Slice phone, int64_t since_ms);
