/* One workspace a batch: what is parsed, gathered and decided lives here and nobody frees it. Reset after the ack.
 * Out of memory ends the process: nothing was acknowledged, so everything is delivered again. */
#pragma once

#include "base/slice.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *first;
    ArenaBlock *current;
    char *next, *end; /* free room of the current block */
    size_t block_bytes; /* 0 = the usual */
} Arena;

void arena_init(Arena *arena);
/* For one of many that live at the same time and need little: it grows by so many bytes. */
void arena_init_small(Arena *arena, size_t block_bytes);

/* Forgets all that was allocated; keeps up to 4 MiB of blocks for the next round. */
void arena_reset(Arena *arena);
void arena_done(Arena *arena);

void *arena_slow_alloc(Arena *arena, size_t bytes);

/* 16-byte aligned, not cleared, never NULL. Lives until arena_reset. */
static inline void *arena_alloc(Arena *arena, size_t bytes)
{
    size_t rounded = (bytes + 15 + !bytes) & ~(size_t)15;
    if (rounded > (size_t)(arena->end - arena->next) || rounded < bytes)
        return arena_slow_alloc(arena, bytes);
    void *room = arena->next;
    arena->next += rounded;
    return room;
}

static inline void *arena_zalloc(Arena *arena, size_t bytes) { return memset(arena_alloc(arena, bytes), 0, bytes); }

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_zalloc((arena), sizeof(type) * (count)))

/* A copy with a NUL behind it (not counted in .bytes). */
Slice arena_copy(Arena *arena, Slice slice);

/* printf into the arena; NUL-terminated. */
Slice arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text that grows in an arena; for JSON, CSV, XML. */
typedef struct Text {
    Arena *arena;
    char *at;
    size_t bytes, capacity;
} Text;

static inline Text text_in(Arena *arena) { return (Text){.arena = arena}; }
char *text_grow(Text *text, size_t bytes); /* room for that many more bytes behind the end; not yet counted */
void text_add(Text *text, Slice slice);
void text_add_byte(Text *text, char byte);
void text_printf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline Slice text_slice(const Text *text) { return (Slice){text->at ? text->at : "", text->bytes}; }
#define text_add_literal(text, literal) text_add((text), SLICE(literal))
