/* Reads each kind from the source, page by page, and enters it at the destination by its key. */
#include "service/migrate_page.h"

#include <stdlib.h>
#include <time.h>

#include "service/dnc_cache.h"
#include "service/recount.h"

/* ---- numbers ---- */

static bool take_number(void *context, const BlockEntry *entry)
{
    MigratePage *page = context;
    page->numbers[page->count] = block_entry_copy(entry, &page->arena);
    return migrate_took(page);
}

static Status read_numbers(MigratePage *page, Fault *fault)
{
    const RegistryPort *source = &page->migration->source->registry;
    RegistryFilter all = {0};
    Status status = source->count(source->self, &page->total, fault);
    status = status ? status : migrate_know_chains(page, fault);
    return status ? status : source->list(source->self, &all, take_number, page, fault);
}

/* A number that moved before, and that a person took off the list since, stays off. */
static Status find_missing(MigratePage *page, BlockEntry *ret_missing, size_t *ret_count, Fault *fault)
{
    const RegistryPort *destination = &page->migration->destination->registry;
    Slice phones[BATCH_MAX];
    bool blocked[BATCH_MAX];
    size_t count = 0;
    int64_t taken_off = 0;
    for (size_t i = 0; i < page->count; i++)
        phones[i] = page->numbers[i].phone;
    Status status = destination->is_blocked(destination->self, phones, page->count, blocked, fault);
    for (size_t i = 0; !status && i < page->count; i++) {
        bool has_moved = blocked[i];
        if (!blocked[i])
            status = migrate_has_moved(page, phones[i], &has_moved, fault);
        taken_off += has_moved && !blocked[i];
        if (!has_moved)
            ret_missing[count++] = page->numbers[i];
    }
    if (!status) {
        *ret_count = count;
        page->migration->taken_off += taken_off;
    }
    return status;
}

static Status write_numbers(MigratePage *page, Fault *fault)
{
    const RegistryPort *destination = &page->migration->destination->registry;
    BlockEntry *missing = ARENA_ARRAY(&page->arena, BlockEntry, page->count);
    bool is_new[BATCH_MAX];
    size_t count;
    Status status = find_missing(page, missing, &count, fault);
    if (status || !count)
        return status;
    status = destination->enter(destination->self, missing, count, is_new, fault);
    for (size_t i = 0; !status && i < count; i++)
        page->migration->counts[MIGRATE_NUMBERS].moved += is_new[i];
    return status;
}

/* ---- the ledger ---- */

static bool take_effect(void *context, const Effect *effect)
{
    MigratePage *page = context;
    page->effects[page->count] = effect_copy(effect, &page->arena);
    return migrate_took(page);
}

static Status read_effects(MigratePage *page, Fault *fault)
{
    const EffectsPort *source = &page->migration->source->effects;
    EffectFilter all = {.state = -1};
    return source->list(source->self, &all, take_effect, page, fault);
}

static Status write_effects(MigratePage *page, Fault *fault)
{
    const EffectsPort *destination = &page->migration->destination->effects;
    bool moved[BATCH_MAX];
    Status status = destination->enter(destination->self, page->effects, page->count, page->migration->now_ms, moved, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_EFFECTS].moved += moved[i];
    return status;
}

/* ---- texts ---- */

