/* What is kept grows to twice the limit, is sorted, and loses its older half; so memory does not grow with the ledger. */
#include "service/texts.h"

#include <stdlib.h>

enum { ROOM_LEAST = 256, OUTBOX_PAGE = BATCH_MAX };

typedef struct Texts {
    const TextsFilter *filter;
    ListedText *items;
    size_t count, room;
    bool is_full;     /* there are more than the limit: what is older than `oldest` is not wanted */
    TextPlace oldest; /* of those that stay */
    Arena arenas[2];  /* of the items: the one in use, and the other */
    int arena;
} Texts;

int64_t text_sent_ms(const Effect *effect) { return effect->asked_ms ? effect->asked_ms : effect->created_ms; }

bool texts_read_state(Slice name, int *ret_state)
{
    if (slice_empty(name))
        return *ret_state = TEXTS_OF_ALL_STATES, true;
    EffectState state = effect_state_of(name); /* UNKNOWN also of a name that is none */
    if (!slice_equal(name, slice_of(effect_state_name(state))))
        return false;
    *ret_state = (int)state;
    return true;
}

/* ---- what is kept ---- */

static int compare_places(const TextPlace *a, const TextPlace *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return slice_compare(a->action_id, b->action_id);
}

static TextPlace place_of(const ListedText *text) { return (TextPlace){text->effect.created_ms, text->effect.action_id}; }

static int newest_first(const void *a, const void *b)
{
    TextPlace left = place_of(a), right = place_of(b);
    return compare_places(&right, &left);
}

static void keep_limit(Texts *texts)
{
    size_t limit = texts->filter->limit;
    if (!texts->count)
        return;
    qsort(texts->items, texts->count, sizeof *texts->items, newest_first);
    if (!limit || texts->count <= limit)
        return;
    texts->arena = !texts->arena;
    Arena *arena = &texts->arenas[texts->arena];
    for (size_t i = 0; i < limit; i++) {
        texts->items[i].effect = effect_copy(&texts->items[i].effect, arena);
        texts->items[i].status = arena_copy(arena, texts->items[i].status);
    }
    arena_reset(&texts->arenas[!texts->arena]);
    texts->count = limit;
    texts->is_full = true;
    texts->oldest = place_of(&texts->items[limit - 1]);
}

static void make_room(Texts *texts)
{
    if (texts->filter->limit && texts->count >= ROOM_LEAST && texts->count >= 2 * texts->filter->limit)
        keep_limit(texts);
    if (texts->count < texts->room)
        return;
    texts->room = texts->room ? 2 * texts->room : ROOM_LEAST;
    texts->items = realloc(texts->items, texts->room * sizeof *texts->items);
    if (!texts->items)
        abort();
}

static void keep(Texts *texts, const Effect *effect, Slice status, int64_t sent_ms, bool is_filled)
{
    TextPlace place = {effect->created_ms, effect->action_id};
    bool was_seen = texts->filter->before.at_ms && compare_places(&place, &texts->filter->before) >= 0;
    if (was_seen || (texts->is_full && compare_places(&place, &texts->oldest) < 0))
        return;
    make_room(texts);
    Arena *arena = &texts->arenas[texts->arena];
    texts->items[texts->count++] = (ListedText){effect_copy(effect, arena), arena_copy(arena, status), sent_ms, is_filled};
}

/* ---- the ledger ---- */

static bool take_effect(void *context, const Effect *effect)
{
    Texts *texts = context;
    if (texts->filter->state != TEXTS_OF_ALL_STATES || effect->state != EFFECT_CANCELLED)
        keep(texts, effect, slice_of(effect_state_name(effect->state)), effect->state == EFFECT_SENT ? text_sent_ms(effect) : 0, false);
    return true;
}

static Status read_ledger(const Ports *ports, Texts *texts, Fault *fault)
{
    EffectFilter filter = {.campaign_id = texts->filter->campaign_id, .phone = texts->filter->phone, .state = texts->filter->state};
    Status status = ports->effects.list(ports->effects.self, &filter, take_effect, texts, fault);
    keep_limit(texts);
    return status;
}

/* ---- the outbox ---- */

typedef struct OutboxPage {
    Arena arena;
    Effect texts[OUTBOX_PAGE]; /* as effects */
    Slice statuses[OUTBOX_PAGE], ids[OUTBOX_PAGE];
    size_t count;
    int64_t last_row;
} OutboxPage;

