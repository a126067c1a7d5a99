/* Settings of texts that work, and lose something: a line each in the log, when the server starts. */
#pragma once

#include "base/config.h"

void sms_warn_of_losses(const Config *config);
