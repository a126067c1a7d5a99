/* SHA-256 and HMAC-SHA-256 (OpenSSL), SHA-1 where a protocol wants it, random bytes, base64. */
#pragma once

#include "base/arena.h"

enum { DIGEST_BYTES = 32, DIGEST_SHA1_BYTES = 20 };

void digest_sha256(const Slice *parts, size_t count, uint8_t out[DIGEST_BYTES]);
/* Of no use where anybody could gain by a collision. */
void digest_sha1(const Slice *parts, size_t count, uint8_t out[DIGEST_SHA1_BYTES]);
void digest_hmac_sha256(Slice key, const Slice *parts, size_t count, uint8_t out[DIGEST_BYTES]);
/* For signatures of others that are made so; nothing of ours is. */
void digest_hmac_sha1(Slice key, Slice text, uint8_t out[DIGEST_SHA1_BYTES]);
void digest_random(void *out, size_t bytes);

/* Compares without telling by time where the difference is. */
bool digest_equal(const void *a, const void *b, size_t bytes);

Slice digest_hex(Arena *arena, const uint8_t *bytes, size_t count);
bool digest_of_hex(Slice hex, uint8_t out[DIGEST_BYTES]); /* false when it is no such digest */
Slice digest_base64(Arena *arena, Slice bytes);     /* RFC 4648 section 4, padded */
bool digest_of_base64(Slice text, Arena *arena, Slice *ret_bytes); /* the same way back; false when it is no such text */
Slice digest_base64url(Arena *arena, Slice bytes);  /* RFC 4648 section 5, no padding */
bool digest_of_base64url(Slice text, Arena *arena, Slice *ret_bytes); /* the same way back */

/* A random UUID (RFC 9562 version 4) as text; for transport ids that nobody gave. */
void digest_uuid(char out[37]);
