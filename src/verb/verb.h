/* The verbs of the command line. Usage, help, completion and the man page come from these tables. */
#pragma once

#include "app.h"

enum { EXIT_OK = 0, EXIT_FAILURE_ = 1, EXIT_USAGE = 2, EXIT_BLOCKED = 3, EXIT_DRIFT = 4 };
