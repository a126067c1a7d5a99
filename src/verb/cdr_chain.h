/* What came of a call, for people. */
#pragma once

#include "service/chain.h"

void show_chain(const Chain *chain, Arena *arena);
