/* libcurl takes URLs apart (RFC 3986); what is left to us is which parts a setting may have. */
#include "net/pbx_url.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/digest.h"

/* A part of the URL, percent-decoded, in arena; "" when it has none. */
static const char *part_of(CURLU *url, CURLUPart part, Arena *arena)
{
    char *found = NULL;
    bool is_there = !curl_url_get(url, part, &found, part == CURLUPART_PORT || part == CURLUPART_HOST ? 0 : CURLU_URLDECODE);
    const char *kept = is_there ? arena_copy(arena, slice_of(found)).at : "";
    curl_free(found);
    return kept;
}

/* libcurl leaves an IPv6 address in its brackets; a socket wants it without. */
static const char *host_of(CURLU *url, Arena *arena)
{
    Slice host = slice_of(part_of(url, CURLUPART_HOST, arena));
    bool is_bracketed = host.bytes > 2 && host.at[0] == '[';
    return is_bracketed ? arena_copy(arena, (Slice){host.at + 1, host.bytes - 2}).at : host.at;
}

typedef struct Place {
    const char *scheme, *host, *user, *password, *path;
    bool is_plain; /* nothing behind the path */
    int port;      /* 0 = not said */
} Place;

static bool take_apart(const char *text, Arena *arena, Place *ret)
{
    CURLU *url = curl_url();
    if (!url)
        abort();
    bool is_url = !curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (is_url)
        *ret = (Place){.scheme = part_of(url, CURLUPART_SCHEME, arena), .host = host_of(url, arena), .user = part_of(url, CURLUPART_USER, arena),
                       .password = part_of(url, CURLUPART_PASSWORD, arena), .path = part_of(url, CURLUPART_PATH, arena),
                       .is_plain = !*part_of(url, CURLUPART_QUERY, arena) && !*part_of(url, CURLUPART_FRAGMENT, arena),
                       .port = atoi(part_of(url, CURLUPART_PORT, arena))};
    curl_url_cleanup(url);
    return is_url && *ret->host && *ret->user && *ret->password && ret->is_plain;
}

static int port_of(const Place *place, int usual) { return place->port ? place->port : usual; }

Status ami_read_url(const char *url, Arena *arena, AmiSettings *ret, Fault *fault)
{
    Place place = {0};
    bool is_read = take_apart(url, arena, &place) && (!*place.path || !strcmp(place.path, "/"));
    bool is_tls = is_read && !strcmp(place.scheme, "amis");
    if (!is_read || (!is_tls && strcmp(place.scheme, "ami")))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "PLEDGELINE_AMI_URL must be ami://user:secret@host:5038, or amis:// for TLS, with special characters percent-encoded");
    *ret = (AmiSettings){.host = place.host, .port = port_of(&place, is_tls ? 5039 : 5038), .is_tls = is_tls, .user = place.user,
                         .secret = place.password, .events = "off"};
    return STATUS_OK;
}

static const char *without_slash(const char *path, Arena *arena)
{
    Slice kept = slice_of(path);
    while (kept.bytes && kept.at[kept.bytes - 1] == '/')
        kept.bytes--;
    return arena_copy(arena, kept).at;
}

static bool is_ari(const char *path, Arena *arena)
{
    Slice kept = slice_of(without_slash(path, arena)), end = SLICE("/ari");
    return kept.bytes >= end.bytes && !memcmp(kept.at + kept.bytes - end.bytes, end.at, end.bytes);
}

Status ari_read_url(const char *url, Arena *arena, AriSettings *ret, Fault *fault)
{
    Place place = {0};
    bool is_read = take_apart(url, arena, &place) && is_ari(place.path, arena), is_tls = is_read && !strcmp(place.scheme, "https");
    if (!is_read || (!is_tls && strcmp(place.scheme, "http")))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "PLEDGELINE_ARI_URL must be http://user:password@host:8088/ari, or https://, its path with /ari at the end,"
                         " special characters percent-encoded");
    *ret = (AriSettings){.host = place.host, .port = port_of(&place, is_tls ? 8089 : 8088), .is_tls = is_tls,
                         .path = without_slash(place.path, arena), .user = place.user, .password = place.password};
    return STATUS_OK;
}

Slice ari_base_url(const AriSettings *settings, Arena *arena)
{
    bool is_ipv6 = strchr(settings->host, ':') != NULL;
    return arena_printf(arena, "%s://%s%s%s:%d%s", settings->is_tls ? "https" : "http", is_ipv6 ? "[" : "", settings->host, is_ipv6 ? "]" : "",
                        settings->port, settings->path);
}

Slice ari_authorization(const AriSettings *settings, Arena *arena)
{
    Slice login = arena_printf(arena, "%s:%s", settings->user, settings->password);
    return arena_printf(arena, "Basic %.*s", SLICE_ARG(digest_base64(arena, login)));
}
