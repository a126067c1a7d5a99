#include "service/dnc_cache.h"

#include <string.h>

#include "base/metrics.h"
#include "base/recent_blocks.h"
#include "base/waiting_blocks.h"
#include "event/phone.h"

/* ---- block ---- */

/* Somebody may have put it on the list again meanwhile. */
static Status give_back_blocked(const Ports *ports, Slice phone, Arena *arena, Fault *fault)
{
    BlockEntry entry;
    bool is_blocked = false;
    Status status = ports->registry.show(ports->registry.self, phone, arena, &entry, &is_blocked, fault);
    return status || !is_blocked ? status : ports->live.block(ports->live.self, &entry, 1, fault);
}

/* The cache was given numbers that have been taken off the list. */
static Status take_back_removed(const Ports *ports, const Slice *phones, size_t count, Fault *fault)
{
    bool blocked[BATCH_MAX];
    Arena arena = {0};
    Status status = ports->registry.is_blocked(ports->registry.self, phones, count, blocked, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (blocked[i])
            continue;
        status = ports->live.unblock(ports->live.self, phones[i], fault);
        status = status ? status : give_back_blocked(ports, phones[i], &arena, fault);
    }
    arena_done(&arena);
    return status;
}

/* A late copy of an opt-out blocks nobody who was taken off the list since. */
static Status take_back_repeated(const Ports *ports, const BlockEntry *entries, const BlockResult *results, size_t count, Fault *fault)
{
    Slice phones[BATCH_MAX];
    size_t repeated = 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i] == BLOCK_REPEATED)
            phones[repeated++] = entries[i].phone;
    }
    return repeated ? take_back_removed(ports, phones, repeated, fault) : STATUS_OK;
}

/* What the cache missed while it was away it gets from the registry when it is back, and until then the registry is asked.
 * Where that never answers, the cache alone is believed, so a number that is not in there is not blocked yet. */
static Status check_missed(const Ports *ports, const BlockEntry *entries, size_t count, const Fault *missed, Fault *fault)
{
    Slice phones[BATCH_MAX];
    bool ignored[BATCH_MAX];
    metric_add(METRIC_CACHE_MISSED, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        phones[i] = entries[i].phone;
    if (!ports->registry.is_blocked(ports->registry.self, phones, count, ignored, fault))
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, FAULT_CACHE_MISSED, "the cache, which alone is asked here, does not know of it: %s", missed->text);
}

/* The cache first: it is faster, and to block a number that the registry does not know yet is harmless. */
static Status block_as_written(const Ports *ports, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    Fault missed;
    bool has_cache = ports->live.block != NULL;
    bool has_missed = has_cache && ports->live.block(ports->live.self, entries, count, &missed);
    Status status = ports->registry.block(ports->registry.self, entries, count, results, fault);
    if (status || !has_cache)
        return status;
    if (has_missed)
        return check_missed(ports, entries, count, &missed, fault);
    if (take_back_repeated(ports, entries, results, count, &missed))
        metric_add(METRIC_CACHE_MISSED, 1);
    return STATUS_OK;
}

static bool is_among(const BlockEntry *entries, size_t count, Slice phone)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(entries[i].phone, phone))
            return true;
    }
    return false;
}

/* Those that are written with a trunk prefix, as others dial them; what is among the entries anyway is not said twice. */
static BlockEntry *as_dialled(const BlockEntry *entries, size_t count, Arena *arena, size_t *ret_count)
{
    BlockEntry *dialled = ARENA_ARRAY(arena, BlockEntry, count);
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        Slice phone = phone_has_trunk(entries[i].phone) ? phone_other_spelling(entries[i].phone, arena) : (Slice){0};
        if (slice_empty(phone) || is_among(entries, count, phone))
            continue;
        dialled[*ret_count] = entries[i];
        dialled[(*ret_count)++].phone = phone;
    }
    return dialled;
}

static Status block_as_dialled(const Ports *ports, const BlockEntry *entries, size_t count, Arena *arena, Fault *fault)
{
    size_t dialled_count;
    const BlockEntry *dialled = as_dialled(entries, count, arena, &dialled_count);
    BlockResult *ignored = ARENA_ARRAY(arena, BlockResult, dialled_count);
    return dialled_count ? block_as_written(ports, dialled, dialled_count, ignored, fault) : STATUS_OK;
}

static void tell_both_spellings(const BlockEntry *entries, size_t count, void (*tell)(Slice phone))
{
    Arena arena = {0};
    for (size_t i = 0; i < count; i++) {
        Slice other = phone_other_spelling(entries[i].phone, &arena);
        tell(entries[i].phone);
        if (!slice_empty(other))
            tell(other);
    }
    arena_done(&arena);
}

void dnc_hold(const BlockEntry *entries, size_t count)
{
    tell_both_spellings(entries, count, recent_blocks_put);
    tell_both_spellings(entries, count, waiting_blocks_put);
}

void dnc_let_go(const BlockEntry *entries, size_t count) { tell_both_spellings(entries, count, waiting_blocks_drop); }

