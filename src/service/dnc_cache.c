#include "service/dnc_cache.h"

#include "base/metrics.h"
#include "event/phone.h"

Status dnc_block(const Ports *ports, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    Fault missed;
    if (ports->live.block && ports->live.block(ports->live.self, entries, count, &missed))
        metric_add(METRIC_CACHE_MISSED, (int64_t)count);
    return ports->registry.block(ports->registry.self, entries, count, results, fault);
}

Status dnc_unblock(const Ports *ports, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    Status status = ports->registry.unblock(ports->registry.self, phone, actor, reason, now_ms, ret_was_blocked, fault);
    Fault missed;
    if (status || !ports->live.unblock || !ports->live.unblock(ports->live.self, phone, &missed))
        return status;
    return fault_set(fault, STATUS_RETRY, "cache_missed", "the number is off the list, but the cache still blocks it: repeat this when"
                     " the cache is back (%s)", missed.text);
}

static CacheAnswer ask_cache(const Ports *ports, Slice phone)
{
    Fault fault;
    CacheAnswer answer;
    if (!ports->live.is_blocked || ports->live.is_blocked(ports->live.self, &phone, 1, &answer, &fault))
        return CACHE_UNKNOWN;
    return answer;
}

DncAnswer dnc_ask(const Ports *ports, Slice phone, Arena *arena, Slice *ret_why)
{
    Fault fault;
    bool blocked = true;
    *ret_why = (Slice){0};
    if (!phone_is_e164(phone)) {
        *ret_why = SLICE("not an E.164 number, so nobody can say");
        return DNC_BLOCKED;
    }
    Status status = ports->registry.is_blocked(ports->registry.self, &phone, 1, &blocked, &fault);
    CacheAnswer cache = status || !blocked ? ask_cache(ports, phone) : CACHE_BLOCKED;
    if (cache == CACHE_BLOCKED) {
        *ret_why = !status && !blocked ? SLICE("an opt-out is on its way into the do-not-call list") : SLICE("on the do-not-call list");
        return DNC_BLOCKED;
    }
    if (!status || cache == CACHE_CLEAR)
        return DNC_CLEAR;
    *ret_why = arena_printf(arena, "the list cannot be read, so nobody can say: %s", fault.text);
    return DNC_UNKNOWN;
}

/* ---- sync ---- */

typedef struct Page {
    Arena arena;
    BlockEntry entries[BATCH_MAX];
    size_t count;
} Page;

static bool take_entry(void *context, const BlockEntry *entry)
{
    Page *page = context;
    page->entries[page->count++] = block_entry_copy(entry, &page->arena);
    return page->count < BATCH_MAX;
}

/* Somebody may have taken a number off between our reading it and giving it to the cache. */
static Status take_back_removed(const Ports *ports, const Page *page, Fault *fault)
{
    Slice phones[BATCH_MAX];
    bool blocked[BATCH_MAX];
    for (size_t i = 0; i < page->count; i++)
        phones[i] = page->entries[i].phone;
    Status status = ports->registry.is_blocked(ports->registry.self, phones, page->count, blocked, fault);
    for (size_t i = 0; !status && i < page->count; i++) {
        if (!blocked[i])
            status = ports->live.unblock(ports->live.self, phones[i], fault);
    }
    return status;
}

static Status count_missing(const Ports *ports, const Page *page, int64_t *missing, Fault *fault)
{
    Slice phones[BATCH_MAX];
    CacheAnswer answers[BATCH_MAX];
    for (size_t i = 0; i < page->count; i++)
        phones[i] = page->entries[i].phone;
    Status status = ports->live.is_blocked(ports->live.self, phones, page->count, answers, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        *missing += answers[i] != CACHE_BLOCKED;
    return status;
}

static Status sync_page(const Ports *ports, Slice after, Page *page, int64_t *missing, Fault *fault)
{
    RegistryFilter filter = {.after = after, .limit = BATCH_MAX};
    page->count = 0;
    Status status = ports->registry.list(ports->registry.self, &filter, take_entry, page, fault);
    if (status || !page->count)
        return status;
    status = count_missing(ports, page, missing, fault);
    status = status ? status : ports->live.block(ports->live.self, page->entries, page->count, fault);
    return status ? status : take_back_removed(ports, page, fault);
}

Status dnc_sync(const Ports *ports, int64_t *ret_numbers, int64_t *ret_missing, Fault *fault)
{
    Page *page = &(Page){0};
    char last[PHONE_BYTES_MAX];
    Slice after = {0};
    *ret_numbers = *ret_missing = 0;
    if (!ports->live.block)
        return STATUS_OK;
    Status status = ports->live.list_incomplete(ports->live.self, fault);
    do {
        arena_reset(&page->arena);
        status = status ? status : sync_page(ports, after, page, ret_missing, fault);
        *ret_numbers += (int64_t)page->count;
        if (page->count) {
            after = (Slice){last, page->entries[page->count - 1].phone.bytes};
            memcpy(last, page->entries[page->count - 1].phone.at, after.bytes);
        }
    } while (!status && page->count == BATCH_MAX);
    arena_done(&page->arena);
    return status ? status : ports->live.list_complete(ports->live.self, fault);
}
