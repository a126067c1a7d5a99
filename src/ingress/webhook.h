/* Signed requests of other systems, as Standard Webhooks has them (standardwebhooks.com, specification 1.0.0): the headers
 * webhook-id, webhook-timestamp and webhook-signature, symmetric signatures alone ("v1", HMAC-SHA256). */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct WebhookSecrets WebhookSecrets;

/* "whsec_…, whsec_…": base64 of 24 to 64 bytes each, the prefix may be left out. REJECT when it is anything else; the fault names the
 * setting. */
Status webhook_secrets_new(const char *text, const char *env, WebhookSecrets **ret, Fault *fault);
void webhook_secrets_free(WebhookSecrets *secrets); /* NULL is fine */

typedef struct Webhook {
    Slice id, timestamp, signatures; /* of the headers; empty = not there */
    Slice body;
} Webhook;

/* REJECT: "signature_missing", "webhook_expired" (more than five minutes from now), "forged". */
Status webhook_verify(const WebhookSecrets *secrets, const Webhook *webhook, int64_t now_ms, Arena *arena, Fault *fault);
