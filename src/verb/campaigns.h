/* Campaigns named on the command line. */
#pragma once

#include "verb/verb.h"

/* For a verb that has nothing of a campaign to show, and lists all when it is given none: says whether the campaign is known, and which one may have been
 * meant. Returns the exit code. */
int campaign_has_nothing(const Ports *ports, const char *verb, const char *campaign, const char *nothing, Arena *arena);
