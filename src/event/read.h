/* The list's entries and the actions out of the JSON that print.h makes of them. Texts are the value's own; what is not said
 * is empty or 0. */
#pragma once

#include "event/decision.h"

BlockEntry read_block_entry(const Json *value);
ActionRecord read_action(const Json *value);
