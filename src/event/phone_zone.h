/* In which time zones the owner of a number may be: what its digits say of country and area, which is where the line was given out and
 * not where the telephone is. Pure, once it is filled. */
#pragma once

#include "base/zone.h"

enum { PHONE_ZONES_MAX = 512 };

typedef struct PhonePrefix {
    Slice digits;                       /* without + */
    const uint16_t *zones;              /* indices into PhoneZones.zones */
    size_t count;
} PhonePrefix;

typedef struct PhoneZones {
    Slice names[PHONE_ZONES_MAX];       /* "Asia/Jerusalem"; each once */
    Zone zones[PHONE_ZONES_MAX];        /* filled by who can read them */
    size_t count;
    PhonePrefix *prefixes;              /* in order of their digits */
    size_t prefix_count;
    uint16_t every[PHONE_ZONES_MAX];
} PhoneZones;

/* The zones that a number may be in; never none. */
typedef struct ZoneSet {
    const uint16_t *zones;
    size_t count;
} ZoneSet;

/* The table with its names, in arena; the zones themselves are empty. */
PhoneZones *phone_zones_new(Arena *arena);

/* The longest prefix decides; what has none may be anywhere: every zone. */
ZoneSet phone_zones_of(const PhoneZones *zones, Slice phone);
