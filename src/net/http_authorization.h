/* The header Authorization (RFC 9110 11.6.2). */
#pragma once

#include "base/arena.h"

/* "Bearer SECRET" (RFC 6750), or the password of "Basic …" (RFC 7617), which is what clients make of https://user:password@host/. Empty
 * for anything else. */
Slice http_authorization_secret(Slice header, Arena *arena);

/* "Authorization: Basic …" as it is sent; NUL-terminated. */
Slice http_authorization_basic(const char *user, const char *password, Arena *arena);
