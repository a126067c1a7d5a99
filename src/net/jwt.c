#include "net/jwt.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/digest.h"

/* Their clocks and ours differ. */
enum { LEEWAY_S = 60 };

/* ---- RS256 ---- */

static EVP_PKEY *read_key(Slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.bytes);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static bool sign(EVP_PKEY *key, Slice text, Arena *arena, Slice *ret)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t bytes = (size_t)EVP_PKEY_size(key);
    unsigned char *signature = arena_alloc(arena, bytes);
    bool ok = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(context, signature, &bytes, (const unsigned char *)text.at, text.bytes) == 1;
    EVP_MD_CTX_free(context);
    *ret = (Slice){(const char *)signature, bytes};
    return ok;
}

Status jwt_sign_rs256(Slice pem, Slice claims, Arena *arena, Slice *ret, Fault *fault)
{
    Text token = text_in(arena);
    text_add(&token, digest_base64url(arena, SLICE("{\"alg\":\"RS256\",\"typ\":\"JWT\"}")));
    text_add_byte(&token, '.');
    text_add(&token, digest_base64url(arena, claims));
    Slice signature;
    EVP_PKEY *key = read_key(pem);
    bool ok = key && sign(key, text_slice(&token), arena, &signature);
    EVP_PKEY_free(key);
    if (!ok)
        return fault_set(fault, STATUS_REJECT, "jwt_key", "it is no RSA private key in PEM form");
    text_add_byte(&token, '.');
    text_add(&token, digest_base64url(arena, signature));
    *ret = text_slice(&token);
    return STATUS_OK;
}

/* ---- HS256 ---- */

static bool read_part(Slice part, Arena *arena, const Json **ret)
{
    Slice json;
    Fault ignored;
    return digest_of_base64url(part, arena, &json) && !json_parse(json, arena, ret, &ignored) && json_is_object(*ret);
}

static bool is_expired(const Json *claims, int64_t now_ms)
{
    const Json *expiry = json_get(claims, "exp");
    return json_is_number(expiry) && expiry->valuedouble + LEEWAY_S < (double)now_ms / 1000;
}

/* "none" and every other algorithm are refused by name before anything is computed. */
bool jwt_check_hs256(Slice token, Slice secret, int64_t now_ms, Arena *arena, const Json **ret_claims)
{
    const char *end = token.at ? memrchr(token.at, '.', token.bytes) : NULL;
    const char *middle = end ? memchr(token.at, '.', (size_t)(end - token.at)) : NULL;
    if (!middle || slice_empty(secret))
        return false;
    Slice header = {token.at, (size_t)(middle - token.at)}, body = {middle + 1, (size_t)(end - middle - 1)};
    Slice signed_part = {token.at, (size_t)(end - token.at)}, given = {end + 1, (size_t)(token.at + token.bytes - end - 1)}, signature;
    const Json *algorithm, *claims;
    if (!read_part(header, arena, &algorithm) || !slice_equal(json_text(json_get(algorithm, "alg")), SLICE("HS256")))
        return false;
    uint8_t wanted[DIGEST_BYTES];
    digest_hmac_sha256(secret, &signed_part, 1, wanted);
    if (!digest_of_base64url(given, arena, &signature) || signature.bytes != DIGEST_BYTES || !digest_equal(signature.at, wanted, DIGEST_BYTES))
        return false;
    if (!read_part(body, arena, &claims) || is_expired(claims, now_ms))
        return false;
    *ret_claims = claims;
    return true;
}
