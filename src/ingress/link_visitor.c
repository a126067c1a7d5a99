#include "ingress/link_visitor.h"

#include <arpa/inet.h>

static bool is_listed(Slice address, const char *list)
{
    while (*list) {
        list += strspn(list, ", \t");
        Slice each = {list, strcspn(list, ", \t")};
        if (each.bytes && slice_equal(each, address))
            return true;
        list += each.bytes;
    }
    return false;
}

static Slice last_of(Slice list)
{
    const char *comma = list.bytes ? memrchr(list.at, ',', list.bytes) : NULL;
    Slice last = comma ? (Slice){comma + 1, list.bytes - (size_t)(comma + 1 - list.at)} : list;
    for (; last.bytes && strchr(" \t", last.at[0]); last.at++)
        last.bytes--;
    while (last.bytes && strchr(" \t", last.at[last.bytes - 1]))
        last.bytes--;
    return last;
}

/* "192.0.2.7:5060" and "[2001:db8::7]:5060" without their ports, as some proxies write them. */
static Slice without_port(Slice address)
{
    const char *bracket = address.bytes && address.at[0] == '[' ? memchr(address.at, ']', address.bytes) : NULL;
    const char *colon = address.bytes ? memchr(address.at, ':', address.bytes) : NULL;
    if (bracket)
        return (Slice){address.at + 1, (size_t)(bracket - address.at - 1)};
    bool has_one_colon = colon && !memchr(colon + 1, ':', address.bytes - (size_t)(colon + 1 - address.at));
    return has_one_colon ? (Slice){address.at, (size_t)(colon - address.at)} : address;
}

static bool is_address(const char *text)
{
    uint8_t ignored[16];
    return inet_pton(AF_INET, text, ignored) == 1 || inet_pton(AF_INET6, text, ignored) == 1;
}

void link_visitor_address(const HttpRequest *request, const char *trusted_proxies, char ret[HTTP_ADDRESS_BYTES])
{
    char said[HTTP_ADDRESS_BYTES] = "";
    http_peer_address(request, ret);
    Slice forwarded = without_port(last_of(http_header(request, "X-Forwarded-For")));
    if (slice_empty(forwarded) || forwarded.bytes >= sizeof said || !is_listed(slice_of(ret), trusted_proxies))
        return;
    memcpy(said, forwarded.at, forwarded.bytes);
    if (is_address(said))
        memcpy(ret, said, sizeof said);
}

Visit link_visit(const HttpRequest *request, int64_t now_ms)
{
    return (Visit){.is_head = !strcmp(request->method, "HEAD"), .user_agent = http_header(request, "User-Agent"),
                   .sec_purpose = http_header(request, "Sec-Purpose"), .purpose = http_header(request, "Purpose"),
                   .x_purpose = http_header(request, "X-Purpose"), .x_moz = http_header(request, "X-Moz"), .at_ms = now_ms};
}
