/* Values as PostgreSQL has them on the wire, in its binary format: a number is eight bytes, highest first; a time is the
 * microseconds since 2000; an array has a head and a length before each element. Times are timestamptz, which people who read
 * the tables understand, and hold our milliseconds exactly. */
#include "adapter/postgres_store.h"

#include <endian.h>

enum { OID_FLAG = 16, OID_BYTES = 17, OID_NUMBER = 20, OID_TEXT = 25, OID_TIME = 1184 };

#define EPOCH_MS INT64_C(946684800000)        /* 2000-01-01, from which PostgreSQL counts */
#define TIME_FIRST_MS INT64_C(-62135596800000)  /* 0001-01-01 */
#define TIME_LAST_MS INT64_C(253402300799999) /* 9999-12-31: nothing of ours is later, but a clock or a caller may be wild */

static int64_t wire_time(int64_t unix_ms)
{
    unix_ms = unix_ms < TIME_FIRST_MS ? TIME_FIRST_MS : unix_ms;
    unix_ms = unix_ms > TIME_LAST_MS ? TIME_LAST_MS : unix_ms;
    return (unix_ms - EPOCH_MS) * 1000;
}

PostgresValue postgres_text(Slice text) { return (PostgresValue){text.at ? text.at : "", (int)text.bytes}; }

PostgresValue postgres_number(Arena *arena, int64_t number)
{
    uint64_t *wire = arena_alloc(arena, sizeof *wire);
    *wire = htobe64((uint64_t)number);
    return (PostgresValue){(const char *)wire, sizeof *wire};
}

PostgresValue postgres_time(Arena *arena, int64_t unix_ms) { return postgres_number(arena, wire_time(unix_ms)); }

PostgresValue postgres_flag(bool flag) { return (PostgresValue){flag ? "\1" : "\0", 1}; }

/* ---- arrays ---- */

static void add_word(Text *out, size_t word)
{
    uint32_t wire = htobe32((uint32_t)word);
    text_add(out, (Slice){(const char *)&wire, sizeof wire});
}

static void add_element(Text *out, const void *at, size_t bytes)
{
    add_word(out, bytes);
    text_add(out, (Slice){at, bytes});
}

/* One dimension (none when there are no elements), no nulls, the first is number 1. */
static Text array_in(Arena *arena, size_t type, size_t count)
{
    Text out = text_in(arena);
    add_word(&out, count > 0);
    add_word(&out, 0);
    add_word(&out, type);
    if (count > 0) {
        add_word(&out, count);
        add_word(&out, 1);
    }
    return out;
}

static PostgresValue array_value(const Text *array) { return (PostgresValue){array->at, (int)array->bytes}; }

static const void *item(const void *first, size_t stride, size_t i) { return (const char *)first + i * stride; }

PostgresValue postgres_texts(Arena *arena, const void *first, size_t stride, size_t count)
{
    Text out = array_in(arena, OID_TEXT, count);
    for (size_t i = 0; i < count; i++) {
        const Slice *text = item(first, stride, i);
        add_element(&out, text->at, text->bytes);
    }
    return array_value(&out);
}

static PostgresValue words(Arena *arena, size_t type, const void *first, size_t stride, size_t count)
{
    Text out = array_in(arena, type, count);
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        memcpy(&number, item(first, stride, i), sizeof number);
        uint64_t wire = htobe64((uint64_t)(type == OID_TIME ? wire_time(number) : number));
        add_element(&out, &wire, sizeof wire);
    }
    return array_value(&out);
}

PostgresValue postgres_numbers(Arena *arena, const void *first, size_t stride, size_t count)
{
    return words(arena, OID_NUMBER, first, stride, count);
}

PostgresValue postgres_times(Arena *arena, const void *first, size_t stride, size_t count)
{
    return words(arena, OID_TIME, first, stride, count);
}

PostgresValue postgres_flags(Arena *arena, const void *first, size_t stride, size_t count)
{
    Text out = array_in(arena, OID_FLAG, count);
    for (size_t i = 0; i < count; i++) {
        bool flag = *(const bool *)item(first, stride, i);
        add_element(&out, flag ? "\1" : "\0", 1);
    }
    return array_value(&out);
}

PostgresValue postgres_hashes(Arena *arena, const void *first, size_t stride, size_t count)
{
    Text out = array_in(arena, OID_BYTES, count);
    for (size_t i = 0; i < count; i++)
        add_element(&out, item(first, stride, i), DIGEST_BYTES);
    return array_value(&out);
}

/* ---- cells ---- */

Slice postgres_cell(const PGresult *answer, int row, int column)
{
    return (Slice){PQgetvalue(answer, row, column), (size_t)PQgetlength(answer, row, column)};
}

int64_t postgres_cell_number(const PGresult *answer, int row, int column)
{
    Slice cell = postgres_cell(answer, row, column);
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (cell.bytes == sizeof wide)
        memcpy(&wide, cell.at, sizeof wide);
    if (cell.bytes == sizeof narrow)
        memcpy(&narrow, cell.at, sizeof narrow);
    return cell.bytes == sizeof narrow ? (int32_t)be32toh(narrow) : (int64_t)be64toh(wide);
}

/* Rounded down: somebody may have written a time of their own, with microseconds and before 2000. */
int64_t postgres_cell_time(const PGresult *answer, int row, int column)
{
    int64_t us = postgres_cell_number(answer, row, column);
    return us / 1000 - (us % 1000 < 0) + EPOCH_MS;
}

bool postgres_cell_flag(const PGresult *answer, int row, int column)
{
    Slice cell = postgres_cell(answer, row, column);
    return cell.bytes == 1 && *cell.at;
}

static int find(const PGresult *answer, Slice key)
{
    int low = 0, high = PQntuples(answer);
    while (low < high) {
        int middle = (low + high) / 2, order = slice_compare(postgres_cell(answer, middle, 0), key);
        if (order == 0)
            return middle;
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return -1;
}

void postgres_first_of_each(const PGresult *answer, const Slice *first, size_t stride, size_t count, bool *ret)
{
    bool given[BATCH_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        int row = find(answer, *(const Slice *)item(first, stride, i));
        ret[i] = row >= 0 && !given[row];
        if (row >= 0)
            given[row] = true;
    }
}
