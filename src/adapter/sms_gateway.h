/* Texts by providers of them (Twilio, Vonage, Plivo, AWS, or any gateway by HTTP), in order of preference. */
#pragma once

#include "base/breaker.h"
#include "base/config.h"
#include "ports.h"

typedef struct SmsGateway SmsGateway;

enum { SMS_PROVIDERS_MAX = 5 };

/* Asks nobody, and starts no thread. config is borrowed. prices: of a segment, by prefix of the number; {0} = not known. REJECT names the
 * setting that is wrong. */
Status sms_gateway_open(const Config *config, const Rating *prices, SmsGateway **ret, Fault *fault);
void sms_gateway_close(SmsGateway *gateway); /* NULL is fine */

/* One for each provider, ended by NULL. */
Breaker *const *sms_gateway_breakers(SmsGateway *gateway);

/* As many texts at once as PLEDGELINE_SMS_CONNECTIONS; each is given to one provider at most. What it may have taken and did not say so
 * (an answer that did not come, that nobody can read, or of 5xx but 501 and 503) is UNKNOWN: only a receipt tells. No provider knows a repeat, but
 * `generic` where its settings say so (repeat_ms).
 * The next provider is asked where a text was certainly not taken, for a reason that is not the text's: no connection, 503, our account.
 * No text starts where its number was put on the do-not-call list since now_ms (recent_blocks.h), nor three seconds after it was given to send():
 * it is AWAY, to be taken again at once. No text starts after half of its lease, and none is waited for beyond three quarters.
 * Several threads may send at once. */
SmsPort sms_gateway(SmsGateway *gateway);
