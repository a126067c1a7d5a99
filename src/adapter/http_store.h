/* What the files of the HTTP registry share. Used by http_*.c only. */
#pragma once

#include "adapter/http_registry.h"
#include "net/http_client.h"

struct HttpRegistry {
    const char *url; /* without a slash at its end */
    HttpClient *client;
    Breaker *breaker;
    int64_t deadline_ms;
    Arena arena;   /* what lives as long as the registry */
    Arena scratch; /* of a verb that shows nothing to a visitor */
};

/* ---- asking (http_answers.c) ---- */

/* Whether an API may do without the path that is asked: then it is not away when it says so. */
typedef enum HttpPath { HTTP_PATH_REQUIRED, HTTP_PATH_OPTIONAL } HttpPath;

/* "/blacklist/{phone}" */
Slice http_path_of(Slice phone, Arena *arena);

HttpExchange http_exchange(const HttpRegistry *registry, const char *method, Slice path, Slice body, Arena *arena);

/* Sends them all within the deadline. RETRY while the breaker is open; OK says only that each was tried. */
Status http_ask(HttpRegistry *registry, HttpExchange *exchanges, size_t count, HttpPath path, Arena *arena, Fault *fault);

/* OK for 2xx. Otherwise the fault of what was answered, or of nothing. */
Status http_judge(const HttpRegistry *registry, const HttpExchange *exchange, Arena *arena, Fault *fault);

/* The API has no such path, or does not let it be used in this way. */
bool http_path_is_missing(const HttpExchange *exchange);

/* 404 is an answer about the number where it says "clear", and otherwise about the path. */
bool http_says_clear(const HttpExchange *exchange, Arena *arena);

/* A JSON object, NULL where the API says that the number is clear. REJECT "database_api_lacks" where it has no such path. */
Status http_get(HttpRegistry *registry, Slice path, Arena *arena, const Json **ret_body, Fault *fault);
Status http_lacks(const HttpRegistry *registry, const char *what, Fault *fault);

/* An answer as JSON; NULL when it is none. */
const Json *http_body(const HttpExchange *exchange, Arena *arena);

/* The API answered, but not what was asked for. */
Status http_not_understood(const HttpRegistry *registry, const char *expected, Fault *fault);

/* ---- verbs that read (http_lists.c) ---- */

Status http_show(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault);
Status http_list(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry), void *context,
                 Fault *fault);
Status http_count(void *self, int64_t *ret_blocked, Fault *fault);
Status http_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                    Fault *fault);
Status http_audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                  Fault *fault);