static bool take_record(void *context, const SmsRecord *record)
{
    OutboxPage *page = context;
    Effect text = {.message_id = record->id, .action_id = record->action_id, .call_id = record->call_id, .campaign_id = record->campaign_id,
                   .contact_id = record->contact_id, .phone = record->phone, .message = record->message, .reason = record->failure_reason,
                   .created_ms = record->queued_ms};
    page->texts[page->count] = effect_copy(&text, &page->arena);
    page->ids[page->count] = page->texts[page->count].action_id;
    page->statuses[page->count++] = arena_copy(&page->arena, record->status);
    page->last_row = record->row;
    return true;
}

static ListedText *find(Texts *texts, const Effect *in_ledger)
{
    ListedText wanted = {.effect = *in_ledger};
    return texts->count ? bsearch(&wanted, texts->items, texts->count, sizeof *texts->items, newest_first) : NULL;
}

/* A text of both is the ledger's, with the outbox's word for where it is. */
static Status merge(const Ports *ports, Texts *texts, OutboxPage *page, Fault *fault)
{
    Effect *known = ARENA_ARRAY(&page->arena, Effect, page->count);
    bool *is_known = ARENA_ARRAY(&page->arena, bool, page->count);
    Status status = ports->effects.load(ports->effects.self, page->ids, page->count, &page->arena, known, is_known, fault);
    for (size_t i = 0; i < page->count && !status; i++) {
        ListedText *text = is_known[i] ? find(texts, &known[i]) : NULL;
        if (!text)
            continue;
        text->status = arena_copy(&texts->arenas[texts->arena], page->statuses[i]);
        text->sent_ms = 0;
    }
    for (size_t i = 0; i < page->count && !status; i++) {
        if (!is_known[i])
            keep(texts, &page->texts[i], page->statuses[i], 0, true);
    }
    keep_limit(texts);
    return status;
}

/* A text comes into the outbox after it was asked for: behind the oldest that is wanted there is nothing more of those. */
static bool is_behind(const Texts *texts, const OutboxPage *page)
{
    size_t limit = texts->filter->limit;
    return page->count && limit && texts->count == limit && page->texts[page->count - 1].created_ms < texts->items[limit - 1].effect.created_ms;
}

static Status read_outbox(const Ports *ports, Texts *texts, Fault *fault)
{
    OutboxPage *page = calloc(1, sizeof *page);
    if (!page)
        abort();
    SmsFilter filter = {.campaign_id = texts->filter->campaign_id, .phone = texts->filter->phone, .limit = OUTBOX_PAGE};
    Status status;
    do {
        arena_reset(&page->arena);
        page->count = 0;
        status = ports->sms.list(ports->sms.self, &filter, take_record, page, fault);
        status = status || !page->count ? status : merge(ports, texts, page, fault);
        filter.before_row = page->last_row;
    } while (!status && page->count == OUTBOX_PAGE && !is_behind(texts, page));
    arena_done(&page->arena);
    free(page);
    return status;
}

/* ---- both ---- */

/* A template that cannot be filled never went out; it is shown as it is. */
static void fill(ListedText *text, Arena *arena)
{
    Slice filled;
    Fault fault;
    if (!text->is_filled && effect_fill(&text->effect, arena, &filled, &fault) == STATUS_OK)
        text->effect.message = filled;
}

static void show(Texts *texts, bool (*visit)(void *context, const ListedText *text), void *context)
{
    bool goes_on = true;
    for (size_t i = 0; i < texts->count && goes_on; i++) {
        fill(&texts->items[i], &texts->arenas[texts->arena]);
        goes_on = visit(context, &texts->items[i]);
    }
}

Status texts_list(const Ports *ports, const TextsFilter *filter, bool (*visit)(void *context, const ListedText *text), void *context, Fault *fault)
{
    Texts texts = {.filter = filter};
    Status status = read_ledger(ports, &texts, fault);
    if (!status && ports->sms.list && filter->state == TEXTS_OF_ALL_STATES)
        status = read_outbox(ports, &texts, fault);
    if (!status)
        show(&texts, visit, context);
    for (size_t i = 0; i < 2; i++)
        arena_done(&texts.arenas[i]);
    free(texts.items);
    return status;
}
