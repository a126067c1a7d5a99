/* Tokens are kept as digests and compared in constant time. SNS clients cannot send a bearer header, so they send the
 * token as their access key id; the signature is not looked at, TLS in front is what keeps it secret. */
#include "ingress/http_tokens.h"

#include <stdlib.h>

#include "base/digest.h"

enum { TOKENS_MAX = 64, TOKEN_BYTES_MIN = 8 };

struct TokenList {
    size_t count;
    struct { Role role; uint8_t digest[DIGEST_BYTES]; } tokens[TOKENS_MAX];
};

static const char *const role_names[] = {"none", "reader", "service", "admin", "proven"};

const char *role_name(Role role) { return role_names[role]; }

static Role role_of_name(Slice name)
{
    for (size_t role = ROLE_READER; role <= ROLE_ADMIN; role++) {
        if (slice_equal(slice_of(role_names[role]), name))
            return (Role)role;
    }
    return ROLE_NONE;
}

static Slice take_word(const char **at)
{
    static const char separators[] = ", \t\r\n";
    *at += strspn(*at, separators);
    Slice word = {*at, strcspn(*at, separators)};
    *at += word.bytes;
    return word;
}

TokenList *tokens_new(const char *text, Fault *fault)
{
    TokenList *list = calloc(1, sizeof *list);
    if (!list)
        abort();
    for (Slice word; (word = take_word(&text)).bytes;) {
        const char *colon = memchr(word.at, ':', word.bytes);
        Slice name = {word.at, colon ? (size_t)(colon - word.at) : 0};
        Slice token = {word.at + name.bytes + 1, colon ? word.bytes - name.bytes - 1 : 0};
        Role role = role_of_name(name);
        if (role == ROLE_NONE || token.bytes < TOKEN_BYTES_MIN || list->count == TOKENS_MAX) {
            fault_set(fault, STATUS_REJECT, "tokens_invalid",
                      "PLEDGELINE_TOKENS must be role:token pairs, role reader, service or admin, token of %d characters or more, at most %d of them",
                      TOKEN_BYTES_MIN, TOKENS_MAX);
            return free(list), NULL;
        }
        list->tokens[list->count].role = role;
        digest_sha256(&token, 1, list->tokens[list->count++].digest);
    }
    return list;
}

void tokens_free(TokenList *tokens) { free(tokens); }

static Slice token_of(Slice authorization)
{
    static const Slice bearer = SLICE_INIT("Bearer "), aws = SLICE_INIT("AWS4-HMAC-SHA256 ");
    if (slice_starts_with(authorization, bearer))
        return (Slice){authorization.at + bearer.bytes, authorization.bytes - bearer.bytes};
    if (!slice_starts_with(authorization, aws))
        return (Slice){0};
    const char *credential = memmem(authorization.at, authorization.bytes, "Credential=", 11);
    if (!credential)
        return (Slice){0};
    return (Slice){credential + 11, strcspn(credential + 11, "/, ")};
}

bool tokens_came(Slice authorization) { return !slice_empty(token_of(authorization)); }

Role tokens_role(const TokenList *tokens, Slice authorization)
{
    Slice token = token_of(authorization);
    uint8_t digest[DIGEST_BYTES];
    Role role = ROLE_NONE;
    if (slice_empty(token))
        return role;
    digest_sha256(&token, 1, digest);
    for (size_t i = 0; i < tokens->count; i++) {
        if (digest_equal(digest, tokens->tokens[i].digest, DIGEST_BYTES) && tokens->tokens[i].role > role)
            role = tokens->tokens[i].role;
    }
    return role;
}
