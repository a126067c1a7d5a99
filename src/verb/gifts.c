/* Gifts, as donation pages told of them. */
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

static const Column columns[] = {
    {"given", COLUMN_TEXT}, {"amount", COLUMN_NUMBER}, {"refunded", COLUMN_NUMBER}, {"currency", COLUMN_TEXT}, {"campaign", COLUMN_TEXT},
    {"call", COLUMN_TEXT}, {"donation", COLUMN_TEXT}, {"ref", COLUMN_TEXT},
};

typedef struct Listing {
    Output *output;
    Arena arena; /* one row */
} Listing;

static Slice cell_amount(Arena *arena, int64_t micros) { return micros ? gift_print_amount(micros, arena) : (Slice){0}; }

static bool list_gift(void *context, const Gift *gift)
{
    Listing *listing = context;
    Arena *arena = &listing->arena;
    arena_reset(arena);
    const Slice cells[] = {
        cell_time(arena, gift->given_ms), cell_amount(arena, gift->given_micros), cell_amount(arena, gift->refunded_micros), gift->currency,
        gift->campaign_id, gift->call_id, gift->id, gift->ref,
    };
    Text json = text_in(arena);
    gift_print(gift, arena, &json);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

int gifts_list_verb(const Invocation *invocation)
{
    Fault fault;
    GiftFilter filter = {.campaign_id = invocation_option_slice(invocation, "campaign"), .call_id = invocation_option_slice(invocation, "call"),
                         .unmatched = invocation_option(invocation, "unmatched")};
    if (invocation_number(invocation, "limit", 20, &filter.limit, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Listing listing = {.output = output_open(invocation, columns, sizeof columns / sizeof *columns, "no gifts")};
    const GiftsPort *gifts = &desk.app.ports.gifts;
    filter.limit = output_limit(listing.output, filter.limit);
    Status status = gifts->list(gifts->self, &filter, list_gift, &listing, &fault);
    output_close(listing.output, status);
    arena_done(&listing.arena);
    desk_close(&desk);
    return status ? verb_fail(&fault) : EXIT_OK;
}
