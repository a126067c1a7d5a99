#include "net/http_authorization.h"

#include "base/digest.h"

Slice http_authorization_secret(Slice header, Arena *arena)
{
    static const Slice bearer = SLICE_INIT("Bearer "), basic = SLICE_INIT("Basic ");
    Slice login;
    if (slice_starts_with(header, bearer))
        return (Slice){header.at + bearer.bytes, header.bytes - bearer.bytes};
    if (!slice_starts_with(header, basic) || !digest_of_base64((Slice){header.at + basic.bytes, header.bytes - basic.bytes}, arena, &login))
        return (Slice){0};
    const char *colon = login.bytes ? memchr(login.at, ':', login.bytes) : NULL;
    return colon ? (Slice){colon + 1, login.bytes - (size_t)(colon + 1 - login.at)} : (Slice){0};
}

Slice http_authorization_basic(const char *user, const char *password, Arena *arena)
{
    Slice login = arena_printf(arena, "%s:%s", user, password);
    return arena_printf(arena, "Authorization: Basic %.*s", SLICE_ARG(digest_base64(arena, login)));
}
