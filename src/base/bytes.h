/* Eight bytes of text at a time, for the loops that look at every byte. A mask has the top bit set in each byte that fits;
 * only its first such byte is certain, which is what bytes_first tells. */
#pragma once

#include <endian.h>

#include "base/slice.h"

static inline uint64_t bytes_load(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word); /* the first byte is the lowest */
}

static inline uint64_t bytes_all(unsigned char byte) { return 0x0101010101010101u * byte; }

/* Bytes below a limit of at most 0x80. */
static inline uint64_t bytes_below(uint64_t word, unsigned char limit) { return (word - bytes_all(limit)) & ~word & bytes_all(0x80); }

static inline uint64_t bytes_equal(uint64_t word, unsigned char byte) { return bytes_below(word ^ bytes_all(byte), 1); }

static inline uint64_t bytes_above_ascii(uint64_t word) { return word & bytes_all(0x80); }

/* Place of the first byte that fits. The mask must not be 0. */
static inline size_t bytes_first(uint64_t mask) { return (size_t)__builtin_ctzll(mask) / 8; }
