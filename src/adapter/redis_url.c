/* redis://[[user]:password@]host[:port][/database], percent-encoded where needed. */
#include <stdlib.h>

#include "adapter/redis_link.h"

/* The text up to the last (or first) such byte; *rest goes on behind it. False: there is none. */
static bool cut(Slice *rest, char byte, bool at_last, Slice *ret_before)
{
    const char *at = rest->bytes ? (at_last ? memrchr(rest->at, byte, rest->bytes) : memchr(rest->at, byte, rest->bytes)) : NULL;
    if (!at)
        return false;
    *ret_before = (Slice){rest->at, (size_t)(at - rest->at)};
    *rest = (Slice){at + 1, rest->bytes - ret_before->bytes - 1};
    return true;
}

static int digit_of(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = byte ? strchr(digits, byte >= 'A' && byte <= 'F' ? byte + 32 : byte) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool decode(Slice text, char *out, size_t room)
{
    size_t bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        int byte = (unsigned char)text.at[i];
        if (byte == '%') {
            if (text.bytes - i < 3 || digit_of(text.at[i + 1]) < 0 || digit_of(text.at[i + 2]) < 0)
                return false;
            byte = digit_of(text.at[i + 1]) * 16 + digit_of(text.at[i + 2]);
            i += 2;
        }
        if (!byte || bytes + 1 >= room)
            return false;
        out[bytes++] = (char)byte;
    }
    out[bytes] = 0;
    return true;
}

static bool read_number(Slice text, int most, int *ret)
{
    int number = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || number > most)
            return false;
        number = number * 10 + (text.at[i] - '0');
    }
    *ret = number;
    return text.bytes && number <= most;
}

static bool read_credentials(Slice text, RedisPlace *place)
{
    Slice user = {0};
    if (!cut(&text, ':', false, &user))
        return decode(text, place->user, sizeof place->user);
    return decode(user, place->user, sizeof place->user) && decode(text, place->password, sizeof place->password);
}

/* host, host:port or [address]:port */
static bool read_authority(Slice text, RedisPlace *place)
{
    Slice host = text, port = {0};
    if (slice_starts_with(text, SLICE("["))) {
        text = (Slice){text.at + 1, text.bytes - 1};
        if (!cut(&text, ']', false, &host) || (text.bytes && text.at[0] != ':'))
            return false;
        port = text.bytes ? (Slice){text.at + 1, text.bytes - 1} : text;
    } else if (cut(&text, ':', false, &host)) {
        port = text;
    }
    if (port.bytes && (!read_number(port, 65535, &place->port) || !place->port))
        return false;
    return host.bytes && decode(host, place->host, sizeof place->host);
}

static bool read_scheme(Slice *rest, RedisPlace *place)
{
    static const Slice plain = SLICE_INIT("redis://"), tls = SLICE_INIT("rediss://");
    place->is_tls = slice_starts_with(*rest, tls);
    Slice scheme = place->is_tls ? tls : plain;
    if (!slice_starts_with(*rest, scheme))
        return false;
    *rest = (Slice){rest->at + scheme.bytes, rest->bytes - scheme.bytes};
    return true;
}

static bool read_url(Slice rest, RedisPlace *place)
{
    enum { DATABASE_MOST = 1 << 20 };
    Slice authority, credentials = {0};
    if (!read_scheme(&rest, place))
        return false;
    if (!cut(&rest, '/', false, &authority)) {
        authority = rest;
        rest = (Slice){0};
    }
    if (cut(&authority, '@', true, &credentials) && !read_credentials(credentials, place))
        return false;
    return read_authority(authority, place) && (slice_empty(rest) || read_number(rest, DATABASE_MOST, &place->database));
}

/* The URL is not shown: it may hold a password. */
Status redis_parse_url(const char *url, RedisPlace *ret, Fault *fault)
{
    RedisPlace place = {.port = 6379};
    if (!read_url(slice_of(url), &place))
        return fault_set(fault, STATUS_REJECT, "redis_url",
                         "the URL of Redis cannot be read: write redis://[[user]:password@]host[:port][/database], or rediss:// for TLS, with"
                         " special characters of the password percent-encoded");
    *ret = place;
    return STATUS_OK;
}
