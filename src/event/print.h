/* The JSON of what a decision leaves behind. Each appends one object. */
#pragma once

#include "event/decision.h"

void print_block_entry(Text *out, const BlockEntry *entry);   /* the original system's BlacklistEntry */
void print_action(Text *out, const ActionRecord *record);     /* the original system's field names */
