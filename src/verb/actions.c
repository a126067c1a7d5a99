/* Recorded actions, newest first. The registry gives them in order of their ids, so they are read twice: first only the
 * times, to learn which are the newest, then those. Memory follows what is shown, and eight bytes for what is not. */
#include <stdlib.h>

#include "service/print.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

static const Column columns[] = {
    {"at", COLUMN_TEXT}, {"action", COLUMN_TEXT}, {"status", COLUMN_TEXT}, {"phone", COLUMN_TEXT}, {"campaign", COLUMN_TEXT},
    {"id", COLUMN_TEXT}, {"failure", COLUMN_WIDE},
};

typedef struct Listing {
    Output *output;
    Arena arena; /* one row */
    size_t limit;
    int64_t *times; /* of all actions that fit */
    size_t count, room;
    int64_t oldest_ms;        /* of those to show */
    size_t oldest_count;      /* how many of that time there is room for */
    ActionRecord *newest;     /* to show */
    size_t newest_count;
    Arena kept;               /* what newest points to */
} Listing;

static bool list_action(void *context, const ActionRecord *record)
{
    Listing *listing = context;
    arena_reset(&listing->arena);
    const Slice cells[] = {cell_time(&listing->arena, record->timestamp_ms), record->action_type, record->status, record->phone,
                           record->campaign_id, record->id, record->failure_reason};
    Text json = text_in(&listing->arena);
    print_action(&json, record);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

/* ---- which are the newest ---- */

static bool note_time(void *context, const ActionRecord *record)
{
    Listing *listing = context;
    if (listing->count == listing->room) {
        listing->room = listing->room ? listing->room * 2 : 1024;
        listing->times = realloc(listing->times, listing->room * sizeof *listing->times);
        if (!listing->times)
            abort();
    }
    listing->times[listing->count++] = record->timestamp_ms;
    return true;
}

static int newest_time_first(const void *a, const void *b)
{
    int64_t at_a = *(const int64_t *)a, at_b = *(const int64_t *)b;
    return (at_a < at_b) - (at_a > at_b);
}

static void find_oldest_to_show(Listing *listing)
{
    size_t shown = listing->count < listing->limit ? listing->count : listing->limit;
    listing->newest = shown ? arena_alloc(&listing->kept, shown * sizeof *listing->newest) : NULL;
    if (!shown)
        return;
    qsort(listing->times, listing->count, sizeof *listing->times, newest_time_first);
    listing->oldest_ms = listing->times[shown - 1];
    while (shown && listing->times[shown - 1] == listing->oldest_ms)
        shown--, listing->oldest_count++;
}

/* ---- those ---- */

static bool keep_newest(void *context, const ActionRecord *record)
{
    Listing *listing = context;
    bool is_oldest = record->timestamp_ms == listing->oldest_ms;
    bool is_wanted = is_oldest ? listing->oldest_count > 0 : record->timestamp_ms > listing->oldest_ms;
    if (!is_wanted)
        return true;
    listing->oldest_count -= is_oldest;
    listing->newest[listing->newest_count++] = action_record_copy(record, &listing->kept);
    return listing->newest_count < listing->limit && listing->newest_count < listing->count;
}

static int newest_record_first(const void *a, const void *b)
{
    const ActionRecord *left = a, *right = b;
    int order = newest_time_first(&left->timestamp_ms, &right->timestamp_ms);
    return order ? order : slice_compare(left->id, right->id);
}

static Status read_newest(const RegistryPort *registry, const RegistryFilter *filter, Listing *listing, Fault *fault)
{
    Status status = registry->actions(registry->self, filter, note_time, listing, fault);
    find_oldest_to_show(listing);
    if (!status && listing->count)
        status = registry->actions(registry->self, filter, keep_newest, listing, fault);
    return status;
}

static Status list_newest(const Ports *ports, const RegistryFilter *filter, Listing *listing, Fault *fault)
{
    Status status = ports->unit.begin(ports->unit.self, fault); /* both readings in one view */
    status = status ? status : read_newest(&ports->registry, filter, listing, fault);
    ports->unit.rollback(ports->unit.self);
    if (listing->newest_count)
        qsort(listing->newest, listing->newest_count, sizeof *listing->newest, newest_record_first);
    for (size_t i = 0; i < listing->newest_count; i++)
        list_action(listing, &listing->newest[i]);
    return status;
}

int actions_list_verb(const Invocation *invocation)
{
    Fault fault;
    Listing listing = {0};
    RegistryFilter filter = {.campaign_id = invocation_option_slice(invocation, "campaign"), .call_id = invocation_option_slice(invocation, "call")};
    if (invocation_phone(invocation, "phone", &filter.phone, &fault) || invocation_number(invocation, "limit", 50, &listing.limit, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    listing.output = output_open(invocation, columns, sizeof columns / sizeof *columns, "no actions recorded");
    const RegistryPort *registry = &desk.app.ports.registry;
    listing.limit = output_limit(listing.output, listing.limit);
    Status status = listing.limit ? list_newest(&desk.app.ports, &filter, &listing, &fault)
                                  : registry->actions(registry->self, &filter, list_action, &listing, &fault);
    output_close(listing.output, status);
    free(listing.times);
    arena_done(&listing.kept);
    arena_done(&listing.arena);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}
