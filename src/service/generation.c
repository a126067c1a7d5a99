#include "service/generation.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

typedef struct Generation {
    const Ports *ports;
    Arena arena; /* what the items of a batch point to */
    Projection items[BATCH_MAX];
    size_t count;
    int64_t records;
    Status status;
    Fault *fault;
    void (*progress)(void *context, int64_t records);
    void *progress_context;
} Generation;

/* ---- count ---- */

static bool flush(Generation *generation)
{
    const LivePort *live = &generation->ports->live;
    if (!generation->status && generation->count)
        generation->status = live->generation_add(live->self, generation->items, generation->count, generation->fault);
    generation->count = 0;
    arena_reset(&generation->arena);
    if (generation->progress)
        generation->progress(generation->progress_context, generation->records);
    return !generation->status;
}

static bool take(Generation *generation, Slice key, int64_t rev, Contribution *share)
{
    generation->records++;
    if (share->count)
        generation->items[generation->count++] = (Projection){.key = arena_copy(&generation->arena, key), .rev = rev, .after = share};
    return generation->count < BATCH_MAX || flush(generation);
}

static bool take_record(void *context, const Cdr *cdr)
{
    Generation *generation = context;
    Contribution share;
    cdr_contribution(cdr, &generation->arena, &share);
    return take(generation, cdr->call_id, cdr->rev, contribution_copy(&share, &generation->arena));
}

static bool take_donation(void *context, const Effect *effect)
{
    Generation *generation = context;
    Contribution share;
    donation_contribution(effect, &share);
    return take(generation, effect->action_id, 1, contribution_copy(&share, &generation->arena));
}

static bool take_action(void *context, const ActionRecord *record)
{
    Generation *generation = context;
    Contribution share;
    action_contribution(record, &share);
    return take(generation, record->id, 1, contribution_copy(&share, &generation->arena));
}

static Status count_stored(Generation *generation, const Rating *rating)
{
    const Ports *ports = generation->ports;
    Fault *fault = generation->fault;
    EffectFilter sent = {.state = EFFECT_SENT};
    RegistryFilter every = {0};
    Status status = ports->cdrs.scan(ports->cdrs.self, rating, take_record, generation, fault);
    status = status ? status : generation->status;
    status = status ? status : ports->effects.list(ports->effects.self, &sent, take_donation, generation, fault);
    status = status ? status : generation->status;
    status = status ? status : ports->registry.actions(ports->registry.self, &every, take_action, generation, fault);
    return status || flush(generation) ? status : generation->status;
}

/* Given up unless OK. */
static Status count_generation(const Ports *ports, const Rating *rating, void (*progress)(void *context, int64_t records),
                               void *context, Fault *fault)
{
    const LivePort *live = &ports->live;
    Status status = live->generation_begin(live->self, clock_wall_ms(), fault);
    if (status)
        return status;
    Generation *generation = calloc(1, sizeof *generation);
    if (!generation)
        abort();
    *generation = (Generation){.ports = ports, .fault = fault, .progress = progress, .progress_context = context};
    status = count_stored(generation, rating);
    arena_done(&generation->arena);
    free(generation);
    Fault ignored;
    if (status)
        live->generation_end(live->self, false, &ignored);
    return status;
}

/* ---- compare ---- */

typedef struct Report {
    bool (*report)(void *context, const CounterDrift *drift);
    void *context;
} Report;

static bool report_counter(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted)
{
    const Report *report = context;
    CounterDrift drift = {campaign_id, counter, live, recounted};
    return report->report(report->context, &drift);
}

static bool count_drift(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted)
{
    (void)campaign_id, (void)counter, (void)live, (void)recounted;
    ++*(int64_t *)context;
    return true;
}

static Status count_drifts(const LivePort *live, int64_t *ret_drifts, Fault *fault)
{
    *ret_drifts = 0;
    return live->generation_compare(live->self, false, count_drift, ret_drifts, fault);
}

/* A record that was saved and is not yet projected is a difference for as long as that takes. */
static Status wait_for_the_last_to_arrive(const LivePort *live, Fault *fault)
{
    enum { LOOKS = 8, BETWEEN_MS = 100 };
    int64_t drifts = 1;
    Status status = count_drifts(live, &drifts, fault);
    for (int look = 1; look < LOOKS && !status && drifts; look++) {
        nanosleep(&(struct timespec){.tv_nsec = BETWEEN_MS * 1000000}, NULL);
        status = count_drifts(live, &drifts, fault);
    }
    return status;
}

Status generation_compare(const Ports *ports, const Rating *rating, bool every,
                          bool (*report)(void *context, const CounterDrift *drift), void *context,
                          void (*progress)(void *context, int64_t records), Fault *fault)
{
    const LivePort *live = &ports->live;
    Report reporting = {report, context};
    Status status = count_generation(ports, rating, progress, context, fault);
    if (status)
        return status;
    status = wait_for_the_last_to_arrive(live, fault);
    status = status ? status : live->generation_compare(live->self, every, report_counter, &reporting, fault);
    Fault ignored;
    live->generation_end(live->self, false, &ignored);
    return status;
}

Status generation_rebuild(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault)
{
    const LivePort *live = &ports->live;
    int64_t drifts = 0;
    Status status = count_generation(ports, rating, NULL, NULL, fault);
    status = status ? status : count_drifts(live, &drifts, fault);
    status = status ? status : live->generation_end(live->self, true, fault);
    if (!status)
        *ret_drifts = drifts;
    return status;
}
