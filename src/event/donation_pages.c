/* Pages by campaign, found by halving. */
#include "event/donation_pages.h"

#include <stdlib.h>

#include "event/pair_lines.h"
#include "event/percent.h"

enum { URL_BYTES_MAX = 2000 };

static const Slice campaign_place = SLICE_INIT("{campaignId}"), ref_place = SLICE_INIT("{ref}");

/* ---- templates ---- */

static bool is_place(Slice rest) { return slice_starts_with(rest, campaign_place) || slice_starts_with(rest, ref_place); }

bool donation_page_is_url(Slice url)
{
    bool has_scheme = slice_starts_with(url, SLICE("https://")) || slice_starts_with(url, SLICE("http://"));
    if (!has_scheme || url.bytes > URL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < url.bytes; i++) {
        Slice rest = {url.at + i, url.bytes - i};
        if (url.at[i] <= ' ' || url.at[i] > '~' || strchr("\"<>\\^`|", url.at[i]))
            return false;
        if (url.at[i] == '{' && !is_place(rest))
            return false;
    }
    return true;
}

static Slice fill(Slice url, Slice campaign_id, Slice ref, Arena *arena)
{
    Text out = text_in(arena);
    for (size_t i = 0; i < url.bytes;) {
        Slice rest = {url.at + i, url.bytes - i};
        bool is_campaign = slice_starts_with(rest, campaign_place);
        if (!is_campaign && !slice_starts_with(rest, ref_place)) {
            text_add_byte(&out, url.at[i++]);
            continue;
        }
        text_add(&out, percent_encode(is_campaign ? campaign_id : ref, arena));
        i += is_campaign ? campaign_place.bytes : ref_place.bytes;
    }
    text_add_byte(&out, 0);
    return (Slice){out.at, out.bytes - 1};
}

/* ---- the file ---- */

static int compare_pages(const void *a, const void *b)
{
    return slice_compare(((const CampaignPage *)a)->campaign_id, ((const CampaignPage *)b)->campaign_id);
}

Status donation_pages_parse(Slice csv, Arena *arena, DonationPages *pages, Fault *fault)
{
    size_t count = 0;
    CampaignPage *found = ARENA_ARRAY(arena, CampaignPage, pair_lines_count(csv));
    PairLines lines = {csv, 0};
    Pair pair;
    while (pair_lines_next(&lines, &pair)) {
        if (!slice_empty(pair.left) && donation_page_is_url(pair.right))
            found[count++] = (CampaignPage){pair.left, pair.right};
        else if (lines.number > 1 || !pair.left.at) /* the first line may be a header */
            return fault_set(fault, STATUS_REJECT, "pages_invalid",
                             "line %zu of PLEDGELINE_DONATION_PAGES is not campaign,url (like winter,https://example.org/give?ref={ref})",
                             lines.number);
    }
    qsort(found, count, sizeof *found, compare_pages);
    pages->pages = found;
    pages->page_count = count;
    return STATUS_OK;
}

/* ---- finding ---- */

bool donation_pages_are_one(const DonationPages *pages) { return !pages->page_count && !slice_holds(pages->usual, campaign_place); }

Slice donation_page_url(const DonationPages *pages, Slice campaign_id, Slice ref, Arena *arena)
{
    CampaignPage wanted = {.campaign_id = campaign_id};
    const CampaignPage *found = NULL;
    if (pages->page_count)
        found = bsearch(&wanted, pages->pages, pages->page_count, sizeof wanted, compare_pages);
    Slice url = found ? found->url : pages->usual;
    return slice_empty(url) ? (Slice){0} : fill(url, campaign_id, ref, arena);
}
