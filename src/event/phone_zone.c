/* The table of phone_zones.def, taken apart once and searched by prefix. */
#include "event/phone_zone.h"

#include <assert.h>
#include <stdlib.h>

static const struct { Slice zones, prefixes; } rows[] = {
#define PHONE_ZONES(zones, prefixes) {SLICE_INIT(zones), SLICE_INIT(prefixes)},
#include "event/phone_zones.def"
#undef PHONE_ZONES
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* Takes the next word off the list; empty = there is none. */
static Slice next_word(Slice *list)
{
    const char *blank = memchr(list->at, ' ', list->bytes);
    Slice word = {list->at, blank ? (size_t)(blank - list->at) : list->bytes};
    size_t taken = word.bytes + (blank != NULL);
    *list = (Slice){list->at + taken, list->bytes - taken};
    return word;
}

static size_t words_in(Slice list)
{
    size_t count = 0;
    for (; !slice_empty(list); count++)
        next_word(&list);
    return count;
}

static uint16_t index_of(PhoneZones *zones, Slice name)
{
    for (size_t i = 0; i < zones->count; i++) {
        if (slice_equal(zones->names[i], name))
            return (uint16_t)i;
    }
    assert(zones->count < PHONE_ZONES_MAX);
    zones->names[zones->count] = name;
    zones->every[zones->count] = (uint16_t)zones->count;
    return (uint16_t)zones->count++;
}

static int by_digits(const void *a, const void *b) { return slice_compare(((const PhonePrefix *)a)->digits, ((const PhonePrefix *)b)->digits); }

static void add_row(PhoneZones *zones, size_t row, Arena *arena)
{
    Slice names = rows[row].zones, prefixes = rows[row].prefixes;
    uint16_t *indices = ARENA_ARRAY(arena, uint16_t, words_in(names));
    size_t count = 0;
    while (!slice_empty(names))
        indices[count++] = index_of(zones, next_word(&names));
    while (!slice_empty(prefixes))
        zones->prefixes[zones->prefix_count++] = (PhonePrefix){next_word(&prefixes), indices, count};
}

PhoneZones *phone_zones_new(Arena *arena)
{
    PhoneZones *zones = ARENA_NEW(arena, PhoneZones);
    size_t prefixes = 0;
    for (size_t i = 0; i < ROW_COUNT; i++)
        prefixes += words_in(rows[i].prefixes);
    zones->prefixes = ARENA_ARRAY(arena, PhonePrefix, prefixes);
    for (size_t i = 0; i < ROW_COUNT; i++)
        add_row(zones, i, arena);
    qsort(zones->prefixes, zones->prefix_count, sizeof *zones->prefixes, by_digits);
    return zones;
}

ZoneSet phone_zones_of(const PhoneZones *zones, Slice phone)
{
    Slice digits = slice_empty(phone) || phone.at[0] != '+' ? phone : (Slice){phone.at + 1, phone.bytes - 1};
    for (; digits.bytes; digits.bytes--) {
        PhonePrefix wanted = {.digits = digits};
        const PhonePrefix *found = bsearch(&wanted, zones->prefixes, zones->prefix_count, sizeof wanted, by_digits);
        if (found)
            return (ZoneSet){found->zones, found->count};
    }
    return (ZoneSet){zones->every, zones->count};
}
