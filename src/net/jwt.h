/* JSON Web Tokens (RFC 7519) in the two forms that others ask for: RS256 to say who we are, HS256 to see who they are. */
#pragma once

#include "base/json.h"

/* pem: an RSA private key. claims: a JSON object. REJECT "jwt_key": it is no such key. */
Status jwt_sign_rs256(Slice pem, Slice claims, Arena *arena, Slice *ret, Fault *fault);

/* False unless it is a token that was signed with that secret by HS256, and has not expired ("exp", where it has one). Its claims are
 * in arena. */
bool jwt_check_hs256(Slice token, Slice secret, int64_t now_ms, Arena *arena, const Json **ret_claims);
