/* Settings that work, and lose something: a line each in the log, when the server starts. */
#pragma once

#include "base/config.h"

void serve_warn_of_texts(const Config *config);
