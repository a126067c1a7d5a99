/* What the line carries from step to step: a Delivery comes in, becomes a Message (envelope.h), an Event (parse), and
 * together with its Facts a Decision (decision.h). All of it is data in the batch's arena; nothing here does I/O. */
#pragma once

#include "base/json.h"

/* What becomes of a message. */
typedef enum Verdict {
    VERDICT_NONE,   /* not run yet */
    VERDICT_DONE,   /* its effects are durable: acknowledge */
    VERDICT_REJECT, /* can never succeed: it is a dead letter with its reason; acknowledge */
    VERDICT_RETRY,  /* the world is unwell: kept for later, or left to the broker */
    VERDICT_FATAL,  /* we are wrong or cannot store: do not acknowledge */
} Verdict;

const char *verdict_name(Verdict verdict);

/* Opt-outs before donations before call events: a backlog of records never delays an opt-out. */
typedef enum Lane { LANE_OPTOUT, LANE_DONATION, LANE_CALL, LANE_COUNT } Lane;

/* A message as an ingress got it, before anyone looked inside. The ingress owns it and its bytes until the verdict. */
typedef struct Delivery {
    Slice body;          /* one carrier, or the bare body */
    Slice topic;         /* name of the topic where the ingress knows it ("optout-events"), else empty: the body says it */
    bool topic_wins;     /* an operator says what comes here, whatever a topic that is none of ours calls it */
    Slice message_id;    /* the transport's id where it has one */
    int64_t received_ms; /* wall time of its first receipt */
    int64_t spool_id;    /* row of the spool it comes back from; 0 for a new one */
    int attempts;        /* how many times it was tried before */
    bool is_ours;        /* made from what is stored, and made again when it is needed: neither spooled nor a dead letter */

    Verdict verdict;      /* out */
    Fault fault;          /* out: the reason, unless done */
    int64_t dead_letter;  /* out: its row in the dead-letter store where it went there, else 0 */
    bool duplicate;       /* out: nothing changed, it had been applied before */
    bool outage;          /* out: RETRY because a store is away; else this message alone waits for something */
    bool kept;            /* out: RETRY, and safe in the spool, which goes on with it: acknowledge */
    bool stored;          /* out: RETRY of an opt-out that the registry has; only copies of it (cache, counters) are missing */
} Delivery;

/* A message taken out of its carrier. */
typedef struct Message {
    Slice topic;         /* its name */
    Slice message_id;
    Slice text;          /* the body as text */
    Slice carrier;       /* all that came, the body in it */
    const Json *body;    /* the body, an object */
    int64_t received_ms;
} Message;

/* call_initiated … are the names on the wire; CALL_TIMEOUT is the sweeper's. */
typedef enum CallEventType {
    CALL_INITIATED,
    CALL_ANSWERED,
    CALL_DTMF,
    CALL_ACTION,
    CALL_ENDED,
    CALL_STATE,   /* a change of state between initiated and answered: dialing, ringing */
    CALL_TIMEOUT, /* an end that nobody saw (none came within CALL_TIMEOUT, or the call was gone): inferred, and any real end beats it */
    CALL_OTHER,   /* a type that we do not know: stored and counted, never an error */
} CallEventType;

typedef struct EventHandler EventHandler;

enum {
    CAMPAIGN_ID_BYTES_MAX = 128, CALL_ID_BYTES_MAX = 256, DIGIT_BYTES_MAX = 64,
    CAMPAIGN_NAME_BYTES_MAX = 120, /* in an SMS */
    KEPT_BYTES_MAX = 16 * 1024, /* of an event's metadata, and of its action: with more, a record says what was left out */
};

/* A parsed event. Slices point into the message; empty = the event does not say. */
typedef struct Event {
    const EventHandler *handler;
    Slice key;         /* its identity among the events of its kind: equal keys are the same event */
    Slice call_id, campaign_id, contact_id, phone; /* phone is E.164, checked */
    Slice campaign_name;                           /* metadata.campaignName, as written: of any length, anything in it */
    Slice dtmf;        /* dtmfInput or digit */
    int64_t at_ms;     /* its timestamp, or the time of receipt where it has none */
    int64_t received_ms;
    Slice timestamp;   /* as written */
    bool at_known;     /* at_ms is plausible (2015 … receipt + 24 h): it may order things */

    /* call events */
    CallEventType type;
    Slice type_name;   /* eventType as written, for CALL_OTHER */
    Slice state;       /* status or state */
    Slice outcome;
    Slice action_type; /* action.type */
    Slice action;      /* the action object, canonical JSON, at most KEPT_BYTES_MAX */
    Slice extra;       /* metadata and unknown fields, one canonical JSON object, as bounded; empty when there are none */
    int64_t duration_s, billsec_s; /* -1 = the event does not say */
    int32_t hangup_cause;          /* Q.850; 0 = unknown */
    bool inferred;                 /* of an end: nobody saw it */

    struct Effect *wanted;         /* of a request for a text or a call, as far as the message says it */
    const struct Receipt *receipt; /* what a provider says of one */
    const struct Inbound *inbound; /* what a person wrote */

    /* opt-outs whose message is malformed but whose number can be read: applied, then rejected */
    bool salvaged;
    Slice salvaged_number; /* as written, where it can be found in the message */
    Slice salvaged_bytes, salvaged_carrier; /* where it cannot: the message, or else all that came */
} Event;
