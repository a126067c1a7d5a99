/* Recordings as Asterisk plays them from .wav files: one channel, 16 bit, 8,000 samples a second, and nothing else. Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

/* Any RIFF WAVE file of 16-bit PCM in one or two channels at 8,000 to 96,000 samples a second, as Asterisk plays it. REJECT "wav_invalid". */
Status wav_for_telephone(Slice file, Arena *arena, Slice *ret_file, Fault *fault);
