#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 256 * 1024, KEEP_BYTES = 4 * 1024 * 1024 };

struct ArenaBlock {
    ArenaBlock *following;
    size_t bytes;
    _Alignas(16) char room[];
};

static void enter(Arena *arena, ArenaBlock *block)
{
    arena->current = block;
    arena->next = block->room;
    arena->end = block->room + block->bytes;
}

static ArenaBlock *block_new(size_t bytes)
{
    ArenaBlock *block = malloc(sizeof *block + bytes);
    if (!block) {
        fputs("pledgeline: out of memory; nothing unacknowledged is lost, the process ends\n", stderr);
        abort();
    }
    block->following = NULL;
    block->bytes = bytes;
    return block;
}

void arena_init(Arena *arena) { *arena = (Arena){0}; }

void arena_init_small(Arena *arena, size_t block_bytes) { *arena = (Arena){.block_bytes = block_bytes}; }

void arena_done(Arena *arena)
{
    for (ArenaBlock *block = arena->first, *following; block; block = following) {
        following = block->following;
        free(block);
    }
    *arena = (Arena){0};
}

void arena_reset(Arena *arena)
{
    size_t kept = 0;
    for (ArenaBlock **link = &arena->first; *link;) {
        ArenaBlock *block = *link;
        if (kept + block->bytes <= KEEP_BYTES) {
            kept += block->bytes;
            link = &block->following;
            continue;
        }
        *link = block->following;
        free(block);
    }
    if (arena->first)
        enter(arena, arena->first);
    else
        *arena = (Arena){.block_bytes = arena->block_bytes};
}

void *arena_slow_alloc(Arena *arena, size_t bytes)
{
    size_t rounded = (bytes + 15 + !bytes) & ~(size_t)15;
    if (rounded < bytes)
        abort();
    while (arena->current && arena->current->following) {
        enter(arena, arena->current->following);
        if (rounded <= arena->current->bytes) {
            arena->next += rounded;
            return arena->current->room;
        }
    }
    size_t usual = arena->block_bytes ? arena->block_bytes : BLOCK_BYTES;
    ArenaBlock *block = block_new(rounded > usual ? rounded : usual);
    if (arena->current)
        arena->current->following = block;
    else
        arena->first = block;
    enter(arena, block);
    arena->next += rounded;
    return block->room;
}

Slice arena_copy(Arena *arena, Slice slice)
{
    char *copy = arena_alloc(arena, slice.bytes + 1);
    if (slice.bytes)
        memcpy(copy, slice.at, slice.bytes);
    copy[slice.bytes] = 0;
    return (Slice){copy, slice.bytes};
}

__attribute__((format(printf, 2, 0))) /* Prints into the free room first; what does not fit is printed again where it does. */
static Slice format_slice(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char *tried = arena->next;
    size_t room_bytes = (size_t)(arena->end - arena->next);
    int bytes = vsnprintf(tried, room_bytes, format, args);
    char *room = bytes < 0 ? NULL : arena_alloc(arena, (size_t)bytes + 1);
    if (room && (room != tried || (size_t)bytes >= room_bytes))
        vsnprintf(room, (size_t)bytes + 1, format, again);
    va_end(again);
    return room ? (Slice){room, (size_t)bytes} : (Slice){"", 0};
}

Slice arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    Slice slice = format_slice(arena, format, args);
    va_end(args);
    return slice;
}

char *text_grow(Text *text, size_t bytes)
{
    if (text->capacity - text->bytes < bytes) {
        size_t capacity = text->capacity ? text->capacity * 2 : 256;
        while (capacity - text->bytes < bytes)
            capacity *= 2;
        char *room = arena_alloc(text->arena, capacity);
        if (text->bytes)
            memcpy(room, text->at, text->bytes);
        text->at = room;
        text->capacity = capacity;
    }
    return text->at + text->bytes;
}

void text_add(Text *text, Slice slice)
{
    if (slice.bytes == 0)
        return;
    memcpy(text_grow(text, slice.bytes), slice.at, slice.bytes);
    text->bytes += slice.bytes;
}

void text_add_byte(Text *text, char byte)
{
    *text_grow(text, 1) = byte;
    text->bytes++;
}

void text_printf(Text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room_bytes = text->capacity - text->bytes;
    int bytes = vsnprintf(room_bytes ? text->at + text->bytes : NULL, room_bytes, format, args);
    if (bytes > 0 && (size_t)bytes >= room_bytes)
        vsnprintf(text_grow(text, (size_t)bytes + 1), (size_t)bytes + 1, format, again);
    if (bytes > 0)
        text->bytes += (size_t)bytes;
    va_end(again);
    va_end(args);
}
