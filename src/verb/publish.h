/* What other verbs publish. */
#pragma once

#include "verb/verb.h"

/* NDJSON lines of one topic, as `publish FILE` does it, with its options --server and --deadline. Says what came of them; returns the
 * exit code. source: what the lines are called in messages. */
int publish_given(const Invocation *invocation, Slice topic, const char *source, Slice lines);
