/* Where donation links lead: the page of a campaign, with the reference that says whose gift it is. Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct CampaignPage { Slice campaign_id, url; } CampaignPage;

typedef struct DonationPages {
    Slice usual;                /* of campaigns that have none of their own; empty = such links lead nowhere */
    const CampaignPage *pages;  /* in order of campaigns */
    size_t page_count;
} DonationPages;

/* A URL that starts with https:// or http://, of visible ASCII, in which {campaignId} and {ref} are replaced. */
bool donation_page_is_url(Slice url);

/* Reads campaign,url lines ('#' comments; an optional header) behind what is there. REJECT names the line. */
Status donation_pages_parse(Slice csv, Arena *arena, DonationPages *pages, Fault *fault);

static inline bool donation_pages_are_set(const DonationPages *pages) { return !slice_empty(pages->usual) || pages->page_count; }

/* True when any campaign's link leads to the same page. */
bool donation_pages_are_one(const DonationPages *pages);

/* The page's URL with both values percent-encoded; empty when the campaign has none. */
Slice donation_page_url(const DonationPages *pages, Slice campaign_id, Slice ref, Arena *arena);
