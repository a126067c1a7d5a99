/* Recount: the counters once more from what they are a projection of: call records, the ledger's SENT and the recorded
 * opt-outs. Counters live in one hash table by (campaign, name), so a million records cost a few kilobytes. */
#include "service/recount.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "service/generation.h"

typedef struct Cell {
    Slice campaign_id, counter;
    int64_t live, recounted;
    int64_t last_activity_ms; /* of what was recounted */
} Cell;

typedef struct Tally {
    Arena arena;   /* the names */
    Arena scratch; /* one record at a time */
    Cell *cells;   /* open addressing; an empty counter name is a free place */
    size_t count, capacity;
    int64_t records;
    void (*progress)(void *context, int64_t records);
    void *progress_context;
} Tally;

static Cell *place_of(Cell *cells, size_t capacity, Slice campaign_id, Slice counter)
{
    size_t at = (slice_hash(campaign_id) * 31 + slice_hash(counter)) % capacity;
    while (!slice_empty(cells[at].counter) &&
           !(slice_equal(cells[at].counter, counter) && slice_equal(cells[at].campaign_id, campaign_id)))
        at = (at + 1) % capacity;
    return &cells[at];
}

static void grow(Tally *tally)
{
    size_t capacity = tally->capacity ? tally->capacity * 2 : 256;
    Cell *cells = calloc(capacity, sizeof *cells);
    if (!cells)
        abort();
    for (size_t i = 0; i < tally->capacity; i++) {
        if (!slice_empty(tally->cells[i].counter))
            *place_of(cells, capacity, tally->cells[i].campaign_id, tally->cells[i].counter) = tally->cells[i];
    }
    free(tally->cells);
    tally->cells = cells;
    tally->capacity = capacity;
}

static Cell *cell_of(Tally *tally, Slice campaign_id, Slice counter)
{
    if (tally->count * 2 >= tally->capacity)
        grow(tally);
    Cell *cell = place_of(tally->cells, tally->capacity, campaign_id, counter);
    if (slice_empty(cell->counter)) {
        cell->campaign_id = arena_copy(&tally->arena, campaign_id);
        cell->counter = arena_copy(&tally->arena, counter);
        tally->count++;
    }
    return cell;
}

/* ---- what should be ---- */

static void add_share(Tally *tally, const Contribution *share)
{
    for (size_t i = 0; i < share->count; i++) {
        Cell *cell = cell_of(tally, share->campaign_id, share->counters[i].name);
        cell->recounted += share->counters[i].value;
        cell->last_activity_ms = share->last_activity_ms > cell->last_activity_ms ? share->last_activity_ms : cell->last_activity_ms;
    }
}

static bool count_record(void *context, const Cdr *cdr)
{
    enum { TELL_EVERY = 4096 };
    Tally *tally = context;
    Contribution share = {0};
    arena_reset(&tally->scratch);
    cdr_contribution(cdr, &tally->scratch, &share);
    add_share(tally, &share);
    if (++tally->records % TELL_EVERY == 0 && tally->progress)
        tally->progress(tally->progress_context, tally->records);
    return true;
}

static bool count_donation(void *context, const Effect *effect)
{
    Contribution share;
    donation_contribution(effect, &share);
    add_share(context, &share);
    return true;
}

static bool count_action(void *context, const ActionRecord *record)
{
    Contribution share;
    action_contribution(record, &share);
    add_share(context, &share);
    return true;
}

/* ---- what is ---- */

static bool count_live(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    (void)last_activity_ms;
    for (size_t i = 0; i < count; i++)
        cell_of(context, campaign_id, counters[i].name)->live += counters[i].value;
    return true;
}

static Status count_all(const Ports *ports, const Rating *rating, Tally *tally, Fault *fault)
{
    EffectFilter sent = {.state = EFFECT_SENT};
    RegistryFilter every = {0};
    Status status = ports->cdrs.scan(ports->cdrs.self, rating, count_record, tally, fault);
    status = status ? status : ports->effects.list(ports->effects.self, &sent, count_donation, tally, fault);
    status = status ? status : ports->registry.actions(ports->registry.self, &every, count_action, tally, fault);
    return status ? status : ports->live.read(ports->live.self, (Slice){0}, count_live, tally, fault);
}

