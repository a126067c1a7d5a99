/* Names on the command line: flags of settings, and the nearest one to a slip of the pen. */
#pragma once

#include "base/config.h"

/* PLEDGELINE_DATA -> "data", DONATION_LINK_BASE_URL -> "donation-link-base-url". Lives as long as the process. */
const char *names_flag_of_setting(const ConfigRow *row);

/* The nearest of name(0), name(1), … (NULL ends) to the word, NULL when none is near. */
const char *names_nearest(const char *word, const char *(*name)(size_t i));
