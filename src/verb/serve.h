/* `pledgeline serve`. */
#pragma once

#include "base/config.h"

/* Serves until SIGTERM or SIGINT; returns the process's exit code. */
int serve_run(const Config *config);