bool dnc_has_stored(Status status, const Fault *fault) { return !status || !strcmp(fault->code, FAULT_CACHE_MISSED); }

/* Others who read the list ask it for numbers as they are dialled, nearly always without the trunk prefix. So a number that is written with it
 * is written as it is dialled too. That goes first: what fails then is repeated as if nothing had been. */
Status dnc_block(const Ports *ports, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    Status dialled = STATUS_OK;
    Fault why;
    Arena arena = {0};
    bool has_trunk = false;
    tell_both_spellings(entries, count, recent_blocks_put); /* whoever is about to call or text one of them hears of it before anybody else */
    for (size_t i = 0; i < count; i++)
        has_trunk |= phone_has_trunk(entries[i].phone);
    if (has_trunk)
        dialled = block_as_dialled(ports, entries, count, &arena, fault);
    arena_done(&arena);
    if (!dnc_has_stored(dialled, fault))
        return dialled;
    Status status = block_as_written(ports, entries, count, results, &why);
    if (status)
        *fault = why;
    return status ? status : dialled;
}

static Status unblock_as_written(const Ports *ports, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    Status status = ports->registry.unblock(ports->registry.self, phone, actor, reason, now_ms, ret_was_blocked, fault);
    Fault missed;
    Arena arena = {0};
    if (status || !ports->live.unblock)
        return status;
    bool has_missed = ports->live.unblock(ports->live.self, phone, &missed) || give_back_blocked(ports, phone, &arena, &missed);
    arena_done(&arena);
    if (!has_missed)
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, FAULT_CACHE_MISSED, "the number is off the list, but the cache still blocks it: repeat this when"
                     " the cache is back (%s)", missed.text);
}

/* In both spellings: it is one phone. */
Status dnc_unblock(const Ports *ports, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    Arena arena = {0};
    bool was_blocked = false, other_was_blocked = false;
    Slice other = phone_other_spelling(phone, &arena);
    Status status = unblock_as_written(ports, phone, actor, reason, now_ms, &was_blocked, fault);
    if (!status && !slice_empty(other))
        status = unblock_as_written(ports, other, actor, reason, now_ms, &other_was_blocked, fault);
    arena_done(&arena);
    if (!status)
        *ret_was_blocked = was_blocked || other_was_blocked;
    return status;
}

/* ---- ask ---- */

static const Slice ON_ITS_WAY = SLICE_INIT("an opt-out is on its way into the do-not-call list");

/* What the cache says where the registry never answers; who is unknown to it keeps all of them waiting. Where the registry does
 * answer and is away now, "clear" is not believed: somebody may have been put on the list whom the cache missed. */
static Status ask_cache_alone(const LivePort *live, const Slice *phones, size_t count, bool *ret_blocked, const Fault *registry)
{
    CacheAnswer answers[BATCH_MAX];
    Fault missed;
    if (strcmp(registry->code, FAULT_CHECK_MISSING) || !live->is_blocked || live->is_blocked(live->self, phones, count, answers, &missed))
        return registry->status;
    for (size_t i = 0; i < count; i++) {
        if (answers[i] == CACHE_UNKNOWN)
            return registry->status;
        ret_blocked[i] = answers[i] == CACHE_BLOCKED;
    }
    return STATUS_OK;
}

static Status are_blocked_as_written(const Ports *ports, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    CacheAnswer answers[BATCH_MAX];
    Fault missed;
    Status status = ports->registry.is_blocked(ports->registry.self, phones, count, ret_blocked, fault);
    if (status)
        return ask_cache_alone(&ports->live, phones, count, ret_blocked, fault);
    if (!ports->live.is_blocked || ports->live.is_blocked(ports->live.self, phones, count, answers, &missed))
        return status;
    for (size_t i = 0; i < count; i++)
        ret_blocked[i] = ret_blocked[i] || answers[i] == CACHE_BLOCKED;
    return STATUS_OK;
}

/* Numbers in both spellings; those of lists that others fill may have either. */
typedef struct Spelled {
    Slice phones[2 * BATCH_MAX];
    size_t places[2 * BATCH_MAX]; /* which number each is */
    size_t count;
} Spelled;

static void spell(Spelled *spelled, const Slice *phones, size_t count, Arena *arena)
{
    spelled->count = 0;
    for (size_t i = 0; i < count; i++) {
        const Slice spellings[] = {phones[i], phone_other_spelling(phones[i], arena)};
        for (size_t k = 0; k < 2; k++) {
            if (slice_empty(spellings[k]))
                continue;
            spelled->places[spelled->count] = i;
            spelled->phones[spelled->count++] = spellings[k];
        }
    }
}

