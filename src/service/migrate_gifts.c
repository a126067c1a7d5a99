/* Clicks on links, and gifts: entered by their link and by their id. */
#include "service/migrate_page.h"

static bool both_keep_them(const MigratePage *page)
{
    return page->migration->source->gifts.self && page->migration->destination->gifts.self;
}

/* ---- clicks ---- */

static bool take_clicks(void *context, const LinkClicks *clicks)
{
    MigratePage *page = context;
    page->clicks[page->count] = clicks_copy(clicks, &page->arena);
    return migrate_took(page);
}

Status migrate_read_clicks(MigratePage *page, Fault *fault)
{
    const GiftsPort *source = &page->migration->source->gifts;
    return both_keep_them(page) ? source->clicks(source->self, (Slice){0}, take_clicks, page, fault) : STATUS_OK;
}

Status migrate_write_clicks(MigratePage *page, Fault *fault)
{
    const GiftsPort *destination = &page->migration->destination->gifts;
    bool moved[BATCH_MAX];
    Status status = destination->enter_clicks(destination->self, page->clicks, page->count, moved, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_CLICKS].moved += moved[i];
    return status;
}

/* ---- gifts ---- */

static bool take_gift(void *context, const Gift *gift)
{
    MigratePage *page = context;
    page->gifts[page->count] = gift_copy(gift, &page->arena);
    return migrate_took(page);
}

Status migrate_read_gifts(MigratePage *page, Fault *fault)
{
    const GiftsPort *source = &page->migration->source->gifts;
    GiftFilter all = {.oldest_first = true};
    return both_keep_them(page) ? source->list(source->self, &all, take_gift, page, fault) : STATUS_OK;
}

Status migrate_write_gifts(MigratePage *page, Fault *fault)
{
    const GiftsPort *destination = &page->migration->destination->gifts;
    GiftResult results[BATCH_MAX];
    Status status = destination->give(destination->self, page->gifts, page->count, results, fault);
    for (size_t i = 0; !status && i < page->count; i++)
        page->migration->counts[MIGRATE_GIFTS].moved += results[i] == GIFT_ADDED;
    return status;
}

/* ---- counting ---- */

static bool count_clicks(void *context, const LinkClicks *clicks)
{
    (void)clicks;
    ++*(int64_t *)context;
    return true;
}

static bool count_gift(void *context, const Gift *gift)
{
    (void)gift;
    ++*(int64_t *)context;
    return true;
}

Status migrate_count_gifts(Migration *migration, Fault *fault)
{
    const GiftsPort *gifts = &migration->destination->gifts;
    MigrateCount *counts = migration->counts;
    GiftFilter all = {0};
    if (!gifts->self)
        return STATUS_OK;
    Status status = gifts->clicks(gifts->self, (Slice){0}, count_clicks, &counts[MIGRATE_CLICKS].in_destination, fault);
    return status ? status : gifts->list(gifts->self, &all, count_gift, &counts[MIGRATE_GIFTS].in_destination, fault);
}