static bool take_text(void *context, const SmsRecord *record)
{
    MigratePage *page = context;
    SmsRecord *copy = &page->texts[page->count];
    *copy = *record;
    Slice *const texts[] = {&copy->id, &copy->action_id, &copy->call_id, &copy->campaign_id, &copy->contact_id,
                            &copy->phone, &copy->message, &copy->status, &copy->failure_reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(&page->arena, *texts[i]);
    return migrate_took(page);
}

static Status read_texts(MigratePage *page, Fault *fault)
{
    const SmsPort *source = &page->migration->source->sms;
    SmsFilter all = {.oldest_first = true};
    bool both_keep_them = source->list && page->migration->destination->sms.enter;
    return both_keep_them ? source->list(source->self, &all, take_text, page, fault) : STATUS_OK;
}

static Status write_texts(MigratePage *page, Fault *fault)
{
    const SmsPort *destination = &page->migration->destination->sms;
    bool is_new[BATCH_MAX];
    Status status = destination->enter(destination->self, page->texts, page->count, is_new, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_TEXTS].moved += is_new[i];
    return status;
}

/* ---- actions ---- */

static bool take_action(void *context, const ActionRecord *record)
{
    MigratePage *page = context;
    page->actions[page->count] = action_record_copy(record, &page->arena);
    return migrate_took(page);
}

static Status read_actions(MigratePage *page, Fault *fault)
{
    const RegistryPort *source = &page->migration->source->registry;
    RegistryFilter all = {0};
    return source->actions(source->self, &all, take_action, page, fault);
}

static Status write_actions(MigratePage *page, Fault *fault)
{
    const RegistryPort *destination = &page->migration->destination->registry;
    bool is_new[BATCH_MAX];
    Status status = destination->enter_actions(destination->self, page->actions, page->count, is_new, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_ACTIONS].moved += is_new[i];
    return status;
}

/* ---- call records ---- */

static bool take_record(void *context, const Cdr *cdr)
{
    MigratePage *page = context;
    Cdr *copy = page->records[page->count] = ARENA_NEW(&page->arena, Cdr);
    page->status = cdr_decode(cdr_encode(cdr, &page->arena), &page->arena, copy, page->fault);
    copy->call_id = arena_copy(&page->arena, cdr->call_id);
    return !page->status && migrate_took(page);
}

static Status read_records(MigratePage *page, Fault *fault)
{
    const CdrsPort *source = &page->migration->source->cdrs;
    Status status = source->count(source->self, &page->total, fault);
    return status ? status : source->scan(source->self, page->migration->rating, take_record, page, fault);
}

static Status load_held(MigratePage *page, Cdr **held, Fault *fault)
{
    const CdrsPort *destination = &page->migration->destination->cdrs;
    Slice call_ids[BATCH_MAX];
    for (size_t i = 0; i < page->count; i++)
        call_ids[i] = page->records[i]->call_id;
    return destination->load(destination->self, call_ids, page->count, &page->arena, held, fault);
}

/* Merges the page into what the destination holds; those that change go to the front of it. */
static size_t merge_records(MigratePage *page, Cdr *const *held, Cdr **ret_changed, Cdr **ret_from)
{
    size_t changed = 0;
    for (size_t i = 0; i < page->count; i++) {
        size_t before = held[i]->fact_count;
        CdrFold fold = cdr_merge(held[i], page->records[i], &page->arena);
        page->migration->cut_records += fold == CDR_FULL;
        if (fold == CDR_UNCHANGED || (fold == CDR_FULL && held[i]->fact_count == before))
            continue;
        cdr_derive(held[i], page->migration->rating, &page->arena);
        ret_from[changed] = page->records[i];
        ret_changed[changed++] = held[i];
    }
    return changed;
}

/* What somebody else saved in between stays in the page, for another round. */
static Status save_merged(MigratePage *page, Fault *fault)
{
    const CdrsPort *destination = &page->migration->destination->cdrs;
    Cdr *held[BATCH_MAX], *changed[BATCH_MAX], *from[BATCH_MAX];
    bool conflict[BATCH_MAX];
    Status status = load_held(page, held, fault);
    if (status)
        return status;
    size_t count = merge_records(page, held, changed, from);
    if (count)
        status = destination->save(destination->self, changed, count, 0, conflict, fault);
    if (status)
        return status;
    page->count = 0;
    for (size_t i = 0; i < count; i++) {
        page->migration->counts[MIGRATE_RECORDS].moved += !conflict[i];
        if (conflict[i])
            page->records[page->count++] = from[i];
    }
    return status;
}

static Status write_records(MigratePage *page, Fault *fault)
{
    enum { CONFLICT_TRIES = 8 };
    Status status = STATUS_OK;
    for (int tries = 0; !status && page->count && tries < CONFLICT_TRIES; tries++)
        status = save_merged(page, fault);
    if (!status && page->count)
        return fault_set(fault, STATUS_RETRY, "cdr_contended", "a call's record is being written by many at once: run the same command again");
    return status;
}

/* ---- all kinds ---- */

static const struct Kind {
    const char *name;
    Status (*read)(MigratePage *page, Fault *fault);
    Status (*write)(MigratePage *page, Fault *fault);
} kinds[MIGRATE_KINDS] = {
    [MIGRATE_NUMBERS] = {"numbers", read_numbers, write_numbers},
    [MIGRATE_EFFECTS] = {"ledger", read_effects, write_effects},
    [MIGRATE_TEXTS] = {"texts", read_texts, write_texts},
    [MIGRATE_HISTORY] = {"history", migrate_read_history, migrate_write_history},
    [MIGRATE_ACTIONS] = {"actions", read_actions, write_actions},
    [MIGRATE_CLICKS] = {"clicks", migrate_read_clicks, migrate_write_clicks},
    [MIGRATE_GIFTS] = {"gifts", migrate_read_gifts, migrate_write_gifts},
    [MIGRATE_RECORDS] = {"records", read_records, write_records},
};

const char *migrate_kind_name(MigrateKind kind) { return kinds[kind].name; }

/* A store may be away for a while; what was written before that is written again, and changes nothing. */
static Status write_page(MigratePage *page)
{
    enum { WAIT_FIRST_S = 1, WAIT_MOST_S = 16 };
    Status status = kinds[page->kind].write(page, page->fault);
    for (int wait_s = WAIT_FIRST_S; status == STATUS_RETRY && wait_s <= WAIT_MOST_S; wait_s *= 2) {
        nanosleep(&(struct timespec){.tv_sec = wait_s}, NULL);
        status = kinds[page->kind].write(page, page->fault);
    }
    return status;
}

static bool flush(MigratePage *page)
{
    Migration *migration = page->migration;
    if (page->count)
        page->status = write_page(page);
    page->count = 0;
    arena_reset(&page->arena);
    if (!page->status)
        migration->progress(migration->context, page->kind, migration->counts[page->kind].in_source, page->total);
    return !page->status;
}

bool migrate_took(MigratePage *page)
{
    page->migration->counts[page->kind].in_source++;
    return ++page->count < BATCH_MAX || flush(page);
}

static Status move_kind(MigratePage *page, MigrateKind kind, Fault *fault)
{
    Migration *migration = page->migration;
    page->kind = kind;
    page->total = 0;
    Status status = kinds[kind].read(page, fault);
    status = status ? status : page->status;
    if (!status && !flush(page))
        status = page->status;
    if (!status)
        migration->progress(migration->context, kind, migration->counts[kind].in_source, migration->counts[kind].in_source);
    return status;
}

/* What stands right behind a kind, before the next one. */
static Status follow_up(MigratePage *page, MigrateKind kind, Fault *fault)
{
    int64_t numbers, missing;
    if (kind == MIGRATE_NUMBERS)
        return dnc_sync(page->migration->destination, &numbers, &missing, fault);
    return kind == MIGRATE_HISTORY ? migrate_mend_list(page, fault) : STATUS_OK;
}

Status migrate_all(Migration *migration, Fault *fault)
{
    if (!migration->source->registry.enter || !migration->destination->registry.enter)
        return fault_set(fault, STATUS_REJECT, "migrate_registry",
                         "the do-not-call list and its history are kept by another service: take DATABASE_API_URL away, and move them there");
    MigratePage *page = calloc(1, sizeof *page);
    if (!page)
        abort();
    *page = (MigratePage){.migration = migration, .fault = fault};
    Status status = STATUS_OK;
    for (MigrateKind kind = 0; !status && kind < MIGRATE_KINDS; kind++) {
        status = move_kind(page, kind, fault);
        status = status ? status : follow_up(page, kind, fault);
    }
    arena_done(&page->arena);
    arena_done(&page->names);
    free(page);
    int64_t drifts;
    return status ? status : recount_fix_alone(migration->destination, migration->rating, &drifts, fault);
}

/* ---- verifying ---- */

static bool count_effect(void *context, const Effect *effect)
{
    (void)effect;
    ++*(int64_t *)context;
    return true;
}

static bool count_text(void *context, const SmsRecord *record)
{
    (void)record;
    ++*(int64_t *)context;
    return true;
}

static bool count_action(void *context, const ActionRecord *record)
{
    (void)record;
    ++*(int64_t *)context;
    return true;
}

static Status count_all(Migration *migration, Fault *fault)
{
    const Ports *ports = migration->destination;
    MigrateCount *counts = migration->counts;
    uint8_t head[DIGEST_BYTES];
    EffectFilter effects = {.state = -1};
    RegistryFilter actions = {0};
    SmsFilter texts = {0};
    for (MigrateKind kind = 0; kind < MIGRATE_KINDS; kind++)
        counts[kind].in_destination = 0;
    Status status = ports->registry.count(ports->registry.self, &counts[MIGRATE_NUMBERS].in_destination, fault);
    status = status ? status : ports->effects.list(ports->effects.self, &effects, count_effect, &counts[MIGRATE_EFFECTS].in_destination, fault);
    if (!status && ports->sms.list)
        status = ports->sms.list(ports->sms.self, &texts, count_text, &counts[MIGRATE_TEXTS].in_destination, fault);
    status = status ? status : ports->registry.audit_head(ports->registry.self, &counts[MIGRATE_HISTORY].in_destination, head, fault);
    status = status ? status : ports->registry.actions(ports->registry.self, &actions, count_action, &counts[MIGRATE_ACTIONS].in_destination, fault);
    status = status ? status : migrate_count_gifts(migration, fault);
    return status ? status : ports->cdrs.count(ports->cdrs.self, &counts[MIGRATE_RECORDS].in_destination, fault);
}

Status migrate_verify(Migration *migration, Fault *fault)
{
    Status status = count_all(migration, fault);
    for (MigrateKind kind = 0; !status && kind < MIGRATE_KINDS; kind++) {
        const MigrateCount *count = &migration->counts[kind];
        int64_t taken_off = kind == MIGRATE_NUMBERS ? migration->taken_off : 0;
        if (count->in_destination + taken_off < count->in_source)
            status = fault_set(fault, STATUS_REJECT, "migrate_short",
                               "the destination has %lld %s and the source %lld: run the same command again, and look for who deletes there",
                               (long long)count->in_destination, kinds[kind].name, (long long)count->in_source);
    }
    return status;
}
