#include "app/link_settings.h"

#include "app/settings_file.h"

static Status refuse(Fault *fault, const char *env, const char *value, const char *expected)
{
    return fault_set(fault, STATUS_REJECT, "setting_value", "%s is \"%.80s\"; it must be %s", env, value, expected);
}

static Status read_link(const Config *config, EventSettings *event, Fault *fault)
{
    Slice url = slice_of(config->donation_link_base_url), format = slice_of(config->donation_link_format);
    if (!slice_starts_with(url, SLICE("https://")) && !slice_starts_with(url, SLICE("http://")))
        return refuse(fault, "DONATION_LINK_BASE_URL", config->donation_link_base_url, "a URL that starts with https:// or, for trials, http://");
    if (!slice_equal(format, SLICE("token")) && !slice_equal(format, SLICE("plain")))
        return refuse(fault, "DONATION_LINK_FORMAT", config->donation_link_format, "token or plain");
    size_t secret_bytes = strlen(config->donation_link_secret);
    if (secret_bytes > 0 && secret_bytes < 16)
        return fault_set(fault, STATUS_REJECT, "setting_value", "DONATION_LINK_SECRET is shorter than 16 bytes: links could be forged");
    event->donation_link_base_url = url;
    event->donation_link_plain = slice_equal(format, SLICE("plain"));
    event->donation_link_secret = slice_of(config->donation_link_secret);
    return STATUS_OK;
}

static Status read_pages(const Config *config, Arena *arena, EventSettings *event, Fault *fault)
{
    DonationPages *pages = &event->donation_pages;
    Slice csv;
    pages->usual = slice_of(config->donation_page);
    if (!slice_empty(pages->usual) && !donation_page_is_url(pages->usual))
        return refuse(fault, "PLEDGELINE_DONATION_PAGE", config->donation_page,
                      "a URL that starts with https:// or http://, in which {campaignId} and {ref} alone are replaced");
    if (!*config->donation_pages)
        return STATUS_OK;
    Status status = settings_read_file("PLEDGELINE_DONATION_PAGES", config->donation_pages, arena, &csv, fault);
    return status ? status : donation_pages_parse(csv, arena, pages, fault);
}

Status link_settings_read(const Config *config, Arena *arena, EventSettings *event, Fault *fault)
{
    Status status = read_link(config, event, fault);
    status = status ? status : read_pages(config, arena, event, fault);
    if (!status && event->donation_link_plain && donation_pages_are_set(&event->donation_pages))
        return fault_set(fault, STATUS_REJECT, "setting_conflict",
                         "DONATION_LINK_FORMAT is plain, and only links with a token can be opened here: take PLEDGELINE_DONATION_PAGE away");
    return status;
}
