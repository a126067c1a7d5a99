/* A busy line, made up: what the events of several campaigns look like while a few thousand calls are going on at once. The
 * same seed gives the same calls; only the times follow the clock, so that nothing looks years old.
 *
 * Each call is initiated (with metadata), answered, presses a key, triggers an action and ends. Eight of a hundred donate
 * and three opt out, each with an event of its own on its topic: 5.11 events a call. */
#pragma once

#include "base/arena.h"

typedef struct Mix Mix;

enum { MIX_CALLS_AT_ONCE = 4096 }; /* a call's events lie some thousands of other events apart */

typedef struct MixEvent {
    const char *topic;
    Slice body;       /* one JSON object, until the next event */
} MixEvent;

/* calls_at_once 1: each call's events come in one piece. */
Mix *mix_new(uint64_t seed, size_t calls_at_once);
void mix_free(Mix *mix);

MixEvent mix_next(Mix *mix);
/* Whether any of its events comes by the topic. */
bool mix_has(const char *topic);
int64_t mix_calls_started(const Mix *mix);

/* Uniform in [0, below), from the mix's own source. */
uint64_t mix_random(Mix *mix, uint64_t below);
