/* Link tokens. The id comes from the action id by HMAC with a purpose of its own, so the same press always gets the same
 * link without a look-up, and the tag proves that we made it. */
#include "event/link.h"

#include "base/digest.h"
#include "event/percent.h"

enum { TOKEN_VERSION = 1, ID_BYTES = 16, TAG_BYTES = 12, TOKEN_BYTES = 1 + ID_BYTES + TAG_BYTES, TOKEN_TEXT_BYTES = 39 };

static void tag_of(Slice secret, const uint8_t *versioned_id, uint8_t tag[DIGEST_BYTES])
{
    Slice parts[] = {SLICE("don-link-v1"), {(const char *)versioned_id, 1 + ID_BYTES}};
    digest_hmac_sha256(secret, parts, 2, tag);
}

static void id_of(Slice secret, Slice action_id, uint8_t digest[DIGEST_BYTES])
{
    Slice parts[] = {SLICE("don-link-id-v1"), action_id};
    digest_hmac_sha256(secret, parts, 2, digest);
}

Slice link_ref(Slice secret, Slice action_id, Arena *arena)
{
    uint8_t digest[DIGEST_BYTES];
    id_of(slice_empty(secret) ? SLICE("pledgeline") : secret, action_id, digest);
    return digest_hex(arena, digest, ID_BYTES);
}

bool link_is_ref(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.bytes == 2 * ID_BYTES;
}

Slice link_personal(Slice base_url, Slice secret, Slice action_id, Arena *arena)
{
    uint8_t token[TOKEN_BYTES] = {TOKEN_VERSION}, digest[DIGEST_BYTES];
    id_of(secret, action_id, digest);
    memcpy(token + 1, digest, ID_BYTES);
    tag_of(secret, token, digest);
    memcpy(token + 1 + ID_BYTES, digest, TAG_BYTES);
    Slice encoded = digest_base64url(arena, (Slice){(const char *)token, TOKEN_BYTES});
    return arena_printf(arena, "%.*s?ref=%.*s", SLICE_ARG(base_url), SLICE_ARG(encoded));
}

static int value_of(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

static bool decode_token(Slice text, uint8_t token[TOKEN_BYTES])
{
    if (text.bytes != TOKEN_TEXT_BYTES)
        return false;
    uint32_t bits = 0, held = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        int value = value_of(text.at[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (bytes < TOKEN_BYTES)
                token[bytes++] = (uint8_t)(bits >> held);
        }
    }
    bool rest_is_zero = (bits & ((1u << held) - 1)) == 0;
    return bytes == TOKEN_BYTES && rest_is_zero;
}

bool link_verify(Slice token_text, Slice secret, uint8_t ret_id[16])
{
    uint8_t token[TOKEN_BYTES] = {0}, tag[DIGEST_BYTES];
    bool is_token = decode_token(token_text, token) && token[0] == TOKEN_VERSION;
    tag_of(secret, token, tag); /* whatever it is: how long this takes tells nobody how far a guess came */
    if (!digest_equal(tag, token + 1 + ID_BYTES, TAG_BYTES) || !is_token)
        return false;
    memcpy(ret_id, token + 1, ID_BYTES);
    return true;
}

Slice link_plain(Slice base_url, Slice campaign_id, Slice contact_id, Slice phone, Arena *arena)
{
    Slice joined = arena_printf(arena, "%.*s:%.*s:%.*s", SLICE_ARG(campaign_id), SLICE_ARG(contact_id), SLICE_ARG(phone));
    Slice encoded = percent_encode(digest_base64(arena, joined), arena);
    return arena_printf(arena, "%.*s?ref=%.*s", SLICE_ARG(base_url), SLICE_ARG(encoded));
}
