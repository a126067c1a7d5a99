/* Numbers of opt-outs that this process keeps until a store takes them. Whoever asks about one of them is told that it is blocked. Any thread. */
#pragma once

#include "base/slice.h"

/* An E.164 number; known already is fine. */
void waiting_blocks_put(Slice phone);
/* It is on the list, or never will be. */
void waiting_blocks_drop(Slice phone);
bool waiting_blocks_has(Slice phone);
/* All of them. */
void waiting_blocks_clear(void);
