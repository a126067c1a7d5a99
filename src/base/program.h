/* Another program, run to its end without a shell. */
#pragma once

#include <stdint.h>

#include "base/status.h"

/* words: its name, looked up in PATH, and its arguments, ended by NULL. It gets PATH, HOME and LC_ALL and nothing else of our environment,
 * no input, and its output is thrown away. REJECT "program_failed" says how it ended; RETRY "program_slow": it was not done in time, and
 * was killed. */
Status program_run(char *const *words, int64_t timeout_ms, Fault *fault);
