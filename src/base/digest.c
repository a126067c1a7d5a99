/* Digests by OpenSSL, with the algorithm looked up once: a look-up costs more than a hash of a short text. */
#include "base/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static void fail(void)
{
    fputs("pledgeline: the cryptographic library does not work; the process ends\n", stderr);
    abort();
}

static const EVP_MD *sha256(void)
{
    static EVP_MD *fetched;
    EVP_MD *digest = __atomic_load_n(&fetched, __ATOMIC_ACQUIRE);
    if (digest)
        return digest;
    digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!digest)
        fail();
    EVP_MD *expected = NULL;
    if (__atomic_compare_exchange_n(&fetched, &expected, digest, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return digest;
    EVP_MD_free(digest);
    return expected;
}

static void digest(const EVP_MD *algorithm, const Slice *parts, size_t count, uint8_t *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, algorithm, NULL);
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(context, parts[i].at, parts[i].bytes);
    if (!ok || !EVP_DigestFinal_ex(context, out, NULL))
        fail();
    EVP_MD_CTX_free(context);
}

void digest_sha256(const Slice *parts, size_t count, uint8_t out[DIGEST_BYTES]) { digest(sha256(), parts, count, out); }

void digest_sha1(const Slice *parts, size_t count, uint8_t out[DIGEST_SHA1_BYTES]) { digest(EVP_sha1(), parts, count, out); }

/* RFC 2104 on top of digest_sha256. */
void digest_hmac_sha256(Slice key, const Slice *parts, size_t count, uint8_t out[DIGEST_BYTES])
{
    enum { BLOCK = 64, PARTS_MAX = 8 };
    if (count > PARTS_MAX)
        fail();
    uint8_t block[BLOCK] = {0}, inner[BLOCK], outer[BLOCK], inner_hash[DIGEST_BYTES];
    if (key.bytes > BLOCK)
        digest_sha256(&key, 1, block);
    else if (key.bytes)
        memcpy(block, key.at, key.bytes);
    for (size_t i = 0; i < BLOCK; i++) {
        inner[i] = block[i] ^ 0x36;
        outer[i] = block[i] ^ 0x5c;
    }
    Slice all[PARTS_MAX + 1] = {{(const char *)inner, BLOCK}};
    for (size_t i = 0; i < count; i++)
        all[i + 1] = parts[i];
    digest_sha256(all, count + 1, inner_hash);
    Slice second[] = {{(const char *)outer, BLOCK}, {(const char *)inner_hash, DIGEST_BYTES}};
    digest_sha256(second, 2, out);
    OPENSSL_cleanse(block, sizeof block);
}

void digest_hmac_sha1(Slice key, Slice text, uint8_t out[DIGEST_SHA1_BYTES])
{
    size_t bytes = 0;
    const unsigned char *data = (const unsigned char *)(text.bytes ? text.at : "");
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key.at, key.bytes, data, text.bytes, out, DIGEST_SHA1_BYTES, &bytes))
        fail();
}

void digest_random(void *out, size_t bytes)
{
    char *at = out;
    while (bytes) {
        ssize_t got = getrandom(at, bytes > 256 ? 256 : bytes, 0);
        if (got <= 0)
            fail();
        at += got;
        bytes -= (size_t)got;
    }
}

bool digest_equal(const void *a, const void *b, size_t bytes) { return CRYPTO_memcmp(a, b, bytes) == 0; }

Slice digest_hex(Arena *arena, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = arena_alloc(arena, count * 2 + 1);
    for (size_t i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[count * 2] = 0;
    return (Slice){hex, count * 2};
}

bool digest_of_hex(Slice hex, uint8_t out[DIGEST_BYTES])
{
    char text[2 * DIGEST_BYTES + 1] = "";
    size_t bytes;
    if (hex.bytes != 2 * DIGEST_BYTES)
        return false;
    memcpy(text, hex.at, hex.bytes);
    return OPENSSL_hexstr2buf_ex(out, DIGEST_BYTES, &bytes, text, 0) == 1 && bytes == DIGEST_BYTES;
}

Slice digest_base64(Arena *arena, Slice bytes)
{
    char *encoded = arena_alloc(arena, (bytes.bytes + 2) / 3 * 4 + 1);
    int length = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)bytes.at, (int)bytes.bytes);
    return (Slice){encoded, (size_t)length};
}

/* What OpenSSL lets pass beside it (blanks, loose bits) does not come out again as it went in. */
bool digest_of_base64(Slice text, Arena *arena, Slice *ret_bytes)
{
    if (text.bytes % 4 || text.bytes > INT_MAX)
        return false;
    char *decoded = arena_alloc(arena, text.bytes / 4 * 3 + 1);
    int bytes = EVP_DecodeBlock((unsigned char *)decoded, (const unsigned char *)text.at, (int)text.bytes);
    for (size_t end = text.bytes; bytes > 0 && end > text.bytes - 2 && text.at[end - 1] == '='; end--)
        bytes--;
    if (bytes < 0 || !slice_equal(digest_base64(arena, (Slice){decoded, (size_t)bytes}), text))
        return false;
    *ret_bytes = (Slice){decoded, (size_t)bytes};
    return true;
}

Slice digest_base64url(Arena *arena, Slice bytes)
{
    Slice encoded = digest_base64(arena, bytes);
    char *at = arena_alloc(arena, encoded.bytes + 1);
    size_t length = 0;
    for (size_t i = 0; i < encoded.bytes && encoded.at[i] != '='; i++)
        at[length++] = encoded.at[i] == '+' ? '-' : encoded.at[i] == '/' ? '_' : encoded.at[i];
    at[length] = 0;
    return (Slice){at, length};
}

bool digest_of_base64url(Slice text, Arena *arena, Slice *ret_bytes)
{
    size_t padding = (4 - text.bytes % 4) % 4;
    char *at = arena_alloc(arena, text.bytes + padding + 1);
    for (size_t i = 0; i < text.bytes; i++) {
        if (strchr("+/=", text.at[i]))
            return false;
        at[i] = text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i];
    }
    memset(at + text.bytes, '=', padding);
    return digest_of_base64((Slice){at, text.bytes + padding}, arena, ret_bytes);
}

void digest_uuid(char out[37])
{
    uint8_t raw[16];
    digest_random(raw, sizeof raw);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", raw[0], raw[1], raw[2],
             raw[3], raw[4], raw[5], raw[6], raw[7], raw[8], raw[9], raw[10], raw[11], raw[12], raw[13], raw[14], raw[15]);
}