static void tally_done(Tally *tally)
{
    free(tally->cells);
    arena_done(&tally->scratch);
    arena_done(&tally->arena);
}

static int compare_cells(const void *a, const void *b)
{
    const Cell *first = a, *second = b;
    int order = slice_compare(first->campaign_id, second->campaign_id);
    return order ? order : slice_compare(first->counter, second->counter);
}

/* Used cells to the front, by campaign and counter. */
static void sort_cells(Tally *tally)
{
    size_t used = 0;
    for (size_t i = 0; i < tally->capacity; i++) {
        if (!slice_empty(tally->cells[i].counter))
            tally->cells[used++] = tally->cells[i];
    }
    if (used)
        qsort(tally->cells, used, sizeof *tally->cells, compare_cells);
}

/* ---- compare, fix ---- */

Status recount_compare(const Ports *ports, const Rating *rating, bool every,
                       bool (*report)(void *context, const CounterDrift *drift), void *context,
                       void (*progress)(void *context, int64_t records), Fault *fault)
{
    if (ports->live.generation_begin)
        return generation_compare(ports, rating, every, report, context, progress, fault);
    Tally tally = {.progress = progress, .progress_context = context};
    Status status = count_all(ports, rating, &tally, fault);
    sort_cells(&tally);
    for (size_t i = 0; !status && i < tally.count; i++) {
        const Cell *cell = &tally.cells[i];
        CounterDrift drift = {cell->campaign_id, cell->counter, cell->live, cell->recounted};
        if ((every || cell->live != cell->recounted) && !report(context, &drift))
            break;
    }
    tally_done(&tally);
    return status;
}

Status recount_fix(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault)
{
    if (ports->live.generation_begin)
        return generation_rebuild(ports, rating, ret_drifts, fault);
    Tally tally = {0};
    int64_t drifts = 0;
    Status status = count_all(ports, rating, &tally, fault);
    sort_cells(&tally);
    for (size_t i = 0; !status && i < tally.count; i++) {
        const Cell *cell = &tally.cells[i];
        if (cell->live == cell->recounted)
            continue;
        Contribution delta = {.campaign_id = cell->campaign_id, .last_activity_ms = cell->last_activity_ms};
        contribution_add(&delta, cell->counter, cell->recounted - cell->live);
        status = ports->live.adjust(ports->live.self, &delta, 1, fault);
        drifts++;
    }
    tally_done(&tally);
    if (!status)
        *ret_drifts = drifts;
    return status;
}

/* ---- one at a time ---- */

bool recount_is_running(Status status, const Fault *fault)
{
    return status == STATUS_RETRY && !strcmp(fault->code, "recount_running");
}

bool recount_waits_for_turn(Status status, const Fault *fault, int64_t since_ms)
{
    enum { BETWEEN_MS = 100, AT_MOST_MS = 35 * 1000 };
    if (!recount_is_running(status, fault) || clock_elapsed_ms() - since_ms >= AT_MOST_MS)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = BETWEEN_MS * 1000000}, NULL);
    return true;
}

static Status fix_in_unit(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault)
{
    Status status = ports->unit.begin(ports->unit.self, fault);
    if (status)
        return status;
    status = recount_fix(ports, rating, ret_drifts, fault);
    if (!status)
        return ports->unit.commit(ports->unit.self, fault);
    ports->unit.rollback(ports->unit.self);
    return status;
}

Status recount_fix_alone(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault)
{
    Status status;
    int64_t began_ms = clock_elapsed_ms();
    do
        status = fix_in_unit(ports, rating, ret_drifts, fault);
    while (recount_waits_for_turn(status, fault, began_ms));
    return status;
}
