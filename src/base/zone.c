/* The second, 64-bit block of a TZif file is read, and its footer. The first block, 32-bit times for old readers, is measured and
 * passed over. Every number of the file is checked before anything relies on it. */
#include "base/zone.h"

#include "base/zone_rule.h"

enum { HEADER_BYTES = 44, TYPE_BYTES = 6, TYPES_MAX = 256 };
enum { OFFSET_LEAST_S = -25 * 3600 + 1, OFFSET_MOST_S = 26 * 3600 - 1 }; /* RFC 8536, 3.2 */

/* The counts of a header, in its order. */
typedef struct Counts {
    uint32_t universal, standard, leaps, changes, types, letters;
} Counts;

/* What is left of the file. */
typedef struct Reader {
    Slice rest;
    bool is_short; /* it ended before what was asked for */
} Reader;

static const unsigned char *take(Reader *reader, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)reader->rest.at;
    if (reader->rest.bytes < bytes) {
        reader->is_short = true;
        return NULL;
    }
    reader->rest = (Slice){reader->rest.at + bytes, reader->rest.bytes - bytes};
    return at;
}

static uint64_t big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static Status malformed(const char *what, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "zone_malformed", "this is no time zone file: %s", what);
}

static Status read_header(Reader *reader, Counts *ret, Fault *fault)
{
    const unsigned char *at = take(reader, HEADER_BYTES);
    if (!at || memcmp(at, "TZif", 4))
        return malformed("it does not begin as RFC 8536 says", fault);
    if (at[4] < '2')
        return malformed("it has version 1, without 64-bit times", fault);
    uint32_t counts[6];
    for (size_t i = 0; i < 6; i++)
        counts[i] = (uint32_t)big_endian(at + 20 + 4 * i, 4);
    *ret = (Counts){counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
    if (ret->changes > ZONE_FILE_BYTES_MAX || ret->letters > ZONE_FILE_BYTES_MAX || ret->leaps > ZONE_FILE_BYTES_MAX)
        return malformed("it counts more than it can hold", fault);
    if (ret->types < 1 || ret->types > TYPES_MAX || ret->universal > ret->types || ret->standard > ret->types)
        return malformed("it counts its types wrong", fault);
    return STATUS_OK;
}

/* What lies between the types and the end of a block, which says nothing of offsets. */
static size_t tail_bytes(const Counts *counts, size_t time_bytes)
{
    return counts->letters + counts->leaps * (time_bytes + 4) + counts->standard + counts->universal;
}

static Status skip_old_block(Reader *reader, Fault *fault)
{
    enum { TIME_BYTES = 4 };
    Counts counts;
    Status status = read_header(reader, &counts, fault);
    if (status)
        return status;
    take(reader, counts.changes * (TIME_BYTES + 1) + counts.types * TYPE_BYTES + tail_bytes(&counts, TIME_BYTES));
    return reader->is_short ? malformed("its first block is cut off", fault) : STATUS_OK;
}

static Status read_offsets(const unsigned char *types, size_t count, int32_t offsets[TYPES_MAX], Fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        offsets[i] = (int32_t)(uint32_t)big_endian(types + i * TYPE_BYTES, 4);
        if (offsets[i] < OFFSET_LEAST_S || offsets[i] > OFFSET_MOST_S)
            return malformed("an offset is longer than a day", fault);
    }
    return STATUS_OK;
}

static Status read_block(Reader *reader, Arena *arena, Zone *ret, Fault *fault)
{
    enum { TIME_BYTES = 8 };
    Counts counts;
    Status status = read_header(reader, &counts, fault);
    if (status)
        return status;
    if (counts.leaps)
        return malformed("it counts leap seconds, which the system's time does not", fault);
    const unsigned char *times = take(reader, counts.changes * TIME_BYTES), *indices = take(reader, counts.changes);
    const unsigned char *types = take(reader, counts.types * TYPE_BYTES);
    take(reader, tail_bytes(&counts, TIME_BYTES));
    if (reader->is_short)
        return malformed("its second block is cut off", fault);
    int32_t offsets[TYPES_MAX];
    status = read_offsets(types, counts.types, offsets, fault);
    if (status)
        return status;
    int64_t *changes_s = ARENA_ARRAY(arena, int64_t, counts.changes);
    int32_t *offsets_s = ARENA_ARRAY(arena, int32_t, counts.changes);
    for (size_t i = 0; i < counts.changes; i++) {
        changes_s[i] = (int64_t)big_endian(times + i * TIME_BYTES, TIME_BYTES);
        if (i && changes_s[i] <= changes_s[i - 1])
            return malformed("its changes are out of order", fault);
        if (indices[i] >= counts.types)
            return malformed("a change names a type that is not there", fault);
        offsets_s[i] = offsets[indices[i]];
    }
    *ret = (Zone){.changes_s = changes_s, .offsets_s = offsets_s, .change_count = counts.changes, .first_offset_s = offsets[0]};
    return STATUS_OK;
}

/* A line between two line ends; an empty one means that the last change holds for ever. */
static Status read_footer(Slice rest, Zone *zone, Fault *fault)
{
    if (rest.bytes < 2 || rest.at[0] != '\n' || rest.at[rest.bytes - 1] != '\n')
        return malformed("its last line is cut off", fault);
    Slice text = {rest.at + 1, rest.bytes - 2};
    zone->has_rule = !slice_empty(text);
    if (zone->has_rule && !zone_rule_parse(text, &zone->rule))
        return malformed("its last line is no rule of POSIX", fault);
    return STATUS_OK;
}

Status zone_parse(Slice file, Arena *arena, Zone *ret, Fault *fault)
{
    if (file.bytes > ZONE_FILE_BYTES_MAX)
        return malformed("it is too long", fault);
    Reader reader = {.rest = file};
    Zone zone;
    Status status = skip_old_block(&reader, fault);
    status = status ? status : read_block(&reader, arena, &zone, fault);
    status = status ? status : read_footer(reader.rest, &zone, fault);
    if (!status)
        *ret = zone;
    return status;
}

/* How many changes have happened by then. */
static size_t changes_until(const Zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->change_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes_s[middle] <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ZoneSpan zone_span(const Zone *zone, int64_t unix_s)
{
    size_t past = changes_until(zone, unix_s);
    if (past == zone->change_count && zone->has_rule)
        return zone_rule_span(&zone->rule, unix_s);
    return (ZoneSpan){
        .offset_s = past ? zone->offsets_s[past - 1] : zone->first_offset_s,
        .until_s = past < zone->change_count ? zone->changes_s[past] : INT64_MAX,
    };
}
