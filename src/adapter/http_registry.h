/* The registry behind somebody else's HTTP API: the database API of the original system, or another Pledgeline (its /v1).
 *
 *   POST {url}/blacklist          a BlacklistEntry      every API
 *   POST {url}/actions            an action record      every API
 *   POST {url}/blacklist/check    {phoneNumbers}        where there is none, is_blocked is RETRY "check_missing"
 *   GET and DELETE {url}/blacklist…, GET {url}/actions  where there is none, REJECT "database_api_lacks"
 *
 * 2xx is stored, 409 was there before. What the API says of it in `result` is believed (Pledgeline says it); any other 2xx counts
 * as new. The audit chain belongs to the API's owner: it is neither appended to nor read from here, but for the history
 * that comes with an entry. */
#pragma once

#include "base/breaker.h"
#include "ports.h"

typedef struct HttpRegistry HttpRegistry;

typedef struct HttpRegistrySettings {
    const char *url;     /* http://host:8080/v1, https://… */
    const char *token;   /* bearer token; "" = none */
    int64_t deadline_ms; /* of a verb, or of each page of a list; 0 = 5000 */
    Breaker *breaker;    /* borrowed */
} HttpRegistrySettings;

/* REJECT "setting_value" when the URL cannot be used; the API is not asked before the first verb. */
Status http_registry_open(const HttpRegistrySettings *settings, HttpRegistry **ret, Fault *fault);
void http_registry_close(HttpRegistry *registry); /* NULL is fine */

/* Lives as long as the registry, and belongs to one thread at a time. A list comes in pages, each as it is at that moment, and its
 * visitor may use the port. */
RegistryPort http_registry(HttpRegistry *registry);
