/* The history on its way: entries keep what they say and are sealed into the destination's chain, with their place in their own
 * chain noted, so that the source's chain can be proven from the destination alone. */
#include "service/migrate_page.h"

/* ---- which chains ---- */

static bool take_first(void *context, const AuditEntry *entry)
{
    *(AuditEntry *)context = *entry;
    return false;
}

static Status name_of_chain(const RegistryPort *registry, Arena *arena, Slice *ret, Fault *fault)
{
    AuditEntry first = {0};
    Status status = registry->audit(registry->self, 1, (Slice){0}, take_first, &first, fault);
    if (!status && first.seq)
        *ret = audit_chain_name(&first, arena);
    return status;
}

static AuditEntry entry_copy(const AuditEntry *entry, Arena *arena)
{
    AuditEntry copy = *entry;
    Slice *const texts[] = {&copy.kind, &copy.subject, &copy.action_id, &copy.actor, &copy.reason, &copy.detail};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    return copy;
}

/* ---- is an entry there? ---- */

typedef struct Search {
    Slice detail;
    bool found;
} Search;

static bool compare_detail(void *context, const AuditEntry *entry)
{
    Search *search = context;
    search->found = slice_equal(entry->detail, search->detail);
    return !search->found;
}

static Status is_carried(const MigratePage *page, const AuditEntry *entry, bool *ret_carried, Fault *fault)
{
    *ret_carried = audit_is_from(entry, page->destination_chain);
    if (*ret_carried)
        return STATUS_OK;
    Arena arena;
    arena_init(&arena);
    const RegistryPort *registry = &page->migration->destination->registry;
    Search search = {.detail = audit_carried(entry, page->source_chain, &arena).detail};
    Status status = registry->audit(registry->self, 1, entry->subject, compare_detail, &search, fault);
    arena_done(&arena);
    *ret_carried = search.found;
    return status;
}

typedef struct Finding {
    const MigratePage *page;
    Arena *arena;
    AuditEntry entry; /* seq 0 = none */
} Finding;

/* The first that is about a number and did not come from the destination. */
static bool find_first(void *context, const AuditEntry *entry)
{
    Finding *finding = context;
    if (slice_empty(entry->subject) || audit_is_from(entry, finding->page->destination_chain))
        return true;
    finding->entry = entry_copy(entry, finding->arena);
    return false;
}

Status migrate_know_chains(MigratePage *page, Fault *fault)
{
    const RegistryPort *source = &page->migration->source->registry, *destination = &page->migration->destination->registry;
    Status status = name_of_chain(destination, &page->names, &page->destination_chain, fault);
    status = status ? status : name_of_chain(source, &page->names, &page->source_chain, fault);
    if (status || slice_empty(page->destination_chain) || slice_equal(page->source_chain, page->destination_chain))
        return status;
    Finding finding = {.page = page, .arena = &page->names};
    status = source->audit(source->self, 1, (Slice){0}, find_first, &finding, fault);
    page->was_begun = !finding.entry.seq;
    return status || !finding.entry.seq ? status : is_carried(page, &finding.entry, &page->was_begun, fault);
}

static bool is_about_the_list(const AuditEntry *entry)
{
    return slice_equal(entry->kind, SLICE("block")) || slice_equal(entry->kind, SLICE("block_again")) || slice_equal(entry->kind, SLICE("unblock"));
}

static bool blocks(const AuditEntry *entry) { return is_about_the_list(entry) && !slice_equal(entry->kind, SLICE("unblock")); }

static bool find_last(void *context, const AuditEntry *entry)
{
    Finding *finding = context;
    if (is_about_the_list(entry))
        finding->entry = entry_copy(entry, finding->arena);
    return true;
}

/* What was last said of a number in a history; seq 0: nothing. */
static Status last_word(const RegistryPort *registry, Slice phone, Arena *arena, AuditEntry *ret, Fault *fault)
{
    Finding finding = {.arena = arena};
    Status status = registry->audit(registry->self, 1, phone, find_last, &finding, fault);
    *ret = finding.entry;
    return status;
}

Status migrate_has_moved(const MigratePage *page, Slice phone, bool *ret_moved, Fault *fault)
{
    Arena arena;
    AuditEntry entry;
    *ret_moved = false;
    if (!page->was_begun)
        return STATUS_OK;
    arena_init(&arena);
    Status status = last_word(&page->migration->source->registry, phone, &arena, &entry, fault);
    if (!status && entry.seq)
        status = is_carried(page, &entry, ret_moved, fault);
    arena_done(&arena);
    return status;
}

