/* A view of bytes that somebody else owns (a request body, an arena, a literal). Never NUL-terminated by promise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Slice {
    const char *at;
    size_t bytes;
} Slice;

#define SLICE(literal) ((Slice){(literal), sizeof(literal) - 1})
#define SLICE_INIT(literal) {(literal), sizeof(literal) - 1} /* the same in the initialiser of a table */

/* For printf: printf("%.*s", SLICE_ARG(name)) */
#define SLICE_ARG(slice) (int)(slice).bytes, (slice).at ? (slice).at : ""

static inline Slice slice_of(const char *text) { return (Slice){text, text ? strlen(text) : 0}; }

static inline bool slice_empty(Slice slice) { return slice.bytes == 0; }

static inline bool slice_equal(Slice a, Slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* Byte order, shorter first where one is a prefix of the other: <0, 0, >0. */
static inline int slice_compare(Slice a, Slice b)
{
    size_t shorter = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    if (order)
        return order;
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static inline bool slice_starts_with(Slice slice, Slice prefix)
{
    return slice.bytes >= prefix.bytes && memcmp(slice.at, prefix.at, prefix.bytes) == 0;
}

static inline bool slice_holds(Slice slice, Slice part)
{
    return slice.bytes >= part.bytes && slice.at && memmem(slice.at, slice.bytes, part.at, part.bytes) != NULL;
}

/* Without these bytes at its beginning and at its end. */
static inline Slice slice_trim(Slice slice, const char *bytes)
{
    while (slice.bytes && slice.at[0] && strchr(bytes, slice.at[0]))
        slice = (Slice){slice.at + 1, slice.bytes - 1};
    while (slice.bytes && slice.at[slice.bytes - 1] && strchr(bytes, slice.at[slice.bytes - 1]))
        slice.bytes--;
    return slice;
}

/* 64-bit FNV-1a with a final mix. Stable on disk: the embedded store indexes calls by it. Not for security. */
static inline uint64_t slice_hash(Slice slice)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < slice.bytes; i++)
        hash = (hash ^ (unsigned char)slice.at[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ (hash >> 32);
}
