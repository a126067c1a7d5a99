/* A telephone exchange of our own (Asterisk), through its manager interface (AMI) or its REST interface (ARI).
 *
 * Calls are ended by threads of this adapter, each with a connection that it keeps and makes anew when it breaks; an exchange that is away
 * is one line in the log (its breaker) and costs nobody time. A call is every channel that the channel map has for it; where nobody told
 * of it, the call id is a channel's unique id or name, and then PLEDGELINE_CALL_ID of a channel. "No such channel" means that the call
 * was over. */
#pragma once

#include "base/breaker.h"
#include "ports.h"

typedef struct Pbx Pbx;

typedef enum PbxKind { PBX_AMI, PBX_ARI } PbxKind;

typedef struct PbxSettings {
    PbxKind kind;
    const char *url;            /* PLEDGELINE_AMI_URL or PLEDGELINE_ARI_URL */
    const char *dial;           /* "PJSIP/{digits}@trunk": the channel of a call that speaks; "" = none is placed */
    const char *caller_id;      /* of such a call: "Name" <number>, or a number */
    const char *speech_context; /* where it goes once it is answered, extension s */
    Breaker *breaker;           /* borrowed */
} PbxSettings;

/* Does not connect, and starts no thread before the first call. REJECT "setting_value" names the setting that is wrong. Texts of settings are
 * borrowed. */
Status pbx_open(const PbxSettings *settings, Pbx **ret, Fault *fault);
/* Waits for what was started, at most 3 s. NULL is fine. */
void pbx_close(Pbx *pbx);

/* Live as long as the exchange. Verbs may be called on any thread. */
CallsPort pbx_calls(Pbx *pbx);
/* One call for each effect: channel id pledgeline-{ref}, and variables that both of its legs have: PLEDGELINE_CALL_ID (the channel id),
 * PLEDGELINE_REF, PLEDGELINE_CAMPAIGN_ID, PLEDGELINE_CONTACT_ID, PLEDGELINE_PHONE, and the text itself, base64url, in PLEDGELINE_TEXT.
 * SMS_ACCEPTED: it rings, or did. Without a dial setting there are no verbs. */
SpeechPort pbx_speech(Pbx *pbx);
