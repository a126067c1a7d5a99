/* The donation links that are opened here: what they need, and for how long. */
#pragma once

#include "ingress/click_queue.h"
#include "ingress/rate_limit.h"
#include "ingress/readers.h"

typedef struct LinkSettings {
    const DonationPages *pages;
    Slice secret;                /* of the tokens */
    int64_t rate, rate_all;      /* a minute */
    const char *trusted_proxies;
    Readers *lookups;            /* looks links up, and nothing else: no report stands in the way */
    ClickQueue *clicks;
} LinkSettings;

typedef struct Links {
    LinkSettings settings;
    RateLimit *limit;
} Links;

/* Everything is borrowed until links_free. */
Links *links_new(const LinkSettings *settings);
void links_free(Links *links); /* NULL is fine */