Status dnc_are_blocked(const Ports *ports, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    Arena arena = {0};
    Spelled spelled;
    bool answers[BATCH_MAX];
    Status status = STATUS_OK;
    spell(&spelled, phones, count, &arena);
    for (size_t i = 0; i < count; i++)
        ret_blocked[i] = waiting_blocks_has(phones[i]);
    for (size_t done = 0; !status && done < spelled.count; done += BATCH_MAX) {
        size_t rest = spelled.count - done, some = rest < BATCH_MAX ? rest : BATCH_MAX;
        status = are_blocked_as_written(ports, spelled.phones + done, some, answers, fault);
        for (size_t k = 0; !status && k < some; k++)
            ret_blocked[spelled.places[done + k]] |= answers[k];
    }
    arena_done(&arena);
    return status;
}

Status dnc_show(const Ports *ports, Slice phone, Arena *arena, BlockEntry *ret, bool *ret_found, Fault *fault)
{
    const RegistryPort *registry = &ports->registry;
    Status status = registry->show(registry->self, phone, arena, ret, ret_found, fault);
    Slice other = phone_other_spelling(phone, arena);
    if (status || *ret_found || slice_empty(other))
        return status;
    return registry->show(registry->self, other, arena, ret, ret_found, fault);
}

/* CLEAR where the cache says so of each. */
static CacheAnswer ask_cache(const Ports *ports, const Spelled *spelled)
{
    Fault fault;
    CacheAnswer answers[BATCH_MAX], all = CACHE_CLEAR;
    if (!ports->live.is_blocked || ports->live.is_blocked(ports->live.self, spelled->phones, spelled->count, answers, &fault))
        return CACHE_UNKNOWN;
    for (size_t k = 0; k < spelled->count; k++) {
        if (answers[k] == CACHE_BLOCKED)
            return CACHE_BLOCKED;
        all = answers[k] == CACHE_CLEAR ? all : answers[k];
    }
    return all;
}

static Status ask_registry(const Ports *ports, const Spelled *spelled, bool *ret_blocked, Fault *fault)
{
    bool answers[BATCH_MAX];
    Status status = ports->registry.is_blocked(ports->registry.self, spelled->phones, spelled->count, answers, fault);
    *ret_blocked = status != STATUS_OK;
    for (size_t k = 0; !status && k < spelled->count; k++)
        *ret_blocked |= answers[k];
    return status;
}

DncAnswer dnc_ask(const Ports *ports, Slice phone, Arena *arena, Slice *ret_why)
{
    Fault fault;
    Spelled spelled;
    bool blocked;
    *ret_why = (Slice){0};
    if (!phone_is_e164(phone)) {
        *ret_why = SLICE("not an E.164 number, so nobody can say");
        return DNC_BLOCKED;
    }
    if (waiting_blocks_has(phone)) {
        *ret_why = ON_ITS_WAY;
        return DNC_BLOCKED;
    }
    spell(&spelled, &phone, 1, arena);
    Status status = ask_registry(ports, &spelled, &blocked, &fault);
    CacheAnswer cache = status || !blocked ? ask_cache(ports, &spelled) : CACHE_BLOCKED;
    if (cache == CACHE_BLOCKED) {
        *ret_why = !status && !blocked ? ON_ITS_WAY : SLICE("on the do-not-call list");
        return DNC_BLOCKED;
    }
    if (!status || (cache == CACHE_CLEAR && !strcmp(fault.code, FAULT_CHECK_MISSING)))
        return DNC_CLEAR;
    *ret_why = arena_printf(arena, "the list cannot be read, so nobody can say: %s", fault.text);
    return DNC_UNKNOWN;
}

/* ---- sync ---- */

Status dnc_give_cache(const Ports *ports, const BlockEntry *entries, size_t count, Fault *fault)
{
    Arena arena = {0};
    size_t dialled_count;
    const BlockEntry *dialled = as_dialled(entries, count, &arena, &dialled_count);
    Status status = dialled_count ? ports->live.block(ports->live.self, dialled, dialled_count, fault) : STATUS_OK;
    arena_done(&arena);
    return status ? status : ports->live.block(ports->live.self, entries, count, fault);
}

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

static Status count_missing(const Ports *ports, const Slice *phones, size_t count, int64_t *missing, Fault *fault)
{
    CacheAnswer answers[BATCH_MAX];
    Status status = ports->live.is_blocked(ports->live.self, phones, count, answers, fault);
    for (size_t i = 0; !status && i < count; i++)
        *missing += answers[i] != CACHE_BLOCKED;
    return status;
}

static Status sync_page(const Ports *ports, Slice after, Page *page, int64_t *missing, Fault *fault)
{
    RegistryFilter filter = {.after = after, .limit = BATCH_MAX};
    Slice phones[BATCH_MAX];
    page->count = 0;
    Status status = ports->registry.list(ports->registry.self, &filter, take_entry, page, fault);
    if (status || !page->count)
        return status;
    for (size_t i = 0; i < page->count; i++)
        phones[i] = page->entries[i].phone;
    status = count_missing(ports, phones, page->count, missing, fault);
    status = status ? status : ports->live.block(ports->live.self, page->entries, page->count, fault);
    return status ? status : take_back_removed(ports, phones, page->count, fault); /* since we read the page */
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
