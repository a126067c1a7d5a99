/* Settings as flags of the command line. */
#pragma once

#include "base/config.h"

/* PLEDGELINE_DATA -> "data", DONATION_LINK_BASE_URL -> "donation-link-base-url". Lives as long as the process. */
const char *names_flag_of_setting(const ConfigRow *row);
