/* Whose call it is, and what is told of it: the bodies of messages for the line. */
#pragma once

#include "ingress/agi_call.h"

typedef struct CallIdentity {
    Slice call_id, campaign_id, contact_id, campaign_name;
    Slice linkedid;       /* of the call's first channel; empty = Asterisk has not said it */
    Slice phone;          /* the person's number, as it was given; empty = nobody has said it */
    Slice numbers;        /* every number that the call has, for an opt-out without one of its own */
    bool phone_is_e164;
} CallIdentity;

/* From the script's arguments, else the channel's variables, else what Asterisk says of every call (docs/ivr.md has the rules). */
CallIdentity call_identity(AgiCall *call, const IvrMenus *menus);

/* With `told_key`, which is the donation key that others know; another one is left out of the event. */
Slice event_of_donation(const CallIdentity *identity, char key, Slice told_key, int64_t now_ms, Arena *arena);
Slice event_of_optout(const CallIdentity *identity, char key, int64_t now_ms, Arena *arena);

/* An answer and an end have the event ids of whoever follows the PBX (call_news.h): told twice they are one. */
Slice event_of_answer(const CallIdentity *identity, int64_t now_ms, Arena *arena);
Slice event_of_key(const CallIdentity *identity, char key, int64_t now_ms, Arena *arena);
Slice event_of_end(const CallIdentity *identity, Slice outcome, int64_t seconds, int64_t now_ms, Arena *arena);
/* Beside an end that somebody else reports, and without its times. */
Slice event_of_outcome(const CallIdentity *identity, Slice outcome, int64_t now_ms, Arena *arena);

/* Of a text that was called out. sms_class and reason empty: it was delivered. */
Slice receipt_of_speech(Slice ref, Slice call_id, Slice sms_class, Slice reason, int64_t now_ms, Arena *arena);
