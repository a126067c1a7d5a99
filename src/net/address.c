/* IPv4 is looked at as the IPv6 addresses that stand for it, so that there is one way to compare. */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { IPV4_BITS_BEFORE = 96, RANGES_MAX = 256 };

static const uint8_t ipv4_begin[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool read_bytes(const char *text, uint8_t ret[16], bool *ret_is_ipv4)
{
    *ret_is_ipv4 = inet_pton(AF_INET, text, ret + sizeof ipv4_begin) == 1;
    if (!*ret_is_ipv4)
        return inet_pton(AF_INET6, text, ret) == 1;
    memcpy(ret, ipv4_begin, sizeof ipv4_begin);
    return true;
}

static void bytes_of(const Address *address, uint8_t ret[16])
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)&address->socket;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)&address->socket;
    if (address->socket.ss_family == AF_INET6) {
        memcpy(ret, &ipv6->sin6_addr, 16);
        return;
    }
    memcpy(ret, ipv4_begin, sizeof ipv4_begin);
    memcpy(ret + sizeof ipv4_begin, &ipv4->sin_addr, 4);
}

static bool read_whole(const char *text, long most, long *ret)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *ret = strtol(text, &end, 10);
    return !*end && *ret <= most;
}

static void fill(Address *ret, const uint8_t bytes[16], bool is_ipv4, long port)
{
    *ret = (Address){.bytes = is_ipv4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)};
    if (is_ipv4) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)(void *)&ret->socket;
        *ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        memcpy(&ipv4->sin_addr, bytes + sizeof ipv4_begin, 4);
        return;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)(void *)&ret->socket;
    *ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memcpy(&ipv6->sin6_addr, bytes, 16);
}

bool address_read(Slice text, Address *ret)
{
    char copy[64];
    uint8_t bytes[16];
    bool is_ipv4;
    long port;
    if (text.bytes >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(text));
    char *colon = strrchr(copy, ':'), *host = copy;
    if (!read_whole(colon ? colon + 1 : copy, 65535, &port))
        return false;
    if (colon)
        *colon = 0;
    bool in_brackets = colon && colon > copy && copy[0] == '[' && colon[-1] == ']';
    if (in_brackets) {
        colon[-1] = 0;
        host++;
    }
    if (!read_bytes(colon ? host : "127.0.0.1", bytes, &is_ipv4) || is_ipv4 == in_brackets)
        return false;
    fill(ret, bytes, is_ipv4, port);
    return true;
}

void address_print(const Address *address, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)&address->socket;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)&address->socket;
    bool is_ipv4 = address->socket.ss_family == AF_INET;
    inet_ntop(address->socket.ss_family, is_ipv4 ? (const void *)&ipv4->sin_addr : (const void *)&ipv6->sin6_addr, host, sizeof host);
    snprintf(out, 64, is_ipv4 ? "%s:%u" : "[%s]:%u", host, ntohs(is_ipv4 ? ipv4->sin_port : ipv6->sin6_port));
}

bool address_is_loopback(const Address *address)
{
    static const uint8_t ipv6_loopback[16] = {[15] = 1};
    uint8_t bytes[16];
    bytes_of(address, bytes);
    return !memcmp(bytes, ipv6_loopback, 16) || (!memcmp(bytes, ipv4_begin, sizeof ipv4_begin) && bytes[sizeof ipv4_begin] == 127);
}

static bool read_range(Slice text, AddressRange *ret)
{
    char copy[64];
    bool is_ipv4;
    long bits = 128;
    if (text.bytes >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(text));
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = 0;
    if (!read_bytes(copy, ret->bytes, &is_ipv4) || (slash && !read_whole(slash + 1, is_ipv4 ? 32 : 128, &bits)))
        return false;
    ret->bits = (int)bits + (slash && is_ipv4 ? IPV4_BITS_BEFORE : 0);
    return true;
}

Status address_ranges_read(Slice text, Arena *arena, AddressRanges *ret, Fault *fault)
{
    static const char separators[] = ", \t\r\n";
    AddressRanges ranges = {.ranges = ARENA_ARRAY(arena, AddressRange, RANGES_MAX)};
    for (size_t at = 0; at < text.bytes;) {
        size_t from = at;
        while (at < text.bytes && !strchr(separators, text.at[at]))
            at++;
        Slice one = {text.at + from, at - from};
        at++;
        if (slice_empty(one))
            continue;
        if (ranges.count == RANGES_MAX || !read_range(one, &ranges.ranges[ranges.count++]))
            return fault_set(fault, STATUS_REJECT, "address_invalid", "\"%.*s\" is no address, and no range like 10.0.0.0/8",
                             (int)(one.bytes < 60 ? one.bytes : 60), one.at);
    }
    *ret = ranges;
    return STATUS_OK;
}

static bool is_in(const AddressRange *range, const uint8_t bytes[16])
{
    int whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->bytes, bytes, (size_t)whole))
        return false;
    return !rest || ((range->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

bool address_is_among(const AddressRanges *ranges, const Address *address)
{
    uint8_t bytes[16];
    bytes_of(address, bytes);
    for (size_t i = 0; i < ranges->count; i++) {
        if (is_in(&ranges->ranges[i], bytes))
            return true;
    }
    return false;
}