/* ---- carrying ---- */

/* What the destination wrote itself, and gave away once, it has. */
static bool take_entry(void *context, const AuditEntry *entry)
{
    MigratePage *page = context;
    bool is_its_own = slice_equal(page->source_chain, page->destination_chain) || audit_is_from(entry, page->destination_chain);
    if (is_its_own) {
        page->migration->counts[MIGRATE_HISTORY].in_source++;
        return true;
    }
    AuditEntry kept = entry_copy(entry, &page->arena);
    page->entries[page->count] = audit_carried(&kept, page->source_chain, &page->arena);
    return migrate_took(page);
}

Status migrate_read_history(MigratePage *page, Fault *fault)
{
    const RegistryPort *source = &page->migration->source->registry;
    return source->audit(source->self, 1, (Slice){0}, take_entry, page, fault);
}

Status migrate_write_history(MigratePage *page, Fault *fault)
{
    bool is_new[BATCH_MAX];
    const RegistryPort *destination = &page->migration->destination->registry;
    Status status = destination->audit_carry(destination->self, page->entries, page->count, is_new, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_HISTORY].moved += is_new[i];
    return status;
}

/* ---- mending ---- */

typedef struct Mending {
    const MigratePage *page;
    Status status;
    Fault *fault;
    Arena arena;
    Slice phones[BATCH_MAX]; /* of the source's list, to be asked about together */
    size_t count;
} Mending;

static Status block_here(const Migration *migration, Slice phone, Fault *fault)
{
    const RegistryPort *registry = &migration->destination->registry;
    BlockEntry entry = {.phone = phone, .added_ms = migration->now_ms, .reason = SLICE("blocked in one of two stores that were merged"),
                        .source = SLICE("compliance"), .actor = SLICE("pledgeline migrate")};
    BlockResult result;
    return registry->block(registry->self, &entry, 1, &result, fault);
}

/* The list says this of a number; where the last word in the history is another it gets one more. */
static Status mend_number(const MigratePage *page, Slice phone, bool is_blocked, Fault *fault)
{
    Arena arena;
    AuditEntry last;
    arena_init(&arena);
    Status status = last_word(&page->migration->destination->registry, phone, &arena, &last, fault);
    if (!status && last.seq && blocks(&last) != is_blocked)
        status = block_here(page->migration, phone, fault);
    arena_done(&arena);
    return status;
}

/* The destination blocked it itself, and then learned of an older removal. */
static bool mend_removed(void *context, const AuditEntry *entry)
{
    Mending *mending = context;
    const RegistryPort *registry = &mending->page->migration->destination->registry;
    bool is_blocked;
    if (!slice_equal(entry->kind, SLICE("unblock")))
        return true;
    mending->status = registry->is_blocked(registry->self, &entry->subject, 1, &is_blocked, mending->fault);
    if (!mending->status && is_blocked)
        mending->status = mend_number(mending->page, entry->subject, true, mending->fault);
    return !mending->status;
}

/* Numbers were taken off in the middle of the move, and then the history that had put them there came. */
static bool mend_missing(Mending *mending)
{
    const RegistryPort *registry = &mending->page->migration->destination->registry;
    bool blocked[BATCH_MAX];
    if (mending->count)
        mending->status = registry->is_blocked(registry->self, mending->phones, mending->count, blocked, mending->fault);
    for (size_t i = 0; !mending->status && i < mending->count; i++) {
        if (!blocked[i])
            mending->status = mend_number(mending->page, mending->phones[i], false, mending->fault);
    }
    mending->count = 0;
    arena_reset(&mending->arena);
    return !mending->status;
}

static bool take_listed(void *context, const BlockEntry *entry)
{
    Mending *mending = context;
    mending->phones[mending->count++] = arena_copy(&mending->arena, entry->phone);
    return mending->count < BATCH_MAX || mend_missing(mending);
}

Status migrate_mend_list(const MigratePage *page, Fault *fault)
{
    const RegistryPort *source = &page->migration->source->registry;
    Mending mending = {.page = page, .fault = fault};
    RegistryFilter all = {0};
    Status status = source->audit(source->self, 1, (Slice){0}, mend_removed, &mending, fault);
    status = status ? status : mending.status;
    status = status ? status : source->list(source->self, &all, take_listed, &mending, fault);
    status = status || mend_missing(&mending) ? status : mending.status;
    arena_done(&mending.arena);
    return status;
}
