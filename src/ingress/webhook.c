/* Every secret is tried with every signature, so that both sides may change theirs one after the other. */
#include "ingress/webhook.h"

#include <stdlib.h>

#include "base/digest.h"

enum {
    SECRETS_MAX = 8, SECRET_BYTES_MIN = 24, SECRET_BYTES_MAX = 64, ID_BYTES_MAX = 256, TIMESTAMP_DIGITS_MAX = 12, SIGNATURES_MAX = 16,
    TOLERANCE_MS = 5 * 60 * 1000,
};

struct WebhookSecrets {
    size_t count;
    struct { char bytes[SECRET_BYTES_MAX]; size_t count; } keys[SECRETS_MAX];
};

/* ---- secrets ---- */

static Slice take_word(Slice *rest, const char *separators)
{
    for (; rest->bytes && strchr(separators, rest->at[0]); rest->at++)
        rest->bytes--;
    Slice word = {rest->at, 0};
    while (word.bytes < rest->bytes && !strchr(separators, word.at[word.bytes]))
        word.bytes++;
    *rest = (Slice){word.at + word.bytes, rest->bytes - word.bytes};
    return word;
}

static bool add_secret(WebhookSecrets *secrets, Slice word, Arena *arena)
{
    static const Slice prefix = SLICE_INIT("whsec_");
    Slice key;
    if (slice_starts_with(word, prefix))
        word = (Slice){word.at + prefix.bytes, word.bytes - prefix.bytes};
    if (secrets->count == SECRETS_MAX || !digest_of_base64(word, arena, &key) || key.bytes < SECRET_BYTES_MIN || key.bytes > SECRET_BYTES_MAX)
        return false;
    memcpy(secrets->keys[secrets->count].bytes, key.at, key.bytes);
    secrets->keys[secrets->count++].count = key.bytes;
    return true;
}

Status webhook_secrets_new(const char *text, const char *env, WebhookSecrets **ret, Fault *fault)
{
    WebhookSecrets *secrets = calloc(1, sizeof *secrets);
    if (!secrets)
        abort();
    Arena arena;
    arena_init(&arena);
    Slice rest = slice_of(text), word;
    bool is_fine = true;
    while (is_fine && (word = take_word(&rest, ", \t\r\n")).bytes)
        is_fine = add_secret(secrets, word, &arena);
    arena_done(&arena);
    if (is_fine && secrets->count) {
        *ret = secrets;
        return STATUS_OK;
    }
    free(secrets);
    return fault_set(fault, STATUS_REJECT, "setting_value",
                     "%s must be whsec_ and the base64 of %d to %d random bytes; up to %d of them, separated by commas", env, SECRET_BYTES_MIN,
                     SECRET_BYTES_MAX, SECRETS_MAX);
}

void webhook_secrets_free(WebhookSecrets *secrets) { free(secrets); }

/* ---- verifying ---- */

static Status refuse(Fault *fault, const char *code, const char *text) { return fault_set(fault, STATUS_REJECT, code, "%s", text); }

/* A full stop in the id could move the border between it and the timestamp. */
static bool is_id(Slice id) { return id.bytes && id.bytes <= ID_BYTES_MAX && !memchr(id.at, '.', id.bytes); }

static bool read_seconds(Slice digits, int64_t *ret_ms)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < digits.bytes; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' || i == TIMESTAMP_DIGITS_MAX)
            return false;
        seconds = seconds * 10 + (digits.at[i] - '0');
    }
    *ret_ms = seconds * 1000;
    return digits.bytes > 0;
}

static bool is_signature_of(Slice signature, const uint8_t digest[DIGEST_BYTES], Arena *arena)
{
    static const Slice version = SLICE_INIT("v1,");
    Slice given;
    if (!slice_starts_with(signature, version))
        return false;
    signature = (Slice){signature.at + version.bytes, signature.bytes - version.bytes};
    return digest_of_base64(signature, arena, &given) && given.bytes == DIGEST_BYTES && digest_equal(given.at, digest, DIGEST_BYTES);
}

static bool is_signed_with(Slice key, const Webhook *webhook, Arena *arena)
{
    const Slice parts[] = {webhook->id, SLICE("."), webhook->timestamp, SLICE("."), webhook->body};
    uint8_t digest[DIGEST_BYTES];
    Slice rest = webhook->signatures, signature;
    bool is_signed = false;
    digest_hmac_sha256(key, parts, sizeof parts / sizeof *parts, digest);
    for (size_t i = 0; i < SIGNATURES_MAX && (signature = take_word(&rest, " ")).bytes; i++)
        is_signed |= is_signature_of(signature, digest, arena);
    return is_signed;
}

Status webhook_verify(const WebhookSecrets *secrets, const Webhook *webhook, int64_t now_ms, Arena *arena, Fault *fault)
{
    int64_t sent_ms;
    bool is_signed = false;
    if (slice_empty(webhook->id) || slice_empty(webhook->timestamp) || slice_empty(webhook->signatures))
        return refuse(fault, "signature_missing", "the headers webhook-id, webhook-timestamp and webhook-signature are needed (Standard Webhooks)");
    if (!is_id(webhook->id) || !read_seconds(webhook->timestamp, &sent_ms))
        return refuse(fault, "forged", "webhook-id or webhook-timestamp is none: an id without a full stop, and seconds since 1970");
    for (size_t i = 0; i < secrets->count; i++)
        is_signed |= is_signed_with((Slice){secrets->keys[i].bytes, secrets->keys[i].count}, webhook, arena);
    if (!is_signed)
        return refuse(fault, "forged", "the signature fits no secret");
    if (sent_ms < now_ms - TOLERANCE_MS || sent_ms > now_ms + TOLERANCE_MS)
        return refuse(fault, "webhook_expired", "it was sent more than five minutes ago, or a clock is wrong: send it again with a new time");
    return STATUS_OK;
}
