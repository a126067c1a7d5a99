#include "service/gift_origin.h"

#include "base/digest.h"
#include "event/link.h"

/* The reference that a page was called with, or the token of the link itself. */
static bool read_ref(Slice named, Slice link_secret, Arena *arena, Slice *ret)
{
    enum { ID_BYTES = REF_BYTES / 2 };
    uint8_t id[ID_BYTES];
    *ret = named;
    if (named.bytes == REF_BYTES && strspn(named.at, "0123456789abcdef") >= REF_BYTES)
        return true;
    if (!link_verify(named, link_secret, id))
        return false;
    *ret = digest_hex(arena, id, ID_BYTES);
    return true;
}

static void take_from_effect(Gift *gift, const Effect *effect)
{
    gift->ref = effect->ref;
    gift->call_id = effect->call_id;
    gift->campaign_id = effect->campaign_id;
    gift->contact_id = effect->contact_id;
}

static Status find_by_ref(const Ports *ports, Slice link_secret, Gift *gift, Arena *arena, Fault *fault)
{
    Slice ref;
    Effect effect;
    bool is_found = false;
    if (!read_ref(gift->ref, link_secret, arena, &ref))
        return STATUS_OK;
    Status status = ports->effects.find(ports->effects.self, &ref, 1, arena, &effect, &is_found, fault);
    if (!status && is_found)
        take_from_effect(gift, &effect);
    return status;
}

/* A call that sent no text is known by its record. */
static Status find_by_call(const Ports *ports, Gift *gift, Arena *arena, Fault *fault)
{
    Slice action_id = arena_printf(arena, "%.*s_donation", SLICE_ARG(gift->call_id));
    Effect effect;
    Cdr *cdr = NULL;
    bool is_found = false;
    Status status = ports->effects.load(ports->effects.self, &action_id, 1, arena, &effect, &is_found, fault);
    if (!status && is_found)
        take_from_effect(gift, &effect);
    if (status || is_found)
        return status;
    status = ports->cdrs.load(ports->cdrs.self, &gift->call_id, 1, arena, &cdr, fault);
    if (status || !cdr->fact_count)
        return status;
    Rating free_of_charge = {0};
    cdr_derive(cdr, &free_of_charge, arena);
    gift->campaign_id = cdr->campaign_id;
    gift->contact_id = cdr->contact_id;
    return STATUS_OK;
}

Status gift_find_origin(const Ports *ports, Slice link_secret, Gift *gift, Arena *arena, Fault *fault)
{
    Status status = slice_empty(gift->ref) ? STATUS_OK : find_by_ref(ports, link_secret, gift, arena, fault);
    if (status || gift_is_matched(gift) || slice_empty(gift->call_id))
        return status;
    return find_by_call(ports, gift, arena, fault);
}
