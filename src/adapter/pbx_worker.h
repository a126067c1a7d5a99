/* Ends calls through the Asterisk Worker of the original system: POST {url}/terminate-call {"callId":…}.
 *
 * 2xx is ended; 404 and 410 are, too: the call was over already. 408, 429, 5xx and silence are tried again until 3 s after the call was
 * asked to end; anything else is not ended. A worker that is away or refuses is one line in the log (its breaker), and costs
 * nobody time: what is asked meanwhile is not ended. */
#pragma once

#include "adapter/pbx_ender.h"
#include "base/breaker.h"

typedef struct PbxWorker PbxWorker;

/* url: http://host:port or https://…; token: "" = none; it and breaker are borrowed. REJECT "setting_value" for another URL. Starts no thread
 * before the first call. */
Status pbx_worker_open(const char *url, const char *token, Breaker *breaker, PbxWorker **ret, Fault *fault);
/* Waits for what was started, at most 3 s. NULL is fine. */
void pbx_worker_close(PbxWorker *worker);

/* Lives as long as the worker. Its verbs may be called on any thread. */
CallsPort pbx_worker_calls(PbxWorker *worker);
